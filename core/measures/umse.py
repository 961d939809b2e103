"""The error of a result against the unknown truth, from a noisy look that it was not made from.

uMSE (arXiv:2210.05553): if a = l + noise is independent of the result f, then E mean[(a - f)^2] - mean[var a] is the
mean squared error of f against the clean l. Unbiased, but noisy: the noise of `a` enters at every frequency, while
signals of a lens end long before the px do. So what the raw frames hold beyond the band of any signal that can be found
in them is taken for noise: the term sum(|A|^2 - var a) of these frequencies, of mean zero, is left out, and with it
nearly all of the variance. All else is unbiased at every frequency.

What is left out has the power of the signal there. It was not found, which doesn't say that it is 0: the interval also
holds what may be hidden, if the signal's power falls as slowly as that of sharp edges (`hidden_power`).

The cosine transform serves, not Fourier's: its frames continue by their mirror image, so that a frame's border puts no
power into high frequencies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

Array = npt.NDArray[np.float64]
Frames = npt.NDArray[np.floating]

_QUANTILE = 1.959964
_BLOCK = 32
# The highest of the frequencies where signal was found, times this and a little more, is the band.
_MARGIN, _BEYOND = 1.2, 0.02
_LEAST_BAND = 0.06
# Power beyond the band falls as frequency^-3 or faster: so do the edges of flat things; smooth ones, and atoms
# (frequency^-4, before any lens), fall faster.
_SLOWEST_FALL = 3.0
# How far a ring's power, or a single frequency's, must stand above the noise to be signal.
_RING_SIGMAS = 4.0
_PATCHES = (1, 3, 7, 15)
_WIDTHS = (1, 2, 4, 8, 16)
_GROUP = 8
_RINGS = 48
_HOT = 4.0


@dataclass(frozen=True)
class HiddenPower:
    """Signal beyond the band, as mean power a px in the units of the frames squared.

    Attributes
    ----------
    power : float
        Unbiased if the signal falls as slowly as it may; by noise it may be negative.
    spread : float
        Its standard deviation.
    """

    power: float = 0.0
    spread: float = 0.0


NOTHING_HIDDEN = HiddenPower()


@dataclass(frozen=True)
class ErrorEstimate:
    """A mean squared error in the units of the result squared, with its 95 % interval.

    Attributes
    ----------
    mse, low, high : float
        May be 0 or negative where the data are few.
    band : float
        Highest frequency at which the raw frames were searched, in cycles a px along either axis; 0.5 is all.
    """

    mse: float
    low: float
    high: float
    band: float

    def psnr(self, peak: float) -> tuple[float | None, float | None, float | None]:
        """Return 10 log10(peak^2 / error) in dB: value, lower and upper end; None where the error isn't positive."""
        return _decibel(peak, self.mse), _decibel(peak, self.high), _decibel(peak, self.low)


def _decibel(peak: float, error: float) -> float | None:
    return 10 * math.log10(peak**2 / error) if error > 0 and peak > 0 else None


def unbiased_mse(
    result: Frames, reference: Frames, variance: Frames, band: float = 0.5, hidden: HiddenPower = NOTHING_HIDDEN
) -> ErrorEstimate:
    """Estimate the mean squared error of a result against the unknown clean frames.

    Parameters
    ----------
    result
        (T, H, W) or (H, W), made without looking at `reference`.
    reference
        Of the same shape and units: the clean frames plus independent noise of mean zero, white within a frame.
    variance
        Of the same shape: an unbiased estimate of the reference's noise variance a px. For Poisson counts of a part p,
        with reference = counts / p, it is counts / p^2.
    band
        From `signal_band` of the raw frames, in cycles a px.
    hidden
        From `hidden_power` of the raw frames beyond this band.

    Returns
    -------
    ErrorEstimate
        The interval speaks of the reference's noise alone: of this result on these frames, not of others like them.

    Raises
    ------
    ValueError
        Shapes differ, or values are not finite.
    """
    sums = squared_errors(result, reference, variance, band)
    return sums.estimate(np.size(result), band, hidden)


