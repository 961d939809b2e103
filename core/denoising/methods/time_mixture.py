"""Estimates of one frame from windows of many lengths, fitted to it and mixed per place by an estimate of their error.

A long window sees more electrons, a short one what has just changed. Which of them is nearer to the truth at a place
is told without it: of an estimate f of the frame y, |B (f - y)|^2 - var(B n) + 2 cov(B n, B f), summed over the
surroundings, estimates |B (f - x)|^2 (Stein's unbiased risk), x the truth and B a blur over about an atom, which makes
a column that is there or not stand out of the noise. Weights exp(-risk / T) mix the estimates (Leung and Barron, IEEE
Trans. Inf. Theory 52, 2006), and their risk over the whole movie holds where the place alone says little.

An estimate that lacks what a frame shows beyond doubt, or shows what it lacks, is ruled out there, whatever its risk:
an atom that is there for a frame must not be outvoted.

Brightness and contrast change from frame to frame while the picture stays (beam, defocus): each estimate is first
fitted to the frame, y ~ a + g f by least squares over wide surroundings, with the noise that the two share taken off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.denoising.denoiser import Frames
from core.noise.spectrum import NoiseSpectrum

# In binned px: the blur of about an atom, the surroundings over which risks are summed, and weights are blended.
_BLUR, _PLACE, _BLEND = 1.0, 7.0, 2.0
_LEVEL = 8.0
_TEMPERATURE = 6.0
# As many independent samples the movie's own risks are worth.
_PRIOR = 150.0
# In deviations of the blurred noise: from here on an estimate is doubted, beyond the second one ruled out, as far
# around as an atom is wide (binned px).
_DOUBTED, _RULED_OUT, _ATOM = 4.0, 5.0, 6
_PENALTY = 1e4
_LEAST_SHARE = 0.2
# In px: the surroundings of a fit, the grid it is made on, and as many samples 'no change of contrast' is worth.
_FIT, _GRID = 64.0, 8
_UNCHANGED = 100.0
_MOST_GAIN = 2.5
_CUT = 3.0
_LEAST_COVERED = 0.3
_LEAST_LEVEL = 0.05
_NEVER = 1e9
_TRANSFER = 128


@dataclass(frozen=True)
class Noise:
    """A frame's noise: its variance over the mean, of a px and of a px blurred as risks are.

    Attributes
    ----------
    of_px, blurred : float
    """

    of_px: float
    blurred: float

    @classmethod
    def of(cls, spectrum: NoiseSpectrum | None, factor: float, binning: int) -> Noise:
        """Return that of noise whose power at frequency 0 is `factor` times the mean; None is a white spectrum."""
        rows, columns = np.fft.fftfreq(_TRANSFER)[:, None], np.fft.fftfreq(_TRANSFER)[None]
        power = np.ones((_TRANSFER, _TRANSFER))
        if spectrum is not None:
            power = spectrum.power(rows, columns) / float(spectrum.power(0, 0))
        through = np.exp(-np.square(2 * np.pi * _BLUR * binning) * (rows**2 + columns**2))
        return cls(factor * float(power.mean()), factor * float((power * through).mean()))

    def times(self, strength: float) -> Noise:
        """Return blurred noise that is so many times as strong."""
        return Noise(self.of_px, self.blurred * strength)


@dataclass(frozen=True)
class Estimate:
    """What a window says of a frame.

    Attributes
    ----------
    image : float32 (H, W)
        Electrons, where the frame lies.
    covered : float32 (H, W) or None
        Share of the window's frames that cover each place; None: all do.
    share, blurred_share : float
        Covariance of the frame's noise with what is left of it in `image`, over its variance: of px, and blurred.
    risk : float
        The level's mean risk over the movie.
    """

    image: Frames
    covered: Frames | None
    share: float
    blurred_share: float
    risk: float = 0.0


def reach_of(binning: int) -> int:
    """How far a mixture looks to each side, in px."""
    around = sum(_radius(one * binning) for one in (_BLUR, _PLACE, _BLEND, _LEVEL)) + _ATOM * binning
    return around + _radius(_FIT) + 2 * _GRID


def mixed(frame: Frames, dose: float, estimates: Sequence[Estimate], noise: Noise, binning: int, gain: bool) -> Frames:
    """Mix estimates, the first of them of the frame alone, of a frame (H, W) in electrons; `dose` is its mean."""
    if len(estimates) == 1:
        return estimates[0].image
    level = level_of(frame, dose, binning)
    white = level * np.float32(noise.of_px)
    fits = [one.image if n == 0 else fitted(frame, one, white, gain) for n, one in enumerate(estimates)]
    risks = np.stack(
        [
            _summed_risk(frame, image, one, level, noise, binning, n == 0)
            for n, (image, one) in enumerate(zip(fits, estimates, strict=True))
        ]
    )
    risks -= risks.min(axis=0)
    chances = np.exp(-risks / _TEMPERATURE)
    total = np.zeros_like(frame)
    weights = np.zeros_like(frame)
    for chance, image, one in zip(chances, fits, estimates, strict=True):
        weight = _blurred(chance.astype(np.float32), _BLEND * binning)
        if one.covered is not None:
            weight[one.covered < _LEAST_COVERED] = 0
        total += weight * image
        weights += weight
    # The frame's own estimate is there everywhere, but may weigh nothing where no other one is.
    alone = weights <= 1e-6
    out: Frames = np.where(alone, fits[0], total / np.where(alone, np.float32(1), weights))
    return out


def mean_risk(
    frame: Frames, dose: float, image: Frames, share: float, noise: Noise, binning: int, inside: npt.NDArray[np.bool_]
) -> float:
    """Return the mean risk of an estimate over part of a frame, in units of the blurred noise's variance."""
    variance = level_of(frame, dose, binning) * np.float32(noise.blurred)
    rest = np.square(_blurred(frame - image, _BLUR * binning)) / variance
    return float(rest[inside].mean(dtype=np.float64)) - 1 + 2 * share


