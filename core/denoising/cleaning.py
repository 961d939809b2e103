"""Pixels that are not to be trusted get a stand-in made of their neighbours, and a mark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from core.denoising.denoiser import Frames, Mask
from core.noise.hot_pixels import hot_pixels, stays

_SIDE = 2
# How often a gap's rim is filled, 2 px each; and how many pixels are gathered at once.
_ROUNDS, _AT_ONCE = 4, 100_000

# Takes rows and columns of N pixels, gives electrons (M, N) of the same pixels in M frames nearby.
Elsewhere = Callable[[npt.NDArray[np.intp], npt.NDArray[np.intp]], npt.NDArray[np.floating]]


@dataclass(frozen=True)
class CleanFrame:
    """A frame in electrons that any network may see.

    Attributes
    ----------
    electrons : float32 (H, W)
        Finite everywhere.
    mask : bool (H, W) or None
        True where a stand-in stands; None if nowhere.
    dose : float
        Mean of the pixels that are not masked, electrons a px; NaN if there is none.
    hot, not_finite : int
        How many pixels were replaced, and why; known defects are not among them.
    """

    electrons: Frames
    mask: Mask | None
    dose: float
    hot: int = 0
    not_finite: int = 0


def clean(
    electrons: Frames, least: float = 0.0, defects: Mask | None = None, elsewhere: Elsewhere | None = None
) -> CleanFrame:
    """Replace pixels that are not finite, known defects, and hot ones, by the median of their good neighbours (5 x 5).

    Wide gaps (a border of NaN) close from their rims; far inside the frame's median stands in. The array may change.

    Parameters
    ----------
    electrons : float32 (H, W)
        The frame.
    least : float
        The excess in electrons below which no pixel is hot; infinite: none ever is.
    defects : bool (H, W), optional
        Pixels that are bad in every frame.
    elsewhere : callable, optional
        The same pixels in frames nearby: what is as bright there too is no hit of this frame, but a reflection, say.
    """
    strange = ~np.isfinite(electrons)
    bad = strange if defects is None else strange | defects
    not_finite = int(np.count_nonzero(strange))
    known = not_finite if defects is None else int(np.count_nonzero(bad))
    if known == electrons.size:
        return CleanFrame(np.zeros_like(electrons), bad, float("nan"), 0, not_finite)
    if known:
        _fill(electrons, bad)
    count = 0
    if np.isfinite(least):
        hot = hot_pixels(electrons, least)
        if known:
            hot &= ~bad
        count = _only_hits(electrons, hot, elsewhere)
        if count:
            bad = bad | hot
            _fill(electrons, bad)
    if not known and not count:
        return CleanFrame(electrons, None, float(electrons.mean(dtype=np.float64)))
    dose = float(electrons.mean(dtype=np.float64, where=~bad))
    return CleanFrame(electrons, bad, dose, count, not_finite)


def _only_hits(electrons: Frames, hot: Mask, elsewhere: Elsewhere | None) -> int:
    """Take those out of `hot` that stay in frames nearby; returns how many are left."""
    rows, columns = np.nonzero(hot)
    if elsewhere is not None and len(rows):
        hot[rows, columns] = ~stays(electrons, hot, elsewhere(rows, columns))
        return int(np.count_nonzero(hot))
    return len(rows)


def _fill(electrons: Frames, bad: Mask) -> None:
    """Put the median of the good pixels around into each bad one, in place; wide gaps close from their rims inwards.

    What lies too far inside gets the frame's median.
    """
    left = bad.copy()
    level = np.median(electrons[~bad])
    for _ in range(_ROUNDS):
        rows, columns = _near_good(left)
        if not len(rows):
            break
        padded = np.pad(np.where(left, np.float32(np.nan), electrons), _SIDE, constant_values=np.nan)
        for first in range(0, len(rows), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            electrons[rows[part], columns[part]] = _medians(padded, rows[part], columns[part])
        left[rows, columns] = False
    if left.any():
        electrons[left] = level


def _near_good(bad: Mask) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows and columns of bad pixels with a good one among the 5 x 5 around."""
    rows, columns = np.nonzero(bad)
    if len(rows) > _AT_ONCE:
        found = np.nonzero(bad & ndimage.maximum_filter(~bad, 2 * _SIDE + 1, mode="constant", cval=False))
        return found[0], found[1]
    good = np.pad(~bad, _SIDE)
    steps = np.arange(2 * _SIDE + 1)
    some = good[(rows[:, None] + steps)[:, :, None], (columns[:, None] + steps)[:, None, :]].any(axis=(1, 2))
    return rows[some], columns[some]


def _medians(padded: Frames, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    steps = np.arange(2 * _SIDE + 1)
    near = padded[(rows[:, None] + steps)[:, :, None], (columns[:, None] + steps)[:, None, :]].reshape(len(rows), -1)
    return np.asarray(np.nanmedian(near, axis=1), dtype=np.float32)
