"""Neighbouring frames brought onto each other, so that a measure compares the same place of the specimen."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[np.float64]


def overlapping(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating], shift: tuple[float, float], smooth: bool
) -> tuple[Array, Array]:
    """Return the parts of two frames (H, W) that show the same place.

    Parameters
    ----------
    shift
        How far the picture in `second` lies from that in `first`, rows and columns in px.
    smooth
        `first` is smooth (denoised) and may be moved by parts of a px with a cubic spline. If not, it is moved by
        whole px, so that its noise stays white.

    Returns
    -------
    tuple of float64 (h, w)
        A frame without anything in common gives empty arrays.
    """
    rows, columns = shift
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if smooth:
        whole = (math.floor(rows), math.floor(columns))
        rest = (rows - whole[0], columns - whole[1])
        if rest != (0.0, 0.0):
            a = ndimage.shift(a, rest, order=3, mode="mirror")
        margin = 1 if rest != (0.0, 0.0) else 0
    else:
        whole, margin = (round(rows), round(columns)), 0
    here, there = [], []
    for length, move in zip(a.shape, whole, strict=True):
        low, high = max(0, move) + margin, length + min(0, move) - margin
        there.append(slice(low, max(low, high)))
        here.append(slice(low - move, max(low, high) - move))
    return a[tuple(here)], b[tuple(there)]
