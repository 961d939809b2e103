"""Area means: the only honest way to show a frame smaller than it is.

Picking every n-th pixel shows noise of sigma 100 as 100, where the mean of n x n pixels has 100 / n.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Rows summed at once: bounds the memory of a large frame's float64 sums.
_BAND_BYTES = 8 << 20


def area_mean(frame: NDArray[Any], step: int) -> NDArray[np.float32]:
    """Mean of each `step` x `step` block.

    Parameters
    ----------
    frame : ndarray (H, W)
        Any real type or bool.
    step : int
        1 or more; 1 only changes the type.

    Returns
    -------
    ndarray float32 (ceil(H / step), ceil(W / step))
        A block at the right or lower edge averages the pixels that it has. What is beyond float32 becomes infinite.

    Raises
    ------
    ValueError
        Not two-dimensional, or a step below 1.
    """
    if frame.ndim != 2 or step < 1:
        raise ValueError(f"an area mean takes a (H, W) frame and a step of 1 or more, not {frame.shape} and {step}")
    with np.errstate(over="ignore", invalid="ignore"):
        if step == 1:
            return np.array(frame, dtype=np.float32)
        return _means(frame, step)


def _means(frame: NDArray[Any], step: int) -> NDArray[np.float32]:
    height, width = frame.shape
    out = np.empty((-(-height // step), -(-width // step)), np.float32)
    whole_rows, whole_columns = height // step, width // step
    band = max(1, _BAND_BYTES // max(1, step * width * 8))
    for first in range(0, whole_rows, band):
        last = min(first + band, whole_rows)
        rows = frame[first * step : last * step].reshape(last - first, step, width).sum(axis=1, dtype=np.float64)
        _row_means(rows, step, whole_columns, step * step, out[first:last])
    if height % step:
        rest = frame[whole_rows * step :].sum(axis=0, dtype=np.float64)[np.newaxis]
        _row_means(rest, step, whole_columns, (height % step) * step, out[whole_rows:])
    return out


def _row_means(rows: NDArray[np.float64], step: int, whole: int, pixels: int, out: NDArray[np.float32]) -> None:
    """Divide sums of `step` columns by the `pixels` of a whole block; the ragged last block has fewer."""
    count, width = rows.shape
    out[:, :whole] = rows[:, : whole * step].reshape(count, whole, step).sum(axis=2) / pixels
    left = width - whole * step
    if left:
        out[:, whole] = rows[:, whole * step :].sum(axis=1) / (pixels // step * left)


def fit_step(height: int, width: int, size: int) -> int:
    """The smallest step at which (height, width) px fit into `size` x `size`."""
    if size < 1:
        raise ValueError(f"a view of {size} px shows nothing")
    return max(1, -(-max(height, width) // size))
