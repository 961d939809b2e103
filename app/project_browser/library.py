"""The movies of the project: added, described and pictured through the reader, one question at a time.

One at a time, so that a file that hangs the reader is known by name and costs the others one wait.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, SignalInstance
from PySide6.QtGui import QImage

from app.project_browser.entries import MovieEntry, ResultEntry
from app.scratch import ScratchFolder, read_slot
from core.protocol.base import ErrorInfo
from core.protocol.denoise import Scratch
from core.protocol.entered import Entered
from core.protocol.reader import Described, Pixels, ReaderFailed

THUMBNAIL_PX = 160


class Reader(Protocol):
    """What the library needs of the reader's client."""

    answered: SignalInstance
    crashed: SignalInstance

    def describe(self, *, path: str, dataset: str | None) -> int: ...

    def thumbnail(self, *, path: str, dataset: str | None, size: int, scratch: Scratch, slot: int) -> int: ...

    def forget(self, path: str) -> None: ...


class MovieLibrary(QObject):
    """Keeps the entries in order and fills them in."""

    added = Signal(object)
    changed = Signal(object)
    removed = Signal(object)
    several_found = Signal(object)
    polled = Signal(object)

    def __init__(self, reader: Reader, folder: ScratchFolder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader = reader
        self._scratch = folder.create("thumbnails", THUMBNAIL_PX * THUMBNAIL_PX * 4, 1)
        self.entries: list[MovieEntry] = []
        self._to_describe: deque[MovieEntry] = deque()
        self._to_picture: deque[MovieEntry] = deque()
        self._under_way: tuple[int, MovieEntry, bool] | None = None
        reader.answered.connect(self._on_answered)
        reader.crashed.connect(self._on_crashed)

    def find(self, path: str, dataset: str | None = None) -> MovieEntry | None:
        """The entry of a file and dataset, or None; without a dataset, the file's first."""
        exact = next((entry for entry in self.entries if entry.key == (path, dataset)), None)
        return exact or next((entry for entry in self.entries if entry.is_of(path, dataset)), None)

    def add(self, path: str, dataset: str | None = None, file_bytes: int = 0) -> MovieEntry:
        """Add a movie, or its entry if it is there already; one that failed is looked at again."""
        entry = self.find(path, dataset)
        if entry is None:
            beside = [place for place, other in enumerate(self.entries) if other.path == path]
            entry = MovieEntry(path, dataset, file_bytes=file_bytes, fresh=True)
            self._insert(entry, beside[-1] + 1 if beside else len(self.entries))
        elif entry.problem is not None:
            self.look_again(entry)
        return entry

    def restore(self, entry: MovieEntry) -> None:
        """Add an entry that the project remembers, with its results."""
        if self.find(*entry.key) is None:
            self._insert(entry, len(self.entries))

    def _insert(self, entry: MovieEntry, place: int) -> None:
        self.entries.insert(place, entry)
        self.added.emit(entry)
        self._to_describe.append(entry)
        self._ask_next()

    def remove(self, entry: MovieEntry) -> None:
        """Take an entry from the list; its files are not touched."""
        if entry in self.entries:
            self.entries.remove(entry)
            if all(other.path != entry.path for other in self.entries):
                self._reader.forget(entry.path)
            self.removed.emit(entry)

    def look_again(self, entry: MovieEntry) -> None:
        """Ask the reader about a file again."""
        entry.problem, entry.waiting = None, True
        self._to_describe.append(entry)
        self.changed.emit(entry)
        self._ask_next()

    def poll(self, entry: MovieEntry) -> None:
        """Ask in passing whether a file has changed; answered by `polled`, and `changed` if it has."""
        if entry in self.entries and entry not in self._to_describe and not entry.waiting:
            self._to_describe.append(entry)
            self._ask_next()

    def set_entered(self, entry: MovieEntry, entered: Entered) -> None:
        """Take what the user typed."""
        if entered != entry.entered:
            entry.entered = entered
            self.changed.emit(entry)

    def add_result(self, entry: MovieEntry, result: ResultEntry) -> None:
        """Add a finished result to its movie; one at the same path is replaced."""
        entry.results = [known for known in entry.results if known.path != result.path] + [result]
        self.changed.emit(entry)

    def mark_broken(self, entry: MovieEntry, error: ErrorInfo) -> None:
        """Remember why a movie cannot be shown."""
        entry.problem, entry.waiting, entry.growing = error, False, False
        self.changed.emit(entry)

    def _ask_next(self) -> None:
        while self._under_way is None and (self._to_describe or self._to_picture):
            describing = bool(self._to_describe)
            entry = (self._to_describe if describing else self._to_picture).popleft()
            if entry not in self.entries:
                continue
            if describing:
                identity = self._reader.describe(path=entry.path, dataset=entry.dataset)
            else:
                identity = self._reader.thumbnail(
                    path=entry.path, dataset=entry.dataset, size=THUMBNAIL_PX, scratch=self._scratch, slot=0
                )
            self._under_way = (identity, entry, describing)

    def _on_answered(self, event: object) -> None:
        if self._under_way is None or getattr(event, "id", None) != self._under_way[0]:
            return
        _, entry, describing = self._under_way
        self._under_way = None
        if entry in self.entries:
            if isinstance(event, Described):
                self._on_described(entry, event)
            elif isinstance(event, Pixels):
                entry.thumbnail = self._picture(entry, event)
                self.changed.emit(entry)
            elif isinstance(event, ReaderFailed) and describing:
                self.mark_broken(entry, event.error)
        if isinstance(event, ReaderFailed):
            # The reader may have died over it: what it lost is told next, and must not take the next question along.
            QTimer.singleShot(0, self, self._ask_next)
        else:
            self._ask_next()

    def _on_described(self, entry: MovieEntry, event: Described) -> None:
        polled = not entry.waiting and entry.file_meta is not None
        same = entry.file_meta == event.meta and entry.datasets == event.datasets
        first = entry.waiting and not entry.datasets
        entry.file_meta, entry.datasets = event.meta, event.datasets
        entry.problem, entry.waiting = None, False
        if polled:
            self.polled.emit(entry)
            if same:
                return
        self._to_picture.append(entry)
        self.changed.emit(entry)
        if first and entry.fresh and entry.dataset is None and len(entry.movie_datasets) > 1:
            self.several_found.emit(entry)

    def _picture(self, entry: MovieEntry, event: Pixels) -> QImage | None:
        pixels = read_slot(self._scratch, event.slot, event.height, event.width)
        if pixels is None:
            return None
        span = event.high - event.low or 1.0
        entry.mean_value = float(pixels.mean(dtype=np.float64)) if np.isfinite(pixels).all() else None
        scaled = np.nan_to_num((pixels - event.low) / span, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
        grey = np.ascontiguousarray((scaled * 255).astype(np.uint8))
        return QImage(grey.data, event.width, event.height, event.width, QImage.Format.Format_Grayscale8).copy()

    def _on_crashed(self, path: str, _log_tail: str) -> None:
        if self._under_way is None:
            return
        _, entry, describing = self._under_way
        self._under_way = None
        if entry in self.entries:
            if entry.path == path and describing:
                self.mark_broken(
                    entry,
                    ErrorInfo(
                        code="crash",
                        what=self.tr("Reading this file stopped the reader."),
                        path=path,
                        advice=self.tr("The file may be damaged; other movies go on."),
                    ),
                )
            elif entry.path != path:
                (self._to_describe if describing else self._to_picture).appendleft(entry)
        self._ask_next()
