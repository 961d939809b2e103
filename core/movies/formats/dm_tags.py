"""The tag tree of a DM3 or DM4 file, walked with bounds.

The structure numbers are big-endian; the values are little-endian but in files of old Macintoshes. DM4 widens most
structure numbers to 8 bytes and gives each entry its length. Nothing is allocated on the word of a header: each read
lies within the file, counts are checked against the bytes that are left, arrays are noted and not read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from core.movies.errors import Malformed
from core.movies.files import RandomAccessFile

_SIZES = {2: 2, 3: 4, 4: 2, 5: 4, 6: 4, 7: 8, 8: 1, 9: 1, 10: 1, 11: 8, 12: 8}
_CODES = {2: "h", 3: "i", 4: "H", 5: "I", 6: "f", 7: "d", 8: "B", 9: "b", 10: "B", 11: "q", 12: "Q"}
_STRUCT, _STRING, _ARRAY = 15, 18, 20
_GROUP_ENTRY, _DATA_ENTRY = 20, 21
_DEEPEST = 64
_LONGEST_STRING = 1 << 16
_SHORT_ARRAY_BYTES = 2048
_WINDOW = 1 << 16

Value = int | float | str | tuple[int | float, ...]


@dataclass(frozen=True)
class ArrayAt:
    """An array that lies in the file: its place, the bytes it claims, and the type code of its items (0: mixed)."""

    offset: int
    claimed_bytes: int
    item_type: int


@dataclass
class TagTree:
    """Tags by path, such as ``ImageList.1.ImageData.DataType``; entries without a name are counted from 0.

    Attributes
    ----------
    version : int
        3 or 4.
    order : str
        ``<`` or ``>``: the byte order of values and pixels.
    values : dict
        Numbers, texts and short structures.
    arrays : dict
        Long arrays, pixels among them.
    damage : str or None
        Why the walk ended early; what was found before is kept.
    unusual : bool
        Holds arrays in which a less careful reader would lose its way: nested ones, or 2 GB and more in a DM3.
    """

    version: int
    order: str
    values: dict[str, Value] = field(default_factory=dict)
    arrays: dict[str, ArrayAt] = field(default_factory=dict)
    damage: str | None = None
    unusual: bool = False

    def number(self, path: str) -> float | None:
        """A number, or None."""
        value = self.values.get(path)
        return float(value) if isinstance(value, int | float) else None

    def integer(self, path: str) -> int | None:
        """A whole number, or None."""
        value = self.values.get(path)
        return value if isinstance(value, int) else None

    def text(self, path: str) -> str:
        """A text; empty if there is none."""
        value = self.values.get(path)
        return value.strip("\x00 ") if isinstance(value, str) else ""

    def indices(self, path: str) -> list[int]:
        """The numbers of the unnamed entries below `path`, in order."""
        start = path + "."
        found = set()
        for name in (*self.values, *self.arrays):
            if name.startswith(start):
                head = name[len(start) :].split(".", 1)[0]
                if head.isdecimal():
                    found.add(int(head))
        return sorted(found)


class _Cut(Exception):  # noqa: N818 - it ends the walk, and is no error to anyone else
    """The file ends, or contradicts itself, here."""


class _Walker:
    """Reads the tree; every number that it needs comes from a window of 64 KiB over the file."""

    def __init__(self, file: RandomAccessFile) -> None:
        self._file = file
        self._window = b""
        self._window_at = 0
        head = file.read(0, min(16, file.size))
        if len(head) < 16:
            raise Malformed.about(file.path, "The file is too short for a DM3 or DM4 file.")
        (version,) = struct.unpack_from(">I", head)
        self._wide = version == 4
        (little,) = struct.unpack_from(">I", head, 12 if self._wide else 8)
        self.tree = TagTree(version, "<" if little else ">")
        self._at = 16 if self._wide else 12

    def walk(self) -> TagTree:
        try:
            self._group("", 0)
        except _Cut as cut:
            self.tree.damage = str(cut)
        return self.tree

    def _take(self, count: int) -> bytes:
        if count > self._file.size - self._at:
            raise _Cut(f"the tags are cut at byte {self._at}")
        start = self._at - self._window_at
        if start < 0 or start + count > len(self._window):
            self._window_at = self._at
            wanted = min(max(count, _WINDOW), self._file.size - self._at)
            self._window = self._file.read(self._at, wanted)
            start = 0
        self._at += count
        return self._window[start : start + count]

    def _size(self) -> int:
        """A structure number: 8 bytes in DM4, 4 in DM3."""
        return int.from_bytes(self._take(8 if self._wide else 4), "big")

    def _group(self, path: str, depth: int) -> None:
        if depth > _DEEPEST:
            raise _Cut(f"groups of tags are nested deeper than {_DEEPEST}")
        self._take(2)
        count = self._size()
        # An entry has at least a kind and the length of its name.
        if count * 3 > self._file.size - self._at:
            raise _Cut(f"a group of tags at byte {self._at} claims {count} entries")
        unnamed = 0
        for _ in range(count):
            kind = self._take(1)[0]
            name = self._take(int.from_bytes(self._take(2), "big")).decode("latin-1")
            if not name:
                name = str(unnamed)
                unnamed += 1
            if self._wide:
                self._take(8)
            below = f"{path}.{name}" if path else name
            if kind == _GROUP_ENTRY:
                self._group(below, depth + 1)
            elif kind == _DATA_ENTRY:
                self._data(below)
            else:
                raise _Cut(f"an entry of unknown kind {kind} at byte {self._at}")

    def _data(self, path: str) -> None:
        if self._take(4) != b"%%%%":
            raise _Cut(f"a tag's mark is missing at byte {self._at - 4}")
        self._size()
        kind = self._size()
        if kind in _SIZES:
            self.tree.values[path] = self._number(kind)
        elif kind == _STRING:
            self._string(path)
        elif kind == _STRUCT:
            types = self._struct_types()
            self.tree.values[path] = tuple(self._number(item) for item in types)
        elif kind == _ARRAY:
            self._array(path)
        else:
            raise _Cut(f"a tag of unknown type {kind} at byte {self._at}")

    def _number(self, kind: int) -> int | float:
        if kind not in _SIZES:
            raise _Cut(f"a tag of unknown type {kind} at byte {self._at}")
        value: int | float = struct.unpack(self.tree.order + _CODES[kind], self._take(_SIZES[kind]))[0]
        return value

    def _struct_types(self) -> list[int]:
        self._size()
        count = self._size()
        if count > 1000:
            raise _Cut(f"a structure at byte {self._at} claims {count} fields")
        types = []
        for _ in range(count):
            self._size()
            types.append(self._size())
        return types

    def _string(self, path: str) -> None:
        # The length is in bytes and the text is UTF-16.
        length = int.from_bytes(self._take(4), "big")
        raw = self._take(min(length, _LONGEST_STRING))
        self._skip(length - len(raw))
        self.tree.values[path] = self._utf16(raw)

    def _utf16(self, raw: bytes) -> str:
        return raw.decode("utf-16-le" if self.tree.order == "<" else "utf-16-be", "replace")

    def _item(self, depth: int = 0) -> tuple[int, int]:
        """The type code (0: mixed) and the bytes of an array's item."""
        kind = self._size()
        if kind in _SIZES:
            return kind, _SIZES[kind]
        if kind == _STRUCT:
            types = self._struct_types()
            if any(item not in _SIZES for item in types):
                raise _Cut(f"a structure of unknown fields at byte {self._at}")
            return 0, sum(_SIZES[item] for item in types)
        if kind == _ARRAY and depth < 4:
            self.tree.unusual = True
            _, size = self._item(depth + 1)
            return 0, size * self._size()
        raise _Cut(f"an array of unknown type {kind} at byte {self._at}")

    def _array(self, path: str) -> None:
        kind, size = self._item()
        count = self._size()
        total = count * size
        if not self._wide and total >= 1 << 31:
            self.tree.unusual = True
        offset = self._at
        short = total <= _SHORT_ARRAY_BYTES and not path.endswith(".Data")
        if short and kind == 4:
            # Texts such as units are arrays of uint16.
            self.tree.values[path] = self._utf16(self._take(total))
        elif short and kind:
            raw = self._take(total)
            self.tree.values[path] = struct.unpack(f"{self.tree.order}{count}{_CODES[kind]}", raw)
        else:
            self.tree.arrays[path] = ArrayAt(offset, total, kind)
            self._skip(total)

    def _skip(self, count: int) -> None:
        if count > self._file.size - self._at:
            raise _Cut(f"the data that begin at byte {self._at} are cut")
        self._at += count


def read_tags(file: RandomAccessFile) -> TagTree:
    """Walk the tags of a DM3 or DM4 file.

    Parameters
    ----------
    file : RandomAccessFile
        It begins with a version of 3 or 4.

    Returns
    -------
    TagTree
        All that could be read; `damage` tells of a file that ends early or contradicts itself.

    Raises
    ------
    Malformed
        Too short for a header.
    """
    return _Walker(file).walk()


def as_dict(tree: TagTree) -> dict[str, Any]:
    """The tags as plain values, for display."""
    arrays = {path: f"array of {at.claimed_bytes} bytes at {at.offset}" for path, at in tree.arrays.items()}
    return {**tree.values, **arrays}
