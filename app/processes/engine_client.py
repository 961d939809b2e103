"""The window's side of the engine: jobs in, events out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.processes.client import Client
from app.processes.lines import Tail
from app.processes.own_command import own_command
from core.protocol.clean_up import DetectorRequest
from core.protocol.denoise import DenoiseRequest, DraftRequest, EstimateRequest, TrainJobRequest
from core.protocol.engine import (
    SILENCE_S,
    CancelJob,
    EngineReady,
    JobCancelled,
    JobDone,
    JobFailed,
    ListModels,
    StartJob,
    engine_event,
)
from core.protocol.export import ExportRequest
from core.protocol.models import ExportModelRequest, InstallModelRequest, RemoveModelRequest
from core.protocol.rerun import RerunRequest

ModelJob = InstallModelRequest | ExportModelRequest | RemoveModelRequest
BatchJob = DenoiseRequest | TrainJobRequest | ExportRequest | DetectorRequest | RerunRequest
Job = BatchJob | DraftRequest | EstimateRequest | ModelJob
_LOGS_KEPT = 20


class EngineClient(Client):
    """Starts the engine, gives it jobs and hands on what it says.

    Whatever jobs it had when it dies are lost with it: `crashed` says so, `restarted` says when new ones are taken.
    A batch goes on from its frame list when it is sent again with ``resume``.

    Signals
    -------
    ready(EngineReady)
        The engine is up, also after a restart.
    event_received(EngineEvent)
        Every other event.
    silent()
        Nothing was heard for 30 s; it may hang. `stop_now` ends it.
    crashed(str)
        It died, or was stopped by `stop_now`; with its last words.
    restarted()
        It is up again.
    gave_up(str)
        It died three times within a minute and is not started again until somebody asks (`start`, `send_job`).
        Comes after `crashed`.
    """

    ready = Signal(object)
    event_received = Signal(object)
    crashed = Signal(str)

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        silence_s: float = SILENCE_S,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(command or own_command("--engine"), engine_event, silence_s=silence_s, parent=parent)
        self._jobs: set[int] = set()
        self._logs: dict[int, Tail] = {}
        self._child.logged.connect(self._on_logged)

    @property
    def jobs(self) -> frozenset[int]:
        """Jobs that the engine has and has not ended."""
        return frozenset(self._jobs)

    def send_job(self, job: Job) -> int:
        """Give the engine a job; returns its number, which every event of it carries."""
        number = next(self._numbers)
        self._jobs.add(number)
        self._logs[number] = Tail()
        for old in list(self._logs)[:-_LOGS_KEPT]:
            if old not in self._jobs:
                del self._logs[old]
        self._send(StartJob(id=number, job=job))
        return number

    def cancel(self, identity: int) -> None:
        """Ask for a job to be stopped at the next tile; answered by `JobCancelled`, or by its end if that is first."""
        if identity in self._jobs:
            self._send(CancelJob(id=identity))

    def list_models(self) -> int:
        """Ask which models are installed; answered by `ModelsListed`."""
        number = next(self._numbers)
        self._send(ListModels(id=number))
        return number

    def job_log(self, identity: int) -> str:
        """What the engine said on stderr while it had this job; of the last few jobs."""
        log = self._logs.get(identity)
        return log.text if log is not None else ""

    def stop_now(self) -> None:
        """Kill the engine, whatever it does, and start it again; its jobs are lost as in a crash."""
        if self._child.running:
            tail = self._child.kill()
            self._jobs.clear()
            self._start_again(tail, counts=False)
            self.crashed.emit(tail)

    def _on_event(self, event: Any) -> None:
        if isinstance(event, EngineReady):
            self._now_ready()
            self.ready.emit(event)
            self._after_ready()
            return
        if isinstance(event, JobDone | JobFailed | JobCancelled):
            self._jobs.discard(event.id)
        self.event_received.emit(event)

    def _on_died(self, tail: str) -> None:
        self._jobs.clear()
        going_on = self._start_again(tail, counts=True)
        self.crashed.emit(tail)
        if not going_on:
            self.gave_up.emit(tail)

    def _on_logged(self, data: bytes) -> None:
        for number in self._jobs:
            self._logs[number].add(data)
