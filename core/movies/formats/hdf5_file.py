"""Opening and walking an HDF5 file with bounds.

h5py is asked for structure and small values only; pixels are read by `hdf5_source`, past h5py and its global lock. It
reads through our own positional file, so that nothing is locked, errors of the disk keep their kind, and a file that is
cut or still open for writing can be looked at. Links to other files are never followed.
"""

from __future__ import annotations

import io
import json
import math
import posixpath
import struct
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from core.movies.errors import Malformed, MovieError, Truncated, reason
from core.movies.files import RandomAccessFile
from core.movies.formats.hdf5_guard import check_local_heaps
from core.movies.formats.hdf5_heap import DESCRIPTOR_BYTES, Heaps

if TYPE_CHECKING:
    import h5py

MAGIC = b"\x89HDF\r\n\x1a\n"
# A user block (MATLAB's is 512 bytes) doubles in size; larger ones are not known to be used.
_USER_BLOCKS = (0, 512, 1024, 2048, 4096)
_MOST_OBJECTS = 10_000
_MOST_LINKS = 10_000
_DEEPEST = 32
_MOST_ATTRIBUTES = 300
LARGEST_VALUE = 1 << 20
_LARGEST_PACKED = 1 << 15
_MOST_SHOWN = 64

# What h5py raises on a damaged file; an OSError among them is seldom one of the disk.
_H5PY_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    UnicodeError,
    ValueError,
)


def signature_at(head: bytes) -> int | None:
    """Where the HDF5 signature stands in the first bytes of a file; None if it does not."""
    for start in _USER_BLOCKS:
        if head[start : start + len(MAGIC)] == MAGIC:
            return start
    return None


def closed_superblock(head: bytes, end: int) -> bytes:
    """The superblock of a file that nobody writes, with its end and its checksum."""
    import imagecodecs

    fields = head[:11] + b"\x00" + head[12:28] + struct.pack("<Q", end) + head[36:44]
    return fields + struct.pack("<I", imagecodecs.h5checksum_lookup3(fields, 0))


