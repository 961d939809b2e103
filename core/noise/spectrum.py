"""The spectrum of the noise relative to that of white noise, measured blindly: behind which frequency how much lies.

Counting noise is white, and its power is the mean. Behind a scintillator the noise is damped with the signal (an MTF),
behind an amplifier it is stronger than the mean (excess and read noise), in fast scans it is damped along the lines
alone. All of these are described by

    nps(f) = floor + excess / (1 + q^2 / tail)^tail + glow / (1 + g^2 / 2)^2,
    q^2 = (f_rows / rows)^2 + (f_columns / columns)^2,    g = |f| / 0.03

f in cycles a px: never rising with it, between slower than a Lorentzian (tail 1/2) and nearly a Gaussian (the
largest tail). All but the glow is fitted to a windowed periodogram, in patches of frequencies. The power of noise is
distributed exponentially, so a patch's mean follows from a quantile, mean = -quantile(p) / ln(1 - p), which a lattice's
spots don't shift (for p = 1/2 the median of periodograms: Allen et al., "FINDCHIRP", Phys. Rev. D 85, 122006, 2012,
appendix B). Frames that follow each other are subtracted first, which leaves of the specimen only what drifts or
changes. Since any structure can only add to the noise, patches above the curve count for less, and of several curves,
each from higher frequencies than the one before, nearly the lowest is taken. Relative to counting noise no curve ends
below 1 at frequency 0: what damps noise there would have lost electrons (a detective quantum efficiency is at most 1).

The glow is light that a scintillator spreads over many px, from electrons scattered back into it above all (Meyer and
Kirkland, Microscopy Research and Technique 49, 269, 2000): some tenths more noise, below the frequencies that are
fitted within an image. It is what the emptiest quarter of the image has more than the curve there, up to a limit. What
is more than that is specimen; of what is less nobody can tell, but it is no stronger than the noise, so nothing is lost
by taking it for noise.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_PATCH = 0.05
# A fit leaves out what is lower. Where an image's own structure ends is not known: the curves are compared at a low
# frequency. Between frames little of the structure is left.
_LOWEST_WITHIN = (0.1, 0.15, 0.2, 0.25)
_LOWEST_BETWEEN = (0.05, 0.1, 0.15, 0.2)
_JUDGED_AT = 0.05
_LEAST_SIDE = 64
# A specimen's own spectrum often falls within a tenth of a cycle a px; a detector's doesn't.
_WIDTHS = (*np.geomspace(0.12, 0.8, 12).round(3).tolist(), 1e3)
_TAILS = (0.5, 1.0, 2.0, 16.0)
# A low quantile: less is added to it by spots and streaks than to the median.
_QUANTILE = 0.2
# Its relative scatter times the root of the number (2.24), and of neighbours that a Hann window correlates (3).
_SCATTER = 2.24 * 3**0.5
_OWN_ERROR = 0.03
_OUTLYING = 2.0
_ROUNDS = 6
_LEAST_POWER = 1e-3
_DIGITS = 6
_NO_NOISE = 1e-6
_LEVEL_SIDE = 64
_BLURRED = 0.5
# In cycles a px; and how much glow there is at most, in units of the rest of the power at frequency 0.
_GLOW_WIDTH, _MOST_GLOW = 0.03, 0.6
# It is measured in windows, from the third frequency to this one; of the windows in this quantile, which lies so far
# below their mean for white noise.
_GLOW_SIDE, _GLOW_TO, _EMPTIEST, _BELOW_MEAN = 128, 0.05, 0.25, 0.823


@dataclass(frozen=True)
class NoiseSpectrum:
    """Noise power by frequency, in units of white noise of a given variance; formula above.

    Attributes
    ----------
    floor, excess : float
        Power at high frequencies, and what low ones have more; both at least 0.
    rows, columns : float
        Width of the fall along each axis, in cycles a px.
    tail : float
        How steeply it ends; at least 1.
    glow : float
        Power that only the lowest frequencies have more.
    """

    floor: float
    excess: float
    rows: float
    columns: float
    tail: float
    glow: float = 0.0

    @classmethod
    def of(cls, parameters: Mapping[str, float] | None) -> NoiseSpectrum | None:
        """Return what `as_parameters` wrote, or None of None."""
        return None if parameters is None else cls(**{name: float(value) for name, value in parameters.items()})

    def as_parameters(self) -> dict[str, float]:
        """Return plain JSON numbers."""
        return asdict(self)

    def power(self, rows: npt.ArrayLike, columns: npt.ArrayLike) -> Array:
        """Return the relative power at frequencies in cycles a px; arguments broadcast."""
        square = (np.asarray(rows, dtype=np.float64) / self.rows) ** 2 + (np.asarray(columns) / self.columns) ** 2
        out = self.floor + self.excess / (1 + square / self.tail) ** self.tail
        return np.asarray(out + self.glow * _glow_at(rows, columns) if self.glow else out)

    @property
    def blurred(self) -> bool:
        """Whether noise went through an MTF: damped along both axes."""
        return max(float(self.power(0.4, 0)), float(self.power(0, 0.4))) <= _BLURRED * float(self.power(0, 0))

    def of_sums(self, side: int, binning: int = 1) -> Array:
        """Return the relative power (side, side // 2 + 1) of sums over blocks, for `rfft2` of `side` x `side` of them.

        In units of white noise summed likewise: each frequency has what the block's own transfer function,
        (sin(pi B f) / (B sin(pi f)))^2, lets through of those that fall onto it.
        """
        return _of_sums(self, side, binning)

    def level(self, binning: int = 1) -> float:
        """Return the variance of a sum over a block, in units of white noise summed likewise."""
        return float(_mean_of_half(self.of_sums(_LEVEL_SIDE, binning)))

    def colour(self, noise: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return white noise (..., H, W) with this spectrum instead."""
        height, width = noise.shape[-2:]
        gain = np.sqrt(self.power(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]))
        return np.fft.irfft2(np.fft.rfft2(noise) * gain, s=(height, width)).astype(np.float32)

    def whiten(self, frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return frames (..., H, W) whose noise is white, their means as they are."""
        height, width = frames.shape[-2:]
        gain = 1 / np.sqrt(self.power(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]))
        gain[0, 0] = 1
        return np.fft.irfft2(np.fft.rfft2(frames) * gain, s=(height, width)).astype(np.float32)


@functools.lru_cache(maxsize=32)
def _of_sums(spectrum: NoiseSpectrum, side: int, binning: int) -> Array:
    out = np.zeros((side, side // 2 + 1))
    base_rows, base_columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    for i in range(binning):
        rows = (base_rows + i) / binning
        for j in range(binning):
            columns = (base_columns + j) / binning
            weight = _block_power(rows, binning) * _block_power(columns, binning)
            # Frequencies beyond Nyquist stand for those on the other side of it.
            out += weight * spectrum.power(rows - np.round(rows), columns - np.round(columns))
    out.flags.writeable = False
    return out


def _block_power(frequency: Array, binning: int) -> Array:
    """Return the squared transfer of a block's mean; its sum over all that alias onto a frequency is 1."""
    return np.asarray((np.sinc(binning * frequency) / np.sinc(frequency)) ** 2)


def _mean_of_half(half: Array) -> float:
    """Return the mean over a whole spectrum of which `rfft2` keeps the half; its side is even."""
    return float((2 * half.sum() - half[:, 0].sum() - half[:, -1].sum()) / half.shape[0] ** 2)


def measure_spectrum(
    frames: Sequence[npt.NDArray[np.float32]], follow: bool, variance: float | None = None
) -> NoiseSpectrum | None:
    """Measure the spectrum of frames (H, W).

    Parameters
    ----------
    follow
        Whether each two of the frames (0 and 1, 2 and 3, ...) follow each other at the same place; each is looked at
        alone otherwise.
    variance
        Of white noise, in units of the frames squared; None is the frames' mean, as of counts.

    Returns
    -------
    NoiseSpectrum or None
        None where there is too little to be measured.
    """
    if min(frames[0].shape) < _LEAST_SIDE:
        return None
    patches = _Patches(*frames[0].shape)
    steps = 2 if follow else 1
    found = []
    for first in range(0, len(frames) - steps + 1, steps):
        power = _periodogram(frames[first : first + steps], variance)
        if power is not None:
            found.append(patches.levels(power))
    if not found:
        return None
    power = np.median(found, axis=0)
    if not np.all(np.isfinite(power)) or float(np.median(power)) <= _NO_NOISE:
        return None
    least = 1.0 if variance is None else 0.0
    fits = [_fit(patches, power, low, len(found), least) for low in (_LOWEST_BETWEEN if follow else _LOWEST_WITHIN)]
    # Structure only adds: the lowest curve has least of it. The second one, since the lowest may be so by chance.
    best = sorted(fits, key=lambda fit: float(fit.power(_JUDGED_AT, _JUDGED_AT)))[1]
    return best if follow or not best.blurred else replace(best, glow=_measure_glow(frames, best, variance))


def _glow_at(rows: npt.ArrayLike, columns: npt.ArrayLike) -> Array:
    """Return the glow's power relative to that at frequency 0; cycles a px."""
    square = np.asarray(rows, dtype=np.float64) ** 2 + np.asarray(columns, dtype=np.float64) ** 2
    return np.asarray(1 / (1 + square / (2 * _GLOW_WIDTH**2)) ** 2)


def _measure_glow(frames: Sequence[npt.NDArray[np.float32]], spectrum: NoiseSpectrum, variance: float | None) -> float:
    """Return the glow of frames of which the rest of the spectrum is known; 0 where they are small."""
    rows, columns = np.fft.fftfreq(_GLOW_SIDE)[:, None], np.fft.rfftfreq(_GLOW_SIDE)[None]
    radius = np.hypot(rows, columns)
    # What whole rows and columns share lies on the axes.
    some = (radius > 1.5 / _GLOW_SIDE) & (radius <= _GLOW_TO) & (rows != 0) & (columns != 0)
    known, origin = spectrum.power(rows, columns)[some], float(spectrum.power(0, 0))
    levels = []
    for frame in frames:
        for top in range(0, frame.shape[0] - _GLOW_SIDE + 1, _GLOW_SIDE // 2):
            for left in range(0, frame.shape[1] - _GLOW_SIDE + 1, _GLOW_SIDE // 2):
                part = frame[top : top + _GLOW_SIDE, left : left + _GLOW_SIDE]
                power = _periodogram([part], variance)
                if power is not None:
                    # The median: a lattice's spots don't shift it.
                    levels.append(float(np.median(power[some] / known)) / float(np.log(2)))
    if not levels:
        return 0.0
    more = float(np.quantile(levels, _EMPTIEST)) / _BELOW_MEAN - 1
    share = float(np.mean(_glow_at(rows, columns)[some] * origin / known))
    return round(min(max(more / share, 0.0), _MOST_GLOW) * origin, _DIGITS)


def _periodogram(frames: Sequence[npt.NDArray[np.float32]], variance: float | None) -> Array | None:
    """Return the half of a windowed periodogram of a frame, or of the difference of two; white noise has mean 1."""
    height, width = frames[0].shape
    window = np.hanning(height)[:, None] * np.hanning(width)[None]
    energy = float((window**2).sum())
    images = [np.asarray(one, dtype=np.float64) for one in frames]
    mean = float((sum(images) * window**2).sum()) / energy
    white = mean if variance is None else variance * len(images)
    if not white > 0:
        return None
    image = images[0] - images[1] if len(images) == 2 else images[0]
    image = (image - (image * window).sum() / window.sum()) * window
    return np.asarray(np.abs(np.fft.rfft2(image)) ** 2 / (energy * white))


class _Patches:
    """Patches of frequencies up to Nyquist.

    Attributes
    ----------
    rows, columns : float (n,)
        Mean frequencies of each patch.
    radius : float (n,)
        The same from the origin.
    counts : float (n,)
        How many frequencies it has.
    """

    def __init__(self, height: int, width: int) -> None:
        rows, columns = np.abs(np.fft.fftfreq(height))[:, None], np.fft.rfftfreq(width)[None]
        last = round(0.5 / _PATCH) - 1
        across = np.minimum(columns // _PATCH, last).astype(int)
        numbers = np.minimum(rows // _PATCH, last).astype(int) * (last + 1) + across
        numbers = np.where((rows == 0) & (columns == 0) | (np.hypot(rows, columns) > 0.5), -1, numbers)
        self._members = [np.flatnonzero(numbers == one) for one in np.unique(numbers) if one >= 0]
        self.counts = np.array([len(one) for one in self._members], dtype=np.float64)
        self.rows, self.columns = (
            np.array([axis.ravel()[one].mean() for one in self._members]) for axis in np.broadcast_arrays(rows, columns)
        )
        self.radius = np.hypot(self.rows, self.columns)

    def levels(self, power: Array) -> Array:
        """Return the mean of the exponential distribution that has each patch's quantile."""
        found = [np.quantile(power.ravel()[one], _QUANTILE) for one in self._members]
        return np.asarray(np.array(found) / -np.log1p(-_QUANTILE), dtype=np.float64)


def _fit(patches: _Patches, power: Array, lowest: float, frames: int, least: float) -> NoiseSpectrum:
    """Fit floor and excess for every shape to the patches from `lowest` on, and take the shape of least loss."""
    some = patches.radius > lowest
    at_rows, at_columns, radius, power = patches.rows[some], patches.columns[some], patches.radius[some], power[some]
    own = _OWN_ERROR * (1 + (radius / 0.25) ** 2)
    error = np.sqrt(own**2 + _SCATTER**2 / (patches.counts[some] * frames))
    shapes = [(rows, columns, tail) for tail in _TAILS for rows in _WIDTHS for columns in _WIDTHS]
    bases = np.stack([NoiseSpectrum(0.0, 1.0, *shape).power(at_rows, at_columns) for shape in shapes])
    # High frequencies are surest to be noise alone: they begin.
    weights, curves = np.broadcast_to((radius / 0.5) ** 2, bases.shape), power
    lowest_power = 1e-6 * float(power.max())
    for _ in range(_ROUNDS):
        floor, excess = _lines(bases, power, weights / (error * curves) ** 2, least)
        curves = np.maximum(floor[:, None] + excess[:, None] * bases, lowest_power)
        # Errors are relative to the curve: relative to the powers, those that are low by chance would draw it down.
        far = np.log(np.maximum(power, lowest_power) / curves) / error
        weights = np.where(far > 0, 1 / (1 + (far / _OUTLYING) ** 2), 1.0)
    loss = np.where(far > 0, _OUTLYING**2 * np.log1p((far / _OUTLYING) ** 2), far**2).sum(axis=1)
    best = int(np.argmin(loss))
    values = (max(float(floor[best]), _LEAST_POWER), float(excess[best]), *shapes[best])
    # Rounded, so that what is written into a plan is what is used.
    return NoiseSpectrum(*(round(one, _DIGITS) for one in values))


def _lines(bases: Array, power: Array, weights: Array, least: float) -> tuple[Array, Array]:
    """Return weighted least squares power = floor + excess * base for every row of `bases`.

    Neither is below 0, and their sum not below `least`.
    """
    total = weights.sum(axis=1)
    mean_base, mean_power = (weights * bases).sum(axis=1) / total, (weights * power).sum(axis=1) / total
    apart = bases - mean_base[:, None]
    spread = (weights * apart**2).sum(axis=1)
    slope = (weights * apart * power).sum(axis=1) / np.maximum(spread, 1e-12)
    slope = np.where(spread > 1e-9 * total, np.maximum(slope, 0), 0)
    floor = mean_power - slope * mean_base
    alone = (weights * bases * power).sum(axis=1) / (weights * bases**2).sum(axis=1)
    floor, slope = np.maximum(floor, 0), np.where(floor < 0, alone, slope)
    fall = 1 - bases
    forced = (weights * (least - power) * fall).sum(axis=1) / np.maximum((weights * fall**2).sum(axis=1), 1e-12)
    forced = np.clip(forced, 0, least)
    short = floor + slope < least
    return np.where(short, least - forced, floor), np.where(short, forced, slope)
