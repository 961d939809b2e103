"""DM3 and DM4, written by Gatan DigitalMicrograph."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.movies.errors import Malformed, Truncated
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, Format, Opened
from core.movies.formats import refusals, witness
from core.movies.formats.dm_tags import ArrayAt, TagTree, as_dict, read_tags
from core.movies.sources import StridedSource
from core.movies.units import is_energy, pixel, seconds
from core.protocol.movie import DatasetInfo, Issue, MovieMeta

_TYPES = {
    1: "i2",
    2: "f4",
    3: "c8",
    6: "u1",
    7: "i4",
    9: "i1",
    10: "u2",
    11: "u4",
    12: "f8",
    13: "c16",
    14: "b1",
    39: "i8",
    40: "u8",
}
_REFUSED_TYPES = {
    4: refusals.COMPLEX,
    5: refusals.COMPLEX,
    8: refusals.COLOUR,
    23: refusals.COLOUR,
    27: refusals.COMPLEX,
    28: refusals.COMPLEX,
}
_REFUSED_NAMES = {4: "complex", 5: "complex", 8: "rgb", 23: "rgba", 27: "complex64", 28: "complex128"}


@dataclass(frozen=True)
class Image:
    """An image of the file's list. `sizes` is as numpy has it: slowest axis first."""

    index: int
    path: str
    title: str
    sizes: tuple[int, ...]
    code: int
    data: ArrayAt
    dtype: np.dtype[Any] | None


def _sniff(head: bytes, extension: str) -> bool:
    if len(head) < 16:
        return False
    version = int.from_bytes(head[:4], "big")
    little = int.from_bytes(head[8:12] if version == 3 else head[12:16], "big")
    return version in (3, 4) and little in (0, 1)


def _entries(file: RandomAccessFile) -> list[Entry]:
    tree = read_tags(file)
    images = [image for image in (_image(tree, index) for index in tree.indices("ImageList")) if image]
    thumbnails = _thumbnails(tree)
    shown = [image for image in images if image.index not in thumbnails] or images
    entries = [_entry(file, tree, image) for image in shown]
    # In a file that is cut, what is left may be no more than the thumbnail.
    if not any(entry.info.refusal is None for entry in entries) and (tree.damage is not None or not entries):
        raise _nothing(file, tree)
    return entries


def _thumbnails(tree: TagTree) -> set[int]:
    """The places in the image list that the file itself calls thumbnails."""
    found = (tree.integer(f"Thumbnails.{place}.ImageIndex") for place in tree.indices("Thumbnails"))
    return {index for index in found if index is not None}


def _image(tree: TagTree, index: int) -> Image | None:
    path = f"ImageList.{index}"
    data = tree.arrays.get(f"{path}.ImageData.Data")
    code = tree.integer(f"{path}.ImageData.DataType")
    dimensions = f"{path}.ImageData.Dimensions"
    sizes = [tree.integer(f"{dimensions}.{axis}") for axis in tree.indices(dimensions)]
    if data is None or code is None or not sizes:
        return None
    known = tuple(reversed([size for size in sizes if size is not None]))
    dtype = np.dtype(tree.order + _TYPES[code]) if code in _TYPES else None
    return Image(index, path, tree.text(f"{path}.Name"), known, code, data, dtype)


def _nothing(file: RandomAccessFile, tree: TagTree) -> Malformed | Truncated:
    if tree.damage is None:
        return Malformed.about(file.path, "The DM file holds tags but no image.")
    pixels = [at for path, at in tree.arrays.items() if path.endswith(".ImageData.Data")]
    if pixels:
        return Truncated.about(
            file.path,
            "The file is cut inside the pixels, and DigitalMicrograph writes their width, height and type after them,"
            " so these are lost.",
        )
    return Truncated.about(file.path, f"The DM file is damaged: {tree.damage}.")


