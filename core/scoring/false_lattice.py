"""Whether frames without a lattice show one: the strongest direction of each ring of their mean power spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_SECTORS = 18
_RING = 0.02
_LOWEST, _HIGHEST = 0.03, 0.45
# What is below this share of the strongest frequency's power can't be seen: it is held against that much.
_TRIFLE = 0.01
# Where nearly all power comes from one direction, the median of all is next to nothing: at least so much of the mean.
_LEAST = 0.05
# A Hann window ties neighbouring frequencies together: so many values are worth one.
_WORTH = 2.25
_DRAWS = 64


@dataclass(frozen=True)
class LatticePeak:
    """The strongest direction over its ring's median.

    Attributes
    ----------
    value : float
        max over rings and sectors of P(ring, sector) / median over sectors of P(ring). P is the power of Hann-windowed
        frames, averaged over frames and over the sector; each frequency is first divided by the mean of all directions,
        as the power may fall steeply within a ring. With a clean image this is divided by the same of the clean image
        where that is above 1: a film's own directions are no lattice.
    expected : float
        The same of noise without any direction, by chance: the mean over random draws for as many frames and px.
    excess : float
        How far the strongest direction lies above its ring's median, max over rings and sectors, as the variance of a
        px of white noise that has so much power everywhere: what can be seen, where `value` is large for want of noise.
        With a clean image what that one has in this direction is no excess, if it is more than the ring's median.
    """

    value: float
    expected: float
    excess: float


def lattice_peak(frames: npt.NDArray[np.floating], clean: npt.NDArray[np.floating] | None = None) -> LatticePeak:
    """Measure frames (T, H, W) of any unit; rings are 0.02 cycles a px wide, sectors 10 degrees.

    Parameters
    ----------
    clean : (H, W)
        What they should show, in the same unit, if that has directions of its own.
    """
    seen = _Directions.of(frames)
    if seen is None:
        return LatticePeak(1.0, 1.0, 0.0)
    count, height, width = frames.shape
    allowed = np.median(seen.loud, axis=1, keepdims=True)
    own = None if clean is None else _Directions.of(np.asarray(clean)[None])
    relative = seen.relative
    if own is not None:
        relative = relative / np.maximum(own.relative, 1.0)
        allowed = np.maximum(allowed, count * own.loud)
    power = count * float(_window(height, width).sum())
    excess = max(0.0, float((seen.loud - allowed).max())) / power
    return LatticePeak(float(relative.max()), _by_chance(seen.number * count / _WORTH), excess)


@dataclass(frozen=True)
class _Directions:
    """Power of frames by ring and sector (rings, 18): summed, over its ring's median, and of how many frequencies."""

    loud: Array
    relative: Array
    number: Array

    @classmethod
    def of(cls, frames: npt.NDArray[np.floating]) -> _Directions | None:
        power = _power(frames)
        height, width = frames.shape[1:]
        down, across = np.broadcast_arrays(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
        radius = np.hypot(down, across)
        # Half of all directions: the other half is the same again.
        sectors = np.minimum((np.mod(np.arctan2(down, across), np.pi) / np.pi * _SECTORS).astype(int), _SECTORS - 1)
        inside = (radius >= _LOWEST) & (radius < _HIGHEST)
        level = _all_directions(power, radius, max(height, width))
        floor = _TRIFLE * float(level[inside].max())
        if floor <= 0:
            return None
        rings = ((radius[inside] - _LOWEST) / _RING).astype(int)
        cells = rings * _SECTORS + sectors[inside]
        shape = (int(rings.max()) + 1, _SECTORS)
        number = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)

        def averaged(values: Array) -> Array:
            return np.bincount(cells, values[inside], shape[0] * shape[1]).reshape(shape) / np.maximum(number, 1)

        mean = averaged(power / np.maximum(level, floor))
        # Where next to nothing is heard from anywhere, one is the floor.
        quiet = np.median(averaged(level), axis=1) < floor
        typical = np.maximum(np.median(mean, axis=1), np.where(quiet, 1.0, _LEAST))
        whole = number.min(axis=1) > 0
        return cls(averaged(power)[whole], mean[whole] / typical[whole, None], number[whole])


def _window(height: int, width: int) -> Array:
    """Squares of the Hann window: the power that it passes of white noise."""
    return np.asarray((np.hanning(height)[:, None] * np.hanning(width)[None]) ** 2)


def _power(frames: npt.NDArray[np.floating]) -> Array:
    height, width = frames.shape[1:]
    window = np.hanning(height)[:, None] * np.hanning(width)[None]
    total = np.zeros((height, width // 2 + 1))
    for frame in frames:
        values = np.asarray(frame, np.float64)
        mean = float((values * window).sum() / window.sum())
        total += np.abs(np.fft.rfft2((values - mean) * window)) ** 2
    return total


def _all_directions(power: Array, radius: Array, side: int) -> Array:
    """Return the mean power of all directions at each frequency, rings one step of the transform wide."""
    steps = np.rint(radius * side).astype(int)
    number = np.bincount(steps.ravel())
    mean = np.bincount(steps.ravel(), power.ravel()) / np.maximum(number, 1)
    return np.asarray(np.interp(radius * side, np.arange(len(mean)), mean))


def _by_chance(worth: Array) -> float:
    """Powers of noise are exponential; means of n of them are gamma-distributed."""
    rng = np.random.default_rng(0)
    shape = np.maximum(worth, 1.0)
    highest = []
    for _ in range(_DRAWS):
        drawn = rng.gamma(shape) / shape
        highest.append(float((drawn / np.median(drawn, axis=1, keepdims=True)).max()))
    return float(np.mean(highest))
