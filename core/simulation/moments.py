"""What a movie's frames have of their own: where the picture lies, how far it is turned, what the beam does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.protocol.simulation import MotionRecipe

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """One entry a frame.

    Attributes
    ----------
    shifts : (T, 2)
        Rows and columns in px: ``frame(y, x) = picture(y - shift_y, x - shift_x)``.
    turns : (T,)
        Rotation about the middle of the frame, radians.
    defocus : (T,)
        Change of defocus, angstrom.
    beam : (T,)
        Current relative to its mean.
    settings : dict
        How it was drawn.
    """

    shifts: Array
    turns: Array
    defocus: Array
    beam: Array
    settings: dict[str, float | str]

    def __len__(self) -> int:
        return len(self.beam)


STILL = Moments(np.zeros((1, 2)), np.zeros(1), np.zeros(1), np.ones(1), {})


def draw_moments(rng: np.random.Generator, motion: MotionRecipe | None, reach: float) -> Moments:
    """Draw how a movie moves; `reach` is how far, in px, it may wander from its middle. None: one frame at rest."""
    if motion is None:
        return STILL
    count = motion.frames
    walk = str(rng.choice(motion.walks))
    step = float(np.exp(rng.uniform(*np.log(motion.drift_px))))
    shifts = _walk(rng, walk, step, count)
    extent = float(np.abs(shifts).max())
    if extent > reach:
        shifts *= reach / extent
    turn = motion.turning_deg * rng.uniform(-1, 1) if rng.uniform() < motion.turning_share else 0.0
    time = np.linspace(-0.5, 0.5, count)
    wander = np.cumsum(rng.normal(size=count)) * motion.wander_nm * 10 / np.sqrt(count)
    beam = 1 + motion.beam * (rng.uniform(-0.5, 0.5) * time + 0.15 * rng.normal(size=count))
    return Moments(
        shifts,
        np.deg2rad(turn) * time,
        wander - wander.mean(),
        np.clip(beam, 0.1, None) / np.clip(beam, 0.1, None).mean(),
        {"walk": walk, "drift_px": _mean_step(shifts), "turn_deg": float(turn)},
    )


def _walk(rng: np.random.Generator, walk: str, step: float, count: int) -> Array:
    """Positions about their middle, with a mean step of `step` px a frame."""
    angle = rng.uniform(0, 2 * np.pi)
    ahead = np.array([np.sin(angle), np.cos(angle)])
    if walk == "steady":
        steps = step * ahead + rng.normal(0, 0.15 * step, (count, 2))
    elif walk == "random walk":
        # The mean length of a two-dimensional normal step is sigma sqrt(pi / 2).
        steps = rng.normal(0, step / np.sqrt(np.pi / 2), (count, 2))
    else:
        steps = rng.normal(0, 0.1 * step, (count, 2))
        jumps = rng.uniform(size=count) < 0.12
        steps[jumps] += rng.normal(0, step / 0.12 / np.sqrt(np.pi / 2), (int(jumps.sum()), 2))
    places = np.cumsum(steps, axis=0)
    return np.asarray(places - (places.max(0) + places.min(0)) / 2)


def _mean_step(shifts: Array) -> float:
    return float(np.hypot(*np.diff(shifts, axis=0).T).mean()) if len(shifts) > 1 else 0.0
