"""How a picture drifts: steadily, as a random walk, or by jumps; and how the stage trembles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Walk = Literal["steady", "random walk", "jumps"]
_JUMP_CHANCE = 0.08


@dataclass(frozen=True)
class Drift:
    """The picture's path, in px: ``frame(y, x) = picture(y - shift_y, x - shift_x)``.

    - ``steady``: a constant velocity whose direction and size wander slowly (by a tenth a frame, correlated over eight
      frames): thermal drift.
    - ``random walk``: independent normal steps.
    - ``jumps``: rest, and now and then (chance 0.08 a frame) a step in which all of the drift lies: stick and slip.

    Attributes
    ----------
    step
        Mean length of a step, px a frame.
    walk
        Its kind.
    tremble
        Independent displacement of each frame, px (sigma a axis): vibration slower than a frame.
    """

    step: float = 0.0
    walk: Walk = "steady"
    tremble: float = 0.0

    def __post_init__(self) -> None:
        if self.step < 0 or self.tremble < 0:
            raise ValueError(f"drift of {self.step} px a frame, tremble {self.tremble}: below zero")

    def path(self, frames: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return shifts (frames, 2) that begin near 0, and velocities (frames, 2) in px a frame."""
        steps = self.step * self._unit_steps(frames, rng)
        shifts = np.cumsum(steps, axis=0) - steps[0]
        return shifts + rng.normal(0.0, self.tremble, (frames, 2)), steps

    def _unit_steps(self, frames: int, rng: np.random.Generator) -> Array:
        """Steps with a mean length of 1."""
        angle = rng.uniform(0, 2 * np.pi)
        if self.walk == "steady":
            direction = np.array([np.sin(angle), np.cos(angle)])
            return direction + ornstein_uhlenbeck(frames, 2, 0.1, 8.0, rng)
        if self.walk == "random walk":
            return rng.normal(0.0, np.sqrt(2 / np.pi), (frames, 2))
        jumped = rng.random(frames) < _JUMP_CHANCE
        return jumped[:, None] * rng.normal(0.0, np.sqrt(2 / np.pi) / _JUMP_CHANCE, (frames, 2))


def ornstein_uhlenbeck(frames: int, axes: int, sigma: float, memory: float, rng: np.random.Generator) -> Array:
    """Return (frames, axes) of stationary noise with standard deviation `sigma`, correlated over `memory` frames.

    x_t = r x_(t-1) + sigma sqrt(1 - r^2) N(0, 1), r = exp(-1 / memory). Uhlenbeck and Ornstein, Physical Review 36
    (1930) 823.
    """
    kept = float(np.exp(-1.0 / memory))
    noise = rng.standard_normal((frames, axes))
    out = np.empty((frames, axes))
    out[0] = sigma * noise[0]
    for t in range(1, frames):
        out[t] = kept * out[t - 1] + sigma * np.sqrt(1 - kept**2) * noise[t]
    return out
