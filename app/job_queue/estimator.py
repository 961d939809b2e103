"""Asks the engine what a denoise would cost; only the newest question counts."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.job_queue.engine_link import Engine
from core.protocol.denoise import DenoiseRequest, EstimateRequest, EstimateResult
from core.protocol.engine import JobDone, JobFailed


class Estimator(QObject):
    """One question at a time."""

    answered = Signal(object)
    failed = Signal(object)

    def __init__(self, engine: Engine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._job: int | None = None
        self._request: DenoiseRequest | None = None
        engine.event_received.connect(self._on_event)
        engine.restarted.connect(self._on_restarted)

    def ask(self, request: DenoiseRequest) -> None:
        """Ask about a request; an earlier question is given up."""
        self.give_up()
        self._request = request
        self._job = self._engine.send_job(EstimateRequest(request=request))

    def give_up(self) -> None:
        """Await no answer any more."""
        if self._job is not None:
            self._engine.cancel(self._job)
            self._job = None

    def _on_event(self, event: object) -> None:
        if self._job is None or getattr(event, "id", None) != self._job:
            return
        if isinstance(event, JobDone) and isinstance(event.result, EstimateResult):
            self._job = None
            self.answered.emit(event.result)
        elif isinstance(event, JobFailed):
            self._job = None
            self.failed.emit(event.error)

    def _on_restarted(self) -> None:
        """The question died with the engine: ask once more, and not again."""
        request, job = self._request, self._job
        self._request, self._job = None, None
        if job is not None and request is not None:
            self._job = self._engine.send_job(EstimateRequest(request=request))
