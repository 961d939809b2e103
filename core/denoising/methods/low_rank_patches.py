"""Patches followed through time, written as matrices (px x frames) and shrunk to what rises above the noise.

A patch that keeps its look through a movie, or changes in few ways, is a matrix of low rank; counting noise spreads
over all singular values, up to sqrt(variance) (sqrt(px) + sqrt(frames)) (Marchenko-Pastur). Singular value shrinkage:
Candes, Sing-Long, Trzasko, IEEE Trans. Signal Process. 61 (2013); on patches of electron-microscopy movies: Furnival,
Leary, Midgley, Ultramicroscopy 178 (2017). A singular value s becomes s - t^2 / s (nothing where t > s), not s - t:
what rises far above the noise is hardly touched, so that intensities stay. The patch's mean is never shrunk.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from core.denoising.denoiser import Frames

PATCH = 8
_STEP = 4
_BAND_BYTES = 64 << 20


def shrink_patches(frames: Frames, threshold: float, variance: float | None, check: Callable[[], None]) -> Frames:
    """Shrink all overlapping patches (8 x 8 px, step 4) of frames (T, H, W) that are aligned; returns the same shape.

    Parameters
    ----------
    threshold
        In units of the largest singular value that noise alone has.
    variance
        Noise variance of a px; None: each patch's mean, as in Poisson counts.
    """
    count, height, width = frames.shape
    tops, lefts = _starts(height), _starts(width)
    taper = np.sin(np.pi * (np.arange(PATCH) + 0.5) / PATCH)
    window = np.outer(taper, taper).astype(np.float32)[:height, :width]
    total = np.zeros_like(frames)
    weight = np.zeros((height, width), dtype=np.float32)
    rows = max(1, _BAND_BYTES // (4 * count * window.size * len(lefts)))
    for first in range(0, len(tops), rows):
        check()
        places = [(top, left) for top in tops[first : first + rows] for left in lefts]
        cut = [frames[:, top : top + PATCH, left : left + PATCH] for top, left in places]
        patches = np.stack(cut).reshape(len(places), count, -1)
        shrunk, kept = _shrink(patches, threshold, variance)
        for (top, left), patch, one in zip(places, shrunk, 1 / (1 + kept), strict=True):
            here = np.s_[top : top + PATCH, left : left + PATCH]
            total[(slice(None), *here)] += patch.reshape(count, *window.shape) * (window * one)
            weight[here] += window * one
    return total / weight


def _shrink(
    patches: npt.NDArray[np.float32], threshold: float, variance: float | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Shrink matrices (n, frames, px); returns them, and how many singular values each has kept (n,)."""
    frames, pixels = patches.shape[1:]
    mean = patches.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
    rest = patches - mean
    noise = np.maximum(mean[:, 0, 0], 1e-9) if variance is None else np.full(len(patches), variance, np.float32)
    edge = np.square(threshold * (np.sqrt(frames) + np.sqrt(pixels))) * noise
    across = np.swapaxes(rest, 1, 2)
    gram = rest @ across if frames <= pixels else across @ rest
    powers, vectors = np.linalg.eigh(gram)
    share = np.maximum(1 - edge[:, None] / np.maximum(powers, 1e-30), 0).astype(np.float32)
    projector = (vectors * share[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    out = projector @ rest if frames <= pixels else rest @ projector
    return out + mean, share.sum(axis=1)


def _starts(length: int) -> list[int]:
    """Where patches begin along one direction: every four px, and one that ends with the frame."""
    last = max(0, length - PATCH)
    return sorted({*range(0, last + 1, _STEP), last})