@dataclass(frozen=True)
class ErrorSums:
    """Sums over all px, that estimates from several references can be made of.

    Attributes
    ----------
    error : float
        Of the squared errors.
    noise_spread : float
        Variance of `error` by the reference's noise alone.
    error_spread : float
        Variance of `error` by the noise where it meets the result's own error.
    """

    error: float
    noise_spread: float
    error_spread: float

    def estimate(self, pixels: int, band: float, hidden: HiddenPower = NOTHING_HIDDEN) -> ErrorEstimate:
        """The mean over so many px, with its interval.

        The interval is the union of two: of a signal that ends with the band, mean +- w, and of one that goes on as
        slowly as it may, mean + hidden +- sqrt(w^2 + (1.96 spread)^2), of which only the upper end counts.
        """
        mean = self.error / pixels
        width = _QUANTILE * math.sqrt(max(self.noise_spread + self.error_spread, 0.0)) / pixels
        longer = hidden.power + math.hypot(width, _QUANTILE * hidden.spread)
        return ErrorEstimate(mean, mean - width, mean + max(width, longer), band)


def squared_errors(
    result: Frames, reference: Frames, variance: Frames, band: float, apart: Frames | None = None
) -> ErrorSums:
    """Sum up what `unbiased_mse` is made of; parameters and errors are the same.

    `apart` is another unbiased estimate of the variance, whose noise is not the reference's: from the other part of the
    electrons. With it both spreads are right for brightness that changes from px to px; without it, over 32 px.
    """
    f, a, v = (_stack(values) for values in (result, reference, variance))
    local = v if apart is None else _stack(apart)
    if not f.shape == a.shape == v.shape == local.shape:
        raise ValueError(f"result, reference and variance differ in shape: {f.shape}, {a.shape}, {v.shape}")
    sums = np.zeros(3)
    for frame, noisy, noise, its_local in zip(f, a, v, local, strict=True):
        smooth = ndimage.uniform_filter(its_local, _BLOCK) if apart is None else its_local
        sums += _frame_error(frame, noisy, noise, smooth, band)
    return ErrorSums(*(float(one) for one in sums))


def _frame_error(frame: Array, noisy: Array, noise: Array, local: Array, band: float) -> tuple[float, float, float]:
    """Return the sum of squared errors of a frame, and both parts of the variance of that sum."""
    rows, columns = (max(1, min(length, round(2 * band * length))) for length in frame.shape)
    residual = fft.dctn(noisy - frame, norm="ortho")
    residual[rows:] = 0
    residual[:, columns:] = 0
    share = _share(frame.shape[0], rows)[:, None] * _share(frame.shape[1], columns)[None]
    squares = float(np.square(residual).sum()) - float((noise * share).sum())
    outside = fft.dctn(frame, norm="ortho")
    outside[:rows, :columns] = 0
    far = fft.idctn(outside, norm="ortho")
    error = squares + float(np.sum(far * (far - 2 * noisy)))
    # sum[(e + n)^2 - v] over the band: 2 sum |cov(n_k, n_l)|^2 of the noise alone, and 4 e^2 v where it meets the
    # error. For Poisson noise the fourth moment and the scatter of v itself cancel.
    product = float(np.sum(local * _noise_within(noise, rows, columns)))
    near = np.square(fft.idctn(residual, norm="ortho"))
    met = 4 * (float(np.sum(near * local)) - product) + 4 * float(np.sum(np.square(far) * noise))
    return error, 2 * product, met


def _noise_within(noise: Array, rows: int, columns: int) -> Array:
    """Return the variance a px of white noise of this variance, low-passed to a band of so many cosines.

    It is the variance smoothed by the square of the low pass' kernel, sinc^2, which is a triangle of frequencies.
    """
    spectrum = fft.dctn(noise, norm="ortho")
    for axis, kept in enumerate((rows, columns)):
        length = noise.shape[axis]
        fall = np.maximum(1 - np.arange(length) / (2 * kept), 0.0) * (kept / length)
        spectrum *= fall[:, None] if axis == 0 else fall[None]
    return np.asarray(fft.idctn(spectrum, norm="ortho"))


