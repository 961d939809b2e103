"""Lone pixels that do not scatter over time as electrons do: stuck, saturated or hot ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

LEAST_FRAMES = 3
# Without a known gain it takes more frames: values may be coarse.
_LEAST_UNKNOWN = 5
_SIDE = 2
WIDTH = (2 * _SIDE + 1) ** 2
_OTHERS = [k for k in range(WIDTH) if k != WIDTH // 2]
# As in `core.noise.defects`: how many times further out than the third of its neighbours, and what flanks may lack.
_LONE, _ALLOWED = 12.0, 2.0
_SAME = 1e-6
# Chance that electrons give the same value in all frames, and that they scatter so little.
_ALIKE, _CHANCE, _QUIET = 2e-3, 1e-7, 0.25
# Electrons on 24 pixels: fewer may well be the same in the next frame.
_SEEN = 5.0


def around(
    shape: tuple[int, int], rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return rows and columns (N, 25) of pixels and of those around them, mirrored at the frame's edge."""
    steps = np.arange(-_SIDE, _SIDE + 1)
    y, x = (_mirrored(index[:, None] + steps, length) for index, length in zip((rows, columns), shape, strict=True))
    size = 2 * _SIDE + 1
    all_rows, all_columns = (
        np.broadcast_to(y[:, :, None], (len(y), size, size)),
        np.broadcast_to(x[:, None, :], (len(x), size, size)),
    )
    return all_rows.reshape(len(y), WIDTH), all_columns.reshape(len(x), WIDTH)


def _mirrored(index: npt.NDArray[np.intp], length: int) -> npt.NDArray[np.intp]:
    index = np.abs(index)
    return np.asarray(np.where(index >= length, 2 * (length - 1) - index, index))


def stuck(series: npt.NDArray[np.float64], counts: bool) -> npt.NDArray[np.bool_]:
    """Whether pixels are lone in the mean and scatter far less than electrons must.

    Parameters
    ----------
    series : float64 (frames, N, 25)
        Electrons of each pixel and those around it, in single frames near each other. A frame that repeats the one
        before doesn't count.
    counts : bool
        Whether the gain is known; else only a pixel that never changes while those around it do is stuck.

    Returns
    -------
    bool (N,)
    """
    none = np.zeros(series.shape[1], dtype=np.bool_)
    if len(series) < LEAST_FRAMES:
        return none
    with np.errstate(invalid="ignore"):
        own, others = series[:, :, WIDTH // 2], series[:, :, _OTHERS]
        changed = (np.diff(others, axis=0) != 0).any(axis=2)
        if counts:
            changed |= others[1:].sum(axis=2) < _SEEN
        frames = 1 + np.count_nonzero(changed, axis=0)
        mean = own.mean(axis=0)
        same = np.ptp(own, axis=0) <= _SAME * np.abs(mean)
        lone = _is_lone(mean, others.mean(axis=0), len(series))
        if not counts:
            return np.asarray(same & lone & (frames >= _LEAST_UNKNOWN))
        free = np.maximum(frames - 1, 1)
        expected = np.maximum(mean, 1e-300)
        alike = same & (np.sqrt(1.0 / frames) * (2 * np.pi * expected) ** (-free / 2) < _ALIKE)
        noise = own.var(axis=0, ddof=1)
        quiet = (noise < _QUIET * expected) & (stats.chi2.cdf(free * noise / expected, free) < _CHANCE)
    return np.asarray((alike | quiet) & lone & (frames >= LEAST_FRAMES) & np.isfinite(series).all(axis=(0, 2)))


def _is_lone(mean: npt.NDArray[np.float64], others: npt.NDArray[np.float64], frames: int) -> npt.NDArray[np.bool_]:
    ranked = np.sort(others, axis=1)
    base = np.median(ranked, axis=1)
    error = np.sqrt(np.maximum(base, 0) / frames)
    return np.asarray(mean - base > _LONE * (ranked[:, -3] - base + _ALLOWED * error))
