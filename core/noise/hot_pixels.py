"""Pixels that no counting noise explains: X-ray hits, hot and dead pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

DEVIATIONS = 8.0
# A spot whose Gaussian has a sigma of 0.35 px, in the middle of its pixel, stays: sharper than any lens draws one.
# Its flanks are allowed to be missed by so many deviations.
_STANDS_OUT, _MISSED = 12.0, 2.0
_ROUGHLY = 3.0
# How much brighter than all else a pixel on the frame's border must be: the flanks of a spot there are not seen.
_BORDER = 2.0
_MOST = 0.002
_SIDE = 2
_STRIP = 512


def anscombe(electrons: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Make Poisson noise of unit deviation: 2 sqrt(n + 3/8) (Anscombe, Biometrika 35, 1948)."""
    return np.asarray(2.0 * np.sqrt(np.maximum(electrons, 0) + 0.375), dtype=np.float64)


def hot_pixels(
    electrons: npt.NDArray[np.float32], least: float = 0.0, near: Near | None = None
) -> npt.NDArray[np.bool_]:
    """Mark pixels far above what their neighbours and Poisson noise allow.

    A pixel is hot if it lies eight Poisson deviations above the mean of the 24 pixels around it and stands out twelve
    times as far as the third highest of them, noise allowed for, so that an atom column, which has flanks, is never
    taken for one, and a hit that spreads over up to three pixels is found. A reflection of a single pixel can't be
    told from a hit by one frame alone: `stays` asks the frames around.

    Parameters
    ----------
    electrons : float32 (H, W)
        Finite.
    least : float
        Electrons by which a hot pixel exceeds its surroundings in any case: for data whose gain isn't known.
    near : optional
        `Near.of` the same frame, where it is known already.

    Returns
    -------
    bool (H, W)
        No pixel is marked if more than 0.2 % would be: then it is the scale or the specimen, not the detector.
    """
    height, width = electrons.shape
    none = np.zeros((height, width), dtype=np.bool_)
    near = Near.of(electrons) if near is None else near
    rows, columns, centre, base, third = near.rows, near.columns, near.centre, near.base, near.third
    far = anscombe(centre) - anscombe(base) > DEVIATIONS
    lone = anscombe(base + (centre - base) / _STANDS_OUT) - anscombe(third) > _MISSED
    # Next to the middle of its pixel a spot has two weak flanks: a bright one must have none beyond noise.
    lone &= third - base < (centre - base) / (2 * _STANDS_OUT) + 3 * np.sqrt(np.maximum(third, 0) + 1)
    border = (rows == 0) | (columns == 0) | (rows == height - 1) | (columns == width - 1)
    hot = far & lone & (centre - base > least)
    if (hot & border).any():
        rest = electrons.copy()
        rest[rows[hot], columns[hot]] = 0
        hot &= ~border | (centre > _BORDER * float(rest.max()))
    if np.count_nonzero(hot) > max(4, _MOST * electrons.size):
        return none
    none[rows[hot], columns[hot]] = True
    return none


def perhaps_stuck(electrons: npt.NDArray[np.float32], least: float, near: Near) -> npt.NDArray[np.bool_]:
    """Mark pixels (H, W) that `core.noise.stuck` is to look at over time: lone as far as the noise of one frame tells.

    No pixel is marked if more than 0.2 % would be.
    """
    found = np.zeros(electrons.shape, dtype=np.bool_)
    excess = near.centre - near.base
    chosen = (excess > _ROUGHLY * (near.third - near.base)) & (excess > least)
    chosen &= anscombe(near.centre) - anscombe(near.base) > DEVIATIONS
    if np.count_nonzero(chosen) <= max(4, _MOST * electrons.size):
        found[near.rows[chosen], near.columns[chosen]] = True
    return found


