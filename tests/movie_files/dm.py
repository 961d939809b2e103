"""DM3 and DM4 files with the tag tree that DigitalMicrograph writes: thumbnail and image, calibrations, settings."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.movie_files.pixels import Pixels, Sparse, write_pixels

_CODES = {
    "int16": (1, 2),
    "float32": (2, 6),
    "uint8": (6, 8),
    "int32": (7, 3),
    "int8": (9, 9),
    "uint16": (10, 4),
    "uint32": (11, 5),
    "float64": (12, 7),
    "bool": (14, 8),
    "int64": (39, 11),
    "uint64": (40, 12),
}
_SIZES = {2: 2, 3: 4, 4: 2, 5: 4, 6: 4, 7: 8, 8: 1, 9: 1, 10: 1, 11: 8, 12: 8, 15: 4}
_PACK = {2: "h", 3: "i", 5: "I", 7: "d", 8: "B"}


@dataclass(frozen=True)
class Long:
    """A 32-bit whole number."""

    value: int


@dataclass(frozen=True)
class Array:
    """Pixels as an array tag of an item type; `claimed` overrides the count of items."""

    pixels: Pixels
    item: int
    claimed: int | None = None


Tag = float | str | Long | Array | Mapping[str, Any] | Sequence[Any]
Part = bytes | Array


class _Writer:
    def __init__(self, version: int, order: str) -> None:
        self.version = version
        self.order = order

    def number(self, value: int) -> bytes:
        return struct.pack(">Q" if self.version == 4 else ">I", value)

    def group(self, tags: Mapping[str, Tag] | Sequence[Tag]) -> list[Part]:
        named = list(tags.items()) if isinstance(tags, Mapping) else [("", tag) for tag in tags]
        parts: list[Part] = [b"\x01\x00" + self.number(len(named))]
        for name, tag in named:
            parts += self.entry(name, tag)
        return parts

    def entry(self, name: str, tag: Tag) -> list[Part]:
        is_group = isinstance(tag, Mapping) or (isinstance(tag, Sequence) and not isinstance(tag, str))
        below = self.group(tag) if is_group else self.data(tag)  # type: ignore[arg-type]
        label = name.encode("latin-1")
        head = bytes([20 if is_group else 21]) + struct.pack(">H", len(label)) + label
        if self.version == 4:
            head += self.number(sum(_size(part) for part in below))
        return [head, *below]

    def data(self, tag: Tag) -> list[Part]:
        if isinstance(tag, str):
            text = tag.encode("utf-16-le" if self.order == "<" else "utf-16-be")
            return [self.info(20, 4, len(text) // 2) + text]
        if isinstance(tag, Array):
            item = tag.item
            size = tag.pixels.nbytes // _SIZES[item]
            return [self.info(20, item, size if tag.claimed is None else tag.claimed), tag]
        if isinstance(tag, Long):
            return [self.info(5) + struct.pack(self.order + "I", tag.value)]
        if isinstance(tag, bool):
            return [self.info(8) + struct.pack("B", tag)]
        assert isinstance(tag, int | float)
        return [self.info(7) + struct.pack(self.order + "d", tag)]

    def info(self, *words: int) -> bytes:
        return b"%%%%" + self.number(len(words)) + b"".join(self.number(word) for word in words)


def _size(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else part.pixels.nbytes


def _image_data(
    pixels: Pixels, calibrations: Sequence[tuple[float, str]], brightness: tuple[float, float, str], code: int | None
) -> dict[str, Tag]:
    name = pixels.dtype.newbyteorder("=").name
    data_type, item = _CODES.get(name, (code or 0, 8))
    axes = [{"Origin": 0.0, "Scale": scale, "Units": unit} for scale, unit in calibrations]
    return {
        "Calibrations": {
            "Brightness": {"Origin": brightness[0], "Scale": brightness[1], "Units": brightness[2]},
            "Dimension": axes,
            "DisplayCalibratedUnits": True,
        },
        "Data": Array(pixels, item),
        "DataType": Long(data_type if code is None else code),
        "Dimensions": [Long(size) for size in reversed(pixels.shape)],
        "PixelDepth": Long(pixels.dtype.itemsize),
    }


def _write(path: Path, version: int, pixels: Pixels, options: Mapping[str, Any]) -> Path:
    order = options.get("order", "<")
    stored = pixels
    if not isinstance(pixels, Sparse) and pixels.dtype.itemsize > 1:
        stored = pixels.astype(pixels.dtype.newbyteorder(order))
    calibrations = options.get("calibrations")
    if calibrations is None:
        calibrations = [(0.05, "nm"), (0.04, "nm"), (0.1, "s")][: pixels.ndim]
    image = _image_data(stored, calibrations, options.get("brightness", (0.0, 1.0, "")), options.get("data_type"))
    if options.get("sizes_first"):
        image = dict(sorted(image.items(), reverse=True))
    shown: dict[str, Tag] = {
        "ImageData": image,
        "ImageTags": options.get("image_tags", _settings()),
        "Name": options.get("name", "Test series"),
        "UniqueID": [Long(1), Long(2), Long(3), Long(4)],
    }
    images: list[Tag] = [shown]
    tags: dict[str, Tag] = {"ApplicationBounds": [0.0, 0.0, 10.0, 10.0], "HasWindowPosition": True}
    if options.get("thumbnail", True):
        small: NDArray[Any] = np.zeros((24, 32), np.uint32)
        data = _image_data(small, [(1.0, ""), (1.0, "")], (0.0, 1.0, ""), 23)
        images.insert(0, {"ImageData": data, "ImageTags": {}, "Name": "Image of it"})
        tags["Thumbnails"] = [{"ImageIndex": Long(0)}]
    for other in options.get("more", ()):
        data = _image_data(other, [(1.0, "")] * other.ndim, (0.0, 1.0, ""), None)
        images.append({"ImageData": data, "ImageTags": {}, "Name": "Another"})
    tags["ImageList"] = images
    tags["InImageMode"] = True
    writer = _Writer(version, order)
    body = [*writer.group(tags), b"\x00" * 8]
    size = sum(_size(part) for part in body)
    with path.open("wb") as stream:
        stream.write(struct.pack(">I", version) + writer.number(size) + struct.pack(">I", order == "<"))
        for part in body:
            if isinstance(part, bytes):
                stream.write(part)
            else:
                write_pixels(stream, part.pixels)
    return path


def _settings() -> dict[str, Tag]:
    return {
        "Acquisition": {
            "Device": {"Name": "OneView"},
            "Parameters": {"High Level": {"Exposure (s)": 0.08}},
        },
        "DataBar": {"Acquisition Date": "2/14/2025", "Acquisition Time": "3:32:41 PM", "Device Name": "OneView"},
        "Microscope Info": {"Indicated Magnification": 300000.0, "Voltage": 300000.0},
    }


def write_dm3(path: Path, pixels: Pixels, **options: Any) -> Path:
    """Write a DM3 file; options as for `write_dm4`."""
    return _write(path, 3, pixels, options)


def write_dm4(path: Path, pixels: Pixels, **options: Any) -> Path:
    """Write a DM4 file.

    Parameters
    ----------
    path : Path
        The file.
    pixels : ndarray or Sparse
        (T, H, W), (H, W) or of other dimensions, as numpy has it.
    calibrations : sequence of (scale, unit)
        From the fastest axis (x) on; fewer than axes are allowed.
    brightness : (origin, scale, unit)
        Of the intensity.
    image_tags : mapping
        Settings; those of a camera by default.
    thumbnail : bool
        Whether a thumbnail comes first, as in nearly all files.
    more : sequence of ndarray
        Further images.
    data_type : int
        Overrides DigitalMicrograph's code of the pixels' type.
    order : str
        ``>`` for a file of an old Macintosh.
    sizes_first : bool
        Type and sizes before the pixels, as some programs write them.
    name : str
        Of the image.
    """
    return _write(path, 4, pixels, options)
