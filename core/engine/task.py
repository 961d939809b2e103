"""A job at the engine, and the context through which it speaks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from core.denoising.context import Cancelled
from core.protocol.denoise import DenoiseRequest, DraftRequest, EstimateRequest, Notice, Plan, Scratch
from core.protocol.engine import FrameLanded, JobNotice, JobProgress, JobStarted
from core.protocol.jobs import Request
from core.protocol.models import ExportModelRequest, InstallModelRequest, RemoveModelRequest
from core.views import area_mean, display_range, fill_nonfinite, write_slot

# Over in seconds: whoever drops a model on the window does not wait for the run under way to end.
_QUICK = DraftRequest | EstimateRequest | InstallModelRequest | ExportModelRequest | RemoveModelRequest

log = logging.getLogger("quietbeam.engine")

_BETWEEN_S = 0.2


class Task:
    """A job, its number, and whether it is to stop. `finished`: frames that are done."""

    def __init__(self, number: int, request: Request) -> None:
        self.number = number
        self.request = request
        self.finished = 0
        self._cancelled = threading.Event()

    @property
    def urgent(self) -> bool:
        """Whether it takes the next tile's turn of a running batch."""
        return isinstance(self.request, _QUICK)

    @property
    def is_draft(self) -> bool:
        """Whether the next draft makes it pointless."""
        return isinstance(self.request, DraftRequest)

    def cancel(self) -> None:
        """Let it stop at its next check."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether it is to stop."""
        return self._cancelled.is_set()


class TaskContext:
    """What a job tells, as events; and where it stops, or lets something urgent go first."""

    def __init__(self, task: Task, send: Callable[[BaseModel], None], serve_urgent: Callable[[], None]) -> None:
        self._task = task
        self._send = send
        self._serve_urgent = serve_urgent
        self._last = 0.0
        self._told: tuple[str, int] | None = None
        request = task.request
        self._scratch = request.scratch if isinstance(request, DenoiseRequest) else None
        self._landed = 0

    def check(self) -> None:
        """Stop if asked to; drafts and estimates are done here, between two tiles of a batch."""
        if self._task.cancelled:
            raise Cancelled
        if not self._task.urgent:
            self._serve_urgent()
            if self._task.cancelled:
                raise Cancelled

    def progress(self, stage: str, done: int, total: int, eta_s: float | None, rate: float | None) -> None:
        """Tell how far the job is, five times a second at most; each stage's beginning and end always."""
        self._task.finished = done
        now = time.monotonic()
        edge = self._told is None or self._told[0] != stage or (done == total and self._told != (stage, done))
        if not edge and now - self._last < _BETWEEN_S:
            return
        self._last, self._told = now, (stage, done)
        self._send(JobProgress(id=self._task.number, stage=stage, done=done, total=total, eta_s=eta_s, rate=rate))

    def notice(self, notice: Notice) -> None:
        """Tell the user something."""
        self._send(JobNotice(id=self._task.number, notice=notice))

    def started(self, plan: Plan, total: int) -> None:
        """Tell the plan."""
        self._send(JobStarted(id=self._task.number, plan=plan, total=total))

    def frame(self, index: int, source_frame: int, array: npt.NDArray[np.float32]) -> None:
        """Put a finished frame into the scratch ring, as area means that fit a slot."""
        scratch = self._scratch
        if scratch is None:
            return
        step = slot_step(array.shape[0], array.shape[1], scratch)
        filled, _ = fill_nonfinite(array)
        image = area_mean(filled, step)
        slot = self._landed % scratch.slots
        try:
            write_slot(scratch.path, scratch.slot_bytes, slot, image)
        except (OSError, ValueError) as error:
            # The picture is for show; the run itself is well.
            log.warning("frames are no longer handed over: %s", error)
            self._scratch = None
            return
        self._landed += 1
        low, high = display_range(image)
        self._send(
            FrameLanded(
                id=self._task.number,
                frame=index,
                source_frame=source_frame,
                slot=slot,
                height=image.shape[0],
                width=image.shape[1],
                step=step,
                low=low,
                high=high,
            )
        )


def slot_step(height: int, width: int, scratch: Scratch) -> int:
    """The smallest step at which a frame's area means fit into a slot."""
    step = 1
    while -(-height // step) * -(-width // step) * 4 > scratch.slot_bytes and step < max(height, width):
        step += 1
    return step