class Stream(io.RawIOBase):
    """A stream over positional reads, for h5py.

    It hides that the file is shorter than its superblock says (h5py would refuse the whole file for a missing end), and
    that a writer has it open. Reads that need what is missing fail, and `failure` keeps why.
    """

    def __init__(self, file: RandomAccessFile) -> None:
        super().__init__()
        self._file = file
        self._at = 0
        self._patches: dict[int, bytes] = {}
        # Sizes of addresses and lengths.
        self._sizes = (8, 8)
        self.failure: MovieError | None = None
        self.being_written = False
        self.size = file.size
        found = signature_at(file.read(0, min(file.size, _USER_BLOCKS[-1] + 8)))
        self.start = 0 if found is None else found
        if found is not None:
            self._read_superblock(found)

    @property
    def cut(self) -> bool:
        """Whether the file is shorter than it says."""
        return self.size > self._file.size

    def _read_superblock(self, start: int) -> None:
        head = self._file.read(start, min(96, self._file.size - start))
        version = head[8] if len(head) > 8 else 255
        if len(head) > 14:
            self._sizes = (head[13], head[14]) if version in (0, 1) else (head[9], head[10])
        end: int | None = None
        if version in (0, 1) and len(head) >= 60 and head[13] == 8:
            end = struct.unpack_from("<Q", head, 40 if version == 0 else 44)[0]
        elif version in (2, 3) and len(head) >= 48 and head[9] == 8:
            end = struct.unpack_from("<Q", head, 28)[0]
            if version == 3 and head[11]:
                self.being_written = True
                # While it grows, the end that it tells is an old one.
                end = max(end, self._file.size)
                self._patches[start] = closed_superblock(head, end)
        # It counts from the file's beginning, also behind a user block.
        if end is not None and self.size < end < 1 << 62:
            self.size = end

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It has a position."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position; not before the beginning."""
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if begin + offset < 0:
            raise OSError("a position before the file's beginning")
        self._at = begin + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read on from the position; what is missing is an error."""
        view = memoryview(buffer).cast("B")
        count = len(view)
        if self._fill(view):
            self._at += count
            return count
        # The library's own memory: a traceback that keeps it until the interpreter ends crashes that (h5py 3.16).
        del view, buffer
        raise OSError("the file could not be read")

    def _fill(self, view: memoryview) -> bool:
        """Read what a view asks for; False, with the reason in `failure`, if that is not possible."""
        try:
            if self._at + len(view) > self._file.size:
                raise Truncated.about(
                    self._file.path,
                    f"The HDF5 file ends at byte {self._file.size}; what lies at byte {self._at} is missing.",
                )
            self._file.read_into(self._at, view)
            check_local_heaps(self._file, self._at, bytes(view), self._sizes, self.start)
        except MovieError as error:
            # A new one, without the traceback.
            self.failure = type(error)(error.info)
            return False
        for start, patch in self._patches.items():
            first, last = max(start, self._at), min(start + len(patch), self._at + len(view))
            if first < last:
                view[first - self._at : last - self._at] = patch[first - start : last - start]
        return True


class opened:  # noqa: N801 - used like a function
    """The file for a look at its structure, in a ``with`` statement; closed afterwards.

    No contextlib here: its frames keep the traceback of h5py's errors, and with it property lists of the library, which
    crash the interpreter's end if they outlive the library (h5py 3.16).

    Raises
    ------
    Malformed
        The library does not understand it.
    Truncated, Unreadable
        What it asked for is missing, or the disk failed.
    """

    def __init__(self, file: RandomAccessFile) -> None:
        self._file = file
        self._stream = Stream(file)
        self._handle: h5py.File | None = None

    def __enter__(self) -> Container:
        import h5py

        with translated(self._file, self._stream):
            # All chunks are read by ourselves: h5py needs no cache for them.
            self._handle = h5py.File(self._stream, "r", rdcc_nbytes=0)
        return Container(self._file, self._handle, self._stream)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        del trace
        if self._handle is not None:
            with suppress(*_H5PY_ERRORS):
                self._handle.close()
        if isinstance(error, _H5PY_ERRORS):
            raise typed(self._file, self._stream, error)


class translated:  # noqa: N801 - used like a function
    """Give what h5py raises its kind: the disk failed, the end is missing, or the file is damaged."""

    def __init__(self, file: RandomAccessFile, stream: Stream) -> None:
        self._file = file
        self._stream = stream

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        del trace
        if isinstance(error, _H5PY_ERRORS):
            raise typed(self._file, self._stream, error)


def typed(file: RandomAccessFile, stream: Stream, error: BaseException) -> MovieError:
    """An error of ours for one of h5py's, whose traceback is dropped."""
    error.__traceback__ = None
    if stream.failure is not None:
        return type(stream.failure)(stream.failure.info)
    return Malformed.about(file.path, f"The HDF5 file is damaged: {reason(error)}.")


@dataclass(frozen=True)
class External:
    """A link to another file, which is never followed."""

    path: str
    file: str


@dataclass(frozen=True)
class Tree:
    """What a walk found: groups and datasets by path, each with its address in the file, and links to other files.

    `aliases` gives the path under which an object is listed for its other paths, where these lie in the same file;
    `complete` tells that no bound was met.
    """

    groups: dict[str, int]
    datasets: dict[str, int]
    externals: tuple[External, ...]
    aliases: dict[str, str]
    complete: bool

    def dataset(self, path: str) -> str | None:
        """The path under which a dataset is listed; None if there is none."""
        for _ in range(4):
            if path in self.datasets:
                return path
            path = self.aliases.get(path, "")
        return None


