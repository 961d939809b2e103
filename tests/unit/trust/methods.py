"""Denoisers whose faults are known, on a movie whose atoms are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from core.denoising.context import QuietContext, RunContext
from core.denoising.denoiser import Block, ElectronMovie, Geometry, Needs, State
from core.simulation.spike_ins import Recording
from core.trust.subject import Subject

Array = npt.NDArray[np.float64]
SIGMA, SPACING, SIDE = 2.0, 12, 96


@dataclass
class Made:
    """A method made of a function of the neighbouring frames (T, H, W)."""

    function: Callable[[Array], Array]
    frames_before: int = 0
    frames_after: int = 0
    name: str = "made"
    needs: Needs = field(default_factory=Needs)

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        return State(Geometry(halo=None))

    def apply(self, state: State, block: Block) -> Block:
        first, last = block.wanted
        out = [
            self.function(block.electrons[max(0, t - self.frames_before) : t + self.frames_after + 1].astype(float))
            for t in range(first, last)
        ]
        return block.denoised(np.stack(out).astype(np.float32))


def smooth(frames: Array) -> Array:
    """An honest method: a blur about as wide as an atom, of the middle frame alone."""
    return np.asarray(ndimage.gaussian_filter(frames[len(frames) // 2], 1.5))


def lattice(shape: tuple[int, int] = (SIDE, SIDE)) -> Array:
    """Atoms of height 1 on a square lattice in the left half."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    out = np.zeros(shape)
    for row in range(SPACING // 2, shape[0], SPACING):
        for col in range(SPACING // 2, shape[1] // 2, SPACING):
            out += np.exp(-((y - row) ** 2 + (x - col) ** 2) / (2 * SIGMA**2))
    return out


def inventor(frames: Array) -> Array:
    """Draws the whole lattice, whatever it is shown."""
    return np.asarray(frames.mean() + 8 * lattice(frames.shape[1:]))


def mean_of_frames(frames: Array) -> Array:
    """The mean of all frames it sees, a little blurred."""
    return np.asarray(ndimage.gaussian_filter(frames.mean(axis=0), 1.0))


def subject_of(method: Made, frames: int = 6, dose: float = 6.0, height: float = 14.0, seed: int = 0) -> Subject:
    """The method on a counted movie of the lattice at rest."""
    clean = np.broadcast_to(dose + height * lattice(), (frames, SIDE, SIDE))
    counts = np.random.default_rng(seed).poisson(clean).astype(np.float32)
    return Subject.of(method, counts, Recording(), QuietContext(), dark=False)