def _squeezed(image: Image) -> tuple[int, ...]:
    """The sizes, where axes of one element beyond three are left out: (frames, height, width) or fewer."""
    sizes = list(image.sizes)
    while len(sizes) > 3 and 1 in sizes[:-2]:
        sizes.remove(1)
    return tuple(sizes)


def _refusal(tree: TagTree, image: Image) -> str | None:
    if image.code in _REFUSED_TYPES:
        return _REFUSED_TYPES[image.code]
    if image.dtype is None:
        return f"Pixels of DigitalMicrograph's type {image.code} are not known."
    if refusals.of_pixels(image.dtype):
        return refusals.of_pixels(image.dtype)
    units = [tree.text(f"{image.path}.ImageData.Calibrations.Dimension.{k}.Units") for k in range(len(image.sizes))]
    if len(image.sizes) == 1:
        return refusals.SPECTRUM
    if any(is_energy(unit) for unit in units):
        return refusals.ENERGY
    if len(_squeezed(image)) > 3:
        return refusals.FOUR_D
    return None


def _entry(file: RandomAccessFile, tree: TagTree, image: Image) -> Entry:
    info = DatasetInfo(
        key=str(image.index),
        title=image.title,
        shape=image.sizes,
        dtype=image.dtype.name if image.dtype is not None else _REFUSED_NAMES.get(image.code, f"type {image.code}"),
        refusal=_refusal(tree, image),
    )
    return Entry(info, lambda: _open(file, tree, image))


