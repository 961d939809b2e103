"""Reading frames from an HDF5 dataset, whichever axis they lie along and however it is cut into chunks.

Frames that each lie in one piece are read where they are. Where a chunk, or the order of the axes, binds many frames
together, a block of frames is put together at once and kept, so that reading on does not decode a chunk once a frame.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.movies.errors import Malformed, Unreadable
from core.movies.files import RandomAccessFile
from core.movies.formats import hdf5_filters
from core.movies.formats.hdf5_layout import ChunkIndex, Layout
from core.movies.sources import Frame, StridedSource

# Blocks of frames that are kept; with a chunk being decoded, reading stays below 300 MB.
_KEPT_BYTES = 96 << 20
_PIECE_BYTES = 8 << 20
# Runs of a frame that are at least so long are read one by one, and what lies between them is not.
_LONG_RUN_BYTES = 1024


@dataclass(frozen=True)
class Axes:
    """Which axis of a dataset is which; `frames` is None for one image. All others have one element."""

    rows: int
    columns: int
    frames: int | None = None

    def sizes(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """(frames, height, width) of a dataset of this shape."""
        return (1 if self.frames is None else shape[self.frames]), shape[self.rows], shape[self.columns]

    def image(self, stored: Frame) -> Frame:
        """A part of the dataset as (frames, height, width); the first element of all other axes."""
        kept = [axis for axis in (self.frames, self.rows, self.columns) if axis is not None]
        part = stored[tuple(slice(None) if axis in kept else 0 for axis in range(stored.ndim))]
        order = sorted(kept)
        part = part.transpose([order.index(axis) for axis in kept])
        return part[np.newaxis] if self.frames is None else part


class BlockSource:
    """Frames by blocks: `assemble` makes frames `start` to `stop`, and the last few blocks are kept.

    Parameters
    ----------
    assemble : callable
        Takes start and stop, gives (stop - start, height, width).
    together : int
        Frames 0 to ``together - 1``, and so on, share their chunks: no block crosses a border.
    frames : int
        Of the movie.
    frame_bytes : int
        Of one frame in memory.
    file : RandomAccessFile
        Closed together with the source.
    """

    def __init__(
        self,
        assemble: Callable[[int, int], Frame],
        together: int,
        frames: int,
        frame_bytes: int,
        file: RandomAccessFile,
    ) -> None:
        self._assemble = assemble
        self._together = together
        self._frames = frames
        self._frame_bytes = max(1, frame_bytes)
        self._most = max(1, min(together, _KEPT_BYTES // self._frame_bytes))
        self._file = file
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Frame] = OrderedDict()
        self._closed = False

    def _block(self, index: int) -> tuple[int, int]:
        first = index // self._together * self._together
        start = first + (index - first) // self._most * self._most
        return start, min(start + self._most, first + self._together, self._frames)

    def read(self, index: int, rows: slice, columns: slice) -> Frame:
        """One thread puts a block together; the others wait and find it."""
        start, stop = self._block(index)
        with self._lock:
            if self._closed:
                raise Unreadable.about(self._file.path, "The movie has been closed.", "Open it again.")
            block = self._kept.pop(start, None)
            if block is None:
                room = _KEPT_BYTES - (stop - start) * self._frame_bytes
                while self._kept and sum(item.nbytes for item in self._kept.values()) > room:
                    self._kept.popitem(last=False)
                block = self._assemble(start, stop)
            self._kept[start] = block
        part = block[index - start, rows, columns]
        return np.array(part, dtype=part.dtype.newbyteorder("="), order="C")

    def close(self) -> None:
        """Forget the blocks and close the file."""
        with self._lock:
            self._closed = True
            self._kept.clear()
        self._file.close()


class ChunkSource:
    """Frames whose chunks hold no other frame: each read decodes only the chunks that it touches.

    Parameters
    ----------
    reader : ChunkReader
        Decodes.
    close : callable
        Lets go of the file.
    """

    def __init__(self, reader: ChunkReader, close: Callable[[], None]) -> None:
        self._reader = reader
        self._close = close

    def read(self, index: int, rows: slice, columns: slice) -> Frame:
        """A part of a frame."""
        part: Frame = self._reader.part(index, index + 1, rows, columns)[0]
        return part

    def close(self) -> None:
        """Close the file."""
        self._close()


class ChunkReader:
    """Puts parts of a movie together from the chunks of a dataset; safe to use from many threads.

    Parameters
    ----------
    file : RandomAccessFile
        Read at the places that `index` tells.
    layout : Layout
        Of kind ``chunked``.
    index : ChunkIndex
        Where the chunks lie.
    axes : Axes
        Which axis is which.
    """

    def __init__(self, file: RandomAccessFile, layout: Layout, index: ChunkIndex, axes: Axes) -> None:
        self._file = file
        self._layout = layout
        self._index = index
        self._axes = axes
        self._strides = [math.prod(layout.grid[axis + 1 :]) for axis in range(len(layout.grid))]
        self._fill = np.frombuffer(layout.fill, layout.dtype)[0]

    def part(self, start: int, stop: int, rows: slice, columns: slice) -> Frame:
        """Frames `start` to `stop`, cut to rows and columns, in the native byte order."""
        shape = (stop - start, rows.stop - rows.start, columns.stop - columns.start)
        out: Frame = np.empty(shape, self._layout.dtype.newbyteorder("="))
        spans = (slice(start, stop), rows, columns)
        steps = self._axes.sizes(self._layout.chunks)
        for frame in range(start // steps[0], -(-stop // steps[0])):
            for row in range(rows.start // steps[1], -(-rows.stop // steps[1])):
                for column in range(columns.start // steps[2], -(-columns.stop // steps[2])):
                    self._place(out, spans, (frame, row, column), steps)
        return out

    def _place(
        self, out: Frame, spans: tuple[slice, slice, slice], at: tuple[int, int, int], steps: tuple[int, int, int]
    ) -> None:
        into, of = [], []
        for span, place, step in zip(spans, at, steps, strict=True):
            first, last = max(span.start, place * step), min(span.stop, (place + 1) * step)
            into.append(slice(first - span.start, last - span.start))
            of.append(slice(first - place * step, last - place * step))
        found = self._index.find(self._number(at))
        if found is None:
            out[tuple(into)] = self._fill
            return
        # The slowest axis of the chunk is cut into pieces; which of frames, rows and columns it is depends.
        axes = (self._axes.frames, self._axes.rows, self._axes.columns)
        role = axes.index(0) if 0 in axes else None
        wanted = slice(0, 1) if role is None else of[role]
        shift = 0 if role is None else into[role].start - wanted.start
        for start, stop, piece in self._pieces(found, wanted):
            if role is not None:
                into[role], of[role] = slice(start + shift, stop + shift), slice(0, stop - start)
            out[tuple(into)] = self._axes.image(piece)[tuple(of)]

    def _number(self, at: tuple[int, int, int]) -> int:
        axes = self._axes
        number = at[1] * self._strides[axes.rows] + at[2] * self._strides[axes.columns]
        return number + (0 if axes.frames is None else at[0] * self._strides[axes.frames])

    def _pieces(self, found: tuple[int, int, int], wanted: slice) -> Iterator[tuple[int, int, Frame]]:
        """A chunk along its slowest axis: (start, stop, part); packed ones as a whole, others in small pieces."""
        layout = self._layout
        offset, size, mask = found
        if layout.filters:
            if not hdf5_filters.can_hold(size, layout.filters, layout.chunk_bytes):
                raise Malformed.about(
                    self._file.path, f"A chunk of {layout.chunk_bytes} bytes claims to be stored in {size} bytes."
                )
            raw = self._read(offset, size)
            plain = hdf5_filters.decode(raw, layout.filters, mask, layout.chunk_bytes)
            yield wanted.start, wanted.stop, plain.view(layout.dtype).reshape(layout.chunks)[wanted]
            return
        if size != layout.chunk_bytes:
            raise Malformed.about(self._file.path, f"A chunk holds {size} bytes instead of {layout.chunk_bytes}.")
        row_bytes = layout.chunk_bytes // layout.chunks[0]
        step = max(1, _PIECE_BYTES // row_bytes)
        for start in range(wanted.start, wanted.stop, step):
            stop = min(start + step, wanted.stop)
            raw = self._read(offset + start * row_bytes, (stop - start) * row_bytes)
            yield start, stop, raw.view(layout.dtype).reshape(stop - start, *layout.chunks[1:])

    def _read(self, offset: int, size: int) -> NDArray[np.uint8]:
        self._file.check(offset, size)
        raw: NDArray[np.uint8] = np.empty(size, np.uint8)
        self._file.read_into(offset, raw.data)
        return raw


def chunked_source(
    file: RandomAccessFile, layout: Layout, index: ChunkIndex, axes: Axes, frames: int
) -> StridedSource | ChunkSource | BlockSource:
    """The best way to read a chunked dataset of so many frames."""
    _, height, width = axes.sizes(layout.shape)
    together, chunk_rows, chunk_columns = axes.sizes(layout.chunks)
    frame_bytes = height * width * layout.dtype.itemsize
    whole = (chunk_rows, chunk_columns) == (height, width) and math.prod(layout.chunks) == height * width
    if whole and not layout.filters and axes.rows < axes.columns and index.numbers.size == frames:
        # Frame by frame in one piece each: the grid has one chunk a frame, in the order of frames.
        return StridedSource(file, layout.dtype, height, width, index.offsets.tolist())
    reader = ChunkReader(file, layout, index, axes)
    if together == 1 or axes.frames is None:
        return ChunkSource(reader, file.close)
    everything = (slice(0, height), slice(0, width))
    return BlockSource(lambda start, stop: reader.part(start, stop, *everything), together, frames, frame_bytes, file)


def contiguous_source(file: RandomAccessFile, layout: Layout, axes: Axes, frames: int) -> StridedSource | BlockSource:
    """The best way to read a dataset that lies in the file in one piece."""
    _, height, width = axes.sizes(layout.shape)
    frame_bytes = height * width * layout.dtype.itemsize
    first = -1 if axes.frames is None else axes.frames
    if first < axes.rows < axes.columns:
        offsets = range(layout.offset, layout.offset + frames * frame_bytes, frame_bytes)
        return StridedSource(file, layout.dtype, height, width, offsets)
    if first < min(axes.rows, axes.columns):
        # Rows and columns are exchanged within each frame.
        return BlockSource(lambda start, stop: _turned(file, layout, axes, start, stop), 1, frames, frame_bytes, file)
    together = frames_together(layout, axes)
    return BlockSource(
        lambda start, stop: _gathered(file, layout, axes, start, stop), together, frames, frame_bytes, file
    )


def frames_together(layout: Layout, axes: Axes) -> int:
    """How many frames must be read to have one of them: those of a chunk, or all where their pixels alternate."""
    if axes.frames is None:
        return 1
    if layout.chunks:
        return layout.chunks[axes.frames]
    behind = math.prod(layout.shape[axes.frames + 1 :]) * layout.dtype.itemsize
    return 1 if behind >= _LONG_RUN_BYTES else layout.shape[axes.frames]


def _turned(file: RandomAccessFile, layout: Layout, axes: Axes, start: int, stop: int) -> Frame:
    _, height, width = axes.sizes(layout.shape)
    frame_bytes = height * width * layout.dtype.itemsize
    stored: Frame = np.empty((stop - start, width, height), layout.dtype)
    file.check(layout.offset + start * frame_bytes, stored.nbytes)
    file.read_into(layout.offset + start * frame_bytes, stored.data)
    return stored.transpose(0, 2, 1)


def _gathered(file: RandomAccessFile, layout: Layout, axes: Axes, start: int, stop: int) -> Frame:
    """Frames from a dataset in which they are not the slowest axis: all of it is read, in pieces, for each block."""
    assert axes.frames is not None
    order = sorted((axes.frames, axes.rows, axes.columns))
    sizes = [layout.shape[axis] for axis in order]
    out: Frame = np.empty([stop - start if axis == axes.frames else layout.shape[axis] for axis in order], layout.dtype)
    item = layout.dtype.itemsize
    # `outer` counts what lies before the frames in the file, `inner` what lies behind them.
    place = order.index(axes.frames)
    outer, inner_bytes = math.prod(sizes[:place]), math.prod(sizes[place + 1 :]) * item
    row_bytes = sizes[place] * inner_bytes
    flat = out.reshape(outer, -1).view(np.uint8)
    step = max(1, _PIECE_BYTES // row_bytes)
    if inner_bytes * (stop - start) >= _LONG_RUN_BYTES:
        for place in range(outer):
            offset = layout.offset + place * row_bytes + start * inner_bytes
            file.check(offset, flat.shape[1])
            file.read_into(offset, flat[place].data)
    else:
        for place in range(0, outer, step):
            count = min(step, outer - place)
            piece = np.empty((count, row_bytes), np.uint8)
            file.check(layout.offset + place * row_bytes, piece.nbytes)
            file.read_into(layout.offset + place * row_bytes, piece.data)
            flat[place : place + count] = piece[:, start * inner_bytes : stop * inner_bytes]
    return out.transpose([order.index(axis) for axis in (axes.frames, axes.rows, axes.columns)])


class LibrarySource:
    """Frames that HDF5 itself must convert or unpack: odd number types, szip, scale-offset and n-bit.

    Parameters
    ----------
    dataset : h5py.Dataset
        Open; read one call at a time.
    axes : Axes
        Which axis is which.
    errors : callable
        Makes the context that gives h5py's errors their kind.
    file : RandomAccessFile
        Closed together with the source, behind `close`.
    close : callable
        Lets go of the dataset's file.
    """

    def __init__(
        self,
        dataset: Any,
        axes: Axes,
        errors: Callable[[], AbstractContextManager[None]],
        file: RandomAccessFile,
        close: Callable[[], None],
    ) -> None:
        self._dataset = dataset
        self._axes = axes
        self._errors = errors
        self._file = file
        self._close = close
        self._lock = threading.Lock()
        self._closed = False

    def read(self, index: int, rows: slice, columns: slice) -> Frame:
        """A part of a frame."""
        axes = self._axes
        chosen: list[Any] = [slice(0, 1)] * len(self._dataset.shape)
        chosen[axes.rows], chosen[axes.columns] = rows, columns
        if axes.frames is not None:
            chosen[axes.frames] = slice(index, index + 1)
        with self._lock, self._errors():
            if self._closed:
                raise Unreadable.about(self._file.path, "The movie has been closed.", "Open it again.")
            part = axes.image(self._dataset[tuple(chosen)])[0]
        return np.array(part, dtype=part.dtype.newbyteorder("="), order="C")

    def close(self) -> None:
        """Close the file once the read under way has ended."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._close()
        self._file.close()
