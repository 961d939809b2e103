"""Measures that need the true clean image: PSNR and SSIM, in the published convention and over the clean range.

In the published convention (arXiv:2010.12970) everything is scaled by 255 as if clean values lay in [0, 1]: a constant
image of the right brightness already scores 24 to 26 dB there. Over the clean image's own range it scores what its
contrast is worth, so both are given.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import uniform_filter

_RANGE = 255.0
# Electrons a px in vacuum at s = 1: what the published clean images hold there.
VACUUM = 0.45


def _published_scale(image: ArrayLike) -> NDArray[np.float64]:
    return np.clip(np.asarray(image, np.float64) * _RANGE, 0.0, _RANGE)


def psnr(clean: ArrayLike, estimate: ArrayLike) -> float:
    """Return PSNR in dB: both images times 255, clamped to [0, 255], data range 255 (arXiv:2010.12970).

    Both are (H, W) in the clean image's own unit (electrons per px divided by the dose factor s).
    """
    error = float(np.mean((_published_scale(clean) - _published_scale(estimate)) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(_RANGE**2 / error))


def ssim(clean: ArrayLike, estimate: ArrayLike) -> float:
    """Return the mean SSIM (Wang et al. 2004) of (H, W) images, scaled and clamped as in `psnr`."""
    return similarity(_published_scale(clean), _published_scale(estimate), _RANGE)


def clean_range(clean: ArrayLike) -> float:
    """Return the largest minus the smallest value of clean frames."""
    values = np.asarray(clean, np.float64)
    return float(values.max() - values.min())


def psnr_over_range(clean: ArrayLike, estimate: ArrayLike) -> float:
    """Return PSNR in dB over the clean range: 10 log10(range^2 / mean squared error), of frames of any shape.

    Raises
    ------
    ValueError
        The clean frames are constant, so that they have no range.
    """
    extent = _extent(clean)
    error = float(np.mean(np.square(np.asarray(clean, np.float64) - np.asarray(estimate, np.float64))))
    return float("inf") if error == 0 else float(10 * np.log10(extent**2 / error))


def ssim_over_range(clean: ArrayLike, estimate: ArrayLike) -> float:
    """Return the mean SSIM of (H, W) images, with the clean range as the data range; raises as `psnr_over_range`."""
    extent = _extent(clean)
    return similarity(np.asarray(clean, np.float64), np.asarray(estimate, np.float64), extent)


def _extent(clean: ArrayLike) -> float:
    extent = clean_range(clean)
    if not extent > 0:
        raise ValueError("the clean frames are constant: there is no range to measure over")
    return extent


def similarity(a: NDArray[np.float64], b: NDArray[np.float64], data_range: float) -> float:
    """Return the mean SSIM (Wang et al. 2004) of two images (H, W) with a data range in their own units.

    Uniform windows of 7 px, sample covariance, constants 0.01 and 0.03, borders of 3 px left out: the defaults of
    scikit-image, which the published figures were made with.

    Raises
    ------
    ValueError
        The images are smaller than a window.
    """
    size = 7
    if min(a.shape) < size:
        raise ValueError(f"SSIM needs images of {size} px or more, not {a.shape}")
    sample = size**2 / (size**2 - 1)
    mean_a, mean_b = uniform_filter(a, size), uniform_filter(b, size)
    var_a = sample * (uniform_filter(a * a, size) - mean_a**2)
    var_b = sample * (uniform_filter(b * b, size) - mean_b**2)
    covariance = sample * (uniform_filter(a * b, size) - mean_a * mean_b)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    bottom = (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    edge = size // 2
    return float((top / bottom)[edge:-edge, edge:-edge].mean())