@dataclass(frozen=True)
class Near:
    """Bright pixels (N), the mean of the 24 around each without the two highest, and the third highest of them."""

    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    centre: npt.NDArray[np.float32]
    base: npt.NDArray[np.float32]
    third: npt.NDArray[np.float32]

    @classmethod
    def of(cls, electrons: npt.NDArray[np.float32]) -> Near:
        """Find them; none where they are so many that it must be the specimen."""
        size = 2 * _SIDE + 1
        nowhere, nothing = np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32)
        if min(electrons.shape) < size:
            return cls(nowhere, nowhere, nothing, nothing, nothing)
        rows, columns = _candidates(electrons, size)
        if len(rows) == 0 or len(rows) > max(16, 4 * _MOST * electrons.size):
            return cls(nowhere, nowhere, nothing, nothing, nothing)
        padded = np.pad(electrons, _SIDE, mode="reflect")
        steps = np.arange(size)
        near = padded[(rows[:, None] + steps)[:, :, None], (columns[:, None] + steps)[:, None, :]]
        near = near.reshape(len(rows), -1)
        others = np.sort(np.delete(near, size**2 // 2, axis=1), axis=1)
        # Without the two highest: they may belong to the same hit.
        return cls(rows, columns, near[:, size**2 // 2].copy(), others[:, :-2].mean(axis=1), others[:, -3])


def stays(
    electrons: npt.NDArray[np.float32], hot: npt.NDArray[np.bool_], others: npt.NDArray[np.floating]
) -> npt.NDArray[np.bool_]:
    """Whether hot pixels are as bright in other frames too: then they are no hits of this one.

    Parameters
    ----------
    electrons : float32 (H, W)
        The frame.
    hot : bool (H, W)
        N pixels, as `hot_pixels` finds them.
    others : (M, N)
        Electrons of the same pixels, in the order of ``np.nonzero(hot)``, in M other frames.

    Returns
    -------
    bool (N,)
        True where another frame has more than half of the excess, or lies within what counting explains.
    """
    rows, columns = np.nonzero(hot)
    if len(rows) == 0 or len(others) == 0:
        return np.zeros(len(rows), dtype=np.bool_)
    values = electrons[rows, columns].astype(np.float64)
    near = np.pad(np.where(hot, np.float32(np.nan), electrons), _SIDE, constant_values=np.nan)
    steps = np.arange(2 * _SIDE + 1)
    around = near[(rows[:, None] + steps)[:, :, None], (columns[:, None] + steps)[:, None, :]].reshape(len(rows), -1)
    good = np.isfinite(around)
    counts = good.sum(axis=1)
    base = np.where(counts > 0, np.where(good, around, 0).sum(axis=1) / np.maximum(counts, 1), 0.0)
    most = np.max(np.where(np.isfinite(others), others, -np.inf), axis=0)
    half = most - base > (values - base) / 2
    alike = anscombe(values) - anscombe(most) < DEVIATIONS / 2
    return np.asarray(half | alike)


def _candidates(electrons: npt.NDArray[np.float32], size: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return rows and columns of pixels far above the mean around them, found strip by strip to save memory."""
    rows, columns = [], []
    for top in range(0, electrons.shape[0], _STRIP):
        first, last = max(0, top - _SIDE), min(electrons.shape[0], top + _STRIP + _SIDE)
        strip = electrons[first:last]
        around = ndimage.uniform_filter(strip, size, mode="mirror", output=np.float32)
        around = (around * size**2 - strip) / (size**2 - 1)
        # The deviation without a root a pixel: n > (z / 2 + sqrt(m + 3/8))^2 - 3/8.
        limit = np.square(np.sqrt(np.maximum(around, 0) + 0.375) + DEVIATIONS / 2) - 0.375
        inner = slice(top - first, min(top + _STRIP, electrons.shape[0]) - first)
        found_rows, found_columns = np.nonzero(strip[inner] > limit[inner])
        rows.append(found_rows + top)
        columns.append(found_columns)
    return np.concatenate(rows), np.concatenate(columns)
