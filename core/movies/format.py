"""What a format is: how it is recognised, and how its datasets are opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.movies.files import RandomAccessFile
from core.movies.sources import FrameSource
from core.protocol.movie import DatasetInfo, MovieMeta

HEAD_BYTES = 1024


@dataclass(frozen=True)
class Opened:
    """A dataset ready to be read. `tags` gives the raw tags on demand.

    A format leaves `fingerprint` and `file_bytes` of `meta` empty, unless the pixels lie in another file than the one
    that was opened.
    """

    meta: MovieMeta
    source: FrameSource
    tags: Callable[[], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Entry:
    """A dataset in a file. `open` is called only when ``info.refusal`` is None."""

    info: DatasetInfo
    open: Callable[[], Opened]


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes
    ----------
    name : str
        As shown to the user and stored in ``MovieMeta.format``.
    extensions : tuple of str
        Lower case, with the dot; they only break ties.
    sniff : callable
        Takes the first `HEAD_BYTES` bytes and the extension; tells whether it is this format.
    entries : callable
        Takes the open file, gives its datasets; owns nothing: the file is closed by whoever opened it.
    entry : callable or None
        For formats whose datasets have keys that carry a choice (how events are grouped): takes the open file and a
        key that `entries` does not list, gives its entry, or None if the key means nothing.
    """

    name: str
    extensions: tuple[str, ...]
    sniff: Callable[[bytes, str], bool]
    entries: Callable[[RandomAccessFile], list[Entry]]
    entry: Callable[[RandomAccessFile, str], Entry | None] | None = None


@dataclass(frozen=True)
class FolderFormat:
    """A movie, or several, that are a folder of many files.

    Attributes
    ----------
    name : str
        As shown to the user and stored in ``MovieMeta.format``.
    recognise : callable
        Takes the folder; tells from its listing alone whether it is this format.
    entries : callable
        Takes the folder, gives its datasets. The metadata that they open with carry `fingerprint`, `file_count` and
        `file_bytes`.
    """

    name: str
    recognise: Callable[[Path], bool]
    entries: Callable[[Path], list[Entry]]
