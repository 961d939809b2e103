"""The course of a movie: every frame's place, turn, defocus, tilt, beam and time, drawn at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from core.simulation.dynamics.drift import Array, Drift, ornstein_uhlenbeck

_MOST_DROPPED = 0.9


@dataclass(frozen=True)
class Course:
    """What holds for each of `frames` frames.

    Attributes
    ----------
    shifts : (frames, 2) float64
        y, x in px: ``frame(y, x) = picture(y - shift_y, x - shift_x)``, at the middle of the exposure.
    smears : (frames, 2) float64
        y, x in px: how far the picture moves while the frame is exposed.
    turns : (frames,) float64
        Rotation about the middle of the picture, radians, from x towards y.
    tilts : (frames, 2) float64
        Of the specimen about x and y, radians.
    defocus : (frames,) float64
        Change against the first setting, angstrom.
    beam : (frames,) float64
        Beam current times gain, relative: mean 1.
    times : (frames,) float64
        In frame intervals; dropped frames leave gaps.
    """

    shifts: Array
    smears: Array
    turns: Array
    tilts: Array
    defocus: Array
    beam: Array
    times: Array

    def __len__(self) -> int:
        return len(self.shifts)

    @property
    def reach(self) -> float:
        """The largest shift along an axis in px, with half of the smear: what a margin must hold."""
        if len(self) == 0:
            return 0.0
        return float((np.abs(self.shifts) + np.abs(self.smears) / 2).max())

    def limited(self, reach: float) -> Course:
        """Return the course with shifts and smears made smaller, if need be, so that they stay within `reach` px."""
        if self.reach <= reach:
            return self
        factor = reach / self.reach
        smaller = {"shifts": self.shifts * factor, "smears": self.smears * factor}
        return replace(self, **smaller)


@dataclass(frozen=True)
class Dynamics:
    """From what a course is drawn.

    Attributes
    ----------
    drift
        Of the picture.
    turning
        Steady rotation, radians a frame; `turn_wander` is the standard deviation of a slow wander about it, radians.
    defocus_wander
        Standard deviation of a slow wander, angstrom; `defocus_drift` angstrom a frame.
    tilt_wander
        Of the specimen about either axis, radians.
    memory
        Frames over which these wander.
    flicker
        Relative change of the beam from frame to frame (independent).
    beam_wander
        Relative slow change of the beam.
    beam_steps
        Chance a frame that the beam or the gain changes for good, by a factor between 0.6 and 1.6.
    dropped
        Share of the frames that were never stored.
    exposure
        Share of the interval during which the camera is exposed: 1 smears by the whole step.
    """

    drift: Drift = field(default_factory=Drift)
    turning: float = 0.0
    turn_wander: float = 0.0
    defocus_wander: float = 0.0
    defocus_drift: float = 0.0
    tilt_wander: float = 0.0
    memory: float = 10.0
    flicker: float = 0.0
    beam_wander: float = 0.0
    beam_steps: float = 0.0
    dropped: float = 0.0
    exposure: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.dropped <= _MOST_DROPPED:
            raise ValueError(f"a share of dropped frames of {self.dropped}: 0 to {_MOST_DROPPED}")
        if not 0 <= self.exposure <= 1 or self.memory <= 0:
            raise ValueError(f"an exposure of {self.exposure} (0 to 1) and a memory of {self.memory} frames (above 0)")
        wanders = (self.turn_wander, self.defocus_wander, self.tilt_wander, self.flicker, self.beam_wander)
        if min(wanders) < 0 or not 0 <= self.beam_steps <= 1:
            raise ValueError("a wander below zero, or a chance outside 0 to 1")

    def course(self, frames: int, rng: np.random.Generator) -> Course:
        """Draw a course of `frames` stored frames."""
        if frames < 1:
            raise ValueError(f"a movie needs frames, not {frames}")
        kept = self._kept(frames, rng)
        total = int(kept[-1]) + 1
        shifts, steps = self.drift.path(total, rng)
        turns = self.turning * np.arange(total) + self._wander(self.turn_wander, total, 1, rng)[:, 0]
        defocus = self.defocus_drift * np.arange(total) + self._wander(self.defocus_wander, total, 1, rng)[:, 0]
        tilts = self._wander(self.tilt_wander, total, 2, rng)
        beam = self._beam(total, rng)[kept]
        return Course(
            shifts=shifts[kept],
            smears=steps[kept] * self.exposure,
            turns=turns[kept],
            tilts=tilts[kept],
            defocus=defocus[kept],
            beam=beam / beam.mean(),
            times=kept.astype(np.float64),
        )

    def _kept(self, frames: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Which frames of the recording were stored: `frames` of them, the first one included."""
        gaps = rng.geometric(1 - self.dropped, frames)
        return np.asarray(np.cumsum(gaps) - gaps[0], np.intp)

    def _wander(self, sigma: float, frames: int, axes: int, rng: np.random.Generator) -> Array:
        """A slow wander that starts at 0."""
        out = ornstein_uhlenbeck(frames, axes, sigma, self.memory, rng)
        return np.asarray(out - out[0])

    def _beam(self, frames: int, rng: np.random.Generator) -> Array:
        slow = ornstein_uhlenbeck(frames, 1, self.beam_wander, self.memory, rng)[:, 0]
        fast = rng.normal(0.0, self.flicker, frames)
        changed = rng.random(frames) < self.beam_steps
        steps = np.cumsum(changed * rng.uniform(np.log(0.6), np.log(1.6), frames))
        return np.asarray(np.exp(slow + fast + steps))
