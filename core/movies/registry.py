"""Which format is a file, and how it is opened. A new format is one file in `formats` and one line in `FORMATS`."""

from __future__ import annotations

from pathlib import Path

from core.movies.errors import Malformed, NoSuchDataset, NotAMovie, Unsupported
from core.movies.files import RandomAccessFile
from core.movies.format import HEAD_BYTES, Entry, Format
from core.movies.formats import dm, mrc, named, ser, tiff
from core.movies.movie import Movie, typed_errors
from core.protocol.movie import DatasetInfo

# In the order in which they are asked; the named but unsupported ones come last.
FORMATS: tuple[Format, ...] = (dm.FORMAT, ser.FORMAT, ser.EMI_FORMAT, tiff.FORMAT, mrc.FORMAT, named.FORMAT)


def _format_of(file: RandomAccessFile) -> Format:
    head = file.read(0, min(HEAD_BYTES, file.size))
    extension = Path(file.path).suffix.lower()
    for candidate in FORMATS:
        if candidate.sniff(head, extension):
            return candidate
    raise NotAMovie.about(file.path, "This is not a movie in a format that can be read here.")


def _entries(file: RandomAccessFile) -> list[Entry]:
    found = _format_of(file)
    with typed_errors(file.path, f"reading it as {found.name}"):
        entries = found.entries(file)
    if not entries:
        raise Malformed.about(file.path, f"The {found.name} file holds no image.")
    return entries


def list_datasets(path: str | Path) -> tuple[DatasetInfo, ...]:
    """What a file holds: images, series, detectors, and what is no movie with the reason.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    tuple of DatasetInfo
        ``key`` is what `open_movie` takes; ``refusal`` says why a dataset is no movie.

    Raises
    ------
    MovieError
        The file can't be read, or is no movie at all.
    """
    with RandomAccessFile(path) as file:
        return tuple(entry.info for entry in _entries(file))


def open_movie(path: str | Path, dataset: str | None = None) -> Movie:
    """Open a movie for reading; nothing but its header is read.

    Parameters
    ----------
    path : str or Path
        A DM3, DM4, SER, EMI, TIFF or MRC file.
    dataset : str, optional
        The ``key`` of one of `list_datasets`; the first that is a movie by default.

    Returns
    -------
    Movie
        One image opens as a movie of one frame; a truncated file with its complete frames and an issue.

    Raises
    ------
    MovieError
        ``NotAMovie``, ``Truncated``, ``Malformed``, ``Unsupported``, ``NoSuchDataset`` or ``Unreadable``.
    """
    file = RandomAccessFile(path)
    try:
        entry = _choose(file, _entries(file), dataset)
        with typed_errors(file.path, "opening it"):
            opened = entry.open()
            meta = opened.meta
            if not meta.fingerprint:
                meta = meta.model_copy(update={"fingerprint": file.fingerprint(), "file_bytes": file.size})
    except BaseException:
        file.close()
        raise
    return Movie(meta, opened.source, opened.tags)


def _choose(file: RandomAccessFile, entries: list[Entry], dataset: str | None) -> Entry:
    if dataset is not None:
        for entry in entries:
            if entry.info.key == dataset:
                if entry.info.refusal is not None:
                    raise Unsupported.about(file.path, entry.info.refusal)
                return entry
        keys = ", ".join(entry.info.key for entry in entries)
        raise NoSuchDataset.about(file.path, f"The file holds no dataset {dataset!r}.", f"It holds: {keys}.")
    for entry in entries:
        if entry.info.refusal is None:
            return entry
    raise Unsupported.about(file.path, entries[0].info.refusal or "The file holds no movie.")
