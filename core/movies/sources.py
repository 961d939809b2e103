"""The two kinds of source that carry every format: a strided file, and a callback a frame."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[Any]
_BLOCK_BYTES = 1 << 20


class FrameSource(Protocol):
    """What a format hands to `Movie`: frames by number, in the native byte order, safe to ask from many threads."""

    def read(self, index: int, rows: slice, columns: slice) -> Frame:
        """A part of frame `index`; `rows` and `columns` have plain bounds within the frame and no step."""

    def close(self) -> None:
        """Let go of the file."""


class Bytes(Protocol):
    """What a strided source reads from: one file, or several that follow each other (`JoinedFiles`)."""

    def check(self, offset: int, count: int) -> None:
        """Refuse a range outside before anything is allocated for it."""

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` from `offset` on."""

    def close(self) -> None:
        """Let go."""


class StridedSource:
    """Uncompressed frames, each contiguous in the file: DM, SER, MRC and most TIFF.

    Parameters
    ----------
    file : Bytes
        A `RandomAccessFile` or `JoinedFiles`; closed together with the source.
    dtype : numpy.dtype
        As stored, byte order included; bool is one byte a pixel.
    height, width : int
        Of a frame in px.
    offsets : sequence of int
        Where each frame begins; a `range` for evenly spaced ones.
    bottom_up : bool
        Rows are stored from the last to the first (SER).
    """

    def __init__(
        self,
        file: Bytes,
        dtype: np.dtype[Any],
        height: int,
        width: int,
        offsets: Sequence[int],
        *,
        bottom_up: bool = False,
    ) -> None:
        self._file = file
        self._boolean = dtype.kind == "b"
        self._stored = np.dtype(np.uint8) if self._boolean else dtype
        self._height = height
        self._width = width
        self._offsets = offsets
        self._bottom_up = bottom_up
        self._native = np.dtype(bool) if self._boolean else self._stored.newbyteorder("=")
        self._plain = self._stored.isnative and not self._boolean

    def read(self, index: int, rows: slice, columns: slice) -> Frame:
        """Whole rows are read and then cut: one read is faster than one a row.

        What must be cut or converted goes block by block through a buffer that stays in the processor's cache: twice as
        fast as doing it to the whole frame afterwards. Rows that only stand upside down are given as a view that runs
        backwards: turning them would cost half as much as reading them, and whoever converts them turns them for free.
        """
        count = rows.stop - rows.start
        first = self._height - rows.stop if self._bottom_up else rows.start
        row_bytes = self._width * self._stored.itemsize
        offset = int(self._offsets[index]) + first * row_bytes
        self._file.check(offset, count * row_bytes)
        if self._plain and columns.stop - columns.start == self._width:
            whole: Frame = np.empty((count, self._width), self._stored)
            self._file.read_into(offset, whole.data)
            return whole[::-1] if self._bottom_up else whole
        out: Frame = np.empty((count, columns.stop - columns.start), self._native)
        block: Frame = np.empty((min(count, max(1, _BLOCK_BYTES // max(1, row_bytes))), self._width), self._stored)
        for at in range(0, count, max(1, len(block))):
            part = block[: count - at]
            self._file.read_into(offset + at * row_bytes, part.data)
            cut = part[:, columns]
            if self._bottom_up:
                out[count - at - len(part) : count - at] = cut[::-1]
            elif self._boolean:
                np.not_equal(cut, 0, out=out[at : at + len(part)])
            else:
                out[at : at + len(part)] = cut
        return out

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CallbackSource:
    """Frames that a function decodes one at a time: compressed TIFF, packed MRC.

    Parameters
    ----------
    decode : callable
        Takes a frame's number, gives its (height, width) array.
    close : callable
        Lets go of the file.
    one_at_a_time : bool
        The decoder is not safe to be called from two threads.
    """

    def __init__(
        self, decode: Callable[[int], Frame], close: Callable[[], None], *, one_at_a_time: bool = True
    ) -> None:
        self._decode = decode
        self._close = close
        self._lock = threading.Lock() if one_at_a_time else None

    def read(self, index: int, rows: slice, columns: slice) -> Frame:
        """The whole frame is decoded, then cut."""
        if self._lock is None:
            frame = self._decode(index)
        else:
            with self._lock:
                frame = self._decode(index)
        part = frame[rows, columns]
        return np.array(part, dtype=part.dtype.newbyteorder("="), order="C")

    def close(self) -> None:
        """Close the file."""
        self._close()
