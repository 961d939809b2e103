"""Looks in passing whether the file that is shown still grows: the camera may be writing it.

A watcher of the file system is silent on network drives, so the reader is asked, seldom, and less so when nothing
happens.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.project_browser.entries import MovieEntry
from app.project_browser.library import MovieLibrary

FIRST_LOOK_MS = 5_000
LOOK_MS = 3_000
STILL_LOOKS = 10
FRESH_LOOKS = 3


class GrowthWatch(QObject):
    """Watches one movie at a time.

    A movie that was just shown is looked at a few times; one that grew, as long as it grows and half a minute longer.

    Signals
    -------
    began(MovieEntry)
        It has more frames, or more bytes, than before; said once, until it has stopped.
    grew(MovieEntry)
        The same, each time after the first.
    shrank(MovieEntry)
        It has fewer frames than before.
    stopped(MovieEntry)
        It grew, and does not any more.
    """

    began = Signal(object)
    grew = Signal(object)
    shrank = Signal(object)
    stopped = Signal(object)

    def __init__(self, library: MovieLibrary, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._entry: MovieEntry | None = None
        self._before = (0, 0)
        self._looks_left = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look)
        library.polled.connect(self._on_polled)

    @property
    def entry(self) -> MovieEntry | None:
        """What is watched."""
        return self._entry

    def watch(self, entry: MovieEntry | None) -> None:
        """Watch another movie, or none; the same one is looked at anew."""
        before = self._entry
        if before is not None and before is not entry:
            before.growing = False
        self._entry = entry
        self._timer.stop()
        if entry is None or entry.file_meta is None or entry.problem is not None:
            return
        self._before = _size(entry)
        cut_short = entry.file_meta.truncated or entry.growing
        self._looks_left = STILL_LOOKS if cut_short else FRESH_LOOKS
        self._timer.start(FIRST_LOOK_MS)

    def look_now(self) -> None:
        """Look at once, as when the user comes back to the window."""
        if self._entry is not None:
            self._looks_left = max(self._looks_left, 1)
            self._timer.start(0)

    def stop(self) -> None:
        """Look no more, so that a disk can be ejected."""
        self.watch(None)

    def _look(self) -> None:
        if self._entry is not None and self._entry.problem is None:
            self._library.poll(self._entry)

    def _on_polled(self, entry: MovieEntry) -> None:
        if entry is not self._entry or entry.file_meta is None:
            return
        now = _size(entry)
        if now[0] < self._before[0]:
            self._before, entry.growing = now, False
            self.shrank.emit(entry)
        if now[0] > self._before[0] or now[1] > self._before[1]:
            self._before, self._looks_left = now, STILL_LOOKS
            if entry.growing:
                self.grew.emit(entry)
            else:
                entry.growing = True
                self.began.emit(entry)
        else:
            self._looks_left -= 1
            if self._looks_left <= 0:
                self._end(entry)
                return
        self._timer.start(LOOK_MS)

    def _end(self, entry: MovieEntry) -> None:
        if entry.growing:
            entry.growing = False
            self.stopped.emit(entry)


def _size(entry: MovieEntry) -> tuple[int, int]:
    meta = entry.file_meta
    return (0, 0) if meta is None else (meta.frames, meta.file_bytes)
