"""Defects of cameras: dead, hot and unstable pixels, what references leave, hits of X-rays and muons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from core.simulation.detectors.effect import Array, Effect, fixed_generator, require
from core.simulation.detectors.transfer import spread

Mask = NDArray[np.bool_]
_SHARED, _SETTLED = 0.55, 30
_DEAD, _HOT, _RESIDUE, _DARK = 1, 2, 3, 4


@dataclass(frozen=True)
class DeadPixels(Effect):
    """Pixels without any response, always the same ones for a `serial` number; some are whole columns.

    Attributes
    ----------
    share
        Of all pixels (1e-5 to 1e-3).
    columns
        Of all columns.
    """

    share: float
    columns: float = 0.0
    serial: int = 0

    def __post_init__(self) -> None:
        require(0 <= self.share < 1 and 0 <= self.columns < 1, "a share of dead pixels outside 0 to 1")

    def mask(self, shape: tuple[int, int]) -> Mask:
        """Return which pixels are dead, (H, W)."""
        rng = fixed_generator(self.serial, _DEAD)
        out = rng.random(shape) < self.share
        out[:, rng.random(shape[1]) < self.columns] = True
        return np.asarray(out)

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Set them to zero; their electrons are lost."""
        out = electrons.copy()
        out[..., self.mask((electrons.shape[-2], electrons.shape[-1]))] = 0.0
        return out


@dataclass(frozen=True)
class HotPixels(Effect):
    """Pixels that leak: each adds Poisson of its own excess, always the same ones for a `serial` number.

    The excess is drawn once from an exponential distribution; a share `unstable` of them leaks only in some frames
    (random telegraph signal: on with chance 0.3).

    Attributes
    ----------
    share
        Of all pixels.
    excess
        Mean excess in electrons a frame.
    """

    share: float
    excess: float
    unstable: float = 0.2
    serial: int = 0

    def __post_init__(self) -> None:
        require(0 <= self.share < 1 and self.excess >= 0 and 0 <= self.unstable <= 1, "hot pixels outside their range")

    def mean_excess(self, shape: tuple[int, int]) -> Array:
        """Return each pixel's excess (H, W) in electrons a frame, while it leaks."""
        rng = fixed_generator(self.serial, _HOT)
        leaks = rng.random(shape) < self.share
        return np.asarray(leaks * rng.exponential(self.excess, shape))

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Add the leaked charge."""
        shape = (electrons.shape[-2], electrons.shape[-1])
        rows, columns = np.nonzero(excess := self.mean_excess(shape))
        restless = fixed_generator(self.serial, _HOT + 10).random(len(rows)) < self.unstable
        out = electrons.copy()
        on = ~restless | (rng.random((*electrons.shape[:-2], len(rows))) < 0.3)
        out[..., rows, columns] += rng.poisson(excess[rows, columns] * on)
        return out


@dataclass(frozen=True)
class GainResidue(Effect):
    """What the gain reference leaves: signal times a fixed pattern 1 + r, always the same for a `serial` number.

    r = pixels * white noise + smooth * noise of long waves (sigma 40 px) + columns * noise of columns; mean 0, so the
    sum of an evenly lit frame is conserved.

    Attributes
    ----------
    pixels, smooth, columns
        Relative standard deviations (0.002 to 0.03).
    """

    pixels: float
    smooth: float = 0.0
    columns: float = 0.0
    serial: int = 0

    def __post_init__(self) -> None:
        require(min(self.pixels, self.smooth, self.columns) >= 0, "a gain residue below zero")

    def pattern(self, shape: tuple[int, int]) -> Array:
        """Return 1 + r, (H, W), mean 1."""
        rng = fixed_generator(self.serial, _RESIDUE)
        out = self.pixels * rng.standard_normal(shape)
        waves = spread(rng.standard_normal(shape), ((1.0, 40.0),))
        out += self.smooth * waves / max(float(waves.std()), 1e-12)
        out += self.columns * rng.standard_normal((1, shape[1]))
        return np.asarray(np.maximum(1 + out - out.mean(), 0.0))

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Multiply by the pattern."""
        return electrons * self.pattern((electrons.shape[-2], electrons.shape[-1]))