class Container:
    """An open HDF5 file: its structure, attributes and small values, each within bounds.

    Attributes
    ----------
    handle : h5py.File
        The file itself.
    stream : Stream
        What it reads from.
    """

    def __init__(self, file: RandomAccessFile, handle: h5py.File, stream: Stream) -> None:
        self.file = file
        self.handle = handle
        self.stream = stream
        self._heaps = Heaps(file, stream.start)

    @cached_property
    def tree(self) -> Tree:
        """Its groups and datasets, walked once."""
        return _walk(self.handle)

    def dataset(self, path: str) -> h5py.Dataset:
        """A dataset that `tree` names."""
        import h5py

        found = self.handle[path]
        if not isinstance(found, h5py.Dataset):
            raise Malformed.about(self.file.path, f"There is no dataset {path} any more.")
        return found

    def attributes(self, path: str) -> dict[str, Any]:
        """The attributes of a group or dataset as plain values; large, unreadable and odd ones are left out.

        References to other objects are given as their addresses.
        """
        import h5py

        found: dict[str, Any] = {}
        if path not in self.tree.groups and path not in self.tree.datasets:
            return found
        with suppress(*_H5PY_ERRORS):
            thing = self.handle[path or "/"]
            stored: dict[str, bytes] | None = None
            for place in range(min(h5py.h5a.get_num_attrs(thing.id), _MOST_ATTRIBUTES)):
                with suppress(*_H5PY_ERRORS):
                    handle = h5py.h5a.open(thing.id, index=place)
                    name = handle.name.decode("utf-8", "replace")
                    dtype = handle.dtype
                    if handle.shape is None or math.prod(handle.shape) * max(1, dtype.itemsize) > LARGEST_VALUE:
                        continue
                    if not dtype.hasobject:
                        found[name] = plain(thing.attrs[name])
                        continue
                    if stored is None:
                        stored = self._heaps.attributes(h5py.h5o.get_info(thing.id).addr)
                    found[name] = self._of_heap(dtype, handle.shape, stored[name])
        return found

    def value(self, path: str) -> Any:
        """A small dataset as plain values; None if it is missing, large or unreadable."""
        if path not in self.tree.datasets:
            return None
        with suppress(*_H5PY_ERRORS):
            dataset = self.dataset(path)
            if dataset.shape is None or dataset.size * max(1, dataset.dtype.itemsize) > LARGEST_VALUE:
                return None
            if dataset.dtype.hasobject:
                return self._of_heap(dataset.dtype, dataset.shape, self._stored(dataset))
            # The library inflates a chunk for as long as its stream goes on: what is stored must be small.
            packed = dataset.id.get_create_plist().get_nfilters() > 0
            if _chunk_bytes(dataset) > LARGEST_VALUE or (packed and dataset.id.get_storage_size() > _LARGEST_PACKED):
                return None
            return plain(dataset[()])
        return None

    def _stored(self, dataset: h5py.Dataset) -> bytes:
        """The descriptors of a small dataset of texts: in one piece, or in one unpacked chunk."""
        count = int(dataset.size) * DESCRIPTOR_BYTES
        if dataset.chunks is None:
            offset = dataset.id.get_offset()
        else:
            only = dataset.id.get_create_plist().get_nfilters() == 0 and dataset.id.get_num_chunks() == 1
            offset = dataset.id.get_chunk_info(0).byte_offset if only and dataset.ndim == 1 else None
        return b"" if offset is None else self.file.read(offset, count)

    def _of_heap(self, dtype: Any, shape: tuple[int, ...], raw: bytes) -> Any:
        """Texts, lists and references; a single one as itself."""
        import h5py

        count = math.prod(shape)
        found: list[Any]
        if h5py.check_ref_dtype(dtype) is h5py.Reference:
            found = list(struct.unpack_from(f"<{count}Q", raw))
        elif h5py.check_string_dtype(dtype) is not None:
            found = [plain(item) for item in self._heaps.items(raw[: count * DESCRIPTOR_BYTES])]
        else:
            base = h5py.check_vlen_dtype(dtype)
            lists = h5py.check_ref_dtype(base) is h5py.Reference
            base = np.dtype("<u8") if lists else np.dtype(base)
            items = self._heaps.items(raw[: count * DESCRIPTOR_BYTES])
            whole = [item[: len(item) // base.itemsize * base.itemsize] for item in items]
            found = [tuple(np.frombuffer(item, base).tolist()) for item in whole]
        return found[0] if shape == () and found else tuple(found)

    def tags(self) -> dict[str, Any]:
        """Every attribute and small value of the file, by path, for display."""
        found: dict[str, Any] = {}
        for path in self.tree.groups:
            for name, item in self.attributes(path).items():
                found[f"{path}@{name}" if path else f"@{name}"] = item
        for path in self.tree.datasets:
            for name, item in self.attributes(path).items():
                found[f"{path}@{name}"] = item
            with suppress(*_H5PY_ERRORS):
                dataset = self.dataset(path)
                small = dataset.shape is not None and dataset.size <= _MOST_SHOWN
                found[path] = self.value(path) if small else f"{dataset.dtype} {dataset.shape}"
        return found


def _chunk_bytes(dataset: h5py.Dataset) -> int:
    return 0 if dataset.chunks is None else math.prod(dataset.chunks) * max(1, dataset.dtype.itemsize)


def _walk(container: h5py.File) -> Tree:
    """All groups and datasets by hard links, each object once: cycles end, and depth and number are bounded."""
    import h5py

    groups: dict[str, int] = {}
    datasets: dict[str, int] = {}
    externals: list[External] = []
    aliases: dict[str, str] = {}
    seen: dict[Any, str] = {}
    complete = True
    waiting: deque[tuple[str, int]] = deque([("", 0)])
    while waiting:
        path, depth = waiting.popleft()
        if len(groups) + len(datasets) >= _MOST_OBJECTS or depth > _DEEPEST:
            complete = False
            continue
        with suppress(*_H5PY_ERRORS):
            thing = h5py.h5o.open(container.id, path.encode() or b"/")
            info = h5py.h5o.get_info(thing)
            first = seen.setdefault((info.fileno, info.addr), path)
            if first != path:
                aliases[path] = first
                continue
            if isinstance(thing, h5py.h5d.DatasetID):
                datasets[path] = int(info.addr)
            elif isinstance(thing, h5py.h5g.GroupID):
                groups[path] = int(info.addr)
                names = _links(thing)
                complete = complete and len(names) < _MOST_LINKS
                for name in names:
                    below = _below(path, name)
                    kind = thing.links.get_info(name).type if below is not None else None
                    if below is None or kind is None:
                        continue
                    if kind == h5py.h5l.TYPE_HARD:
                        waiting.append((below, depth + 1))
                    elif kind == h5py.h5l.TYPE_SOFT:
                        target = thing.links.get_val(name).decode("utf-8", "replace")
                        aliases[below] = posixpath.normpath(posixpath.join("/", path, target)).strip("/")
                    elif kind == h5py.h5l.TYPE_EXTERNAL:
                        target = thing.links.get_val(name)[0].decode("utf-8", "replace")
                        externals.append(External(below, target))
    return Tree(groups, datasets, tuple(externals), aliases, complete)


def _below(path: str, name: bytes) -> str | None:
    """The path of what a group holds; None where it could not be asked for by its name."""
    shown = name.decode("utf-8", "replace")
    if shown.encode() != name or "/" in shown:
        return None
    return f"{path}/{shown}" if path else shown


def _links(group: Any) -> list[bytes]:
    names: list[bytes] = []

    def note(name: bytes) -> bool | None:
        names.append(name)
        return len(names) >= _MOST_LINKS or None

    group.links.iterate(note)
    return names


def plain(value: Any) -> Any:
    """A value of h5py as Python has it: texts, numbers, tuples of them."""
    if isinstance(value, bytes):
        return value.split(b"\x00", 1)[0].decode("utf-8", "replace")
    if isinstance(value, np.ndarray):
        return plain(value[()]) if value.ndim == 0 else tuple(plain(item) for item in value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, list | tuple):
        return tuple(plain(item) for item in value)
    return value if isinstance(value, str | int | float | bool) else str(value)


def text(value: Any) -> str:
    """A text, also where it is stored as an array of one; empty if it is none."""
    while isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    return value.strip("\x00 \r\n\t") if isinstance(value, str) else ""


def number(value: Any) -> float | None:
    """A finite number, also where it is written as a text or stored as an array of one; None if it is none."""
    while isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def read_json(source: Any) -> dict[str, Any]:
    """An object of JSON from a text; empty if it is none."""
    try:
        found = json.loads(source) if isinstance(source, str | bytes) else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def inner(tree: Any, *names: str) -> Any:
    """What lies under nested names in a tree of dictionaries; None if there is nothing."""
    for name in names:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(name)
    return tree
