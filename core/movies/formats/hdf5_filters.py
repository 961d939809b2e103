"""Undoing the filters of an HDF5 chunk, bounded by the size that the chunk must have.

HDF5's own deflate filter grows its buffer for as long as a stream goes on (a bomb); here nothing outgrows the chunk.
It also runs outside h5py's global lock.
"""

from __future__ import annotations

import bz2
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Filter:
    """A filter of a dataset: its registered number, its parameters, and its name in the file."""

    code: int
    values: tuple[int, ...]
    name: str


def _deflate(raw: Any, limit: int, _values: tuple[int, ...]) -> Any:
    import imagecodecs

    return imagecodecs.deflate_decode(raw, out=limit)


def _shuffle(raw: Bytes, _limit: int, values: tuple[int, ...]) -> Bytes:
    item = values[0] if values else 1
    if item <= 1 or item > raw.size:
        return raw
    count = raw.size // item
    whole = count * item
    out: Bytes = np.empty_like(raw)
    planes = raw[:whole].reshape(item, count)
    items = out[:whole].reshape(count, item)
    for place in range(item):
        items[:, place] = planes[place]
    out[whole:] = raw[whole:]
    return out


def _fletcher(raw: Any, _limit: int, _values: tuple[int, ...]) -> Bytes:
    import imagecodecs

    if raw.size < 4:
        raise ValueError("a chunk is too short for its checksum")
    data = raw[:-4]
    found = imagecodecs.h5checksum_fletcher32(data)
    low, high = struct.unpack("<HH", raw[-4:].tobytes())
    # HDF5 before 1.6.3 wrote the bytes of each half in the other order, and still reads that.
    swapped = struct.unpack(">HH", raw[-4:].tobytes())
    sums = (found & 0xFFFF) % 65535, (found >> 16) % 65535
    if sums not in ((low % 65535, high % 65535), (swapped[0] % 65535, swapped[1] % 65535)):
        raise ValueError("the checksum of a chunk is wrong")
    return np.asarray(data)


def _lzf(raw: Any, limit: int, _values: tuple[int, ...]) -> Any:
    import imagecodecs

    return imagecodecs.lzf_decode(raw, out=limit)


def _lz4(raw: Any, limit: int, _values: tuple[int, ...]) -> Bytes:
    claimed, block = struct.unpack_from(">QI", raw)
    if claimed > limit or block == 0:
        raise ValueError(f"a chunk claims {claimed} bytes")
    return _lz4_blocks(raw[12:], claimed, block, stored_whole=True)


def _lz4_blocks(raw: Any, claimed: int, block: int, *, stored_whole: bool, packing: int = 2) -> Bytes:
    """Blocks of LZ4 (packing 2) or zstd (3), each behind its length (4 bytes, big-endian)."""
    import imagecodecs

    unpack = imagecodecs.zstd_decode if packing == 3 else imagecodecs.lz4_decode
    out: Bytes = np.empty(claimed, np.uint8)
    at = done = 0
    while done < claimed:
        (packed,) = struct.unpack_from(">I", raw, at)
        size = min(block, claimed - done)
        part = raw[at + 4 : at + 4 + packed]
        if part.size != packed:
            raise ValueError("a chunk is cut")
        if stored_whole and packed == size:
            out[done : done + size] = part
        else:
            out[done : done + size] = _exactly(unpack(part, out=size), size)
        at += 4 + packed
        done += size
    return out


