"""Files and folders that are dropped or opened: understood by the reader first, said, and only then added."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from PySide6.QtCore import QObject, Signal, SignalInstance

from app.messages.notices import Notices
from app.project_browser.library import MovieLibrary
from core.protocol.reader import Find, ReaderFailed, Surveyed


class Reader(Protocol):
    """What is needed of the reader's client."""

    answered: SignalInstance
    crashed: SignalInstance

    def survey(self, paths: Iterable[str]) -> int: ...


class Arrivals(QObject):
    """Files that the user named are added at once; of a folder the user is asked first.

    Signals
    -------
    choice_wanted(Surveyed)
        A folder was understood: ask which of its movies to add, then call `add`.
    added(list of MovieEntry)
        These are in the list now.
    """

    choice_wanted = Signal(object)
    added = Signal(list)

    def __init__(self, reader: Reader, library: MovieLibrary, notices: Notices, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader, self._library, self._notices = reader, library, notices
        self._asked: dict[int, tuple[str, ...]] = {}
        reader.answered.connect(self._on_answered)
        reader.crashed.connect(self._on_crashed)

    def open(self, paths: Iterable[str]) -> None:
        """Look at what these are."""
        wanted = tuple(paths)
        if wanted:
            self._asked[self._reader.survey(wanted)] = wanted

    def add(self, finds: Iterable[Find]) -> None:
        """Add what was found and chosen."""
        entries = [self._library.add(find.path, find.dataset, find.file_bytes) for find in finds]
        if entries:
            self.added.emit(entries)

    def close(self) -> None:
        """Take no answer any more."""
        self._asked.clear()

    def _on_answered(self, event: object) -> None:
        if not isinstance(event, Surveyed | ReaderFailed):
            return
        paths = self._asked.pop(event.id, None)
        if paths is None:
            return
        if isinstance(event, ReaderFailed):
            self._notices.tell_error(event.error, "survey")
        elif event.folders and event.finds:
            self.choice_wanted.emit(event)
        elif event.folders:
            what = event.said or self.tr("There is no movie in this folder.")
            self._notices.tell("warning", what, "survey")
        else:
            self._add_named(event, paths)

    def _add_named(self, event: Surveyed, paths: tuple[str, ...]) -> None:
        # What is no movie for the survey is added too: its row then says what is wrong with it.
        self.add(event.finds or tuple(Find(path=path) for path in paths))
        for find in event.finds:
            if find.files > 1 and find.said:
                self._notices.tell("info", find.said, f"find:{find.path}")

    def _on_crashed(self, path: str, _log_tail: str) -> None:
        lost, self._asked = self._asked, {}
        for paths in lost.values():
            if path not in paths:
                self.open(paths)