def band_product(first: Frames, second: Frames, band: float) -> float:
    """Return the sum of first x second over frames (T, H, W), of the frequencies of a band alone."""
    total = 0.0
    for one, other in zip(_stack(first), _stack(second), strict=True):
        rows, columns = (max(1, min(length, round(2 * band * length))) for length in one.shape)
        a, b = (fft.dctn(frame, norm="ortho")[:rows, :columns] for frame in (one, other))
        total += float(np.sum(a * b))
    return total


def _share(length: int, kept: int) -> Array:
    """Return how much of the noise variance of each px lies in the first `kept` cosines (length,)."""
    basis = fft.idct(np.eye(length)[:, :kept], axis=0, norm="ortho")
    return np.asarray(np.square(basis).sum(axis=1))


def _block_means(values: Array, shape: tuple[int, ...] | None = None) -> Array:
    """Return means over blocks of about 32 px, or over as many blocks as `shape` says."""
    rows, columns = shape or tuple(max(1, length // _BLOCK) for length in values.shape)
    parts = [np.array_split(np.arange(n), k) for n, k in zip(values.shape, (rows, columns), strict=True)]
    sums = np.add.reduceat(values, [p[0] for p in parts[0]], axis=0)
    sums = np.add.reduceat(sums, [p[0] for p in parts[1]], axis=1)
    counts = np.outer([len(p) for p in parts[0]], [len(p) for p in parts[1]])
    return np.asarray(sums / counts)


def signal_band(raw: Frames, variance: Frames) -> float:
    """Return the highest frequency at which signal may be, in cycles a px along either axis (0.5: all of them).

    Rings of the mean power of single frames, and of sums of up to eight neighbours, are searched for power above the
    noise, and so are patches of frequencies (a lattice's spots); a fifth and some more are added. What lies beyond is
    weaker than the noise by far, or isn't there.

    Parameters
    ----------
    raw
        (T, H, W) noisy frames, white noise.
    variance
        Of the same shape: unbiased estimate of the noise variance a px.
    """
    frames, noise = _stack(raw), _stack(variance)
    found = 0.0
    for group in (1, _GROUP):
        if group > len(frames):
            break
        found = max(found, _highest(frames, noise, group))
    return min(0.5, max(_LEAST_BAND, _MARGIN * found + _BEYOND))


def hidden_power(raw: Frames, variance: Frames, band: float) -> HiddenPower:
    """Estimate how much signal lies beyond the band, where it is too faint for `signal_band` to find.

    All that is known is that its power doesn't rise again. For a signal whose power falls as g = f^-3, f the distance
    from frequency 0, the sum beyond the band is best estimated by sum(g) sum[g (|A|^2 - v)] / sum(g^2), of variance
    2 v^2 sum(g)^2 / sum(g^2): mostly by the frequencies just beyond the band. If the signal falls faster, the truth
    lies between 0 and this. Where nothing was found at all, there is nothing to fall from: a faint lattice may be at
    any frequency, and g is 1.

    Parameters
    ----------
    raw, variance
        As for `signal_band`.
    band
        From `signal_band`, in cycles a px along either axis.
    """
    frames, noise = _stack(raw), _stack(variance)
    rows, columns = np.meshgrid(*(np.arange(length) / (2 * length) for length in frames.shape[1:]), indexing="ij")
    inside = tuple(slice(max(1, min(length, round(2 * band * length)))) for length in frames.shape[1:])
    fall = np.hypot(rows, columns)
    fall[0, 0] = 1.0
    fall **= 0.0 if band <= _LEAST_BAND else -_SLOWEST_FALL
    fall[inside] = 0.0
    if not fall.any():
        return NOTHING_HIDDEN
    fall *= fall.sum() / np.square(fall).sum()
    power = spread = 0.0
    for frame, its_noise in zip(frames, noise, strict=True):
        power += float(np.sum(fall * (np.square(fft.dctn(frame, norm="ortho")) - its_noise.mean())))
        spread += 2 * float(np.mean(np.square(_block_means(its_noise))))
    spread = math.sqrt(spread * float(np.square(fall).sum()))
    return HiddenPower(power / frames.size, spread / frames.size)


def _highest(frames: Array, noise: Array, group: int) -> float:
    height, width = frames.shape[1:]
    power = np.zeros((height, width))
    level = 0.0
    count = len(frames) // group
    for first in range(0, count * group, group):
        power += np.square(fft.dctn(frames[first : first + group].sum(axis=0), norm="ortho"))
        level += float(noise[first : first + group].sum(axis=0).mean())
    if level <= 0:
        return 0.5
    power /= level
    # The mean is no signal to be found.
    power[0, 0] = 1.0
    square = np.maximum(np.arange(height)[:, None] / (2 * height), np.arange(width)[None] / (2 * width))
    highest = 0.0
    # A lattice's spots: sharp ones of large crystals, broad ones of small particles.
    for side in _PATCHES:
        near = power if side == 1 else ndimage.uniform_filter(power, side, mode="mirror")
        # At the corner of the frequencies a patch holds its own mirror images.
        limit = 1 + _chi_limit(count * max(1, side // 2) ** 2, height * width)
        highest = max(highest, float(square[near > limit].max(initial=0.0)))
    ring = np.minimum((square * 2 * _RINGS).astype(int), _RINGS - 1)
    members = np.bincount(ring.ravel(), minlength=_RINGS)
    excess = np.bincount(ring.ravel(), power.ravel() - 1, minlength=_RINGS)
    # Each frequency is chi-squared over its mean: variance 2 / count. One ring may stand out; beyond the last such ring
    # some neighbours taken together may: the tail of something amorphous is faint everywhere.
    last = 0
    for width in _WIDTHS:
        sums = [np.convolve(values[last:], np.ones(width), "valid") for values in (excess, members)]
        above = np.flatnonzero(sums[0] > _RING_SIGMAS * np.sqrt(2.0 * np.maximum(sums[1], 1) / count))
        if len(above):
            last += int(above[-1]) + max(1, width // 2)
        if last + 2 * width > _RINGS:
            break
    return max(highest, last / (2 * _RINGS))


def _chi_limit(count: int, tried: int) -> float:
    """Return by how much the mean of `count` squared normal numbers is exceeded once in 1000 times `tried`."""
    sure = math.log(1000 * tried)
    return 2 * math.sqrt(sure / count) + 2 * sure / count


def signal_peak(raw: Frames, band: float) -> float:
    """Return the peak M of the signal, for uPSNR: the 99.9th percentile of the raw frames' mean, low-passed to `band`.

    It depends on the raw frames alone, so that all results of a movie share it; a hot px does not set it.
    """
    frames = _stack(raw)
    means = [_without_hot(frames[k : k + _GROUP].mean(axis=0)) for k in range(0, len(frames), _GROUP)]
    peaks = []
    for mean in means:
        rows, columns = (max(1, min(n, round(2 * band * n))) for n in mean.shape)
        spectrum = fft.dctn(mean, norm="ortho")
        kept = np.zeros_like(spectrum)
        kept[:rows, :columns] = spectrum[:rows, :columns]
        peaks.append(float(np.percentile(fft.idctn(kept, norm="ortho"), 99.9)))
    return float(np.median(peaks))


def _without_hot(frame: Array) -> Array:
    """Return a frame whose few px far above all others are cut down to what the others reach."""
    middle, high = np.percentile(frame, [50, 99.5])
    return np.asarray(np.minimum(frame, middle + _HOT * (high - middle)))


def _stack(values: npt.ArrayLike) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or array.size == 0:
        raise ValueError(f"frames are (H, W) or (T, H, W), not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("some values are not finite")
    return array
