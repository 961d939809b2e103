"""Weighted means of neighbouring frames, each moved to where the picture lies in the one that is denoised.

Frames are moved by whole px and a quarter: the rest of a px goes into the kernel that blurs them anyway, so nothing is
interpolated twice. Where a neighbour shows nothing (the picture has drifted in since), it has no weight.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from core.denoising.denoiser import Frames

Weights = npt.NDArray[np.float64]
# Weights of frames so many frames away, (n,) -> (n,); that of the frame itself is above 0.
TimeWeights = Callable[[npt.NDArray[np.int64]], Weights]

_PARTS = 4
_CUT = 4.0
_NARROWEST = 0.3


def kernel(sigma: float, offset: float) -> npt.NDArray[np.float32]:
    """Return the taps that blur by `sigma` px and move by `offset` (-1/2 to 1/2) px; they add up to 1.

    A Gaussian sampled at the px; below 0.3 px, where samples tell no Gaussian, linear
    interpolation. No tap is negative: at the frame's edge, where part of a kernel sees nothing, a sum of taps divides.
    """
    if sigma < _NARROWEST:
        if offset == 0:
            return np.ones(1, dtype=np.float32)
        taps = np.maximum(1 - np.abs(np.arange(-1, 2) - offset), 0)
    else:
        radius = kernel_radius(sigma)
        taps = np.exp(-np.square(np.arange(-radius, radius + 1) - offset) / (2 * sigma**2))
    return np.asarray(taps / taps.sum(), dtype=np.float32)


def kernel_radius(sigma: float) -> int:
    """How far a kernel reaches to either side, in px."""
    return int(np.ceil(_CUT * sigma + 0.5)) if sigma >= _NARROWEST else 1


def aligned_mean(
    frames: Frames, moves: Weights, weights: Weights, levels: Weights, sigma: float
) -> npt.NDArray[np.float32]:
    """Return the weighted mean (H, W) of frames (T, H, W), moved and blurred.

    sum_s w_s (G_sigma * y_s)(x - move_s) / sum_s w_s level_s (G_sigma * 1)(x - move_s): for Poisson counts the estimate
    of greatest likelihood where the picture stands still under the weights and the beam's level changes.

    Parameters
    ----------
    moves : float64 (T, 2)
        Rows and columns by which each frame is moved, in px.
    weights, levels : float64 (T,)
        Of each frame; a frame of weight 0 is not looked at. Levels are relative to the frame that is denoised.
    """
    import cv2

    height, width = frames.shape[1:]
    quarters = np.rint(moves * _PARTS).astype(int)
    whole = np.rint(quarters / _PARTS).astype(int)
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number in np.flatnonzero(weights > 0).tolist():
        if np.all(np.abs(whole[number]) < (height, width)):
            y, x = quarters[number] - _PARTS * whole[number]
            groups[int(y), int(x)].append(number)
    total = np.zeros((height, width), dtype=np.float32)
    rows, columns = [], []
    scale = []
    for (y, x), members in sorted(groups.items()):
        summed = np.zeros((height, width), dtype=np.float32)
        down, across = kernel(sigma, y / _PARTS), kernel(sigma, x / _PARTS)
        for number in members:
            to, of = _places(whole[number], (height, width))
            summed[to] += np.float32(weights[number]) * frames[number][of]
            scale.append(weights[number] * levels[number])
            rows.append(_seen(height, int(whole[number][0]), down))
            columns.append(_seen(width, int(whole[number][1]), across))
        total += cv2.sepFilter2D(summed, cv2.CV_32F, across[::-1], down[::-1], borderType=cv2.BORDER_CONSTANT)
    seen = (np.array(rows).T * np.array(scale)) @ np.array(columns)
    return np.asarray(total / np.maximum(seen, 1e-6), dtype=np.float32)


def _places(move: npt.NDArray[np.int64], size: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a moved frame's px go, and where they come from."""
    to, of = [], []
    for step, length in zip(move, size, strict=True):
        to.append(slice(max(0, int(step)), min(length, length + int(step))))
        of.append(slice(max(0, -int(step)), min(length, length - int(step))))
    return (to[0], to[1]), (of[0], of[1])


def _seen(length: int, move: int, taps: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the share of a kernel that falls on a moved line of px, at each px."""
    line = np.zeros(length)
    line[max(0, move) : min(length, length + move)] = 1
    return np.convolve(line, taps.astype(np.float64))[len(taps) // 2 : len(taps) // 2 + length]
