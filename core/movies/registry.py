"""Which format is a file or a folder, and how it is opened.

A new format is one file in `formats` and one line in `FORMATS` or `FOLDER_FORMATS`.
"""

from __future__ import annotations

from pathlib import Path

from core.movies.errors import Malformed, MovieError, NoSuchDataset, NotAMovie, Unsupported, unreadable
from core.movies.files import RandomAccessFile
from core.movies.format import HEAD_BYTES, Entry, FolderFormat, Format, Opened
from core.movies.formats import (
    dm,
    eer,
    gatan_sidecar,
    gatan_tree,
    hdf5,
    images,
    mib,
    mrc,
    named,
    ome_zarr,
    png,
    raw,
    refusals,
    ser,
    tiff,
    tvips,
)
from core.movies.movie import Movie, typed_errors
from core.protocol.movie import DatasetInfo

# In the order in which they are asked; the named but unsupported ones come last.
FORMATS: tuple[Format, ...] = (
    dm.FORMAT,
    ser.FORMAT,
    ser.EMI_FORMAT,
    eer.FORMAT,
    tiff.FORMAT,
    mrc.FORMAT,
    tvips.FORMAT,
    mib.FORMAT,
    mib.HDR_FORMAT,
    png.FORMAT,
    hdf5.FORMAT,
    gatan_sidecar.FORMAT,
    named.FORMAT,
)
# Folders of numbered images come last: nearly every folder could be one.
FOLDER_FORMATS: tuple[FolderFormat, ...] = (ome_zarr.FORMAT, gatan_tree.FORMAT, images.FORMAT)


def _format_of(file: RandomAccessFile) -> Format:
    head = file.read(0, min(HEAD_BYTES, file.size))
    extension = Path(file.path).suffix.lower()
    for candidate in FORMATS:
        if candidate.sniff(head, extension):
            return candidate
    raise NotAMovie.about(file.path, "This is not a movie in a format that can be read here.")


def _entries(file: RandomAccessFile, found: Format) -> list[Entry]:
    with typed_errors(file.path, f"reading it as {found.name}"):
        entries = found.entries(file)
    if not entries:
        raise Malformed.about(file.path, f"The {found.name} file holds no image.")
    return entries


def _folder_entries(folder: Path) -> list[Entry]:
    with typed_errors(str(folder), "looking through the folder"):
        for candidate in FOLDER_FORMATS:
            if candidate.recognise(folder):
                entries = candidate.entries(folder)
                if entries:
                    return entries
    raise unreadable(folder, IsADirectoryError(str(folder)))


def list_datasets(path: str | Path, dataset: str | None = None) -> tuple[DatasetInfo, ...]:
    """What a file holds: images, series, detectors, and what is no movie with the reason.

    Parameters
    ----------
    path : str or Path
        The file, or the folder of a movie that is many files.
    dataset : str, optional
        A layout that the user typed (`RawLayout`) is listed first, and then it does not matter whether the file holds
        anything by itself.

    Returns
    -------
    tuple of DatasetInfo
        ``key`` is what `open_movie` takes; ``refusal`` says why a dataset is no movie.

    Raises
    ------
    MovieError
        The file can't be read, or is no movie at all.
    """
    if _is_folder(path):
        return tuple(entry.info for entry in _folder_entries(Path(path)))
    with RandomAccessFile(path) as file:
        if dataset is None or not raw.is_key(dataset):
            return tuple(entry.info for entry in _entries(file, _format_of(file)))
        typed = raw.entry(file, dataset).info
        try:
            return (typed, *(entry.info for entry in _entries(file, _format_of(file))))
        except MovieError:
            return (typed,)


def open_movie(path: str | Path, dataset: str | None = None) -> Movie:
    """Open a movie for reading; nothing but its header is read.

    Parameters
    ----------
    path : str or Path
        A file, or the folder of a movie that is many files.
    dataset : str, optional
        The ``key`` of one of `list_datasets`, or of a `RawLayout` that the user typed; the first that is a movie by
        default.

    Returns
    -------
    Movie
        One image opens as a movie of one frame; a truncated file with its complete frames and an issue.

    Raises
    ------
    MovieError
        ``NotAMovie``, ``Truncated``, ``Malformed``, ``Unsupported``, ``NoSuchDataset`` or ``Unreadable``.
    """
    if _is_folder(path):
        return _movie(str(path), _choose(str(path), _folder_entries(Path(path)), dataset), None)
    file = RandomAccessFile(path)
    try:
        # A typed layout reads a file of any kind, and of none.
        if dataset is not None and raw.is_key(dataset):
            return _movie(file.path, raw.entry(file, dataset), file)
        found = _format_of(file)
        entry = _asked_for(file, found, dataset) or _choose(file.path, _entries(file, found), dataset)
        return _movie(file.path, entry, file)
    except BaseException:
        file.close()
        raise


def _is_folder(path: str | Path) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        # Opening it says what is wrong.
        return False


def _movie(path: str, entry: Entry, file: RandomAccessFile | None) -> Movie:
    with typed_errors(path, "opening it"):
        opened: Opened = entry.open()
        meta = opened.meta
        if not meta.fingerprint and file is not None:
            meta = meta.model_copy(update={"fingerprint": file.fingerprint(), "file_bytes": file.size})
    return Movie(meta, opened.source, opened.tags)


def _asked_for(file: RandomAccessFile, found: Format, dataset: str | None) -> Entry | None:
    """The dataset of a key that carries a choice; None for the plain ones."""
    if dataset is None or found.entry is None:
        return None
    with typed_errors(file.path, f"reading it as {found.name}"):
        return found.entry(file, dataset)


def _choose(path: str, entries: list[Entry], dataset: str | None) -> Entry:
    if dataset is not None:
        for entry in entries:
            if entry.info.key == dataset:
                if entry.info.refusal is not None:
                    raise _refused(path, entry.info.refusal)
                return entry
        keys = ", ".join(entry.info.key for entry in entries)
        raise NoSuchDataset.about(path, f"The file holds no dataset {dataset!r}.", f"It holds: {keys}.")
    for entry in entries:
        if entry.info.refusal is None:
            return entry
    raise _refused(path, entries[0].info.refusal or "The file holds no movie.")


def _refused(path: str, refusal: str) -> Unsupported:
    """What is no movie; only colour pictures become one by another export."""
    advice = None if refusal == refusals.COLOUR else "Open an image, or a series of images."
    return Unsupported.about(path, refusal, advice)
