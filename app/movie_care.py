"""Looks after what is known of the movie that is shown: what was typed, tags, holder log, growth, datasets.

`app.workspace` says which movie that is; `app.dialogs` asks the user. This file does it and draws nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from PySide6.QtCore import QObject, Signal, SignalInstance

from app.messages.notices import Choice, Notices
from app.movie_panel.movie_panel import MoviePanel
from app.movie_panel.tags_panel import MOST_TAGS, TagsPanel
from app.project_browser.entries import HolderLog, MovieEntry
from app.project_browser.growth_watch import GrowthWatch
from app.project_browser.library import MovieLibrary
from app.project_browser.memory import Memory
from app.viewer.viewer import Viewer
from app.words import count_text, frames_text
from core.protocol.clean_up import CleanUp
from core.protocol.entered import Entered
from core.protocol.reader import HolderLogJoined, ReaderFailed, Tags


class Reader(Protocol):
    """What is needed of the reader's client."""

    answered: SignalInstance
    crashed: SignalInstance

    def tags(self, path: str, dataset: str | None, *, search: str, most: int) -> int: ...

    def holder_log(
        self, path: str, dataset: str | None, *, log: str, offset_s: float, entered: Entered | None
    ) -> int: ...

    def forget(self, path: str) -> None: ...


