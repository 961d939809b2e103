"""A job beside the runs: an export, or a look for defects. One at a time of each kind; it ends in one signal."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.job_queue.engine_link import Engine
from core.protocol.base import ErrorInfo
from core.protocol.clean_up import DetectorRequest
from core.protocol.denoise_parts import Notice
from core.protocol.engine import JobCancelled, JobDone, JobFailed, JobNotice, JobProgress, JobStarted
from core.protocol.export import ExportRequest

SideRequest = ExportRequest | DetectorRequest


class SideJob(QObject):
    """Takes a request through the engine.

    Signals
    -------
    changed()
        Stage or progress is another.
    done(ExportRequest or DetectorRequest, ExportResult or DetectorResult), failed(request, ErrorInfo), stopped(request)
        How it ended.
    """

    changed = Signal()
    done = Signal(object, object)
    failed = Signal(object, object)
    stopped = Signal(object)

    def __init__(self, engine: Engine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._number: int | None = None
        self.request: SideRequest | None = None
        self.stage = ""
        self.finished = 0
        self.total = 0
        self.eta_s: float | None = None
        self.cancelling = False
        self.notices: list[Notice] = []
        engine.event_received.connect(self._on_event)
        engine.crashed.connect(self._on_crashed)

    @property
    def active(self) -> bool:
        """Whether it is under way."""
        return self._number is not None

    def start(self, request: SideRequest) -> None:
        """Begin; another of this kind must not be under way."""
        if self.active:
            raise RuntimeError("a job of this kind is under way")
        self.request, self.stage, self.finished, self.total = request, "", 0, 0
        self.eta_s, self.cancelling, self.notices = None, False, []
        self._number = self._engine.send_job(request)
        self.changed.emit()

    def cancel(self) -> None:
        """Stop it; shown at once, done at the engine's next look."""
        if self._number is not None and not self.cancelling:
            self.cancelling = True
            self._engine.cancel(self._number)
            self.changed.emit()

    def _on_event(self, event: object) -> None:
        if self._number is None or getattr(event, "id", None) != self._number:
            return
        if isinstance(event, JobStarted):
            self.total = event.total or self.total
            self.changed.emit()
        elif isinstance(event, JobProgress):
            self.stage, self.finished, self.total = event.stage, event.done, event.total
            self.eta_s = event.eta_s
            self.changed.emit()
        elif isinstance(event, JobNotice):
            self.notices.append(event.notice)
        elif isinstance(event, JobDone):
            self._number = None
            self.changed.emit()
            self.done.emit(self.request, event.result)
        elif isinstance(event, JobFailed):
            self._fail(event.error)
        elif isinstance(event, JobCancelled):
            self._number = None
            self.changed.emit()
            self.stopped.emit(self.request)

    def _fail(self, error: ErrorInfo) -> None:
        self._number = None
        self.changed.emit()
        self.failed.emit(self.request, error)

    def _on_crashed(self, log_tail: str) -> None:
        if self._number is None:
            return
        if self.cancelling:
            self._number = None
            self.changed.emit()
            self.stopped.emit(self.request)
            return
        last_words = (log_tail.strip().splitlines() or [""])[-1]
        source = self.request.source if self.request is not None else None
        advice = self.tr("It was started again; try once more. {0}").format(last_words).strip()
        self._fail(ErrorInfo(code="crash", what=self.tr("The engine stopped."), path=source, advice=advice))
