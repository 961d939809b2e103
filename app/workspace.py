"""Joins the rooms: which movie is looked at, what is asked of reader and engine, what the user is told.

The rooms know nothing of each other; this file alone connects them. It draws nothing.
"""

from __future__ import annotations

import time
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from app.job_queue.denoise_panel import DenoisePanel
from app.job_queue.draft_director import DraftDirector
from app.job_queue.engine_link import Engine
from app.job_queue.engine_watch import EngineWatch
from app.job_queue.estimator import Estimator
from app.job_queue.run import Run, RunState
from app.job_queue.run_director import RunDirector
from app.messages.notices import Choice, Notices
from app.project_browser.arrivals import Arrivals
from app.project_browser.browser import Browser
from app.project_browser.entries import MovieEntry, ResultEntry
from app.project_browser.library import MovieLibrary
from app.project_browser.memory import Interrupted, Memory
from app.project_browser.row_model import Row
from app.scratch import ScratchFolder
from app.settings.keeper import SettingsKeeper
from app.viewer.picture import FrameMap, Picture, PictureKind
from app.viewer.reader_feed import FileSource
from app.viewer.viewer import Viewer
from app.words import frames_text
from core.projects import JobState
from core.protocol.base import ErrorInfo
from core.protocol.denoise import DenoiseRequest, DeviceChoice, Notice
from core.protocol.movie import MovieMeta

DRAFT_DELAY_MS = 250
DRAFT_PIXELS = {"cpu": 640 * 640}
DRAFT_PIXELS_GPU = 2048 * 2048