@dataclass(frozen=True)
class DarkResidue(Effect):
    """What the dark reference leaves: adds a fixed pattern of mean 0, always the same for a `serial` number.

    Pixels of their own, columns (o_c = 0.55 o_(c-1) + sqrt(1 - 0.55^2) N(0, 1)), and banks of `bank_rows` rows that are
    read together. In a dark frame of a Ceta camera, 512 x 512 sums of 8 x 8 px, columns vary by 1.2 times the read
    noise, next neighbours correlated 0.52 and second ones 0.35, and banks by 0.3 times; single px have 8 times less of
    it against their noise for banks, and about 3 times less for columns.

    Attributes
    ----------
    pixels, columns, banks
        Standard deviations in electrons.
    """

    pixels: float = 0.0
    columns: float = 0.0
    banks: float = 0.0
    bank_rows: int = 128
    serial: int = 0

    def __post_init__(self) -> None:
        require(min(self.pixels, self.columns, self.banks) >= 0 and self.bank_rows > 0, "a dark residue below zero")

    def pattern(self, shape: tuple[int, int]) -> Array:
        """Return the offsets (H, W) in electrons."""
        rng = fixed_generator(self.serial, _DARK)
        height, width = shape
        columns = lfilter([np.sqrt(1 - _SHARED**2)], [1, -_SHARED], rng.standard_normal(width + _SETTLED))[_SETTLED:]
        out = self.pixels * rng.standard_normal(shape) + self.columns * columns[None]
        levels = rng.standard_normal(-(-height // self.bank_rows))
        out += self.banks * np.repeat(levels, self.bank_rows)[:height, None]
        return np.asarray(out - out.mean())

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Add the pattern."""
        return electrons + self.pattern((electrons.shape[-2], electrons.shape[-1]))


@dataclass(frozen=True)
class Hits(Effect):
    """X-rays and cosmic muons: each hit adds a large signal to one or more neighbouring pixels, in one frame.

    The number is Poisson of `rate`; a signal is log-normal about `electrons`. A share `wide` also hits some of the
    eight neighbours, a share `tracks` draws a straight line. Storing clips what is too bright.

    Attributes
    ----------
    rate
        Hits in a million px of one frame (1 to 100).
    electrons
        Median signal, in beam electrons (5 to 100).
    longest
        Of a track, in px.
    """

    rate: float
    electrons: float = 30.0
    wide: float = 0.3
    tracks: float = 0.03
    longest: float = 25.0

    def __post_init__(self) -> None:
        require(self.rate >= 0 and self.electrons > 0, "hits outside their range")
        require(self.wide >= 0 and self.tracks >= 0 and self.wide + self.tracks <= 1, "shares of hits above 1")

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Add the hits."""
        out = electrons.copy()
        for frame in out.reshape(-1, *electrons.shape[-2:]):
            for _ in range(rng.poisson(self.rate * frame.size / 1e6)):
                self._strike(frame, rng)
        return out

    def _strike(self, frame: Array, rng: np.random.Generator) -> None:
        row, column = (int(rng.integers(side)) for side in frame.shape)
        signal = self.electrons * float(np.exp(rng.normal(0, 0.8)))
        kind = rng.random()
        rows, columns, parts = np.array([row]), np.array([column]), np.array([1.0])
        if kind < self.wide:
            around = np.argwhere(rng.random((3, 3)) < 0.45) - 1
            rows, columns = np.append(row, row + around[:, 0]), np.append(column, column + around[:, 1])
            parts = rng.uniform(0.2, 1.0, len(rows))
        elif kind < self.wide + self.tracks:
            angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(4, self.longest)
            along = np.arange(int(length))
            rows = np.rint(row + along * np.sin(angle)).astype(int)
            columns = np.rint(column + along * np.cos(angle)).astype(int)
            parts = rng.uniform(0.3, 1.0, len(rows))
        inside = (rows >= 0) & (rows < frame.shape[0]) & (columns >= 0) & (columns < frame.shape[1])
        np.add.at(frame, (rows[inside], columns[inside]), signal * parts[inside])
