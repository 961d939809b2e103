"""MRC files, also those that careful libraries refuse to write: wrong stamps, odd cells, packed pixels."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from tests.movie_files.pixels import Pixels, Sparse, write_pixels

_FEI = {
    "timestamp": (12, "d"),
    "high_tension": (84, "d"),
    "dose": (92, "d"),
    "alpha_tilt": (100, "d"),
    "pixel_x": (156, "d"),
    "pixel_y": (164, "d"),
    "instrument_mode": (244, "i"),
    "projection_mode": (248, "i"),
    "magnification": (289, "d"),
    "integration_time": (419, "d"),
    "camera": (435, "16s"),
    "stem_detector": (519, "16s"),
    "frame_time": (579, "d"),
    "is_dose_fraction": (655, "?"),
}
_MODES = {"int8": 0, "int16": 1, "float32": 2, "complex64": 4, "uint16": 6, "float16": 12}


def write_mrc(
    path: Path,
    pixels: Pixels,
    *,
    cell_nm: tuple[float, float] = (0.05, 0.04),
    mode: int | None = None,
    frames: int | None = None,
    size: tuple[int, int] | None = None,
    extended: bytes = b"",
    order: str = "<",
    stamp: bytes | None = None,
    magic: bytes = b"MAP ",
    imod_flags: int | None = None,
    kind: bytes = bytes(4),
) -> Path:
    """Write an MRC file.

    Parameters
    ----------
    path : Path
        The file.
    pixels : ndarray or Sparse (T, H, W)
        Stored in byte order `order`; packed ones as they are, with `size` (H, W).
    cell_nm : (y, x)
        Size of a pixel in nm.
    mode, frames, size : int
        Override what the header claims.
    extended : bytes
        An extended header.
    stamp, magic : bytes
        The byte order stamp and the magic word.
    imod_flags : int
        Flags of IMOD, with its stamp.
    kind : bytes
        The kind of the extended header.
    """
    count, height, width = pixels.shape
    height, width = size if size is not None else (height, width)
    head = bytearray(1024)
    claimed = count if frames is None else frames
    code = _MODES[pixels.dtype.name] if mode is None else mode
    struct.pack_into(order + "10i", head, 0, width, height, claimed, code, 0, 0, 0, width, height, claimed)
    struct.pack_into(order + "3f", head, 40, cell_nm[1] * width * 10, cell_nm[0] * height * 10, claimed)
    struct.pack_into(order + "i", head, 92, len(extended))
    head[104:108] = kind
    if imod_flags is not None:
        struct.pack_into(order + "2i", head, 152, 1146047817, imod_flags)
    head[208:212] = magic
    head[212:216] = (b"\x44\x44\x00\x00" if order == "<" else b"\x11\x11\x00\x00") if stamp is None else stamp
    struct.pack_into(order + "i", head, 220, 1)
    head[224:238] = b"a test's movie"
    stored = pixels
    if not isinstance(pixels, Sparse):
        stored = pixels.astype(pixels.dtype.newbyteorder(order))
    with path.open("wb") as stream:
        stream.write(bytes(head) + extended)
        write_pixels(stream, stored)
    return path


def fei_blocks(count: int, *, order: str = "<", mask: int = 0xFFFFFFFF, size: int = 768, **values: Any) -> bytes:
    """An extended header of the kinds ``FEI1`` (768 bytes an image) and ``FEI2`` (888).

    `values` replace those of an image of 1 s at 300 kV; a list has one for each image.
    """
    told: dict[str, Any] = {
        "timestamp": 45413.5,
        "high_tension": 300_000.0,
        "dose": 2e21,
        "alpha_tilt": 0.0,
        "pixel_x": 5e-11,
        "pixel_y": 6e-11,
        "instrument_mode": 1,
        "projection_mode": 2,
        "magnification": 165_000.0,
        "integration_time": 1.0,
        "camera": b"BM-Falcon",
        "stem_detector": b"",
        "frame_time": 0.0,
        "is_dose_fraction": False,
        **values,
    }
    out = bytearray()
    for image in range(count):
        block = bytearray(size)
        struct.pack_into(order + "2i", block, 0, size, 2 if size > 768 else 0)
        struct.pack_into("<I", block, 8, mask)
        for name, (at, code) in _FEI.items():
            value = told[name]
            struct.pack_into(order + code, block, at, value[image] if isinstance(value, list) else value)
        out += block
    return bytes(out)
