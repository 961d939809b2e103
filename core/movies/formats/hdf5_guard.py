"""Structures of HDF5 that its library follows for ever where they are damaged: looked at before it sees them."""

from __future__ import annotations

from core.movies.errors import Malformed
from core.movies.files import RandomAccessFile

_HEAP = b"HEAP"
# The end of a local heap's list of free blocks.
_NO_BLOCK = 1
_LARGEST_HEAP = 1 << 26


def check_local_heaps(file: RandomAccessFile, at: int, read: bytes, sizes: tuple[int, int], start: int) -> None:
    """Refuse a local heap (names of an old-style group) whose list of free blocks runs in a circle.

    The library has no bound there and takes memory at each step (HDF5 file format specification, III.D).

    Parameters
    ----------
    file : RandomAccessFile
        The file.
    at : int
        Where `read` lies in it.
    read : bytes
        What the library is about to see; it may hold several structures.
    sizes : tuple of int
        Bytes of addresses and of lengths in this file.
    start : int
        Where its superblock lies: addresses count from there.

    Raises
    ------
    Malformed
        A list runs in a circle, or out of its heap.
    """
    place = read.find(_HEAP)
    while place >= 0:
        _check(file, at + place, sizes, start)
        place = read.find(_HEAP, place + 1)


def _check(file: RandomAccessFile, at: int, sizes: tuple[int, int], start: int) -> None:
    address_bytes, length_bytes = sizes
    head = 8 + 2 * length_bytes + address_bytes
    if at + head > file.size:
        return
    prefix = file.read(at, head)
    if prefix[:8] != _HEAP + bytes(4):
        # A text that happens to hold the word.
        return
    size = int.from_bytes(prefix[8 : 8 + length_bytes], "little")
    block = int.from_bytes(prefix[8 + length_bytes : 8 + 2 * length_bytes], "little")
    data = start + int.from_bytes(prefix[8 + 2 * length_bytes : head], "little")
    if data + size > file.size:
        # The library asks for these bytes next, and is told that they are missing.
        return
    if size > _LARGEST_HEAP:
        raise Malformed.about(file.path, f"The HDF5 file claims {size} bytes of names in one group.")
    seen: set[int] = set()
    while block != _NO_BLOCK:
        if block in seen or block + 2 * length_bytes > size:
            raise Malformed.about(file.path, f"The HDF5 file is damaged: the heap at byte {at} leads astray.")
        seen.add(block)
        block = int.from_bytes(file.read(data + block, length_bytes), "little")
