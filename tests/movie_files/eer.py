"""Falcon EER files: a small encoder of our own, for no library writes them. `tifffile` reads them as a witness."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_METADATA = {
    "acquisitionID": ("4f2a", None),
    "commercialName": ("Falcon 4i", None),
    "exposureTime": ("{exposure}", "s"),
    "meanDoseRate": ("3.5", "e/pixel/s"),
    "numberOfFrames": ("{frames}", None),
    "sensorPixelSize.height": ("{pixel}", "m"),
    "sensorPixelSize.width": ("{pixel}", "m"),
    "timestamp": ("2024-05-01T12:00:00.5+02:00", None),
    "totalDose": ("{dose}", "e/pixel"),
}


def encode(frame: NDArray[Any], skip: int = 7, sub: tuple[int, int] = (2, 2)) -> bytes:
    """The events of a frame of 0 and 1: how many pixels are skipped, then where in its pixel the event fell."""
    bits: list[int] = []
    longest = (1 << skip) - 1

    def put(value: int, count: int) -> None:
        bits.extend(value >> place & 1 for place in range(count))

    before = 0
    for number, place in enumerate([*np.flatnonzero(frame).tolist(), frame.size]):
        gap = place - before
        while gap >= longest:
            put(longest, skip)
            gap -= longest
        put(gap, skip)
        put(number % 4, sub[0])
        put(number % 3, sub[1])
        before = place + 1
    while len(bits) % 64:
        bits.append(0)
    packed = np.packbits(np.array(bits + [0] * 64, np.uint8), bitorder="little")
    return packed.tobytes()


def write_eer(
    path: Path,
    frames: NDArray[Any],
    *,
    compression: int = 65001,
    bits: tuple[int, int, int] = (7, 2, 2),
    metadata: bool = True,
    declared: int | None = None,
    exposure_s: float = 0.4,
    dose: float | None = None,
    pixel_m: float = 1e-10,
    picture: NDArray[Any] | None = None,
) -> Path:
    """Write an EER file.

    Parameters
    ----------
    path : Path
        The file.
    frames : ndarray (T, H, W)
        0 and 1.
    compression, bits
        The way of coding; `bits` (skip, horizontal, vertical) are written for 65002 only.
    metadata : bool
        Whether the acquisition's metadata are there.
    declared, exposure_s, dose, pixel_m
        What they tell; the true number and dose by default.
    picture : ndarray (H, W)
        The sum of all frames before them, float32.
    """
    count, height, width = frames.shape
    said = {
        "frames": count if declared is None else declared,
        "exposure": exposure_s,
        "dose": frames.mean() * count if dose is None else dose,
        "pixel": pixel_m,
    }
    items = "".join(
        f'<item name="{name}"' + (f' unit="{unit}"' if unit else "") + f">{text.format(**said)}</item>"
        for name, (text, unit) in _METADATA.items()
    )
    xml = f"<metadata>{items}</metadata>".encode() if metadata else b""
    out = bytearray(b"II\x2b\x00\x08\x00\x00\x00" + struct.pack("<Q", 16))
    pages = []
    if picture is not None:
        pages.append(_tags(height, width, 1, picture.astype("<f4").tobytes(), xml, None))
        xml = b""
    for frame in frames:
        stream = encode(frame, bits[0], bits[1:])
        pages.append(_tags(height, width, compression, stream, xml, bits if compression == 65002 else None))
        xml = b""
    for place, page in enumerate(pages):
        out += _page(page, len(out), last=place == len(pages) - 1)
    path.write_bytes(bytes(out))
    return path


def _tags(
    height: int, width: int, compression: int, data: bytes, xml: bytes, bits: tuple[int, int, int] | None
) -> list[tuple[int, int, int, Any]]:
    """Code, type, count and value; bytes are put behind the page."""
    plain = compression == 1
    tags: list[tuple[int, int, int, Any]] = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 32 if plain else 1),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (273, 16, 1, data),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 16, 1, len(data)),
    ]
    if plain:
        tags.append((339, 3, 1, 3))
    if xml:
        tags.append((65001, 7, len(xml), xml))
    if bits is not None:
        tags += [(65007 + k, 3, 1, value) for k, value in enumerate(bits)]
    return tags


def _page(tags: list[tuple[int, int, int, Any]], at: int, *, last: bool) -> bytes:
    behind = at + 8 + 20 * len(tags) + 8
    entries, data = bytearray(), bytearray()
    for code, kind, count, value in tags:
        if isinstance(value, bytes):
            entries += struct.pack("<HHQQ", code, kind, count, behind + len(data))
            data += value + b"\x00" * (-len(value) % 8)
        else:
            entries += struct.pack("<HHQQ", code, kind, count, value)
    following = 0 if last else behind + len(data)
    return struct.pack("<Q", len(tags)) + bytes(entries) + struct.pack("<Q", following) + bytes(data)
