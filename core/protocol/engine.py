"""What is said to the engine and what it answers: JSON lines on its stdin and stdout."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from core.protocol.base import ErrorInfo, Record
from core.protocol.denoise import Notice, Plan
from core.protocol.jobs import JobRequest, JobResult
from core.protocol.model_card import ModelCard

HEARTBEAT_S = 2.0
SILENCE_S = 30.0


class StartJob(Record):
    """Run a job; `id` is chosen by the asker and comes back in every event of it."""

    type: Literal["start"] = "start"
    id: int
    job: JobRequest


class CancelJob(Record):
    """Stop a job at the next tile (within 1 s); its finished frames are kept."""

    type: Literal["cancel"] = "cancel"
    id: int


class ListModels(Record):
    """Which models are installed? Answered by `ModelsListed`, also while a job runs."""

    type: Literal["list_models"] = "list_models"
    id: int


class Quit(Record):
    """Cancel everything and leave."""

    type: Literal["quit"] = "quit"


EngineRequest = Annotated[StartJob | CancelJob | ListModels | Quit, Field(discriminator="type")]


class DeviceInfo(Record):
    """A device the engine can compute on. `problem` says in plain words why it can't be used; None if it can."""

    kind: str
    name: str
    memory_bytes: int
    problem: str | None = None


class EngineReady(Record):
    """First event after the start."""

    type: Literal["ready"] = "ready"
    pid: int
    version: str
    devices: tuple[DeviceInfo, ...]


class Heartbeat(Record):
    """Every 2 s, also while computing. `rss_bytes` is the memory the process holds."""

    type: Literal["heartbeat"] = "heartbeat"
    busy: tuple[int, ...] = ()
    rss_bytes: int = 0


class JobStarted(Record):
    """The job runs. `plan` is given for denoise jobs."""

    type: Literal["started"] = "started"
    id: int
    plan: Plan | None = None
    total: int = 0


class JobProgress(Record):
    """At most about five a second. `rate` is in `rate_unit` a second; `eta_s` None while unknown."""

    type: Literal["progress"] = "progress"
    id: int
    stage: str
    done: int
    total: int
    eta_s: float | None = None
    rate: float | None = None
    rate_unit: str = "frames"


class FrameLanded(Record):
    """A finished frame lies in scratch at `slot` as float32 (height, width), area-averaged `step` x `step`.

    `frame` counts in the result, `source_frame` in the source.
    """

    type: Literal["frame"] = "frame"
    id: int
    frame: int
    source_frame: int
    slot: int
    height: int
    width: int
    step: int
    low: float
    high: float


class JobNotice(Record):
    """Something to tell the user while a job runs."""

    type: Literal["notice"] = "notice"
    id: int
    notice: Notice


class JobDone(Record):
    """The job ended well."""

    type: Literal["done"] = "done"
    id: int
    result: JobResult


class JobCancelled(Record):
    """The job was cancelled; `finished` frames are kept and a later run goes on from them."""

    type: Literal["cancelled"] = "cancelled"
    id: int
    finished: int = 0


class JobFailed(Record):
    """The job ended with an error; finished frames are kept."""

    type: Literal["failed"] = "failed"
    id: int
    error: ErrorInfo
    finished: int = 0


class ModelsListed(Record):
    """Answer to `ListModels`: the cards, the one to use unless told otherwise, and folders that can't be used.

    Of a name the newest version comes first. `own`: name and version of those that the user installed.
    """

    type: Literal["models"] = "models"
    id: int
    models: tuple[ModelCard, ...]
    default: str | None = None
    problems: tuple[ErrorInfo, ...] = ()
    own: tuple[tuple[str, str], ...] = ()


EngineEvent = Annotated[
    EngineReady
    | Heartbeat
    | JobStarted
    | JobProgress
    | FrameLanded
    | JobNotice
    | JobDone
    | JobCancelled
    | JobFailed
    | ModelsListed,
    Field(discriminator="type"),
]

engine_request: TypeAdapter[StartJob | CancelJob | ListModels | Quit] = TypeAdapter(EngineRequest)
engine_event: TypeAdapter[
    EngineReady
    | Heartbeat
    | JobStarted
    | JobProgress
    | FrameLanded
    | JobNotice
    | JobDone
    | JobCancelled
    | JobFailed
    | ModelsListed
] = TypeAdapter(EngineEvent)
