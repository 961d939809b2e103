"""Gatan's raw files opened by themselves: those of an in-situ recording lead to their director, others are named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from core.movies.errors import MovieError, Unsupported
from core.movies.files import RandomAccessFile
from core.movies.format import HEAD_BYTES, Entry, Format, Opened
from core.movies.formats import dm, gatan_raw, hdf5

_RAW = re.compile(r"\.raw(_\d+)?", re.IGNORECASE)
_DIRECTORS = (".dm4", ".dm3", ".dm5")
# A block of the K2's raw stream begins so.
_K2_BLOCK = b"\xff\xff\x00\x55"
_MOST_LOOKED_AT = 64


def _sniff(head: bytes, extension: str) -> bool:
    return _RAW.fullmatch(extension) is not None or extension == ".gtg" or head.startswith(_K2_BLOCK)


def _entries(file: RandomAccessFile) -> list[Entry]:
    extension = Path(file.path).suffix.lower()
    if extension == ".gtg" or file.read(0, min(HEAD_BYTES, file.size)).startswith(_K2_BLOCK):
        raise Unsupported.about(
            file.path,
            "This is the raw stream of a Gatan K2 In-situ camera (GTG with eight BIN files), which is not read here.",
            "Open it in DigitalMicrograph's in-situ player, and save the frames as DM4, or with a director.",
        )
    for director in _directors(Path(file.path)):
        found = _of_director(file, director)
        if found:
            return found
    raise Unsupported.about(
        file.path,
        "This file has no header, and no director (DM4, DM5) lies beside it that says what it holds.",
        "Copy the .dm4 or .dm5 of the recording into the same folder, or type the frames' size, type and offset.",
    )


def _directors(raw: Path) -> list[Path]:
    """Files beside `raw` that may be its director: of the same name, or of a name with which its own begins."""
    stem = raw.name[: raw.name.lower().rindex(".raw")]
    same = [raw.with_name(stem + extension) for extension in (*_DIRECTORS, *map(str.upper, _DIRECTORS))]
    found = [path for path in same if path.is_file()]
    if not found:
        shorter = (path for path in raw.parent.iterdir() if path.suffix.lower() in _DIRECTORS)
        found = sorted((path for path in shorter if stem.startswith(f"{path.stem}_")), key=lambda path: -len(path.stem))
    return found[:_MOST_LOOKED_AT]


def _listed(director: RandomAccessFile) -> list[tuple[Entry, list[Path]]]:
    """The images of a director with the raw files of each."""
    if not director.path.lower().endswith(".dm5"):
        return dm.recordings(director)
    movies = [entry for entry in hdf5.FORMAT.entries(director) if len(entry.info.shape) == 3]
    return [(entry, gatan_raw.sidecars(director.path, entry.info.title)) for entry in movies]


def _of_director(file: RandomAccessFile, director: Path) -> list[Entry]:
    """The images of a director whose raw files include this one."""
    try:
        with RandomAccessFile(director) as stream:
            listed = _listed(stream)
    except MovieError:
        return []
    own = Path(file.path)
    return [
        Entry(entry.info, _opener(file, director, entry.info.key))
        for entry, parts in listed
        if any(part.name == own.name for part in parts)
    ]


def _opener(file: RandomAccessFile, director: Path, key: str) -> Callable[[], Opened]:
    def open_it() -> Opened:
        stream = RandomAccessFile(director)
        try:
            entry = next(entry for entry, _ in _listed(stream) if entry.info.key == key)
            opened = entry.open()
        except BaseException:
            stream.close()
            raise
        file.close()
        return Opened(opened.meta.model_copy(update={"path": file.path}), opened.source, opened.tags)

    return open_it


FORMAT = Format("Gatan in-situ (raw)", (".raw", ".gtg"), _sniff, _entries)
