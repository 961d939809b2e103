"""Noise variance against mean, from frames that follow each other: what a pixel of a given brightness should scatter.

Unlike `core.noise.gain`, which has single frames, this needs no model of the specimen: between two frames in a row
hardly anything moves, and the difference of each pixel is its own noise, correlated with its neighbours or not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_BINS = 24
_LOOKS = 400_000
# Left out at the top of each bin: pixels that flicker.
_TOP = 0.005
# For noise that doesn't grow with the mean: so many electrons that counting looks Gaussian.
_GAUSSIAN_AT = 1e4

Values = npt.NDArray[np.floating]


@dataclass(frozen=True)
class NoiseLine:
    """Variance of one frame's noise by the mean, in stored units.

    Attributes
    ----------
    means, variances : tuple of float
        The curve where it was measured.
    gain, offset : float
        The line it is continued by: variance = gain * (mean - offset).
    counts : bool
        Whether the variance grows with the mean, as it does for electrons. If not, `gain` is only a stand-in that
        makes the noise look like that of many electrons.
    """

    means: tuple[float, ...]
    variances: tuple[float, ...]
    gain: float
    offset: float
    counts: bool

    def variance(self, mean: Values) -> npt.NDArray[np.float64]:
        """Expected variance of pixels of this mean; beyond the brightest measured by the line's slope."""
        inside = np.interp(mean, self.means, self.variances)
        slope = self.gain if self.counts else 0.0
        return np.asarray(inside + slope * np.maximum(np.asarray(mean, dtype=np.float64) - self.means[-1], 0.0))

    def electrons(self, stored: Values) -> npt.NDArray[np.float32]:
        """Stored values as electrons, for tests made for counting noise."""
        return np.asarray((stored - np.float32(self.offset)) / np.float32(self.gain), dtype=np.float32)

    @property
    def typical(self) -> float:
        """The median variance."""
        return float(np.median(self.variances))


def fit_noise_line(means: Values, variances: Values) -> NoiseLine | None:
    """Fit the line to the mean and the noise variance of each pixel (H, W); None where there is no noise.

    Defects are few: the brightest variances of each bin are left out.
    """
    step = max(1, means.size // _LOOKS)
    x, y = means.ravel()[::step].astype(np.float64), variances.ravel()[::step].astype(np.float64)
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if len(x) < 64:
        return None
    order = np.argsort(x, kind="stable")
    parts = np.array_split(order, min(_BINS, len(x) // 32 or 1))
    centres = np.array([np.median(x[part]) for part in parts])
    levels = np.array([_trimmed(y[part]) for part in parts])
    if not np.median(levels) > (1e-6 * max(1e-300, float(np.abs(centres).max()))) ** 2:
        return None
    centres, first = np.unique(centres, return_index=True)
    levels = levels[first]
    slope, crossing = _slope(centres, levels)
    if slope > 0:
        return NoiseLine(tuple(centres), tuple(levels), slope, crossing, True)
    typical = float(np.median(levels))
    gain = (typical / _GAUSSIAN_AT) ** 0.5
    offset = float(np.median(centres)) - _GAUSSIAN_AT * gain
    return NoiseLine(tuple(centres), tuple(levels), gain, offset, False)


def sparse_line(means: Values, variances: Values) -> NoiseLine | None:
    """The line where most pixels saw no electron in any frame; None if the frames are not like that.

    Zero counts must be stored as 0. It is good for hits, which are far out; not for a pixel's own scatter.
    """
    step = max(1, means.size // _LOOKS)
    x, y = means.ravel()[::step].astype(np.float64), variances.ravel()[::step].astype(np.float64)
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if len(x) < 64 or x.min() < 0 or np.median(y) > 0:
        return None
    usual = y <= np.quantile(y, 1 - _TOP)
    mean, variance = float(x[usual].mean()), float(y[usual].mean())
    # Single electrons: less than one a pixel.
    if not (mean > 0 and variance > mean * mean):
        return None
    gain = variance / mean
    return NoiseLine((0.0, 1.0), (0.0, gain), gain, 0.0, True)


def _trimmed(values: npt.NDArray[np.float64]) -> float:
    values = np.sort(values)
    return float(values[: max(1, len(values) - max(1, int(_TOP * len(values))))].mean())


def _slope(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return slope and zero crossing of the line through the bins; slope 0 if it can't be told from flat."""
    if len(x) < 4 or np.ptp(x) <= 0:
        return _counting(x, y)
    # Relative errors are alike in all bins: weights by the variance itself, those far off left out once.
    keep = np.ones(len(x), dtype=np.bool_)
    slope = crossing = 0.0
    for _ in range(2):
        weight = 1 / np.maximum(y[keep], 1e-3 * np.median(y) + 1e-300)
        slope, level = (float(v) for v in np.polyfit(x[keep], y[keep], 1, w=weight))
        if not slope > 0:
            return _counting(x, y)
        crossing = -level / slope
        misfit = (y - slope * x - level) / np.maximum(y, 1e-3 * np.median(y) + 1e-300)
        keep = np.abs(misfit) <= 3 * max(float(np.std(misfit[keep])), 1e-3)
        if np.count_nonzero(keep) < 4:
            break
    # Over the whole range the variance must grow by a tenth, or it says nothing of counting.
    if slope * float(np.ptp(x)) < 0.1 * float(np.median(y)):
        return _counting(x, y)
    # No pixel is darker than no electron at all.
    return slope, min(crossing, float(x[0]))


def _counting(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Counts of an even picture: the variance is the mean itself."""
    mean, variance = float(np.median(x)), float(np.median(y))
    return (1.0, 0.0) if mean > 0 and abs(variance / mean - 1) < 0.1 else (0.0, 0.0)