class MovieCare(QObject):
    """One movie at a time."""

    datasets_wanted = Signal(object)
    clean_up_changed = Signal(object)

    def __init__(
        self,
        reader: Reader,
        library: MovieLibrary,
        memory: Memory,
        viewer: Viewer,
        panel: MoviePanel,
        tags: TagsPanel,
        notices: Notices,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._reader, self._library, self._memory, self._notices = reader, library, memory, notices
        self._viewer, self._panel, self._tags = viewer, panel, tags
        self._entry: MovieEntry | None = None
        self._described = False
        self._asked: dict[int, Callable[[object], None]] = {}
        self._newest: dict[str, int] = {}
        self.growth = GrowthWatch(library, self)
        self._connect()

    def _connect(self) -> None:
        self._reader.answered.connect(self._on_answered)
        self._reader.crashed.connect(self._on_crashed)
        self._panel.entered_changed.connect(self.set_entered)
        self._panel.look_again_wanted.connect(self.look_again)
        self._panel.holder.remove_wanted.connect(lambda: self.set_holder_log(None))
        self._panel.holder.offset_changed.connect(self._on_offset)
        self._tags.search_wanted.connect(self._ask_tags)
        notices = self._notices
        self.growth.began.connect(lambda entry: notices.tell("info", self._growing_text(entry), "growing"))
        self.growth.grew.connect(lambda entry: notices.reword("growing", self._growing_text(entry)))
        self.growth.shrank.connect(self._on_shrank)
        self.growth.stopped.connect(self._on_growth_stopped)
        self._library.several_found.connect(self._on_several)

    @property
    def entry(self) -> MovieEntry | None:
        """The movie that is looked after."""
        return self._entry

    def show(self, entry: MovieEntry | None) -> None:
        """Look after this movie; the same one again when something about it changed."""
        described = entry is not None and entry.meta is not None and entry.problem is None
        another = entry is not self._entry or described != self._described
        self._entry, self._described = entry, described
        self._panel.show_entry(entry)
        if not another:
            return
        if entry is not None and entry.problem is not None:
            self._notices.withdraw("growing")
        self._tags.show_movie(there=described)
        self.growth.watch(entry)
        self._viewer.trace.show_columns(())
        if described:
            self._join_log()

    def close(self) -> None:
        """Ask for nothing more."""
        self.growth.stop()
        self._asked.clear()

    def set_entered(self, entered: Entered) -> None:
        """Take and keep what the user typed about this movie."""
        entry = self._entry
        if entry is None:
            return
        before = entry.meta
        self._library.set_entered(entry, entered)
        self._memory.keep_entered(entry)
        after = entry.meta
        if entry.holder_log is not None and before is not None and after is not None:
            names = ("frame_interval_s", "start_unix_s", "exposure_s")
            if any(getattr(before, name) != getattr(after, name) for name in names):
                self._join_log()

    def set_clean_up(self, entry: MovieEntry, clean_up: CleanUp) -> None:
        """Take and keep what is done about the detector's defects in a movie."""
        entry.clean_up = clean_up
        self._memory.keep_clean_up(entry)
        self.clean_up_changed.emit(entry)

    def look_again(self) -> None:
        """Read the file again."""
        if self._entry is not None and not self._entry.waiting:
            self._library.look_again(self._entry)

    def choose_dataset(self, entry: MovieEntry, key: str) -> MovieEntry:
        """The entry of another dataset of the same file; made if need be, with what was typed about this one."""
        return self._library.add(entry.path, key, entry.file_bytes)

    def eject(self, running: bool) -> None:
        """Close every file, so that a disk can be ejected."""
        self.growth.stop()
        self._viewer.player.stop()
        for path in dict.fromkeys(
            path for entry in self._library.entries for path in (entry.path, *(made.path for made in entry.results))
        ):
            self._reader.forget(path)
        if running:
            told = self.tr("The reader has closed all files, but the run under way still reads its movie and writes.")
            self._notices.tell("warning", told, "eject")
        else:
            told = self.tr("All files are closed; a disk can be ejected now. Looking at a movie opens it again.")
            self._notices.tell("info", told, "eject")

    def set_holder_log(self, path: str | None) -> None:
        """Join a holder log to this movie, or take it away."""
        entry = self._entry
        if entry is None:
            return
        entry.holder_log = None if path is None else HolderLog(path)
        self._memory.keep_holder_log(entry)
        self._panel.holder.show_log(entry.holder_log)
        self._join_log()

    def _on_offset(self, offset_s: float) -> None:
        entry = self._entry
        if entry is not None and entry.holder_log is not None:
            entry.holder_log = replace(entry.holder_log, offset_s=offset_s)
            self._memory.keep_holder_log(entry)
            self._join_log()

    def _join_log(self) -> None:
        entry = self._entry
        log = entry.holder_log if entry is not None else None
        if entry is None or log is None:
            self._newest.pop("log", None)
            self._viewer.trace.show_columns(())
            return
        self._panel.holder.say(self.tr("Joining the log to the frames…"))
        typed = None if entry.entered.nothing else entry.entered
        dataset = entry.open_dataset or None
        number = self._reader.holder_log(entry.path, dataset, log=log.path, offset_s=log.offset_s, entered=typed)
        self._await("log", number, self._on_log)

    def _on_log(self, event: object) -> None:
        if isinstance(event, HolderLogJoined):
            self._viewer.trace.show_columns(event.columns)
            self._panel.holder.say(event.said)
        elif isinstance(event, ReaderFailed):
            self._viewer.trace.show_columns(())
            self._panel.holder.say(event.error.sentence())
            self._notices.tell_error(event.error, "holder-log")

    def _ask_tags(self, search: str) -> None:
        entry = self._entry
        if entry is not None:
            number = self._reader.tags(entry.path, entry.open_dataset or None, search=search, most=MOST_TAGS)
            self._await("tags", number, self._on_tags)

    def _on_tags(self, event: object) -> None:
        if isinstance(event, Tags):
            self._tags.show_tags(event)
        elif isinstance(event, ReaderFailed):
            self._tags.show_failed(event.error.sentence())

    def _await(self, kind: str, number: int, take: Callable[[object], None]) -> None:
        """Only the newest question of a kind counts."""
        self._asked.pop(self._newest.get(kind, -1), None)
        self._newest[kind] = number
        self._asked[number] = take

    def _on_answered(self, event: object) -> None:
        take = self._asked.pop(getattr(event, "id", -1), None)
        if take is not None:
            take(event)

    def _on_crashed(self, _path: str, _log_tail: str) -> None:
        lost, self._asked = self._asked, {}
        if self._newest.get("tags") in lost:
            self._tags.show_failed(self.tr("The reader stopped. Type again to look once more."))
        if self._newest.get("log") in lost:
            self._panel.holder.say(self.tr("The reader stopped over another file. Attach the log once more."))

    def _growing_text(self, entry: MovieEntry) -> str:
        frames = frames_text(entry.file_meta.frames) if entry.file_meta is not None else ""
        told = self.tr("{0} is still being written: {1} so far. New frames appear by themselves.")
        return told.format(entry.name, frames)

    def _on_shrank(self, entry: MovieEntry) -> None:
        self._notices.withdraw("growing")
        frames = frames_text(entry.file_meta.frames) if entry.file_meta is not None else ""
        told = self.tr("{0} has become shorter: {1} are left. Another program may be writing to it.")
        self._notices.tell("warning", told.format(entry.name, frames), "shrank", sticky=True)

    def _on_growth_stopped(self, entry: MovieEntry) -> None:
        frames = frames_text(entry.file_meta.frames) if entry.file_meta is not None else ""
        told = self.tr("{0} has stopped growing: {1}.").format(entry.name, frames)
        self._notices.tell("info", told, "growing")
        self._library.changed.emit(entry)
        if entry is self._entry and entry.holder_log is not None:
            # The new frames have their values, too.
            self._join_log()

    def _on_several(self, entry: MovieEntry) -> None:
        if entry is not self._entry:
            # Of many files at once, only the one that is looked at speaks up; the rows of the others say it.
            return
        told = self.tr("{0} holds {1} movies; this one is “{2}”.").format(
            entry.name,
            count_text(len(entry.movie_datasets)),
            next((info.title for info in entry.datasets if info.key == entry.open_dataset), "") or entry.open_dataset,
        )
        choose = Choice(self.tr("Choose…"), lambda: self.datasets_wanted.emit(entry))
        self._notices.tell("info", told, f"datasets:{entry.path}", choose)
