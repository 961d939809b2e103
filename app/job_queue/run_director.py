"""Takes a run through the engine: start, frames, cancel, crash and going on."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.job_queue.engine_link import Engine
from app.job_queue.run import Run, RunState
from app.scratch import ScratchFolder
from app.viewer.landed_frames import LandedFrames
from app.viewer.picture import FrameMap
from core.protocol.base import ErrorInfo
from core.protocol.denoise import DenoiseRequest, DenoiseResult, DeviceChoice, Scratch
from core.protocol.engine import (
    FrameLanded,
    JobCancelled,
    JobDone,
    JobFailed,
    JobNotice,
    JobProgress,
    JobStarted,
)
from core.protocol.movie import MovieMeta

LARGEST_SLOT = 6 << 20
RING_BYTES = 256 << 20
CANCEL_GRACE_MS = 3000
MOST_CRASHES = 5


class RunDirector(QObject):
    """One run at a time. Signals carry the run; its fields are up to date when they are sent."""

    changed = Signal(object)
    frame_landed = Signal(object, int)
    noticed = Signal(object, object)
    engine_lost = Signal(object)
    ended = Signal(object)

    def __init__(self, engine: Engine, folder: ScratchFolder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._folder = folder
        self._scratch: Scratch | None = None
        self.run: Run | None = None
        self.grace_ms = CANCEL_GRACE_MS
        self._grace = QTimer(self)
        self._grace.setSingleShot(True)
        self._grace.timeout.connect(self._on_grace_over)
        engine.event_received.connect(self._on_event)
        engine.crashed.connect(self._on_crashed)
        engine.restarted.connect(self._on_restarted)
        engine.gave_up.connect(self._on_gave_up)

    @property
    def active(self) -> bool:
        """Whether a run is under way."""
        return self.run is not None and self.run.active

    def start(self, request: DenoiseRequest, model_title: str, meta: MovieMeta) -> Run:
        """Begin a run. Another one must not be under way."""
        if self.active:
            raise RuntimeError("a run is under way")
        frame_map = FrameMap.of(request.frames, request.region, request.sum_frames, meta.shape)
        self._drop_scratch()
        slot = min(max(4, frame_map.height * frame_map.width * 4), LARGEST_SLOT)
        slots = max(2, min(frame_map.count, RING_BYTES // slot))
        self._scratch = self._folder.create("frames", slot, slots)
        run = Run(request.model_copy(update={"scratch": self._scratch}), model_title, frame_map.count)
        run.landed = LandedFrames(self._scratch, frame_map, model_title)
        self.run = run
        self._send(run)
        return run

    def go_on(self, device: DeviceChoice | None = None) -> None:
        """Start the last run again from its finished frames; on another device if one is given."""
        run = self.run
        if run is None or run.active or run.state is RunState.DONE:
            return
        run.error, run.crashes, run.done_at_crash = None, 0, -1
        changes = {"resume": True} if device is None else {"resume": True, "device": device}
        run.request = run.request.model_copy(update=changes)
        self._send(run)

    def cancel(self) -> None:
        """Stop the run; said at once, done at the engine's next tile, and forced if that takes too long."""
        run = self.run
        if run is None or run.state not in (RunState.WAITING, RunState.RUNNING):
            return
        if run.job is None:
            self._end(run, RunState.CANCELLED)
            return
        run.state = RunState.CANCELLING
        self._engine.cancel(run.job)
        self._grace.start(self.grace_ms)
        self.changed.emit(run)

    def close(self) -> None:
        """Forget the run's scratch file."""
        self._grace.stop()
        self._drop_scratch()

    def _send(self, run: Run) -> None:
        run.state, run.stage, run.eta_s, run.rate = RunState.WAITING, "", None, None
        run.job = self._engine.send_job(run.request)
        self.changed.emit(run)

    def _drop_scratch(self) -> None:
        if self._scratch is not None:
            self._folder.remove(self._scratch)
            self._scratch = None

    def _end(self, run: Run, state: RunState) -> None:
        self._grace.stop()
        run.state, run.job, run.eta_s = state, None, None
        self.changed.emit(run)
        self.ended.emit(run)

    def _on_event(self, event: object) -> None:
        run = self.run
        if run is None or run.job is None or getattr(event, "id", None) != run.job:
            return
        if isinstance(event, FrameLanded):
            self._on_frame(run, event)
        elif isinstance(event, JobProgress):
            self._on_progress(run, event)
        elif isinstance(event, JobStarted):
            if run.state is RunState.WAITING:
                run.state = RunState.RUNNING
            run.total = event.total or run.total
            self.changed.emit(run)
        elif isinstance(event, JobNotice):
            run.notices.append(event.notice)
            self.noticed.emit(run, event.notice)
        elif isinstance(event, JobDone) and isinstance(event.result, DenoiseResult):
            run.result, run.done = event.result, event.result.frames
            self._end(run, RunState.DONE)
        elif isinstance(event, JobCancelled):
            run.done = max(run.done, event.finished)
            self._end(run, RunState.CANCELLED)
        elif isinstance(event, JobFailed):
            run.done, run.error = max(run.done, event.finished), event.error
            self._end(run, RunState.FAILED)

    def _on_frame(self, run: Run, event: FrameLanded) -> None:
        if run.landed is not None:
            run.landed.add(event)
            self.frame_landed.emit(run, run.landed.frame_map.to_raw(event.frame))

    def _on_progress(self, run: Run, event: JobProgress) -> None:
        if run.state is RunState.WAITING:
            run.state = RunState.RUNNING
        run.stage, run.done, run.total = event.stage, event.done, event.total
        run.eta_s, run.rate, run.rate_unit = event.eta_s, event.rate, event.rate_unit
        self.changed.emit(run)

    def _on_grace_over(self) -> None:
        run = self.run
        if run is not None and run.state is RunState.CANCELLING:
            self._end(run, RunState.CANCELLED)
            self._engine.stop_now()

    def _on_crashed(self, log_tail: str) -> None:
        run = self.run
        if run is None or not run.active:
            return
        if run.state is RunState.CANCELLING:
            self._end(run, RunState.CANCELLED)
            return
        run.crashes += 1
        if run.crashes >= MOST_CRASHES or (run.crashes > 1 and run.done <= run.done_at_crash):
            self._fail(run, log_tail)
            return
        run.done_at_crash = run.done
        run.job = None
        run.state, run.stage, run.eta_s, run.rate = RunState.WAITING, "", None, None
        self.changed.emit(run)
        self.engine_lost.emit(run)

    def _fail(self, run: Run, log_tail: str) -> None:
        last_words = (log_tail.strip().splitlines() or [""])[-1]
        run.error = ErrorInfo(
            code="crash",
            what=self.tr("The engine stopped again at frame {0}.").format(run.done + 1),
            path=run.request.source,
            advice=self.tr("Finished frames are kept. Try a smaller region or another device. {0}").format(last_words),
        )
        self._end(run, RunState.FAILED)

    def _on_gave_up(self, log_tail: str) -> None:
        if self.run is not None and self.run.active:
            self._fail(self.run, log_tail)

    def _on_restarted(self) -> None:
        run = self.run
        if run is not None and run.state is RunState.WAITING and run.job is None:
            run.request = run.request.model_copy(update={"resume": True})
            self._send(run)
