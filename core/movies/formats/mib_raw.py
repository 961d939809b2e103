"""Pixels of Merlin's raw mode (R64) as the chips send them: bits packed, order turned, quads side by side.

Words of 64 bits arrive with their last pixel first: 64 pixels of 1 bit, 8 of 6 bits in a byte each, 4 of 12 bits in
two bytes each. 24 bits are two frames of 12 bits, the upper half first. Of a quad, each row holds a row of all four
chips, from the fourth to the first; chips 3 and 4 lie below 1 and 2, turned by 180 degrees.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Bytes of 64 stored pixels, by the depth of the counters.
BYTES_OF_64 = {1: 8, 6: 64, 12: 128, 24: 256}
DTYPES: dict[int, np.dtype[Any]] = {1: np.dtype("u1"), 6: np.dtype("u1"), 12: np.dtype("u2"), 24: np.dtype("u4")}


def decode(stored: NDArray[np.uint8], depth: int, height: int, width: int, quad: bool) -> NDArray[Any]:
    """Unpack a frame.

    Parameters
    ----------
    stored : ndarray of uint8
        All bytes of the frame.
    depth : int
        Bits of a counter: 1, 6, 12 or 24.
    height, width : int
        Of the frame in px as it is to be seen; of a quad, both chips along each side.
    quad : bool
        Four chips, two by two.

    Returns
    -------
    ndarray (height, width)
        uint8, uint16 or uint32.
    """
    rows, columns = (height // 2, width * 2) if quad else (height, width)
    if depth == 24:
        halves = stored.reshape(2, -1)
        upper = _twelve(halves[0], rows, columns).astype(np.uint32)
        pixels: NDArray[Any] = (upper << 12) + _twelve(halves[1], rows, columns)
    elif depth == 12:
        pixels = _twelve(stored, rows, columns)
    elif depth == 6:
        pixels = stored.reshape(rows, columns // 8, 8)[:, :, ::-1].reshape(rows, columns)
    else:
        words = stored.reshape(rows, columns // 64, 8)[:, :, ::-1]
        pixels = np.unpackbits(words, axis=2, bitorder="little").reshape(rows, columns)
    return _assemble(pixels, width // 2) if quad else pixels


def _twelve(stored: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint16]:
    turned = stored.view(">u2").reshape(rows, columns // 4, 4)[:, :, ::-1]
    return turned.reshape(rows, columns).astype(np.uint16)


def _assemble(pixels: NDArray[Any], side: int) -> NDArray[Any]:
    """Chips 4, 3, 2, 1 side by side to 1 2 over 3 4."""
    fourth, third, second, first = (pixels[:, k * side : (k + 1) * side] for k in range(4))
    upper = np.hstack([first, second])
    lower = np.hstack([third[::-1, ::-1], fourth[::-1, ::-1]])
    return np.vstack([upper, lower])
