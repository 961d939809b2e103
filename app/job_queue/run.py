"""A run: one denoise job from its request to its result, over crashes of the engine if need be."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from app.viewer.landed_frames import LandedFrames
from core.protocol.base import ErrorInfo
from core.protocol.denoise import DenoiseRequest, DenoiseResult, Notice


class RunState(Enum):
    """How a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    DONE = "done"


ACTIVE = frozenset({RunState.WAITING, RunState.RUNNING, RunState.CANCELLING})


@dataclass(eq=False)
class Run:
    """What is known of a run. `job` is the engine's number for it, None while it is not at the engine."""

    request: DenoiseRequest
    model_title: str
    total: int
    job: int | None = None
    state: RunState = RunState.WAITING
    stage: str = ""
    done: int = 0
    eta_s: float | None = None
    rate: float | None = None
    rate_unit: str = "frames"
    crashes: int = 0
    done_at_crash: int = -1
    result: DenoiseResult | None = None
    error: ErrorInfo | None = None
    notices: list[Notice] = field(default_factory=list)
    landed: LandedFrames | None = None
    record: int | None = None

    @property
    def active(self) -> bool:
        """Whether it is under way."""
        return self.state in ACTIVE
