"""Measures that need the true clean image: PSNR and SSIM in the published convention."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import uniform_filter

_RANGE = 255.0


def _published_scale(image: ArrayLike) -> NDArray[np.float64]:
    return np.clip(np.asarray(image, np.float64) * _RANGE, 0.0, _RANGE)


def psnr(clean: ArrayLike, estimate: ArrayLike) -> float:
    """Return PSNR in dB: both images times 255, clamped to [0, 255], data range 255 (arXiv:2010.12970).

    Both are (H, W) in the clean image's own unit (electrons per px divided by the dose factor s).
    """
    error = float(np.mean((_published_scale(clean) - _published_scale(estimate)) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(_RANGE**2 / error))


def ssim(clean: ArrayLike, estimate: ArrayLike) -> float:
    """Return the mean SSIM (Wang et al. 2004) of (H, W) images, scaled and clamped as in `psnr`.

    Uniform windows of 7 px, sample covariance, constants 0.01 and 0.03, borders of 3 px left out: the defaults of
    scikit-image, which the published figures were made with.
    """
    a, b = _published_scale(clean), _published_scale(estimate)
    size = 7
    sample = size**2 / (size**2 - 1)
    mean_a, mean_b = uniform_filter(a, size), uniform_filter(b, size)
    var_a = sample * (uniform_filter(a * a, size) - mean_a**2)
    var_b = sample * (uniform_filter(b * b, size) - mean_b**2)
    covariance = sample * (uniform_filter(a * b, size) - mean_a * mean_b)
    c1, c2 = (0.01 * _RANGE) ** 2, (0.03 * _RANGE) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    bottom = (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    edge = size // 2
    return float((top / bottom)[edge:-edge, edge:-edge].mean())
