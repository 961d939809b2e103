"""Simulated recordings as the program sees them, the best Gaussian of each, and ideal counts of equal information."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile
from scipy.ndimage import gaussian_filter

from core.denoising.source import RequestMovie, select
from core.measures.fidelity import clean_range, psnr_over_range, similarity
from core.movies import open_movie
from core.protocol.denoise import FrameRange, IntensityScale
from core.simulation.item import Item

Frames = npt.NDArray[np.float32]

# Widths that the best Gaussian is looked for among, px.
SIGMAS = np.geomspace(0.35, 16, 24)
_BLOCK = 16


def as_seen(item: Item) -> Frames:
    """Return the noisy frames (T, H, W) as methods see them: electrons by the true gain, hot px and hits replaced."""
    with tempfile.TemporaryDirectory(prefix="quietbeam-") as folder:
        path = Path(folder) / "item.tif"
        tifffile.imwrite(path, item.noisy, photometric="minisblack")
        with open_movie(str(path)) as movie:
            scale = IntensityScale(gain=item.gain, offset=item.offset, source="typed")
            frames = RequestMovie(movie, select(movie.meta, FrameRange(), 1), scale)
            return np.stack([frames.read(number).electrons for number in range(frames.frames)])


def middle_of(frames: Frames, side: int, count: int) -> Frames:
    """Return the middle `side` px a side of the first `count` frames."""
    top, left = (max(0, (length - side) // 2) for length in frames.shape[1:])
    return np.ascontiguousarray(frames[:count, top : top + side, left : left + side])


def fidelity_of(clean: Frames, result: Frames) -> dict[str, float]:
    """PSNR over the clean frames' range (dB), and SSIM with it, the mean over frames."""
    extent = clean_range(clean)
    alike = [similarity(c.astype(np.float64), r.astype(np.float64), extent) for c, r in zip(clean, result, strict=True)]
    return {"psnr": psnr_over_range(clean, result), "ssim": float(np.mean(alike))}


def best_gaussian(clean: Frames, noisy: Frames) -> float:
    """PSNR over the clean range of the Gaussian whose width is best by the truth, frame by frame: no user has it."""
    best = -np.inf
    for sigma in SIGMAS:
        found = psnr_over_range(clean, gaussian_filter(noisy, (0, sigma, sigma), mode="nearest"))
        if found < best - 1.0:
            break
        best = max(best, found)
    return float(best)


def noise_factor(clean: Frames, noisy: Frames) -> float:
    """How many times the variance of ideal counts the noise has at low frequencies.

    F = var(sum over a block of noisy - clean) / sum over the block of clean, in electrons, over blocks of 16 px a side;
    the variance by the median, so that what was not repaired in a few blocks doesn't count. 1 / F is what a detective
    quantum efficiency at zero frequency would be, read noise included.
    """
    off = _sums(noisy - clean) / np.sqrt(np.maximum(_sums(clean), 1e-9))
    spread = 1.4826 * float(np.median(np.abs(off - np.median(off))))
    return spread**2


def ideal_counts(clean: Frames, factor: float, seed: int) -> tuple[Frames, Frames]:
    """Draw ideal counts of as much information: fewer electrons by `factor`. Returns their clean frames, and counts."""
    fewer = np.maximum(clean, 0) / np.float32(max(factor, 1e-3))
    counts = np.random.default_rng([20_261_123, seed]).poisson(fewer).astype(np.float32)
    return fewer.astype(np.float32), counts


def _sums(frames: Frames) -> npt.NDArray[np.float64]:
    frame_count, height, width = frames.shape
    rows, cols = height // _BLOCK, width // _BLOCK
    cut = frames[:, : rows * _BLOCK, : cols * _BLOCK].astype(np.float64)
    return np.asarray(cut.reshape(frame_count, rows, _BLOCK, cols, _BLOCK).sum(axis=(2, 4)))
