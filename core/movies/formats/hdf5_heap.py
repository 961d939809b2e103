"""Texts and lists of variable length in HDF5, read past the library.

The library believes the length that a text claims: a few flipped bytes make it allocate gigabytes, or never end
(measured with HDF5 2.0). Here each lies within its heap, and each heap within the file.

Structures: HDF5 File Format Specification 3.0, III.E (global heap) and IV.A (object headers).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from core.movies.errors import MovieError
from core.movies.files import RandomAccessFile

_LARGEST_ITEM = 1 << 20
_LARGEST_BLOCK = 1 << 22
_MOST_BLOCKS = 64
_MOST_ITEMS = 100_000
_MOST_HEAPS = 1000
DESCRIPTOR_BYTES = 16

_ATTRIBUTE, _CONTINUATION = 0x000C, 0x0010
_SHARED = 2


class Heaps:
    """The global heaps and object headers of a file; addresses count from `base`.

    Parameters
    ----------
    file : RandomAccessFile
        Whose addresses and lengths have eight bytes; other files give nothing.
    base : int
        Where the superblock begins.
    """

    def __init__(self, file: RandomAccessFile, base: int) -> None:
        self._file = file
        self._base = base
        self._heaps: dict[int, dict[int, tuple[int, int]]] = {}

    def items(self, raw: bytes) -> list[bytes]:
        """What descriptors (length, address, number) stand for; empty where one leads nowhere."""
        found = []
        for place in range(0, len(raw) - DESCRIPTOR_BYTES + 1, DESCRIPTOR_BYTES):
            length, address, number = struct.unpack_from("<IQI", raw, place)
            found.append(self._item(address, number, length))
        return found

    def _item(self, address: int, number: int, length: int) -> bytes:
        offset, size = self._heap(address).get(number, (0, 0))
        return self._file.read(offset, size) if 0 < size <= _LARGEST_ITEM and length else b""

    def _heap(self, address: int) -> dict[int, tuple[int, int]]:
        """Offset and size of each object of a collection, by number."""
        if address not in self._heaps:
            if len(self._heaps) >= _MOST_HEAPS:
                return {}
            try:
                self._heaps[address] = dict(self._objects(self._base + address))
            except MovieError:
                self._heaps[address] = {}
        return self._heaps[address]

    def _objects(self, start: int) -> Iterator[tuple[int, tuple[int, int]]]:
        head = self._file.read(start, 16)
        size = struct.unpack_from("<Q", head, 8)[0]
        if head[:5] != b"GCOL\x01" or size > self._file.size:
            return
        end = min(start + size, self._file.size)
        at = start + 16
        for _ in range(_MOST_ITEMS):
            if at + 16 > end:
                return
            number, _references, length = struct.unpack("<HH4xQ", self._file.read(at, 16))
            if number == 0 or length > end - at - 16:
                return
            yield number, (at + 16, length)
            at += 16 + (length + 7) // 8 * 8

    def attributes(self, address: int) -> dict[str, bytes]:
        """The stored bytes of the attributes in an object's header; those kept elsewhere are left out."""
        found: dict[str, bytes] = {}
        try:
            for kind, flags, body in self._messages(self._base + address):
                if kind == _ATTRIBUTE and not flags & _SHARED:
                    named = _attribute(body)
                    if named is not None:
                        found.setdefault(*named)
        except (MovieError, struct.error):
            return found
        return found

    def _messages(self, start: int) -> Iterator[tuple[int, int, bytes]]:
        head = self._file.read(start, min(32, self._file.size - start))
        if head[:4] == b"OHDR":
            flags = head[5]
            at = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
            width = 1 << (flags & 3)
            size = int.from_bytes(head[at : at + width], "little")
            yield from self._blocks(start + at + width, size, second=True, ordered=bool(flags & 4))
        elif head[:1] == b"\x01":
            size = struct.unpack_from("<I", head, 8)[0]
            yield from self._blocks(start + 16, size, second=False, ordered=False)

    def _blocks(self, start: int, size: int, *, second: bool, ordered: bool) -> Iterator[tuple[int, int, bytes]]:
        waiting = [(start, size)]
        seen: set[int] = set()
        while waiting and len(seen) < _MOST_BLOCKS:
            at, size = waiting.pop(0)
            if at in seen or not 0 < size <= _LARGEST_BLOCK:
                continue
            seen.add(at)
            block = self._file.read(at, size)
            for kind, flags, body in _in_block(block, second=second, ordered=ordered):
                if kind == _CONTINUATION and len(body) >= 16:
                    offset, length = struct.unpack_from("<QQ", body)
                    # The later form has a mark before and a checksum behind.
                    edge = 4 if second else 0
                    waiting.append((self._base + offset + edge, length - 2 * edge))
                else:
                    yield kind, flags, body


def _in_block(block: bytes, *, second: bool, ordered: bool) -> Iterator[tuple[int, int, bytes]]:
    head = struct.Struct("<BHB" if second else "<HHB3x")
    step = head.size + (2 if ordered else 0)
    at = 0
    while at + step <= len(block):
        kind, size, flags = head.unpack_from(block, at)
        yield kind, flags, block[at + step : at + step + size]
        at += step + size


def _attribute(body: bytes) -> tuple[str, bytes] | None:
    """Name and stored bytes of an attribute."""
    version = body[0] if body else 0
    if version not in (1, 2, 3):
        return None
    name_size, type_size, space_size = struct.unpack_from("<3H", body, 2)
    at = 9 if version == 3 else 8
    sizes = [name_size, type_size, space_size]
    if version == 1:
        sizes = [(size + 7) // 8 * 8 for size in sizes]
    name = body[at : at + name_size].split(b"\x00", 1)[0].decode("utf-8", "replace")
    return name, body[at + sum(sizes) :]
