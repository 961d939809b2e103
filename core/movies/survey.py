"""What is in the files and folders that somebody dropped: from listings, and the headers of a few numbered images.

A tree of 36,000 files is one movie, twelve DM4 files are twelve, and what lies beside a movie is not listed twice.
"""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from natsort import natsorted

from core.movies.errors import MovieError
from core.movies.formats import images
from core.movies.numbered import Run, runs
from core.movies.registry import FOLDER_FORMATS, FORMATS, open_movie
from core.protocol.reader import Find

MOST_FINDS = 10_000
SECONDS = 6.0
# DM images of a session are often single views, numbered too: only a long run of them is taken for a movie.
_FEWEST = {"TIFF": 3, "PNG": 3, "DM3": 25, "DM4": 25}
_PARTS = (".tvips",)
_OME = (".ome.tif", ".ome.tiff")
_RAW = re.compile(r"\.raw(_\d+)?$", re.IGNORECASE)
_BESIDE = re.compile(r"(_info\.txt|\.(emi|hdr|mdoc|xml|json|raw(_\d+)?))$", re.IGNORECASE)
_SERIES = re.compile(r"_\d+$")
# Read where the user names them; in a folder they are headers of others, or pictures for a talk.
_NOT_LOOKED_FOR = frozenset({".emi", ".hdr", ".png"})
_DIRECTORS = (".dm4", ".dm5", ".dm3")
_MOST_BELOW = 200_000


@dataclass(frozen=True)
class Overview:
    """What `survey` found; as `Surveyed` of the protocol."""

    finds: tuple[Find, ...]
    folders: int
    skipped: int
    more: bool
    said: str


def survey(paths: Iterable[str], seconds: float = SECONDS) -> Overview:
    """Say what would be added if these files and folders were dropped; nothing is opened but some first images.

    Parameters
    ----------
    paths : iterable of str
        Files, which are taken as they are, and folders, which are looked through with all that is below them.
    seconds : float
        After this the list ends; `more` says so.

    Returns
    -------
    Overview
        In natural order, folder by folder. A folder that can't be read is left out and said.
    """
    search = _Search(time.monotonic() + seconds)
    files: dict[Path, list[str]] = defaultdict(list)
    for text in dict.fromkeys(paths):
        path = Path(text).absolute()
        if _is_folder(path):
            search.folder(path)
        else:
            files[path.parent].append(path.name)
    for folder, names in files.items():
        search.named(folder, natsorted(names))
    return search.overview()


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        # A name that no file can have: opening it says what is wrong.
        return False


def movie_suffixes() -> frozenset[str]:
    """The endings, in lower case with the dot, by which files in folders are taken for movies."""
    read = {suffix for one in FORMATS if one.name != "other" for suffix in one.extensions}
    return frozenset((read | {*_PARTS}) - _NOT_LOOKED_FOR)