def _bitshuffle(raw: Any, limit: int, values: tuple[int, ...]) -> Bytes:
    import imagecodecs

    item = values[2] if len(values) > 2 else 0
    block = values[3] if len(values) > 3 else 0
    packing = values[4] if len(values) > 4 else 0
    if not 0 < item <= 64:
        raise ValueError("bitshuffle without the size of an item")
    if packing == 0:
        return _exactly(imagecodecs.bitshuffle_decode(raw.tobytes(), itemsize=item, blocksize=block), raw.size)
    if packing not in (2, 3):
        raise ValueError(f"bitshuffle with packing {packing}")
    claimed, block_bytes = struct.unpack_from(">QI", raw)
    if claimed > limit or block_bytes < 8 * item or block_bytes % (8 * item):
        raise ValueError(f"a chunk claims {claimed} bytes in blocks of {block_bytes}")
    # The last pixels, fewer than eight, are stored as they are.
    rest = claimed % (8 * item)
    body = raw[12 : raw.size - rest]
    planes = np.concatenate(
        [_lz4_blocks(body, claimed - rest, block_bytes, stored_whole=False, packing=packing), raw[raw.size - rest :]]
    )
    return _exactly(
        imagecodecs.bitshuffle_decode(planes.tobytes(), itemsize=item, blocksize=block_bytes // item), claimed
    )


def _zstd(raw: Any, limit: int, _values: tuple[int, ...]) -> Any:
    import imagecodecs

    return imagecodecs.zstd_decode(raw, out=limit)


def _blosc(raw: Any, limit: int, _values: tuple[int, ...]) -> Any:
    import imagecodecs

    claimed, _, packed = struct.unpack_from("<3I", raw, 4)
    if packed > raw.size:
        # The library believes it, and would read beyond the data.
        raise ValueError("a chunk is cut")
    if claimed > limit:
        raise ValueError(f"a chunk claims {claimed} bytes")
    return imagecodecs.blosc_decode(raw)


def _bzip2(raw: Bytes, limit: int, _values: tuple[int, ...]) -> bytes:
    return bz2.BZ2Decompressor().decompress(raw.tobytes(), limit)


_DECODERS: dict[int, Callable[[Bytes, int, tuple[int, ...]], Any]] = {
    1: _deflate,
    2: _shuffle,
    3: _fletcher,
    307: _bzip2,
    32000: _lzf,
    32001: _blosc,
    32004: _lz4,
    32008: _bitshuffle,
    32015: _zstd,
}
# Those that HDF5 itself must undo; they can't grow beyond a chunk.
_LIBRARY = {4, 5, 6}
_NAMES = {32013: "ZFP", 32017: "SZ", 32026: "Blosc2", 32028: "Granular BitRound", 32024: "SZ3", 32019: "JPEG"}
# A stream of deflate or of the LZ family can't grow by more than this.
_MOST_GROWTH = {1: 1100, 32000: 300, 32004: 300}


def known(filters: tuple[Filter, ...]) -> bool:
    """Whether all of them can be undone here."""
    return all(item.code in _DECODERS and not _is_other_bitshuffle(item) for item in filters)


def for_library(filters: tuple[Filter, ...]) -> bool:
    """Whether HDF5 itself can undo what is not known here, without growing."""
    return all(item.code in _LIBRARY or item.code in (2, 3) for item in filters)


def _is_other_bitshuffle(item: Filter) -> bool:
    return item.code == 32008 and len(item.values) > 4 and item.values[4] not in (0, 2, 3)


def missing(filters: tuple[Filter, ...]) -> str:
    """The names of those that can't be undone here."""
    unknown = [item for item in filters if item.code not in _DECODERS or _is_other_bitshuffle(item)]
    return ", ".join(f"{_NAMES.get(item.code) or item.name or 'unnamed'} (filter {item.code})" for item in unknown)


def can_hold(stored: int, filters: tuple[Filter, ...], chunk_bytes: int) -> bool:
    """Whether so few stored bytes can become a chunk at all; asked before the chunk is allocated."""
    growth = 1
    for item in filters:
        growth *= _MOST_GROWTH.get(item.code, 1 if item.code in (2, 3) else 1 << 30)
    return (stored + 64) * growth >= chunk_bytes


def decode(raw: bytes | Bytes, filters: tuple[Filter, ...], mask: int, chunk_bytes: int) -> Bytes:
    """The bytes of a chunk.

    Parameters
    ----------
    raw : bytes
        As stored.
    filters : tuple of Filter
        In the order of writing.
    mask : int
        Bit i tells that filter i was left out for this chunk.
    chunk_bytes : int
        What the chunk must have in the end.

    Raises
    ------
    ValueError, RuntimeError
        It is damaged, or becomes larger or smaller than a chunk.
    """
    data: Bytes = np.frombuffer(raw, np.uint8)
    # Checksums add four bytes each to what a packing holds.
    limit = chunk_bytes + 4 * len(filters)
    for place in reversed(range(len(filters))):
        if mask >> place & 1:
            continue
        item = filters[place]
        out = _DECODERS[item.code](data, limit, item.values)
        data = out if isinstance(out, np.ndarray) else np.frombuffer(out, np.uint8)
        limit = data.size if item.code in (1, 307) else limit
    return _exactly(data, chunk_bytes)


def _exactly(out: Any, size: int) -> Bytes:
    data: Bytes = np.frombuffer(out, np.uint8)
    if data.size != size:
        raise ValueError(f"a chunk holds {data.size} bytes instead of {size}")
    return data
