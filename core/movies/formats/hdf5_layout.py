"""Where the pixels of an HDF5 dataset lie in the file, and how they are stored."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.movies.errors import Malformed, Unsupported
from core.movies.files import RandomAccessFile
from core.movies.formats import hdf5_filters, refusals
from core.movies.formats.hdf5_filters import Filter

# A packed chunk is held in memory as a whole, stored and decoded.
_LARGEST_CHUNK = 512 << 20
_MOST_CHUNKS = 2_000_000
_MOST_DIMENSIONS = 8

Kind = Literal["contiguous", "chunked", "library"]


@dataclass(frozen=True)
class Layout:
    """A dataset without its values.

    Attributes
    ----------
    path : str
        In the file.
    shape : tuple of int
        As stored: the slowest axis first.
    dtype : numpy.dtype
        Byte order included.
    kind : str
        ``contiguous`` at `offset`, ``chunked``, or left to the ``library`` (odd number types, szip, tiny ones).
    chunks : tuple of int
        Shape of a chunk; empty if there are none.
    fill : numpy scalar bytes
        One pixel as it reads where nothing was written.
    refusal : str or None
        Why the pixels can't be read.
    """

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    kind: Kind = "library"
    offset: int = 0
    chunks: tuple[int, ...] = ()
    filters: tuple[Filter, ...] = ()
    fill: bytes = b""
    refusal: str | None = None

    @property
    def chunk_bytes(self) -> int:
        """Of a decoded chunk."""
        return math.prod(self.chunks) * self.dtype.itemsize

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of chunks along each axis."""
        return tuple(-(-size // chunk) for size, chunk in zip(self.shape, self.chunks, strict=True))


def layout_of(dataset: Any, path: str) -> Layout:
    """Describe an h5py dataset; whatever can't be read carries a `refusal`."""
    handle = dataset.id
    shape = dataset.shape
    if shape is None or not 0 < len(shape) <= _MOST_DIMENSIONS:
        return Layout(path, tuple(shape or ()), np.dtype("u1"), refusal="This is a single value, not an image.")
    dtype = dataset.dtype
    sizes = tuple(int(size) for size in shape)
    refusal = _refused_type(dtype)
    plist = handle.get_create_plist()
    if refusal is None and min(sizes) < 1:
        refusal = "It is empty: nothing was recorded in it."
    if refusal is None and (dataset.is_virtual or plist.get_external_count() > 0):
        refusal = "Its pixels lie in other files, which are not opened from here; open those files instead."
    if refusal is not None:
        return Layout(path, sizes, dtype, refusal=refusal)
    return _stored(dataset, path, sizes, dtype, plist)


def elsewhere(path: str, target: str) -> Layout:
    """What a link to another file stands for."""
    name = " ".join(target.split())[-200:]
    refusal = f"It lies in another file ({name}), which is not opened from here; open that file instead."
    return Layout(path, (), np.dtype("u1"), refusal=refusal)


def _refused_type(dtype: np.dtype[Any]) -> str | None:
    names = " ".join(dtype.names or ()).lower()
    if "real" in names and "imag" in names:
        return refusals.COMPLEX
    return refusals.of_pixels(dtype)


def _stored(dataset: Any, path: str, shape: tuple[int, ...], dtype: np.dtype[Any], plist: Any) -> Layout:
    import h5py

    # Only where the stored number is what numpy calls it may its bytes be read past the library.
    as_numpy = bool(h5py.h5t.py_create(dtype, logical=True) == dataset.id.get_type())
    fill = np.zeros(1, dtype)
    if plist.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED:
        plist.get_fill_value(fill)
    kind = plist.get_layout()
    if kind == h5py.h5d.CONTIGUOUS:
        offset = dataset.id.get_offset()
        if offset is None:
            return Layout(path, shape, dtype, refusal="It is empty: no pixels were written into it.")
        return Layout(path, shape, dtype, "contiguous" if as_numpy else "library", int(offset))
    if kind != h5py.h5d.CHUNKED:
        return Layout(path, shape, dtype)
    chunks = tuple(int(size) for size in dataset.chunks)
    filters = tuple(_filter(plist, place) for place in range(min(plist.get_nfilters(), 32)))
    found = Layout(path, shape, dtype, "chunked", 0, chunks, filters, fill.tobytes())
    if min(chunks) < 1 or (filters and found.chunk_bytes > _LARGEST_CHUNK):
        refusal = f"Its chunks claim {found.chunk_bytes} bytes each, too much to be held in memory."
        return Layout(path, shape, dtype, refusal=refusal)
    if as_numpy and hdf5_filters.known(filters):
        return found
    if hdf5_filters.for_library(filters) or (hdf5_filters.known(filters) and not filters):
        return Layout(path, shape, dtype, "library", 0, chunks, filters)
    names = hdf5_filters.missing(filters) or dtype.name
    refusal = f"Its pixels are packed in a way that can't be undone here: {names}."
    return Layout(path, shape, dtype, refusal=refusal)


def _filter(plist: Any, place: int) -> Filter:
    code, _flags, values, name = plist.get_filter(place)
    return Filter(
        int(code), tuple(int(value) for value in values), name.split(b"\x00", 1)[0].decode("ascii", "replace")
    )


@dataclass(frozen=True)
class ChunkIndex:
    """Where each stored chunk lies: arrays sorted by the chunk's number in C order of the grid."""

    numbers: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    masks: NDArray[np.int64]

    def find(self, number: int) -> tuple[int, int, int] | None:
        """(offset, bytes, mask of filters) of a chunk; None if it was never written."""
        place = int(np.searchsorted(self.numbers, number))
        if place == self.numbers.size or self.numbers[place] != number:
            return None
        return int(self.offsets[place]), int(self.sizes[place]), int(self.masks[place])


def index_of(dataset: Any, layout: Layout, file: RandomAccessFile) -> ChunkIndex:
    """Ask the library once for all chunks, so that it isn't needed for reading.

    Raises
    ------
    Malformed
        The grid claims more than numbers can count, or chunks lie outside it.
    Unsupported
        There are more chunks than fit into memory.
    """
    grid = layout.grid
    if math.prod(grid) >= 1 << 62:
        raise Malformed.about(file.path, f"The dataset {layout.path} claims a shape of {layout.shape}.")
    strides = [math.prod(grid[axis + 1 :]) for axis in range(len(grid))]
    steps = list(zip(layout.chunks, strides, strict=True))
    found = array("q")
    # A chunk takes a byte and more: a list that is longer than the file goes round in circles.
    most = 4 * min(_MOST_CHUNKS, file.size)

    def note(info: Any) -> bool | None:
        number = 0
        for at, (size, stride) in zip(info.chunk_offset, steps, strict=True):
            number += at // size * stride
        found.extend((number, min(info.byte_offset, 1 << 62), min(info.size, 1 << 62), info.filter_mask))
        return len(found) > most or None

    dataset.id.chunk_iter(note)
    if len(found) > 4 * file.size:
        raise Malformed.about(file.path, f"The list of chunks of {layout.path} has no end.")
    if len(found) > most:
        raise Unsupported.about(
            file.path,
            f"The dataset {layout.path} has more than {_MOST_CHUNKS} chunks.",
            "Write it again with chunks of one frame each.",
        )
    table = np.array(found, np.int64).reshape(-1, 4)
    table = table[np.argsort(table[:, 0], kind="stable")]
    if table.size and (table[0, 0] < 0 or table[-1, 0] >= math.prod(grid) or np.any(np.diff(table[:, 0]) == 0)):
        raise Malformed.about(file.path, f"The list of chunks of {layout.path} contradicts itself.")
    return ChunkIndex(*(np.ascontiguousarray(table[:, column]) for column in range(4)))