class _Search:
    """One look: what was found so far."""

    def __init__(self, end: float) -> None:
        self._end = end
        self._suffixes = movie_suffixes()
        self._finds: list[Find] = []
        self._folders = 0
        self._skipped = 0
        self._unread = 0
        self._more = False

    def _over(self) -> bool:
        self._more |= len(self._finds) >= MOST_FINDS or time.monotonic() > self._end
        return self._more

    def folder(self, top: Path) -> None:
        """Look through a folder and all below it."""
        waiting = [top]
        while waiting:
            if self._over():
                return
            folder = waiting.pop()
            try:
                names, inner = _listing(folder)
            except OSError:
                self._unread += 1
                continue
            self._folders += 1
            whole = self._whole(folder)
            if whole is not None:
                self._finds.append(whole)
                continue
            self._files(folder, names)
            waiting += [folder / name for name in reversed(inner)]

    def named(self, folder: Path, names: Sequence[str]) -> None:
        """Files that the user named: each is taken, unless they are the parts of one movie."""
        try:
            there, _ = _listing(folder)
        except OSError:
            there = []
        taken: set[str] = set()
        for run in _image_movies(folder, there) if len(names) >= min(_FEWEST.values()) else []:
            if set(run.names) <= set(names):
                self._finds.append(_images(folder, run))
                taken |= set(run.names)
        rest = [name for name in names if name not in taken]
        movies = [name for name in rest if not _BESIDE.search(name)]
        beside = _beside(movies, rest)
        with_parts = self._parts(folder, movies)
        used = {name for names in beside.values() for name in names} | with_parts
        for name in rest:
            if name not in used:
                sides = beside.get(name) or _beside([name], there).get(name, ())
                self._finds.append(self._single(folder, name, sides))

    def _whole(self, folder: Path) -> Find | None:
        """The folder as one movie, if a format of folders knows it as such."""
        for candidate in FOLDER_FORMATS:
            if candidate is images.FORMAT:
                continue
            try:
                known = candidate.recognise(folder)
            except OSError:
                continue
            if known:
                names = _below(folder, self._end)
                size = images.bytes_of(folder, names)
                counted = [name for name in names if Path(name).suffix.lower() in self._suffixes]
                return Find(
                    path=str(folder),
                    kind="zarr" if "zarr" in candidate.name.lower() else "in-situ",
                    files=max(1, len(names)),
                    file_bytes=size,
                    said=f"{_count(len(counted) or len(names), 'file')} ({candidate.name}): one movie",
                )
        return None

    def _files(self, folder: Path, names: Sequence[str]) -> None:
        taken: set[str] = set()
        for run in _image_movies(folder, names):
            self._finds.append(_images(folder, run))
            taken |= set(run.names)
        rest = natsorted(name for name in names if name not in taken)
        movies = [name for name in rest if os.path.splitext(name)[1].lower() in self._suffixes]  # noqa: PTH122
        directors = [name for name in movies if not _RAW.search(name)]
        beside = _beside(directors, rest)
        used = {name for names in beside.values() for name in names}
        with_parts = self._parts(folder, movies)
        listed = [name for name in movies if name not in used and name not in with_parts]
        for name in listed:
            if self._over():
                return
            self._finds.append(self._single(folder, name, beside.get(name, ())))
        self._skipped += len(rest) - len(set(listed) | used | with_parts)

    def _parts(self, folder: Path, names: Sequence[str]) -> set[str]:
        """Add the movies that are written in several parts; gives the names of all parts."""
        found: set[str] = set()
        wanted = [name for name in names if name.lower().endswith(_PARTS)]
        together = [name for name in names if name.lower().endswith(_OME)]
        for run in [*runs(wanted), *(run for run in runs(together) if _is_one_ome_movie(folder, run))]:
            size = images.bytes_of(folder, run.names)
            said = f"{len(run)} parts ({run.pattern}): one movie"
            path = str(folder / run.names[0])
            self._finds.append(Find(path=path, kind="parts", files=len(run), file_bytes=size, said=said))
            found |= set(run.names)
        return found

    def _single(self, folder: Path, name: str, beside: Sequence[str]) -> Find:
        size = images.bytes_of(folder, [name, *beside])
        raw = [side for side in beside if _RAW.search(side)]
        said = f"{name} with its {_count(len(raw), 'raw file')}: one movie" if raw else ""
        kind = "in-situ" if raw else "file"
        return Find(path=str(folder / name), kind=kind, files=1 + len(beside), file_bytes=size, said=said)

    def overview(self) -> Overview:
        """What was found."""
        return Overview(tuple(self._finds), self._folders, self._skipped, self._more, self._sentence())

    def _sentence(self) -> str:
        single = [find for find in self._finds if find.kind == "file"]
        joined = [find for find in self._finds if find.kind != "file"]
        parts = [f"one movie of {find.said.removesuffix(': one movie')}" for find in joined[:2]]
        if len(joined) > 2:
            parts = [f"{_count(len(joined), 'movie')} of many files each"]
        if single:
            parts.append(_count(len(single), "movie" if not joined else "single file"))
        said = " and ".join(parts) if parts else "no movie was found"
        said = said[0].upper() + said[1:] + "."
        if self._skipped:
            said += f" {_count(self._skipped, 'other file')} left out."
        if self._unread:
            said += f" {_count(self._unread, 'folder')} could not be read."
        if self._more:
            said += " There is more, which was not looked at."
        return said


def _listing(folder: Path) -> tuple[list[str], list[str]]:
    """The files and the folders in a folder, hidden ones left out; links to folders are not followed."""
    names, inner = [], []
    with os.scandir(folder) as listing:
        for item in listing:
            if item.name.startswith("."):
                continue
            try:
                if item.is_dir(follow_symlinks=False):
                    inner.append(item.name)
                elif item.is_file():
                    names.append(item.name)
            except OSError:
                # A link to itself must not hide what lies beside it.
                continue
    return natsorted(names), natsorted(inner)


def _below(folder: Path, end: float) -> list[str]:
    """The files of a movie that is a folder, relative to it."""
    found: list[str] = []
    for where, _, names in os.walk(folder):
        found += [os.path.join(where, name) for name in names if not name.startswith(".")]  # noqa: PTH118
        if len(found) > _MOST_BELOW or time.monotonic() > end:
            break
    return found


def _image_movies(folder: Path, names: Sequence[str]) -> list[Run]:
    wanted: Callable[[Run], bool] = lambda run: len(run) >= _FEWEST[images.kind_of(run)] and run.counted
    return [run for run in images.image_runs(names) if wanted(run) and images.is_one_movie(folder, run)]


def _is_one_ome_movie(folder: Path, run: Run) -> bool:
    """Whether the first file's own description joins all of them to one movie."""
    try:
        with open_movie(folder / run.names[0]) as movie:
            return movie.meta.file_count == len(run)
    except MovieError:
        return False


def _images(folder: Path, run: Run) -> Find:
    return Find(
        path=str(folder),
        dataset=run.pattern,
        kind="images",
        files=len(run),
        file_bytes=images.bytes_of(folder, run.names),
        said=f"{_count(len(run), f'numbered {images.kind_of(run)} image')} ({run.pattern}): one movie",
    )


def _beside(movies: Sequence[str], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What lies beside each movie and belongs to it, by name."""
    owners: dict[str, str] = {}
    for name in reversed(movies):
        stem, suffix = os.path.splitext(name)  # noqa: PTH122
        owners[name.lower()] = name
        owners.setdefault(stem.lower(), name)
        # Direct Electron: NAME_movie.mrc with NAME_info.txt.
        owners.setdefault(stem.lower().removesuffix("_movie"), name)
        if suffix.lower() in _DIRECTORS:
            owners[stem.lower()] = name
        if suffix.lower() == ".ser":
            owners[_SERIES.sub("", stem).lower()] = name
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if _BESIDE.search(name):
            owner = owners.get(_BESIDE.sub("", name).lower())
            if owner is not None and (not _RAW.search(name) or owner.lower().endswith(_DIRECTORS)):
                found[owner].append(name)
    return {owner: tuple(sides) for owner, sides in found.items()}


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