def _open(file: RandomAccessFile, tree: TagTree, image: Image) -> Opened:
    assert image.dtype is not None
    sizes = _squeezed(image)
    declared, height, width = sizes if len(sizes) == 3 else (1, *sizes)
    if min(declared, height, width) < 1:
        raise Malformed.about(file.path, f"The DM file claims {declared} frames of {height} x {width} px.")
    frame_bytes = height * width * image.dtype.itemsize
    # Pixels end where the array or the file ends, whichever comes first.
    available = min(image.data.claimed_bytes, file.size - image.data.offset)
    frames = min(declared, available // frame_bytes)
    if frames < 1:
        raise Truncated.about(
            file.path,
            f"The DM file promises {declared} frames of {height} x {width} px, but ends before the first is complete.",
        )
    offsets = range(image.data.offset, image.data.offset + frames * frame_bytes, frame_bytes)
    source = StridedSource(file, image.dtype, height, width, offsets)
    meta = _meta(file, tree, image, (frames, height, width), declared)
    return Opened(meta, source, _tags_of(file, tree))


def _tags_of(file: RandomAccessFile, tree: TagTree) -> Callable[[], dict[str, Any]]:
    # The tree is walked anew when asked for, so that an open movie does not keep it.
    return lambda: as_dict(read_tags(file))


def _meta(file: RandomAccessFile, tree: TagTree, image: Image, shape: tuple[int, int, int], declared: int) -> MovieMeta:
    assert image.dtype is not None
    tags = f"{image.path}.ImageTags"
    calibrations = f"{image.path}.ImageData.Calibrations"
    steps = [_axis(tree, f"{calibrations}.Dimension.{axis}") for axis in range(3)]
    size, unit = pixel(steps[1], steps[0])
    origin, scale, intensity_unit = _intensity(tree, f"{calibrations}.Brightness")
    scanned = any(name.startswith(tags) and ".DigiScan." in name for name in tree.values)
    voltage = tree.number(f"{tags}.Microscope Info.Voltage")
    magnification = tree.number(f"{tags}.Microscope Info.Indicated Magnification")
    exposure = _exposure(tree, tags)
    return MovieMeta(
        path=file.path,
        format=f"DM{tree.version}",
        dataset=str(image.index),
        title=image.title,
        frames=shape[0],
        height=shape[1],
        width=shape[2],
        dtype=image.dtype.newbyteorder("=").name,
        pixel_size=size,
        pixel_unit=unit,
        frame_interval_s=seconds(*steps[2]) if declared > 1 else None,
        exposure_s=exposure,
        # A scanning detector has a black level and excess noise: its "electrons" are not counted ones.
        counts_per_electron=None if scanned else _gain(scale, intensity_unit),
        intensity_origin=origin,
        intensity_scale=scale,
        intensity_unit=intensity_unit,
        voltage_kv=voltage / 1000 if voltage is not None and math.isfinite(voltage) and voltage > 0 else None,
        magnification=magnification if magnification is not None and magnification > 0 else None,
        detector=tree.text(f"{tags}.Acquisition.Device.Name") or tree.text(f"{tags}.DataBar.Device Name") or None,
        date=_date(tree, tags),
        declared_frames=declared,
        issues=tuple(_issues(file, tree, image, shape[0], declared)),
    )


def _axis(tree: TagTree, path: str) -> tuple[float, str]:
    scale = tree.number(f"{path}.Scale")
    return (math.nan if scale is None else scale), tree.text(f"{path}.Units")


def _intensity(tree: TagTree, path: str) -> tuple[float | None, float | None, str | None]:
    """Origin, scale and unit of the intensity; all None where the file's own is the trivial one."""
    origin, scale = tree.number(f"{path}.Origin"), tree.number(f"{path}.Scale")
    unit = tree.text(f"{path}.Units") or None
    if scale is None or not math.isfinite(scale) or scale == 0 or (unit is None and scale == 1 and not origin):
        return None, None, None
    return (origin if origin is not None and math.isfinite(origin) else 0.0), scale, unit


def _gain(scale: float | None, unit: str | None) -> float | None:
    """Stored counts an electron, where the intensity is calibrated in electrons."""
    if scale is None or scale <= 0 or unit is None or unit.lower() not in {"e-", "e", "electron", "electrons"}:
        return None
    return 1 / scale


def _exposure(tree: TagTree, tags: str) -> float | None:
    for name in ("Acquisition.Parameters.High Level.Exposure (s)", "DataBar.Exposure Time (s)"):
        value = tree.number(f"{tags}.{name}")
        if value is not None and math.isfinite(value) and value > 0:
            return value
    return None


def _date(tree: TagTree, tags: str) -> str | None:
    """As the microscope wrote it: its order of day and month depends on the system's language."""
    for group in (f"{tags}.DataBar", "DataBar"):
        parts = (tree.text(f"{group}.Acquisition Date"), tree.text(f"{group}.Acquisition Time"))
        if any(parts):
            return " ".join(part for part in parts if part)
    return None


def _issues(file: RandomAccessFile, tree: TagTree, image: Image, frames: int, declared: int) -> list[Issue]:
    issues = []
    if frames < declared:
        issues.append(Issue(level="warning", code="truncated", text=f"truncated: {frames} of {declared} frames"))
    elif tree.damage is not None:
        text = f"the tags are damaged ({tree.damage}); calibrations may be missing"
        issues.append(Issue(level="warning", code="tags-damaged", text=text))
    elif tree.order == "<" and not tree.unusual and len(tree.values) <= witness.MOST_TAGS:
        found = witness.dm_pixels(file.path)
        if found is not None and (image.data.offset, image.data.claimed_bytes) not in found:
            issues.append(witness.disagreement("the pixels"))
    in_situ = tree.number(f"{image.path}.ImageTags.In-situ.Recorded.# Frames")
    if in_situ is not None and in_situ > frames:
        text = f"only the director frame of {int(in_situ)}: the other frames lie in the .raw files beside it"
        issues.append(Issue(level="warning", code="in-situ-director", text=text))
    if tree.text(f"{image.path}.ImageTags.Meta Data.Format").lower() == "spectrum image":
        text = "the file calls itself a spectrum image, but no axis is an energy; it is shown as images"
        issues.append(Issue(level="warning", code="spectrum-image", text=text))
    return issues


FORMAT = Format("DM3/DM4", (".dm3", ".dm4"), _sniff, _entries)
