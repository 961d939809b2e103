"""Grey levels for the screen: percentiles of the finite pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LOW, HIGH = 0.35, 99.65
# More pixels than this are sampled on a regular grid: the levels move by less than can be seen.
_MOST_PIXELS = 1 << 20


def _sample(frame: NDArray[Any]) -> NDArray[Any]:
    step = max(1, int(np.ceil(np.sqrt(frame.size / _MOST_PIXELS))))
    return frame[::step, ::step] if frame.ndim == 2 else frame.reshape(-1)[:: step * step]


def percentiles(frame: NDArray[Any], low: float = LOW, high: float = HIGH) -> tuple[float, float]:
    """The `low` and `high` percentiles of the finite pixels.

    Parameters
    ----------
    frame : ndarray
        Any real type or bool; large frames are sampled evenly.
    low, high : float
        In percent.

    Returns
    -------
    tuple of float
        (0, 0) if no pixel is finite.
    """
    values = np.asarray(_sample(frame), dtype=np.float64)
    finite = values[np.isfinite(values)]
    if finite.size == 0 and values.size < frame.size:
        values = np.asarray(frame, dtype=np.float64)
        finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 0.0
    bottom, top = np.percentile(finite, (low, high))
    return float(bottom), float(top)


def display_range(frame: NDArray[Any], low: float = LOW, high: float = HIGH) -> tuple[float, float]:
    """As `percentiles`, but never empty: a constant frame is shown mid-grey rather than divided by zero."""
    bottom, top = percentiles(frame, low, high)
    if top > bottom:
        return bottom, top
    margin = max(0.5, abs(bottom) * 1e-3)
    return bottom - margin, bottom + margin


def fill_nonfinite(frame: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Replace NaN and infinite pixels by the median of the finite ones, for display.

    Returns
    -------
    tuple of ndarray and int
        The frame, the same object if nothing was replaced; and how many pixels were.
    """
    if frame.dtype.kind != "f":
        return frame, 0
    bad = ~np.isfinite(frame)
    count = int(np.count_nonzero(bad))
    if count == 0:
        return frame, 0
    good = frame[~bad]
    middle = np.median(good[:: max(1, good.size // _MOST_PIXELS)]) if good.size else 0
    filled = frame.copy()
    filled[bad] = middle
    return filled, count
