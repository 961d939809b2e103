"""Looks for movies in dropped folders, on a thread of its own: a dead network drive must not stop the window."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from natsort import natsorted
from PySide6.QtCore import QObject, Signal

SUFFIXES = frozenset(
    {".dm3", ".dm4", ".ser", ".tif", ".tiff", ".btf", ".tf8", ".mrc", ".mrcs", ".st", ".ali", ".rec", ".map", ".stk"}
)
MOST_FILES = 10_000


class FolderScan(QObject):
    """One look through some paths. Files named by the user are taken as they are; in folders, movies by suffix."""

    found = Signal(list)
    finished = Signal(int, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, paths: Iterable[str]) -> None:
        """Begin; `found` comes in portions, then `finished` (files, whether a folder was among the paths)."""
        wanted = list(paths)
        self._thread = threading.Thread(target=self._run, args=(wanted,), name="folder scan", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say nothing more."""
        self._stopped.set()

    def _run(self, paths: list[str]) -> None:
        total = 0
        folders = False
        for path in paths:
            for portion, from_folder in _portions(Path(path)):
                folders |= from_folder
                if self._stopped.is_set():
                    return
                total += len(portion)
                if portion:
                    self.found.emit(portion)
                if total >= MOST_FILES:
                    break
        if not self._stopped.is_set():
            self.finished.emit(total, folders)


def _portions(path: Path) -> Iterator[tuple[list[str], bool]]:
    if not path.is_dir():
        yield [str(path.absolute())], False
        return
    for folder, inner, names in os.walk(path.absolute()):
        inner[:] = natsorted(name for name in inner if not name.startswith("."))
        movies = natsorted(name for name in names if is_movie_name(name))
        yield [str(Path(folder) / name) for name in movies], True


def is_movie_name(name: str) -> bool:
    """Whether a file in a folder is taken for a movie, by its suffix."""
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
