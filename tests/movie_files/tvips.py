"""TVIPS streams in one part or several."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

_VERSION_1 = 12


def write_tvips(
    folder: Path,
    pixels: NDArray[Any],
    *,
    parts: Sequence[int] | None = None,
    version: int = 2,
    times: Sequence[float] | None = None,
    modes: Sequence[int] | None = None,
    magnifications: Sequence[int] | None = None,
    pixel_nm: int = 15500,
    magnification: int = 50_000,
    voltage: int = 200,
    binning: int = 1,
    frame_header: int = 108,
    temperatures: Sequence[float] | None = None,
    scan: Sequence[tuple[int, int]] | None = None,
    stem: str = "rec_",
) -> Path:
    """Write ``rec_000.tvips`` and the parts behind it.

    Parameters
    ----------
    folder : Path
        Where to.
    pixels : ndarray (T, H, W)
        uint8 or uint16.
    parts : sequence of int
        Frames of each part; all in one by default.
    version, times, modes, magnifications, temperatures, scan
        Of the frames' headers; times in s since 1970.
    pixel_nm, magnification, voltage, binning, frame_header
        Of the stream's header.

    Returns
    -------
    Path
        The first part.
    """
    count, height, width = pixels.shape
    size = _VERSION_1 if version == 1 else frame_header
    bits = pixels.dtype.itemsize * 8
    values = (256, version, width, height, bits, 0, 0, binning, binning, pixel_nm, voltage, magnification, size)
    head = (struct.pack("<13i", *values) + b"TVIPS " * 34)[:256]
    frame = 0
    for number, held in enumerate(parts if parts is not None else (count,)):
        with (folder / f"{stem}{number:03}.tvips").open("wb") as stream:
            stream.write(head if number == 0 else b"")
            for _ in range(held):
                time = times[frame] if times is not None else 1_600_000_000 + frame * 0.5
                fields = struct.pack("<3I", frame, int(time), round((time - int(time)) * 1000))
                fields += struct.pack("<If", 0, 0.0)
                fields += struct.pack("<I", magnifications[frame] if magnifications is not None else magnification)
                fields += struct.pack("<I", modes[frame] if modes is not None else 1)
                fields += struct.pack("<5fI", 0, 0, 0, 0, 0, 0)
                fields += struct.pack("<f", temperatures[frame] if temperatures is not None else 25.0)
                fields += struct.pack("<5f", 0, 0, 0, *(scan[frame] if scan is not None else (0, 0)))
                stream.write(fields.ljust(size, b"\x00")[:size])
                stream.write(pixels[frame].astype(pixels.dtype.newbyteorder("<")).tobytes())
                frame += 1
    return folder / f"{stem}000.tvips"
