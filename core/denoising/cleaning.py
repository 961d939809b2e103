"""Pixels that are not to be trusted get a stand-in made of their neighbours, and a mark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.denoising.denoiser import Frames, Mask
from core.noise.hot_pixels import hot_pixels

_SIDE = 2


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
        How many pixels were replaced, and why.
    """

    electrons: Frames
    mask: Mask | None
    dose: float
    hot: int = 0
    not_finite: int = 0


def clean(electrons: Frames, least: float = 0.0) -> CleanFrame:
    """Replace pixels that are not finite, and hot ones, by the median of their good neighbours (5 x 5).

    Where no neighbour is good either (a border of NaN), the frame's median stands in. The array may be changed.
    `least` is the excess in electrons below which no pixel is hot; infinite: none ever is.
    """
    bad = ~np.isfinite(electrons)
    not_finite = int(np.count_nonzero(bad))
    if not_finite == electrons.size:
        return CleanFrame(np.zeros_like(electrons), bad, float("nan"), 0, not_finite)
    if not_finite:
        _fill(electrons, bad)
    hot = hot_pixels(electrons, least) if np.isfinite(least) else np.zeros_like(bad)
    if not_finite:
        hot &= ~bad
    count = int(np.count_nonzero(hot))
    if count:
        bad |= hot
        _fill(electrons, bad)
    if not not_finite and not count:
        return CleanFrame(electrons, None, float(electrons.mean(dtype=np.float64)))
    dose = float(electrons.mean(dtype=np.float64, where=~bad))
    return CleanFrame(electrons, bad, dose, count, not_finite)


def _fill(electrons: Frames, bad: Mask) -> None:
    """Put the median of the good pixels around into each bad one, in place."""
    rows, columns = np.nonzero(bad)
    if len(rows) > electrons.size // 50:
        # A whole border or a dead half: no neighbourhood to speak of, and too many to gather.
        electrons[bad] = np.median(electrons[~bad])
        return
    padded = np.pad(np.where(bad, np.float32(np.nan), electrons), _SIDE, constant_values=np.nan)
    steps = np.arange(2 * _SIDE + 1)
    near = padded[(rows[:, None] + steps)[:, :, None], (columns[:, None] + steps)[:, None, :]].reshape(len(rows), -1)
    good = np.isfinite(near)
    values = np.full(len(rows), np.median(electrons[~bad]), dtype=np.float32)
    some = good.any(axis=1)
    values[some] = _medians(near[some])
    electrons[rows, columns] = values


def _medians(near: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(np.nanmedian(near, axis=1), dtype=np.float32)
