"""A trial: one thing to be denoised and judged; and a method that takes part."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from core.denoising.arrays import ArrayMovie, denoise_array
from core.denoising.context import QuietContext, RunContext
from core.denoising.denoiser import Denoiser
from core.protocol.bench import BenchSet

Frames = npt.NDArray[np.float32]

# Filters that need neighbouring frames, whatever they say of the number.
OVER_TIME = frozenset({"frame-average", "space-time-gaussian", "low-rank"})


class Checking(QuietContext):
    """Hears nothing of what a method tells, but lets the user stop it."""

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def check(self) -> None:
        """Raise `Cancelled` if the run is to stop."""
        self._context.check()


@dataclass(frozen=True)
class Denoised:
    """A result in electrons (T, H, W), what it took, and what the method chose."""

    electrons: Frames
    tuning_s: float
    seconds: float
    chosen: dict[str, Any]


@dataclass(frozen=True)
class Contender:
    """A method by name, with the version that its rows are kept under."""

    name: str
    version: str
    weights_sha256: str
    denoiser: Denoiser

    @property
    def over_time(self) -> bool:
        """Whether it looks at other frames, so that single images say nothing of it."""
        return self.name in OVER_TIME or self.denoiser.frames_before + self.denoiser.frames_after > 0

    def denoise(self, electrons: Frames, pixel_nm: float | None, context: RunContext) -> Denoised:
        """Denoise frames (T, H, W) in electrons; the method is told the size of a px, and nothing of the truth."""
        movie = ArrayMovie(np.asarray(electrons, np.float32), pixel_nm)
        listener = Checking(context)
        began = time.process_time()
        state = self.denoiser.prepare(movie, listener)
        tuned = time.process_time()
        result = denoise_array(self.denoiser, movie.electrons, pixel_nm, listener, state)
        return Denoised(result, tuned - began, time.process_time() - tuned, dict(state.parameters))


@dataclass(frozen=True)
class Judged:
    """What a trial says of a method."""

    groups: tuple[str, ...]
    values: dict[str, float]
    seconds: float
    tuning_s: float
    megapixels: float
    chosen: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, groups: tuple[str, ...], values: dict[str, float], result: Denoised) -> Judged:
        """Judged by one result."""
        return cls(groups, values, result.seconds, result.tuning_s, result.electrons.size / 1e6, dict(result.chosen))


Judge = Callable[[Contender, RunContext], Judged]


@dataclass(frozen=True)
class Trial:
    """One thing to be denoised and judged.

    Attributes
    ----------
    key : str
        Says everything that defines it.
    begin : callable
        Makes it, which may take seconds, and returns what judges a method.
    moving : bool
        A movie: methods that look at other frames take part.
    """

    set: BenchSet
    key: str
    begin: Callable[[RunContext], Judge]
    moving: bool = False
