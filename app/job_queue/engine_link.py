"""What the job rooms need of the engine's client."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import SignalInstance

from core.protocol.clean_up import DetectorRequest
from core.protocol.denoise import DenoiseRequest, DraftRequest, EstimateRequest
from core.protocol.export import ExportRequest
from core.protocol.models import ExportModelRequest, InstallModelRequest, RemoveModelRequest

ModelJob = InstallModelRequest | ExportModelRequest | RemoveModelRequest
Job = DenoiseRequest | DraftRequest | EstimateRequest | ExportRequest | DetectorRequest | ModelJob


class Engine(Protocol):
    """The engine as its client offers it: jobs in, events out."""

    ready: SignalInstance
    event_received: SignalInstance
    silent: SignalInstance
    crashed: SignalInstance
    restarted: SignalInstance
    gave_up: SignalInstance

    def send_job(self, job: Job) -> int: ...

    def cancel(self, identity: int) -> None: ...

    def start(self) -> None: ...

    def stop_now(self) -> None: ...

    def list_models(self) -> int: ...
