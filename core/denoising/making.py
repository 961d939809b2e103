"""The frames of one result: by one plan or, when memory runs out, by smaller ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from core.denoising.checksums import of_frame
from core.denoising.denoiser import Frames
from core.denoising.errors import denoise_error
from core.denoising.frame_list import Finished
from core.denoising.pipeline import Job, plan_work, stream
from core.denoising.planning import Prepared, prepare, smaller
from core.denoising.progress import Progress
from core.denoising.quality import FrameQuality, of_lines, summary, verdict
from core.denoising.scaling import pixel_variance
from core.denoising.source import RequestMovie
from core.denoising.storing import clipping, encode
from core.denoising.telling import Told
from core.denoising.tiling import make_grid
from core.denoising.wanted import wanted_region
from core.protocol.denoise import DenoiseRequest, Notice, Plan, PlanStretch, Quality

Stored = npt.NDArray[Any]


class Ledger(Protocol):
    """Where finished frames are entered."""

    def done(self, frame: int, finished: Finished) -> None:
        """Enter a frame whose pixels have been written."""

    def changed_plan(self, plan: Plan) -> None:
        """Enter the plan that the frames after this are made by."""


class NoLedger:
    """Enters nothing: the frames are not kept."""

    def done(self, frame: int, finished: Finished) -> None:
        """Forget it."""

    def changed_plan(self, plan: Plan) -> None:
        """Forget it."""


class Run:
    """The frames of one result.

    Attributes
    ----------
    done : dict
        What is known of each finished frame; filled beforehand by a run that goes on.
    made_by : dict
        The plan of each of them.
    shape : tuple of int
        (frames, height, width) of the result.
    """

    def __init__(
        self, request: DenoiseRequest, movie: RequestMovie, prepared: Prepared, ledger: Ledger, told: Told
    ) -> None:
        self.request = request
        self.movie = movie
        self.prepared = prepared
        self.done: dict[int, Finished] = {}
        self.made_by: dict[int, Plan] = {}
        self._ledger = ledger
        self._told = told
        self.region = wanted_region(request.region, movie.meta)
        self.shape = (movie.frames, self.region.y1 - self.region.y0, self.region.x1 - self.region.x0)

    @property
    def dtype(self) -> str:
        """Name of the type that is stored."""
        return "float32" if self.prepared.plan.stored is None else "uint16"

    def forget(self, frames: Sequence[int]) -> None:
        """Make these frames anew."""
        for frame in frames:
            self.done.pop(frame, None)
            self.made_by.pop(frame, None)

    def all_frames(self, write: Callable[[int, Stored], None], only: range | None = None) -> Plan:
        """Make every frame (of `only`) that isn't done; returns the plan in force at the end."""
        movie, context = self.movie, self._told.context
        progress = Progress(context, movie.frames, len(self.done))

        def take(frame: int, array: Frames, quality: FrameQuality, source: bytes) -> None:
            plan = self.prepared.plan
            stored, clipped = (array, 0) if plan.stored is None else encode(array, plan.stored)
            # Pixels first, then the list: a kill in between costs one frame and harms none.
            write(frame, stored)
            finished = Finished(quality, source, of_frame(stored), clipped)
            self._ledger.done(frame, finished)
            self.done[frame], self.made_by[frame] = finished, plan

        def settled(frame: int) -> bool:
            return frame in self.done or (only is not None and frame not in only)

        variance = None
        if movie.scale.source == "unknown":
            variance = pixel_variance(movie.scale, movie.block(0, 1).electrons[0])
        while True:
            ready = self.prepared
            grid = make_grid(movie.height, movie.width, self.region, ready.state.geometry, ready.tile)
            job = Job(movie, ready.denoiser, ready.state, self.region, grid, variance)
            before, after = ready.denoiser.frames_before, ready.denoiser.frames_after
            works = plan_work(movie.selection.segments, ready.plan.batch, before, after, settled)
            try:
                stream(job, works, take, context, progress)
            except MemoryError:
                self._use_less()
            else:
                return ready.plan

    def judge(self) -> Quality:
        """Sum the figures up and tell what is to be told of them."""
        quality = summary(((frame, one.quality) for frame, one in sorted(self.done.items())), self.movie.scale)
        not_finite, left = (
            sum(getattr(one.quality, name) for one in self.done.values()) for name in ("not_finite", "left")
        )
        self._told.tell(*verdict(quality, not_finite, left))
        self._told.tell(*of_lines([one.quality.lines for one in self.done.values()]))
        self._told.tell(*clipping(sum(one.clipped for one in self.done.values()), int(np.prod(self.shape))))
        return quality

    def earlier_plans(self) -> tuple[PlanStretch, ...]:
        """Which frames were made by other plans than the last one; empty if one plan made all."""
        out: list[PlanStretch] = []
        frames = sorted(self.made_by)
        for frame, following in itertools.pairwise(frames):
            if self.made_by[frame] != self.made_by[following]:
                out.append(PlanStretch(stop=following, plan=self.made_by[frame]))
        return tuple(out)

    def _use_less(self) -> None:
        """Change to a plan that needs less memory, in the end to the CPU, and tell."""
        plan, geometry = self.prepared.plan, self.prepared.state.geometry
        less = smaller(plan, geometry, self.movie.height, self.movie.width, self.request.region)
        if less is not None:
            what = f"tiles of {less.tile_height} x {less.tile_width} px"
            what += f", {less.batch} frames at a time" if less.batch < plan.batch else ""
            self._told.tell(_memory_notice(f"Memory ran out; the run goes on with {what}."))
            self.prepared = replace(self.prepared, plan=less)
        elif plan.device == "cpu":
            raise denoise_error(
                "out-of-memory",
                "There is not enough memory for the smallest tile.",
                self.request.source,
                "Close other programs, or choose a smaller model; finished frames are kept.",
            )
        else:
            self._told.tell(_memory_notice(f"The memory of {plan.device_name} is too small; the CPU goes on."))
            prepared, notices = prepare(
                self.movie, self.prepared.method, "cpu", self.request.region, self._told.context, self.request.tile
            )
            self.prepared = replace(prepared, plan=prepared.plan.model_copy(update={"stored": plan.stored}))
            self._told.tell(*notices)
        self._ledger.changed_plan(self.prepared.plan)


def _memory_notice(text: str) -> Notice:
    return Notice(level="warning", code="out-of-memory", text=text)
