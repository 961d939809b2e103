"""Offsets that a whole row or column of a frame shares: what a sensor read line by line adds, and a beam that flickers.

Each column's mean over the rows holds its offset, the specimen, and little noise. In the Fourier transform of a frame
offsets of columns lie on the line of row frequency 0 alone, spread over all of it, where the lines beside it hold
noise and specimen only. So the power of the offsets is what that line has more than its neighbours, by the median over
frequencies, which lattice spots and slow shades don't shift. It is the same at all frequencies, or, where neighbouring
columns of a sensor are alike, o_i = r o_(i - 1) + noise, it goes as (1 - r^2) / (1 + r^2 - 2 r cos 2 pi f); the
likeliest r is taken. Each frequency's mean is taken out as far as it is offset: by Wiener's gain, offsets / (offsets +
noise + specimen), the last from the line itself. What stands out of that power is specimen (a lattice along an axis, a
straight interface) and stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Frame = npt.NDArray[np.float32]
Line = npt.NDArray[np.float64]

_LEAST_SIDE = 64
# The line's neighbours; the nearest is left out, since the window spreads the line over it.
_BESIDE = range(3, 9)
# Slower changes along the line are shades of the picture.
_SLOWEST = 3
# Excess over the neighbours, in standard errors of a median, from which it is believed, and the least that matters.
_SURE, _LEAST_EXCESS = 5.0, 0.3
_MEDIAN = float(np.log(2.0))
# Over so many frequencies powers are judged; medians of these differ by less than a factor by chance, single ones by
# the other.
_AROUND, _UNLIKE, _OUTLYING = 9, 2.0, 6.0
_HALVINGS = 40
_ROUNDING = float(np.finfo(np.float32).eps)
# How alike the offsets of neighbouring columns may be: r in o_i = r o_(i - 1) + what is new. In dark frames of a Ceta
# camera they are correlated by 0.52: sensors have a converter a column. Rows are read one by one, in scans too.
_ALIKE = (0.0, 0.2, 0.4, 0.6)
# How much likelier (natural logarithm) it must be that they are alike at all; and how far offsets exceed the usual in
# the highest quarter of the frequencies: what falls to less may be a specimen along the axis, which falls too.
_DOUBT, _THERE_TOO = 4.0, 1.0


@dataclass(frozen=True)
class LineOffsets:
    """Offsets of each row (H,) and column (W,) of a frame, mean 0, in its unit; zeros where there are none."""

    rows: Line
    columns: Line

    @property
    def rms(self) -> float:
        """Their strength in a px."""
        return float(np.sqrt(np.mean(self.rows**2) + np.mean(self.columns**2)))

    def subtract(self, frame: Frame) -> Frame:
        """Return the frame without them."""
        return frame - self.rows.astype(np.float32)[:, None] - self.columns.astype(np.float32)[None]


def line_offsets(frame: Frame) -> LineOffsets | None:
    """Measure the offsets of a frame (H, W), finite and without defects; None where nothing rises above the noise."""
    if min(frame.shape) < _LEAST_SIDE:
        return None
    values = frame.astype(np.float64)
    columns = _offsets(values, _ALIKE)
    if columns is not None:
        values = values - columns
    rows = _offsets(values.T, ())
    if rows is None and columns is None:
        return None
    height, width = frame.shape
    found = LineOffsets(*(np.zeros(n) if one is None else one for one, n in ((rows, height), (columns, width))))
    # A frame without noise, as programs make them, has what rounding its values left.
    return found if found.rms > _ROUNDING * float(np.abs(frame).max()) else None


def _offsets(values: npt.NDArray[np.float64], alike: tuple[float, ...]) -> Line | None:
    """Return what columns of (H, W) share, by the means over their rows; perhaps alike, by so much."""
    height, width = values.shape
    taper, across = _hann(height), _hann(width)
    # As much noise comes through it as through the plain mean.
    taper /= height
    # Along the line too: the specimen's strong frequencies would leak into all the others.
    tapered = (values - values.mean()) * across
    waves = np.exp(-2j * np.pi * np.outer(_BESIDE, np.arange(height)) / height) * taper
    beside = np.abs(np.fft.fft(waves @ tapered, axis=1)[:, : width // 2 + 1]) ** 2
    usual = ndimage.median_filter(np.median(beside, axis=0), _AROUND, mode="nearest")[_SLOWEST:] / _MEDIAN
    if not np.all(usual > 0):
        return None
    seen = np.abs(np.fft.rfft(taper @ tapered)[_SLOWEST:]) ** 2
    halves = np.array_split(np.arange(len(usual)), 2)
    for half in halves:
        excess = float(np.median(seen[half] / usual[half])) / _MEDIAN - 1
        if excess < max(_LEAST_EXCESS, _SURE / _MEDIAN / len(half) ** 0.5):
            return None
    shape = _shape(seen, usual, np.arange(_SLOWEST, _SLOWEST + len(usual)) / width, alike)
    # An interface along the axis falls with frequency without end; offsets are as strong at high ones as their shape.
    least = min(_strength(seen[half], usual[half], shape[half]) for half in halves)
    strength = min(_strength(seen, usual, shape), _UNLIKE * least) / float(taper.sum()) ** 2 * shape
    means = np.fft.rfft(values.mean(axis=0))
    power = np.abs(means[_SLOWEST:]) ** 2
    around = ndimage.median_filter(power, _AROUND, mode="nearest") / _MEDIAN
    expected = strength + usual
    # More than chance makes of what is expected, around a frequency or at it, is the specimen's.
    most = np.maximum(expected, np.maximum(around / _UNLIKE, power / _OUTLYING))
    means[_SLOWEST:] *= strength / most
    means[:_SLOWEST] = 0
    return np.asarray(np.fft.irfft(means, n=width))


def _hann(length: int) -> Line:
    """Return a window whose mean square is 1."""
    window = np.hanning(length + 2)[1:-1]
    return np.asarray(window / np.sqrt(np.mean(window**2)))


def _shape(seen: Line, usual: Line, frequency: Line, alikes: tuple[float, ...]) -> Line:
    """Return the likeliest power of the offsets by frequency (cycles a line), in units of its mean."""
    best, shape = -np.inf, np.ones_like(seen)
    quarter = len(seen) // 4
    highest = float(np.median(seen[-quarter:] / usual[-quarter:])) / _MEDIAN - 1
    for alike in alikes if highest > _THERE_TOO else ():
        one = (1 - alike**2) / (1 + alike**2 - 2 * alike * np.cos(2 * np.pi * frequency))
        expected = usual + _strength(seen, usual, one) * one
        # What stands out far is the specimen's, and says nothing.
        likelihood = -float(np.sum(np.log(expected) + np.minimum(seen / expected, _OUTLYING))) - _DOUBT * (alike > 0)
        if likelihood > best:
            best, shape = likelihood, one
    return shape


def _strength(seen: Line, usual: Line, shape: Line) -> float:
    """Return how strong offsets of a shape make, with the usual, the median of what is seen: exponential powers."""
    low, high = 0.0, float((seen / shape).max()) / _MEDIAN
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if float(np.median(seen / (usual + middle * shape))) > _MEDIAN else (low, middle)
    return low