class Workspace(QObject):
    """The window's conductor."""

    run_changed = Signal(object)
    engine_status_changed = Signal(str)
    movie_count_changed = Signal(int)
    shown_changed = Signal(object)
    selection_changed = Signal(object)

    def __init__(
        self,
        library: MovieLibrary,
        browser: Browser,
        viewer: Viewer,
        panel: DenoisePanel,
        arrivals: Arrivals,
        engine: Engine,
        folder: ScratchFolder,
        memory: Memory,
        settings: SettingsKeeper,
        notices: Notices,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._library, self._browser, self._viewer, self._panel = library, browser, viewer, panel
        self._memory, self._settings, self._notices = memory, settings, notices
        self.runs = RunDirector(engine, folder, self)
        self.drafts = DraftDirector(engine, folder, self)
        self.estimates = Estimator(engine, self)
        self.watch = EngineWatch(engine, panel.models, settings, notices, self)
        self._arrivals = arrivals
        self._shown: MovieEntry | None = None
        self._draft_follows = False
        self._draft_later = QTimer(self)
        self._draft_later.setSingleShot(True)
        self._draft_later.timeout.connect(self._ask_draft)
        self._connect()

    def _connect(self) -> None:
        library, viewer, panel = self._library, self._viewer, self._panel
        self._browser.selected.connect(self._on_selected)
        self._arrivals.added.connect(lambda entries: self._browser.select(entries[0]))
        library.added.connect(self._on_added)
        library.changed.connect(self._on_entry_changed)
        library.removed.connect(self._on_removed)
        viewer.view_changed.connect(self._on_view_changed)
        viewer.picture_failed.connect(self._on_picture_failed)
        viewer.picture_shown.connect(self._on_picture_shown)
        panel.denoise_wanted.connect(self._on_denoise_wanted)
        panel.estimate_wanted.connect(self.estimates.ask)
        panel.place_changed.connect(self._on_place_changed)
        panel.models.model_chosen.connect(self._on_model_chosen)
        panel.models.model_suggested.connect(self._on_model_suggested)
        self.estimates.answered.connect(panel.show_estimate)
        self.estimates.failed.connect(panel.show_estimate_failed)
        self.drafts.arrived.connect(self._on_draft)
        self.drafts.failed.connect(self._on_draft_failed)
        self.runs.changed.connect(self._on_run_changed)
        self.runs.frame_landed.connect(self._on_frame_landed)
        self.runs.noticed.connect(self._on_run_notice)
        self.runs.engine_lost.connect(self._on_engine_lost)
        self.runs.ended.connect(self._on_run_ended)
        self.watch.status_changed.connect(self.engine_status_changed)
        self.watch.models_listed.connect(self._name_models)
        self._memory.failed.connect(lambda error: self._notices.tell_error(error, "project"))

    def restore(self) -> None:
        """Bring back what the project remembers, and offer a job that was interrupted."""
        for error in self._memory.notices:
            self._notices.tell("warning", error.sentence(), f"project:{error.code}", sticky=True)
        for entry in self._memory.movies():
            self._library.restore(entry)
        if self._library.entries and self._browser.current() is None:
            self._browser.select(self._library.entries[0])
        for job in self._memory.interrupted():
            self._offer(job)

    def close(self) -> None:
        """Stop what this object started; a run under way is remembered as interrupted."""
        self._arrivals.close()
        run = self.runs.run
        if run is not None and run.active and run.record is not None:
            self._memory.job_ended(run.record, JobState.INTERRUPTED)
        self._draft_later.stop()
        self.runs.close()

    def remove_current(self) -> None:
        """Take the selected movie from the list; a run of it must end first."""
        row = self._browser.current()
        if row is None:
            return
        run = self.runs.run
        if run is not None and run.active and run.request.source == row.movie.path:
            self._notices.tell("info", self.tr("This movie is being denoised. Cancel the run to remove it."), "busy")
            return
        self._library.remove(row.movie)

    @property
    def shown(self) -> MovieEntry | None:
        """The movie that is shown."""
        return self._shown

    @property
    def draft_is_due(self) -> bool:
        """Whether a draft is about to be asked for, or awaited."""
        return self._draft_later.isActive() or self.drafts.busy

    def set_draft_follows(self, follows: bool) -> None:
        """Whether the visible part is denoised as a draft, again and again as the view changes."""
        self._draft_follows = follows
        if follows:
            self._draft_later.start(0)
        else:
            self._draft_later.stop()
            self.drafts.give_up()
            self._viewer.await_draft(False)
            self._viewer.set_draft(None)

    def _on_added(self, entry: MovieEntry) -> None:
        self._memory.keep_movie(entry)
        self.movie_count_changed.emit(len(self._library.entries))

    def _on_removed(self, entry: MovieEntry) -> None:
        self._memory.drop_movie(entry)
        if entry is self._shown:
            self._on_selected(self._browser.current())
        self.movie_count_changed.emit(len(self._library.entries))

    def _on_entry_changed(self, entry: MovieEntry) -> None:
        self._memory.keep_movie(entry)
        if entry is self._shown:
            meta, shown = entry.meta, self._viewer.meta
            if meta is None or shown is None or entry.problem is not None:
                self._show(entry, self._selected_result(entry))
            elif shown != meta:
                self._viewer.update_movie(entry.path, meta)
                if (shown.counts_per_electron, shown.black_level) != (meta.counts_per_electron, meta.black_level):
                    self._viewer.set_draft(None)
                    self._on_view_changed()
                self._show_denoised(entry, self._selected_result(entry))
                self._panel.set_movie(entry, self._taken())
            self._panel.show_fit(entry)
            self.shown_changed.emit(entry)

    def _selected_result(self, entry: MovieEntry) -> ResultEntry | None:
        row = self._browser.current()
        return row.result if row is not None and row.movie is entry else None

    def _on_selected(self, row: Row | None) -> None:
        if row is None:
            self._shown = None
            self._viewer.show_nothing()
            self._panel.set_movie(None)
            self.shown_changed.emit(None)
            self.selection_changed.emit(None)
            return
        if row.movie is not self._shown:
            self._show(row.movie, row.result)
            self.shown_changed.emit(row.movie)
            self.selection_changed.emit(row.movie)
        elif row.movie.meta is not None and row.movie.problem is None:
            self._show_denoised(row.movie, row.result)

    def _show(self, entry: MovieEntry, result: ResultEntry | None) -> None:
        self._shown = entry
        self.drafts.give_up()
        if entry.problem is not None:
            self._viewer.show_problem(entry.problem)
        elif entry.meta is None:
            self._viewer.show_nothing(self.tr("Looking at the file…"))
        else:
            self._viewer.show_movie(entry.path, entry.meta)
            self._show_denoised(entry, result)
        self._panel.set_movie(entry, self._taken())
        self._panel.set_visible_region(self._viewer.visible_region())

    def _show_denoised(self, entry: MovieEntry, result: ResultEntry | None) -> None:
        """What the right pane shows: the result selected, else the run that has not ended well, else the newest."""
        run = self.runs.run
        if run is not None and self._is_of(run, entry) and run.state is not RunState.DONE and result is None:
            # Under way, or stopped before its end: what landed stays to be seen.
            self._viewer.set_result(None)
            self._viewer.set_landed(run.landed)
            return
        chosen = result or next((known for known in reversed(entry.results) if known.problem is None), None)
        self._viewer.set_landed(None)
        self._viewer.set_result(self._source_of(entry, chosen) if chosen is not None else None)

    def _source_of(self, entry: MovieEntry, result: ResultEntry) -> FileSource | None:
        if entry.meta is None:
            return None
        request = result.request
        frame_map = FrameMap.of(request.frames, request.region, request.sum_frames, entry.meta.shape)
        if result.frames:
            # The movie may have grown since.
            frame_map = replace(frame_map, count=min(frame_map.count, result.frames))
        line = request.plan.stored if request.plan is not None else None
        origin, slope = (line.origin, line.scale) if line is not None else (0.0, 1.0)
        return FileSource(result.path, None, frame_map, PictureKind.RESULT, result.model_title, origin, slope)

    def _is_of(self, run: Run, entry: MovieEntry) -> bool:
        return entry.is_of(run.request.source, run.request.dataset)

    def _taken(self) -> set[str]:
        paths = {entry.path for entry in self._library.entries}
        return paths | {result.path for entry in self._library.entries for result in entry.results}

    def _on_view_changed(self) -> None:
        self._panel.set_visible_region(self._viewer.visible_region())
        if self._draft_follows:
            self._draft_later.start(DRAFT_DELAY_MS)

    def _on_picture_shown(self, picture: Picture) -> None:
        if picture.kind is PictureKind.RAW and self._draft_follows and not self._draft_later.isActive():
            self._draft_later.start(DRAFT_DELAY_MS)

    def _on_picture_failed(self, error: ErrorInfo) -> None:
        for result in self._shown.results if self._shown is not None else []:
            if error.path == result.path:
                result.problem = error
                self._viewer.set_result(None)
                self._library.changed.emit(self._shown)
        self._notices.tell_error(error, f"file:{error.path}")

    def take_clean_up(self, entry: MovieEntry) -> None:
        """What is done about the detector's defects was chosen anew."""
        if entry is self._shown:
            self._panel.set_movie(entry, self._taken())
            self._viewer.set_draft(None)
            if self._draft_follows:
                self._draft_later.start(DRAFT_DELAY_MS)

    def _on_place_changed(self, output: str) -> None:
        told = self.tr("The movie's folder may not be written to. The result goes to {0} instead.").format(output)
        self._notices.tell("warning", told, "place", sticky=True)

    def _on_model_chosen(self, name: str) -> None:
        self._settings.change(model=name)
        self._on_model_suggested(name)

    def _on_model_suggested(self, _name: str) -> None:
        self._viewer.set_draft(None)
        if self._draft_follows:
            self._draft_later.start(DRAFT_DELAY_MS)

    def _ask_draft(self) -> None:
        entry = self._shown
        card = self._panel.models.current_card()
        region = self._viewer.draft_region(DRAFT_PIXELS.get(self.watch.device_kind, DRAFT_PIXELS_GPU))
        if not self._draft_follows or entry is None or entry.meta is None or card is None or region is None:
            return
        if self._viewer.shows_better_than_draft() or self._viewer.player.playing:
            return
        if self._viewer.has_draft_of(region, card.title):
            return
        self._viewer.await_draft(True)
        self.drafts.ask(
            entry.path,
            entry.dataset,
            self._viewer.state.frame,
            region,
            card.name,
            card.title,
            self._settings.now.device,
            None if entry.entered.nothing else entry.entered,
            entry.clean_up,
        )

    def _on_draft(self, picture: Picture) -> None:
        self._viewer.set_draft(picture)

    def _on_draft_failed(self, error: ErrorInfo | None) -> None:
        self._viewer.await_draft(False)
        if error is not None and error.code != "cancelled":
            self._notices.tell_error(error, "draft")

    def _on_denoise_wanted(self, request: DenoiseRequest) -> None:
        entry = self._shown
        if entry is None or entry.meta is None or self.runs.active:
            return
        self.estimates.give_up()
        self._begin(entry, entry.meta, request, self._panel.models.title(request.model))

    def _begin(self, entry: MovieEntry, meta: MovieMeta, request: DenoiseRequest, title: str) -> None:
        run = self.runs.start(request, title, meta)
        run.record = self._memory.job_begun(run.request, entry)
        self._panel.set_running(True)
        self._show_denoised(entry, None)

    def go_on(self, device: DeviceChoice | None = None) -> None:
        """Start the run that stopped again, from its finished frames; on another device if one is given."""
        run = self.runs.run
        entry = self._library.find(run.request.source, run.request.dataset) if run is not None else None
        if run is None or entry is None or self.runs.active:
            return
        self._notices.withdraw("run")
        self.runs.go_on(device)
        run.record = self._memory.job_begun(run.request, entry)
        self._panel.set_running(True)
        if entry is self._shown:
            self._show_denoised(entry, None)

    def _on_run_changed(self, run: Run) -> None:
        self.run_changed.emit(run)

    def _on_frame_landed(self, run: Run, raw_frame: int) -> None:
        frame = run.landed.frame_map.to_result(raw_frame) if run.landed is not None else None
        if run.record is not None and frame is not None:
            self._memory.frames_finished(run.record, [frame])
        if self._shown is not None and self._is_of(run, self._shown):
            self._viewer.frame_landed(raw_frame, follow=self._settings.now.follow_landing_frames)

    def _on_run_notice(self, _run: Run, notice: Notice) -> None:
        if notice.code == "local-mean":
            # The progress panel tells it with the result, and counts frames from 1 as the rest of the window does.
            return
        self._notices.tell(notice.level, notice.text, f"run:{notice.code}", sticky=notice.level != "info")

    def _on_run_ended(self, run: Run) -> None:
        if run.record is not None:
            self._memory.job_ended(run.record, JobState(run.state.value), run.error, run.result)
        self._notices.withdraw("engine")
        entry = self._library.find(run.request.source, run.request.dataset)
        if run.state is RunState.DONE and run.result is not None and entry is not None:
            result = ResultEntry.of(run.request, run.result, run.model_title, time.time())
            self._library.add_result(entry, result)
            self._memory.keep_result(entry, result, run.record)
        elif run.state is RunState.FAILED and run.error is not None:
            choices = [Choice(self.tr("Go on"), self.go_on)]
            if self.watch.device_kind != "cpu" and run.request.device != "cpu":
                choices.append(Choice(self.tr("Go on with the CPU"), lambda: self.go_on("cpu")))
            self._notices.tell_error(run.error, "run", *choices)
        self._panel.set_running(False)
        if entry is not None and entry is self._shown:
            self._show_denoised(entry, None)
            self._panel.set_movie(entry, self._taken())

    def _offer(self, job: Interrupted) -> None:
        entry = self._library.find(job.request.source, job.request.dataset)
        if entry is None:
            return
        self._notices.tell(
            "warning",
            self.tr("Denoising {0} was interrupted. {1} are finished and kept.").format(
                entry.name, frames_text(job.finished)
            ),
            f"interrupted:{job.record}",
            Choice(self.tr("Go on"), lambda: self._resume(job)),
            Choice(self.tr("Not now"), lambda: None),
            Choice(self.tr("Forget"), lambda: self._memory.job_ended(job.record, JobState.CANCELLED)),
        )

    def _resume(self, job: Interrupted) -> None:
        entry = self._library.find(job.request.source, job.request.dataset)
        if entry is None or entry.meta is None or self.runs.active:
            self._notices.tell("info", self.tr("This cannot go on yet: the movie is not read, or a run is under way."))
            self._offer(job)
            return
        self._memory.job_ended(job.record, JobState.CANCELLED)
        self._browser.select(entry)
        title = self._panel.models.title(job.request.model)
        self._begin(entry, entry.meta, job.request.model_copy(update={"resume": True}), title)

    def _name_models(self) -> None:
        """Results that the project remembers know their model's name; its title comes with the list."""
        for entry in self._library.entries:
            for result in entry.results:
                result.model_title = self._panel.models.title(result.request.model)
            if entry.results:
                self._library.changed.emit(entry)

    def _on_engine_lost(self, run: Run) -> None:
        self._notices.tell(
            "warning",
            self.tr(
                "The engine stopped unexpectedly. It is started again and goes on from frame {0}; "
                "finished frames are kept."
            ).format(run.done + 1),
            "engine",
            sticky=True,
        )
