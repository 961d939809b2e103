"""Installs, exports and removes models through the engine, one by one, and keeps the list of those there are."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import QObject, Signal, SignalInstance

from core.protocol.base import ErrorInfo
from core.protocol.engine import JobCancelled, JobDone, JobFailed, ModelsListed
from core.protocol.model_card import ModelCard
from core.protocol.models import ExportModelRequest, InstallModelRequest, RemoveModelRequest

ModelRequest = InstallModelRequest | ExportModelRequest | RemoveModelRequest


class ModelEngine(Protocol):
    """What is needed of the engine's client."""

    event_received: SignalInstance
    crashed: SignalInstance

    def send_job(self, job: ModelRequest) -> int: ...

    def list_models(self) -> int: ...


class ModelJobs(QObject):
    """The models as the engine lists them, and the jobs about them.

    Signals
    -------
    listed()
        The list is another.
    changed()
        A job began or ended.
    done(object)
        What came of one: `InstallModelResult`, `ExportModelResult` or `RemoveModelResult`.
    failed(request, ErrorInfo)
        One could not be done.
    """

    listed = Signal()
    changed = Signal()
    done = Signal(object)
    failed = Signal(object, object)

    def __init__(self, engine: ModelEngine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._waiting: deque[ModelRequest] = deque()
        self._request: ModelRequest | None = None
        self._number: int | None = None
        self.cards: tuple[ModelCard, ...] = ()
        # Before the engine has answered, no models are no sign of anything.
        self.known = False
        self.default: str | None = None
        self._own: frozenset[tuple[str, str]] = frozenset()
        engine.event_received.connect(self._on_event)
        engine.crashed.connect(self._on_crashed)

    @property
    def active(self) -> bool:
        """Whether one is under way."""
        return self._number is not None

    def is_own(self, card: ModelCard) -> bool:
        """Whether the user has installed this model, so that it can be removed."""
        return (card.name, card.version) in self._own

    def install(self, paths: Sequence[str]) -> None:
        """Install the models of these files."""
        for path in paths:
            self._add(InstallModelRequest(source=path))

    def export(self, card: ModelCard, output: str, overwrite: bool) -> None:
        """Write a model into a file; `overwrite`: the user has agreed to replace it if it was there."""
        self._add(ExportModelRequest(name=card.name, version=card.version, output=output, overwrite=overwrite))

    def remove(self, card: ModelCard) -> None:
        """Remove one of the user's own models."""
        self._add(RemoveModelRequest(name=card.name, version=card.version))

    def _add(self, request: ModelRequest) -> None:
        self._waiting.append(request)
        self._begin()

    def _begin(self) -> None:
        if self._number is None and self._waiting:
            self._request = self._waiting.popleft()
            self._number = self._engine.send_job(self._request)
        self.changed.emit()

    def _on_event(self, event: object) -> None:
        if isinstance(event, ModelsListed):
            self.cards, self.default, self._own = event.models, event.default, frozenset(event.own)
            self.known = True
            self.listed.emit()
            return
        if self._number is None or getattr(event, "id", None) != self._number:
            return
        if isinstance(event, JobDone):
            self._number = None
            # What can be chosen for a run is another now, too.
            self._engine.list_models()
            self.done.emit(event.result)
            self._begin()
        elif isinstance(event, JobFailed):
            self._end_badly(event.error)
        elif isinstance(event, JobCancelled):
            self._number = None
            self._begin()

    def _on_crashed(self, _log_tail: str) -> None:
        if self._number is not None:
            advice = self.tr("It is started again; try once more.")
            self._end_badly(ErrorInfo(code="crash", what=self.tr("The engine stopped."), advice=advice))

    def _end_badly(self, error: ErrorInfo) -> None:
        self._number = None
        self.failed.emit(self._request, error)
        self._begin()
