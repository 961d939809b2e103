"""MRC files, also those that careful libraries refuse to write: wrong stamps, odd cells, packed pixels."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.movie_files.pixels import Pixels, Sparse, write_pixels

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
    """
    count, height, width = pixels.shape
    height, width = size if size is not None else (height, width)
    head = bytearray(1024)
    claimed = count if frames is None else frames
    code = _MODES[pixels.dtype.name] if mode is None else mode
    struct.pack_into(order + "10i", head, 0, width, height, claimed, code, 0, 0, 0, width, height, claimed)
    struct.pack_into(order + "3f", head, 40, cell_nm[1] * width * 10, cell_nm[0] * height * 10, claimed)
    struct.pack_into(order + "i", head, 92, len(extended))
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
