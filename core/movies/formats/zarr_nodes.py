"""The tree of a Zarr, read from its metadata files alone: which arrays there are, and whether they are safe to decode.

Versions 2 and 3. zarr itself is asked only for arrays whose codecs are known: among those that it would load is one
that runs code out of the data (pickle).
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.movies.errors import Malformed, unreadable

_LARGEST_METADATA = 1 << 26
_DEEPEST = 5
_MOST_NODES = 2000
_MOST_LISTED = 1_000_000
# A part of an array decodes to at most this.
LARGEST_CHUNK = 1 << 30
# Parts of a frame, and parts within a part; each takes its time even where it was never written.
_MOST_PARTS = 20_000
_CODECS = {
    *("bytes", "endian", "transpose", "blosc", "gzip", "zstd", "crc32c", "sharding_indexed"),
    *("zlib", "lz4", "bz2", "shuffle", "delta", "fixedscaleoffset", "astype", "packbits"),
}


@dataclass(frozen=True)
class Node:
    """An array in the tree.

    Attributes
    ----------
    path : str
        From the root, with ``/``; empty for an array that is the root itself.
    dtype : numpy.dtype or None
        None: not plain numbers.
    refusal : str or None
        Why it can't be decoded.
    blosc_file : bool
        Each chunk's file is packed by blosc as a whole, in version 2, where zarr can't be given a codec of our own.
    """

    path: str
    folder: Path
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: np.dtype[Any] | None
    names: tuple[str | None, ...]
    separator: str
    prefix: str
    refusal: str | None
    blosc_file: bool = False


@dataclass(frozen=True)
class Tree:
    """All arrays of a Zarr, and the attributes of its groups and arrays by path."""

    arrays: tuple[Node, ...]
    attributes: Mapping[str, Mapping[str, Any]]


def is_root(folder: Path) -> bool:
    """Whether a folder is a Zarr: told from its listing alone."""
    return any((folder / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))


def read_tree(root: Path) -> Tree:
    """The tree below a folder; links are not followed, and only so many nodes are looked at."""
    arrays: list[Node] = []
    attributes: dict[str, Mapping[str, Any]] = {}
    waiting: list[tuple[Path, str, int]] = [(root, "", 0)]
    seen = 0
    while waiting and seen < _MOST_NODES:
        folder, path, depth = waiting.pop(0)
        seen += 1
        found = _metadata(folder)
        if found is None:
            continue
        attributes[path] = found.attributes
        if found.array is not None:
            arrays.append(_node(found.array, folder, path, found.version))
        elif depth < _DEEPEST:
            inner = sorted(_folders(folder), key=lambda name: (len(name), name))
            waiting += [(folder / name, f"{path}/{name}".lstrip("/"), depth + 1) for name in inner]
    return Tree(tuple(arrays), attributes)


@dataclass(frozen=True)
class _Metadata:
    version: int
    array: Mapping[str, Any] | None
    attributes: Mapping[str, Any]


def _metadata(folder: Path) -> _Metadata | None:
    third = _json(folder / "zarr.json")
    if third is not None:
        kind = third.get("node_type")
        if kind not in ("array", "group"):
            raise Malformed.about(folder / "zarr.json", "The Zarr's metadata name neither a group nor an array.")
        return _Metadata(3, third if kind == "array" else None, _mapping(third.get("attributes")))
    array = _json(folder / ".zarray")
    if array is None and _json(folder / ".zgroup") is None:
        return None
    return _Metadata(2, array, _json(folder / ".zattrs") or {})


def _json(path: Path) -> Mapping[str, Any] | None:
    """One metadata file; None if it is not there."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Malformed.about(path, "The Zarr's metadata are no ordinary file.")
        if status.st_size > _LARGEST_METADATA:
            raise Malformed.about(path, "The Zarr's metadata are far too large.")
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed.about(path, "The Zarr's metadata are damaged.") from error
    if not isinstance(found, dict):
        raise Malformed.about(path, "The Zarr's metadata are damaged.")
    return found


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _folders(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as listing:
        for count, entry in enumerate(listing):
            if count > _MOST_NODES:
                return
            if entry.is_dir(follow_symlinks=False):
                yield entry.name


def _node(array: Mapping[str, Any], folder: Path, path: str, version: int) -> Node:
    shape = _sizes(array.get("shape"), folder, least=0)
    grid = _mapping(_mapping(array.get("chunk_grid")).get("configuration"))
    chunks = _sizes(array.get("chunks") if version == 2 else grid.get("chunk_shape"), folder, least=1)
    dtype = _dtype(array.get("dtype") if version == 2 else array.get("data_type"))
    names = array.get("dimension_names") if version == 3 else None
    if not isinstance(names, list) or len(names) != len(shape):
        names = [None] * len(shape)
    separator, prefix = _keys(array, version)
    refusal = None
    unknown = sorted({name for name in _codecs(array) if name not in _CODECS})
    if len(chunks) != len(shape):
        raise Malformed.about(folder, "The Zarr's metadata contradict each other.")
    if dtype is not None and math.prod(chunks) * dtype.itemsize > LARGEST_CHUNK:
        refusal = "The array is stored in parts that are too large to be read one by one."
    if _parts(array, shape, chunks) > _MOST_PARTS:
        refusal = "The array is stored in far too many small parts."
    if any(_mapping(item).get("id") == "blosc" for item in _list(array.get("filters"))):
        # Its header is checked where it packs a whole file, and it reads beyond the data otherwise.
        refusal = "The array is packed by blosc as a filter, which can't be read here."
    if unknown:
        refusal = f"The array is packed by {', '.join(unknown)}, which can't be read here."
    clean = tuple(name if isinstance(name, str) else None for name in names)
    blosc = version == 2 and _mapping(array.get("compressor")).get("id") == "blosc"
    return Node(path, folder, shape, chunks, dtype, clean, separator, prefix, refusal, blosc)


def _parts(array: Mapping[str, Any], shape: Sequence[int], chunks: Sequence[int]) -> int:
    """Into how many parts a frame, or what is stored together with it, is cut: shards are cut further."""
    finest = list(chunks)
    waiting = [array.get("codecs")]
    while waiting:
        for codec in map(_mapping, _list(waiting.pop())):
            inner = _mapping(codec.get("configuration"))
            sides = _list(inner.get("chunk_shape"))
            if len(sides) == len(finest) and all(isinstance(side, int) and side > 0 for side in sides):
                finest = [min(pair) for pair in zip(finest, sides, strict=True)]
            waiting.append(inner.get("codecs"))
    within = math.prod(-(-side // part) for side, part in zip(chunks, finest, strict=False))
    of_frame = math.prod(-(-side // part) for side, part in zip(shape[-2:], finest[-2:], strict=False))
    return max(within, of_frame)


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _sizes(found: Any, folder: Path, least: int) -> tuple[int, ...]:
    if not isinstance(found, list) or not all(isinstance(size, int) and size >= least for size in found):
        raise Malformed.about(folder, "The Zarr's metadata give no sensible size.")
    return tuple(found)


def _dtype(name: Any) -> np.dtype[Any] | None:
    if not isinstance(name, str):
        return None
    try:
        dtype = np.dtype(name)
    except TypeError:
        return None
    return dtype if dtype.kind in "biufc" and dtype.itemsize <= 16 else None


def _keys(array: Mapping[str, Any], version: int) -> tuple[str, str]:
    """How the files of chunks are named: what stands between the numbers, and what in front of them."""
    if version == 2:
        found = array.get("dimension_separator", ".")
        return ("/" if found == "/" else "."), ""
    encoding = _mapping(array.get("chunk_key_encoding"))
    default = "." if encoding.get("name") == "v2" else "/"
    found = _mapping(encoding.get("configuration")).get("separator", default)
    return ("/" if found == "/" else "."), "" if encoding.get("name") == "v2" else "c"


def _codecs(array: Mapping[str, Any]) -> Iterator[str]:
    """The names of all codecs, those within shards included."""
    waiting: list[Any] = [array.get("codecs"), array.get("filters"), array.get("compressor"), array.get("compressors")]
    waiting += [array.get("storage_transformers")]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting += found
        elif isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            yield str(found.get("id", found.get("name", "something without a name")))
            inner = _mapping(found.get("configuration"))
            waiting += [inner.get("codecs"), inner.get("index_codecs")]


def present(node: Node, axis: int) -> set[int] | None:
    """Which numbers along `axis` have a stored chunk, from a listing; None where a listing does not tell.

    Only along the first axis: the folders, or the beginnings of the names, are numbered by it.
    """
    if axis != 0:
        return None
    if node.separator == "/":
        folder, start = (node.folder / node.prefix if node.prefix else node.folder), ""
    else:
        folder, start = node.folder, f"{node.prefix}." if node.prefix else ""
    found = set()
    try:
        with os.scandir(folder) as listing:
            for count, entry in enumerate(listing):
                if count > _MOST_LISTED:
                    return None
                name = entry.name.removeprefix(start).split(".")[0]
                if entry.name.startswith(start) and name.isdecimal():
                    found.add(int(name))
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise unreadable(folder, error) from error
    return found


def chunk_path(node: Node, place: Sequence[int]) -> Path:
    """The file of one chunk."""
    numbers = [str(number) for number in place]
    if node.separator == "/":
        return node.folder.joinpath(*([node.prefix] if node.prefix else []), *numbers)
    return node.folder / node.separator.join([node.prefix, *numbers] if node.prefix else numbers)