def level_of(frame: Frames, dose: float, binning: int) -> Frames:
    """Return the local mean of a frame (H, W), never far below its mean over all, `dose`."""
    least = np.float32(max(_LEAST_LEVEL * dose, 1e-6))
    out: Frames = np.maximum(_blurred(frame, _LEVEL * binning), least)
    return out


def blurred_noise(noise: Frames, binning: int) -> Frames:
    """Return noise (H, W) blurred as risks are."""
    return _blurred(noise, _BLUR * binning)


def fitted(frame: Frames, one: Estimate, variance: Frames, gain: bool) -> Frames:
    """Return a + g f, fitted to a frame (H, W) in the surroundings of each place; g = 1 without `gain`.

    g = (cov(y, f) - share v + w) / (var(f) + w): w, the variance of 100 samples' mean, draws it to 1.
    """
    image = one.image
    valid = np.ones_like(frame) if one.covered is None else (one.covered >= _LEAST_COVERED).astype(np.float32)
    count = np.maximum(_around(valid), 1e-3)
    y, f = _around(valid * frame) / count, _around(valid * image) / count
    if not gain:
        return np.asarray(image + _full(y - f, frame.shape), dtype=np.float32)
    both = _around(valid * frame * image) / count - y * f
    own = np.maximum(_around(valid * image * image) / count - f * f, 0)
    v = _around(valid * variance) / count
    towards = _UNCHANGED * v / (4 * np.pi * _FIT**2)
    g = np.clip((both - one.share * v + towards) / (own + towards), 0, _MOST_GAIN)
    return np.asarray(_full(y - g * f, frame.shape) + _full(g, frame.shape) * image, dtype=np.float32)


def _summed_risk(
    frame: Frames, image: Frames, one: Estimate, level: Frames, noise: Noise, binning: int, alone: bool
) -> Frames:
    """Return the risk summed over the surroundings of each place, as many samples as are independent in them."""
    rest = np.square(_blurred(frame - image, _BLUR * binning))
    samples = 4 * np.pi * (_PLACE * binning) ** 2 / (4 * np.pi * (_BLUR * binning) ** 2 + 2)
    total = (
        samples * (_blurred(rest / (level * np.float32(noise.blurred)), _PLACE * binning) - 1 + 2 * one.blurred_share)
        + _PRIOR * one.risk
    )
    if not alone:
        # If the estimate were the truth, its own level would be the noise's: beside something bright that is darker.
        level = np.maximum(_blurred(image, _BLUR * binning), _LEAST_SHARE * level)
        total += _PENALTY * _doubt(rest / (level * np.float32(noise.blurred)), _ATOM * binning)
    if one.covered is not None:
        total[one.covered < _LEAST_COVERED] = _NEVER
    return total


def _doubt(squares: npt.NDArray[np.floating], radius: int) -> Frames:
    """Return how surely something near a place is there in the frame and not in the estimate, or the other way: 0 to 1.

    Where a whole movie speaks for long windows, what is there for a frame or two would be outvoted otherwise.
    """
    import cv2

    ramp = np.clip((squares - _DOUBTED**2) / (_RULED_OUT**2 - _DOUBTED**2), 0, 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(np.ascontiguousarray(ramp, dtype=np.float32), disc), dtype=np.float32)


def _radius(sigma: float) -> int:
    return int(np.ceil(_CUT * sigma))


def _blurred(image: npt.NDArray[np.floating], sigma: float) -> Frames:
    import cv2

    side = 2 * _radius(sigma) + 1
    out = cv2.GaussianBlur(
        np.ascontiguousarray(image, dtype=np.float32), (side, side), sigma, borderType=cv2.BORDER_REFLECT_101
    )
    return np.asarray(out, dtype=np.float32)


def _around(image: Frames) -> Frames:
    """Return the mean around each point of a coarse grid; what lies outside counts for nothing."""
    import cv2

    height, width = image.shape
    padded = np.pad(image, ((0, -height % _GRID), (0, -width % _GRID)))
    rows, columns = padded.shape[0] // _GRID, padded.shape[1] // _GRID
    coarse = padded.reshape(rows, _GRID, columns, _GRID).mean(axis=(1, 3))
    sigma = _FIT / _GRID
    side = 2 * _radius(sigma) + 1
    out = cv2.GaussianBlur(coarse, (side, side), sigma, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(out, dtype=np.float32)


def _full(coarse: npt.NDArray[np.floating], shape: tuple[int, ...]) -> Frames:
    """Return a coarse grid at full size (H, W), between its points linear."""
    import cv2

    size = (coarse.shape[1] * _GRID, coarse.shape[0] * _GRID)
    out = cv2.resize(np.ascontiguousarray(coarse, dtype=np.float32), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(out[: shape[0], : shape[1]], dtype=np.float32)
