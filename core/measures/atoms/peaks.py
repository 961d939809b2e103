"""Where columns may be: the scale of the blobs in an image, and the peaks of its Laplacian of Gaussian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[np.float64]

# Sigma of an atom column in nm: thermal motion, probe and blur together.
_NARROWEST_NM, _WIDEST_NM = 0.018, 0.11
_NARROWEST_PX, _WIDEST_PX = 0.7, 12.0
_STEPS_AN_OCTAVE = 3
# A scale counts if it holds this share of the strongest scale's energy.
_ENOUGH = 0.25
# Standard deviations that the energy of chance has.
_BEYOND_CHANCE = 4.0


@dataclass(frozen=True)
class Peaks:
    """Local maxima, strongest first.

    Attributes
    ----------
    positions : (n, 2)
        Rows and columns in px, to a fraction of a px.
    heights : (n,)
        Height of a Gaussian of the looked-for width that would respond as strongly, in image units.
    """

    positions: Array
    heights: Array

    def __len__(self) -> int:
        return len(self.heights)


def noise_level(image: Array) -> float:
    """Return the standard deviation of white noise in an image, robustly, from its finest diagonal differences.

    The median absolute deviation of the filter [1 -1; -1 1] / 2 (Donoho and Johnstone, Biometrika 81, 1994, with a
    Haar wavelet). Noise that is smooth, as in denoised images, is underestimated.
    """
    fine = (image[1:, 1:] - image[1:, :-1] - image[:-1, 1:] + image[:-1, :-1]) / 2
    level = float(1.4826 * np.median(np.abs(fine - np.median(fine))))
    # Where most pixels saw no electron most differences are none.
    return level if level > 0 else float(np.sqrt(np.mean(np.square(fine))))


def sharpened(image: Array, sigma: float) -> Array:
    """Return -sigma^2 times the Laplacian of the image blurred by a Gaussian of `sigma` px: blobs are positive."""
    # The kernel of a Laplacian cut off at its ends answers to a constant: there must be none.
    level = image - np.median(image)
    return np.asarray(-(sigma**2) * ndimage.gaussian_laplace(level, sigma, mode="nearest", truncate=5.0))


def response(width: float, sigma: float) -> float:
    """Return what `sharpened` gives at the centre of a Gaussian of height 1 and sigma `width`: 2 s^2 w^2 / (s^2+w^2)^2.

    (w^2 / (s^2 + w^2)) is the height after the blur, and 2 s^2 / (s^2 + w^2) its Laplacian there.
    """
    total = sigma**2 + width**2
    return 2 * sigma**2 * width**2 / total**2


def noise_gain(sigma: float) -> float:
    """Return the standard deviation of `sharpened` white noise of unit variance."""
    side = 2 * int(np.ceil(5 * sigma)) + 3
    spike = np.zeros((side, side))
    spike[side // 2, side // 2] = 1.0
    return float(np.sqrt(np.square(sharpened(spike, sigma)).sum()))


def blob_width(image: Array, pixel_nm: float | None = None, variance: float | None = None) -> float:
    """Estimate the sigma of an image's blobs in px: the finest scale at which the Laplacian has much energy.

    The energy of Gaussians of width w in `sharpened` at scale s grows as s^4 / (s^2 + w^2)^3: its maximum is at
    sqrt(2) w. The energy of white noise of that `variance` (None: of `noise_level`) is taken off, and scales that show
    nothing beyond its chance don't count. Where the pixel size is known, only widths that atom columns
    have (0.018 to 0.11 nm) are looked at.
    """
    low, high = _NARROWEST_PX, _WIDEST_PX
    if pixel_nm is not None:
        low, high = max(low, _NARROWEST_NM / pixel_nm), max(2 * low, _WIDEST_NM / pixel_nm)
    high = min(high, min(image.shape) / 8)
    count = max(3, int(np.ceil(np.log2(max(high / low, 1.3)) * _STEPS_AN_OCTAVE)) + 1)
    scales = np.geomspace(low, max(high, 1.3 * low), count) * np.sqrt(2.0)
    power = noise_level(image) ** 2 if variance is None else variance
    noise = power * np.array([noise_gain(s) ** 2 for s in scales])
    energy = np.array([np.mean(np.square(sharpened(image, s))) for s in scales]) - noise
    # About so many independent values are averaged: image area over 4 pi s^2.
    energy = np.where(energy > _BEYOND_CHANCE * noise * np.sqrt(8 * np.pi * scales**2 / image.size), energy, 0.0)
    top = float(energy.max())
    if not top > 0:
        return float(scales[count // 2] / np.sqrt(2.0))
    inner = np.r_[-np.inf, energy, -np.inf]
    peaks = np.flatnonzero((inner[1:-1] >= inner[:-2]) & (inner[1:-1] >= inner[2:]) & (energy >= _ENOUGH * top))
    return float(scales[peaks[0]] / np.sqrt(2.0))


def find_peaks(image: Array, width: float, sigma: float, least: float | Array) -> Peaks:
    """Find bright blobs: maxima of `sharpened` over their eight neighbours, to a fraction of a px by a parabola.

    Parameters
    ----------
    image : (H, W)
        Finite.
    width
        Sigma of the blobs in px, for their heights.
    sigma
        Scale of the filter in px: smaller than `width` parts close neighbours, equal to it resists noise.
    least : float or (H, W)
        Lowest height that counts, in image units; it may differ from place to place.
    """
    sharp = sharpened(image, sigma)
    scale = response(width, sigma)
    top = ndimage.maximum_filter(sharp, size=3, mode="nearest")
    flat = top <= ndimage.minimum_filter(sharp, size=3, mode="nearest")
    rows, cols = np.nonzero((sharp >= top) & (sharp > least * scale) & ~flat)
    padded = np.pad(sharp, 1, mode="edge")
    heights = sharp[rows, cols] / scale
    shifts = [
        vertex(padded[rows + 1 - dy, cols + 1 - dx], sharp[rows, cols], padded[rows + 1 + dy, cols + 1 + dx])
        for dy, dx in ((1, 0), (0, 1))
    ]
    order = np.argsort(-heights, kind="stable")
    places = np.stack([rows + shifts[0], cols + shifts[1]], axis=1).astype(float)
    return Peaks(places[order], heights[order])


def vertex(before: Array, middle: Array, after: Array) -> Array:
    """Return where the parabola through three neighbouring values is highest, in px from the middle one.

    Half a px away at most; 0 where it has no highest point.
    """
    bend = 2 * middle - before - after
    return np.where(bend > 0, np.clip(0.5 * (after - before) / np.where(bend > 0, bend, 1), -0.5, 0.5), 0)


def typical_height(heights: Array) -> float:
    """Height of a typical column (n,): the median weighted by height, so that many faint peaks hardly count."""
    if not len(heights):
        return 0.0
    order = np.argsort(heights)
    total = np.cumsum(heights[order])
    return float(heights[order][np.searchsorted(total, total[-1] / 2)])


def apart(positions: Array, distance: float, keep: int = 0) -> npt.NDArray[np.bool_]:
    """Say which positions (n, 2), taken in their order, lie at least `distance` from all that were taken before.

    The first `keep` are taken in any case.
    """
    from scipy.spatial import cKDTree

    taken = np.ones(len(positions), dtype=np.bool_)
    if len(positions) < 2:
        return taken
    for first, second in sorted(cKDTree(positions).query_pairs(distance)):
        if taken[first] and second >= keep:
            taken[second] = False
    return taken
