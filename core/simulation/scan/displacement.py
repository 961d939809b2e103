"""Scan-position errors, one class each: a field (2, H, W) of y, x in px by which the probe is beside its place.

``frame(y, x) = picture(y + field_y, x + field_x)``. The formulas are our own, after what is known of scanning: Jones
and Nellist, Microscopy and Microanalysis 19 (2013) 1050; Ophus, Ciston and Nelson, Ultramicroscopy 162 (2016) 1.
Time runs along the lines: a px is one dwell time, a line one line time. Rows are scanned from the top, left to right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Shape = tuple[int, int]


@dataclass(frozen=True)
class Displacement:
    """One error of the probe's position."""

    def field(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Return y, x in px (2, H, W) for one frame."""
        raise NotImplementedError


@dataclass(frozen=True)
class RowJitter(Displacement):
    """Every line starts beside its place: x by N(0, fast^2), y by N(0, slow^2), correlated by `memory` lines.

    Trigger jitter and quick vibration. f_r = k f_(r-1) + sigma sqrt(1 - k^2) N(0, 1), k = exp(-1 / memory); 0 is white.
    """

    fast: float
    slow: float = 0.0
    memory: float = 0.0

    def field(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Return the field."""
        lines = correlated(shape[0], 2, self.memory, rng) * [self.slow, self.fast]
        return _by_line(lines, shape)


@dataclass(frozen=True)
class ProbeWalk(Displacement):
    """The specimen creeps during the frame: a random walk, `step` px a line in y and x, its mean taken away."""

    step: float

    def field(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Return the field."""
        lines = np.cumsum(rng.normal(0.0, self.step, (shape[0], 2)), axis=0)
        return _by_line(lines - lines.mean(axis=0), shape)


@dataclass(frozen=True)
class Flyback(Displacement):
    """The coils still settle when a line begins: x += along exp(-c / decay), y += across exp(-c / decay), c the column.

    Squeezes or stretches the left side of every frame; larger at short dwell times. `unsteady` lets the amplitude vary
    from line to line (relative standard deviation).
    """

    along: float
    decay: float
    across: float = 0.0
    unsteady: float = 0.0

    def __post_init__(self) -> None:
        if self.decay <= 0:
            raise ValueError(f"a fly-back that settles in {self.decay} px")

    def field(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Return the field."""
        settling = np.exp(-np.arange(shape[1]) / self.decay)
        strength = 1 + self.unsteady * rng.standard_normal(shape[0])
        both = np.array([self.across, self.along])
        return both[:, None, None] * strength[None, :, None] * settling[None, None, :]


@dataclass(frozen=True)
class MainsSway(Displacement):
    """Stray fields of the mains push the probe: amplitude cos(2 pi (cycles_per_line t + phase)), t in lines.

    Attributes
    ----------
    slow, fast
        Amplitudes in y and x, px.
    cycles_per_line
        Mains frequency times the line time; a whole number (a synchronised scan) bends straight lines, others make
        them wavy.
    """

    slow: float
    fast: float
    cycles_per_line: float

    def field(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Return the field; its phase is drawn."""
        line = np.arange(shape[0])[:, None] + np.arange(shape[1])[None] / shape[1]
        phases = rng.uniform(0, 1, 2)
        waves = [np.cos(2 * np.pi * (self.cycles_per_line * line + phase)) for phase in phases]
        return np.stack([self.slow * waves[0], self.fast * waves[1]])


@dataclass(frozen=True)
class Slips(Displacement):
    """Now and then the specimen or the field jumps, and stays: chance a line, size in px (sigma a axis)."""

    chance: float
    size: float

    def field(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Return the field."""
        slipped = rng.random(shape[0]) < self.chance
        lines = np.cumsum(slipped[:, None] * rng.normal(0.0, self.size, (shape[0], 2)), axis=0)
        return _by_line(lines, shape)


@dataclass(frozen=True)
class Bow(Displacement):
    """Coils and amplifiers that are not quite linear: a fixed second-order warp, `size` px at the frame's edges."""

    size: float

    def field(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Return the field; its four coefficients are drawn."""
        y = np.linspace(-1, 1, shape[0])[:, None]
        x = np.linspace(-1, 1, shape[1])[None]
        a = rng.uniform(-self.size, self.size, 4)
        return np.stack([a[0] * (y**2 + 0 * x) + a[1] * x * y, a[2] * (x**2 + 0 * y) + a[3] * x * y])


def drift_field(shape: Shape, smear: Array) -> Array:
    """Return the field of a picture that moves evenly by `smear` (y, x) px while the frame is scanned."""
    time = (np.arange(shape[0])[:, None] + np.arange(shape[1])[None] / shape[1]) / shape[0] - 0.5
    return -np.asarray(smear)[:, None, None] * time


def correlated(lines: int, axes: int, memory: float, rng: np.random.Generator) -> Array:
    """Return (lines, axes) of noise with variance 1, correlated over `memory` lines."""
    kept = float(np.exp(-1.0 / memory)) if memory > 0 else 0.0
    noise = rng.standard_normal((lines, axes))
    out = noise.copy()
    for line in range(1, lines):
        out[line] = kept * out[line - 1] + np.sqrt(1 - kept**2) * noise[line]
    return out


def _by_line(lines: Array, shape: Shape) -> Array:
    """Spread values of each line (H, 2) over its px."""
    return np.broadcast_to(lines.T[:, :, None], (2, *shape)).copy()
