"""The pixels of TIFF images: in one piece and read as they are, or in strips and tiles that are decoded.

Pieces are read positionally and decoded without a lock, only those that a region needs.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.movies.sources import Bytes, Frame

_JPEG = {6, 7, 34892, 33007}
_JPEG_2000 = {33003, 33004, 33005, 34712, 34713}
# Packings whose data tell a size of their own, which may be another than that of the piece.
_OWN_SIZE = {
    **dict.fromkeys(_JPEG, "jpeg_decode"),
    **dict.fromkeys(_JPEG_2000, "jpeg2k_decode"),
    **dict.fromkeys((34933,), "png_decode"),
    **dict.fromkeys((34927, 50001), "webp_decode"),
    **dict.fromkeys((50002, 52546), "jpegxl_decode"),
    **dict.fromkeys((22610, 34934), "jpegxr_decode"),
    **dict.fromkeys((34887,), "lerc_decode"),
}
Places = tuple[NDArray[np.uint64], NDArray[np.uint64]]


def is_plain(page: Any, dtype: np.dtype[Any]) -> bool:
    """Whether the bytes of the pixels stand in the file as they are in memory."""
    return (
        int(page.compression) == 1
        and int(page.predictor) == 1
        and int(page.fillorder) == 1
        and not page.is_tiled
        and page.bitspersample == dtype.itemsize * 8
    )


def one_piece(places: Places, piece_bytes: int, frame_bytes: int) -> bool:
    """Whether an image's strips follow one another. The offsets tell; wrong counts are passed over."""
    offsets = places[0]
    if len(offsets) < 1 or len(offsets) != max(1, math.ceil(frame_bytes / max(1, piece_bytes))):
        return False
    return bool(np.all(np.diff(offsets.astype(np.int64)) == piece_bytes))


def all_there(places: Places, size: int) -> bool:
    """Whether all pieces lie in a file of this size; what is missing must never be read as zeros."""
    offsets, counts = places
    if len(offsets) < 1 or len(offsets) != len(counts):
        return False
    whole = np.uint64(size)
    if not (np.all(offsets > 0) and np.all(counts > 0) and np.all(offsets <= whole)):
        return False
    return bool(np.all(counts <= whole - offsets))


class PiecesSource:
    """Frames that are strips or tiles, decoded when they are read; many threads may do so at once.

    Parameters
    ----------
    file : Bytes
        Closed together with the source.
    page : tifffile.TiffPage
        The first image: it knows how to decode the pieces of all.
    dtype : numpy.dtype
        Of the pixels, in the native byte order.
    places : sequence
        Of each frame: offsets and counts of its pieces.
    """

    def __init__(self, file: Bytes, page: Any, dtype: np.dtype[Any], places: Sequence[Places]) -> None:
        self._file = file
        self._dtype = dtype
        self._places = places
        self._decode = page.decode
        self._own_size = _OWN_SIZE.get(int(page.compression))
        self._extra = {}
        if int(page.compression) in _JPEG:
            self._extra = {"tables": page.jpegtables, "header": page.jpegheader}
        self._tiled = bool(page.is_tiled)
        height, width = int(page.imagelength), int(page.imagewidth)
        tall = int(page.tilelength) if page.is_tiled else min(height, int(page.rowsperstrip) or height)
        wide = int(page.tilewidth) if page.is_tiled else width
        self._size = (height, width)
        self._piece = (max(1, tall), max(1, wide))
        self._across = math.ceil(width / self._piece[1])

    def read(self, index: int, rows: slice, columns: slice) -> Frame:
        """Only the pieces that the region touches are read and decoded."""
        tall, wide = self._piece
        out: Frame = np.empty((rows.stop - rows.start, columns.stop - columns.start), self._dtype)
        offsets, counts = self._places[index]
        for line in range(rows.start // tall, (rows.stop - 1) // tall + 1):
            for place in range(columns.start // wide, (columns.stop - 1) // wide + 1):
                number = line * self._across + place
                if number >= len(offsets):
                    raise ValueError(f"an image has {len(offsets)} pieces, where its size needs more")
                piece = self._decoded(number, int(offsets[number]), int(counts[number]), line, place)
                y0, x0 = line * tall, place * wide
                top, left = max(y0, rows.start), max(x0, columns.start)
                bottom, right = min(y0 + piece.shape[0], rows.stop), min(x0 + piece.shape[1], columns.stop)
                part = piece[top - y0 : bottom - y0, left - x0 : right - x0]
                out[top - rows.start : bottom - rows.start, left - columns.start : right - columns.start] = part
        return out

    def _decoded(self, number: int, offset: int, count: int, line: int, place: int) -> Frame:
        self._file.check(offset, count)
        data = bytearray(count)
        self._file.read_into(offset, memoryview(data))
        needed = (
            min(self._piece[0], self._size[0] - line * self._piece[0]),
            min(self._piece[1], self._size[1] - place * self._piece[1]),
        )
        if self._own_size is not None:
            return self._of_own_size(bytes(data), self._piece if self._tiled else needed)[: needed[0], : needed[1]]
        found = self._decode(bytes(data), number)[0]
        if found is None or found.ndim != 4 or found.shape[0] != 1 or found.shape[3] != 1:
            raise ValueError("an image's piece decodes to another shape")
        piece: Frame = found[0, :, :, 0]
        if piece.shape[0] < needed[0] or piece.shape[1] < needed[1]:
            raise ValueError("an image's piece decodes to fewer pixels than it should")
        return piece[: needed[0], : needed[1]]

    def _of_own_size(self, data: bytes, shape: tuple[int, int]) -> Frame:
        """A piece that must have this shape by its own header, which is looked at before anything is unpacked."""
        import imagecodecs

        assert self._own_size is not None
        if self._own_size == "jpeg2k_decode":
            # The library unpacks before it compares: the size stands behind the marks of start and size.
            at = data.find(b"\xff\x4f\xff\x51")
            right, bottom, left, top = struct.unpack_from(">4I", data, at + 8)
            if at < 0 or (bottom - top, right - left) != shape:
                raise ValueError(f"an image's piece is {bottom - top} x {right - left} px instead of {shape}")
        out: Frame = np.empty(shape, self._dtype)
        found: Frame = getattr(imagecodecs, self._own_size)(data, out=out, **self._extra)
        return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()
