"""A stretch of a movie on one canvas: frames moved along the drift by whole px, px summed, shrunk, and moved back.

Whole px, so that noise stays independent from px to px; what is left of a px of motion the low rank takes up.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from core.denoising.denoiser import Frames
from core.denoising.methods.low_rank_patches import shrink_patches

Moves = npt.NDArray[np.int64]


def low_rank(
    frames: Frames,
    moves: Moves,
    binning: int,
    threshold: float,
    variance: float | None,
    check: Callable[[], None],
) -> Frames:
    """Denoise frames (T, H, W) of one stretch together; returns the same shape, each frame in its own geometry.

    Parameters
    ----------
    moves : int (T, 2)
        By how many px each frame is moved (rows, columns) to lie on the others.
    binning
        So many px a side are summed before, and spread again by a spline that keeps the sums.
    threshold, variance
        As in `shrink_patches`; `variance` is that of a px of the frames.
    """
    count, height, width = frames.shape
    places = moves - moves.min(axis=0)
    far = places.max(axis=0).tolist()
    size = [-(-(length + most) // binning) * binning for length, most in zip((height, width), far, strict=True)]
    canvas = np.zeros((count, *size), dtype=np.float32)
    seen = np.zeros((count, *size), dtype=np.bool_)
    for number, (top, left) in enumerate(places):
        canvas[number, top : top + height, left : left + width] = frames[number]
        seen[number, top : top + height, left : left + width] = True
    _fill(canvas, seen)
    del seen
    small = canvas.reshape(count, size[0] // binning, binning, size[1] // binning, binning).mean(axis=(2, 4))
    del canvas
    # The noise of a mean of binning^2 px is so much smaller; of counts the mean of their sum tells it.
    area = float(binning**2)
    if variance is None:
        shrunk = shrink_patches(small * np.float32(area), threshold, None, check) / np.float32(area)
    else:
        shrunk = shrink_patches(small, threshold, variance / area, check)
    out = np.empty_like(frames)
    for number, (top, left) in enumerate(places):
        check()
        out[number] = _spread(shrunk[number], binning)[top : top + height, left : left + width]
    return out


def _fill(canvas: Frames, seen: npt.NDArray[np.bool_]) -> None:
    """Fill what a frame doesn't show with the mean of those that do, in place."""
    if seen.all():
        return
    times = seen.sum(axis=0)
    mean = canvas.sum(axis=0) / np.maximum(times, 1)
    # Corners that no frame shows.
    mean = np.where(times > 0, mean, float(canvas.sum(dtype=np.float64) / max(int(times.sum()), 1))).astype(np.float32)
    for one, shown in zip(canvas, seen, strict=True):
        np.copyto(one, mean, where=~shown)


def _spread(blocks: npt.NDArray[np.float32], binning: int) -> npt.NDArray[np.float32]:
    if binning == 1:
        return blocks
    import torch

    from core.networks.block_spline import spread_blocks

    with torch.inference_mode():
        spread = spread_blocks(torch.from_numpy(np.ascontiguousarray(blocks))[None, None], binning)
        return np.asarray(spread[0, 0].numpy())
