"""Pixels that are not to be trusted get a stand-in made of their neighbours, and a mark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from core.denoising.denoiser import Frames, Mask
from core.noise.clusters import brightest, judge
from core.noise.hot_pixels import Near, anscombe, hot_pixels, perhaps_stuck, stays
from core.noise.sharp_hits import sharp_hits
from core.noise.stuck import stuck

_SIDE = 2
# How often a gap's rim is filled, 2 px each; and how many pixels are gathered at once.
_ROUNDS, _AT_ONCE = 4, 100_000

# How often a frame is looked through for wide hits; and Poisson deviations within which a pixel hardly changes.
_LOOKS, _HARDLY = 4, 4.0

Pixels = npt.NDArray[np.intp]


class Around(Protocol):
    """The frames around one."""

    @property
    def counts(self) -> bool:
        """Whether the gain is known."""
        ...

    @property
    def nothing(self) -> bool:
        """Whether there are no frames around."""
        ...

    def beside(self, rows: Pixels, columns: Pixels) -> npt.NDArray[np.floating]:
        """Electrons (M, N) of N pixels in the frames before and after."""
        ...

    def series(self, rows: Pixels, columns: Pixels) -> npt.NDArray[np.float64]:
        """Electrons (frames, N, 25) of N pixels and those around them in single frames, this one's among them."""
        ...

    def rest(self) -> float | None:
        """The largest excess of what may be real in the frames around; None where there are none."""
        ...


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
        How many pixels were replaced, and why; known defects are not among them. Hot are hits and stuck ones.
    left : int
        Single pixels, and small groups that are in this frame only, that are far brighter than all around them, and
        were left since they may be real.
    lines : float
        Strength of the offsets of rows and columns that were taken out, electrons r.m.s.
    """

    electrons: Frames
    mask: Mask | None
    dose: float
    hot: int = 0
    not_finite: int = 0
    left: int = 0
    lines: float = 0.0


def clean(
    electrons: Frames, least: float = 0.0, defects: Mask | None = None, around: Around | None = None
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
    around : optional
        The frames nearby: what is as bright there too is no hit of this frame, but a reflection, say, or a pixel that
        is stuck.
    """
    strange = ~np.isfinite(electrons)
    bad = strange if defects is None else strange | defects
    not_finite = int(np.count_nonzero(strange))
    known = not_finite if defects is None else int(np.count_nonzero(bad))
    if known == electrons.size:
        return CleanFrame(np.zeros_like(electrons), bad, float("nan"), 0, not_finite)
    if known:
        _fill(electrons, bad)
    count = left = 0
    if np.isfinite(least):
        hot, lone = _hot(electrons, least, bad, around)
        if hot.any():
            _fill(electrons, bad | hot)
        if around is not None:
            hot |= _sharp(electrons, least, bad | hot, around)
        wide, doubtful = _wide_hits(electrons, least, bad | hot, around)
        hot |= wide
        left = lone + doubtful
        count = int(np.count_nonzero(hot))
        bad = bad | hot
    if not known and not count:
        return CleanFrame(electrons, None, float(electrons.mean(dtype=np.float64)), left=left)
    dose = float(electrons.mean(dtype=np.float64, where=~bad))
    return CleanFrame(electrons, bad, dose, count, not_finite, left)


def _hot(electrons: Frames, least: float, bad: Mask, around: Around | None) -> tuple[Mask, int]:
    """Mark hits of single pixels, and pixels that are stuck; counts lone ones that are neither."""
    near = Near.of(electrons)
    hot = hot_pixels(electrons, least, near) & ~bad
    if around is None:
        return hot, 0
    rows, columns = np.nonzero(hot)
    if len(rows):
        hot[rows, columns] = ~stays(electrons, hot, around.beside(rows, columns))
    lone = np.zeros_like(hot)
    lone[rows, columns] = ~hot[rows, columns]
    found = _stuck(electrons, (perhaps_stuck(electrons, least, near) | lone) & ~bad & ~hot, around)
    return hot | found, int(np.count_nonzero(lone & ~found))


def _sharp(electrons: Frames, least: float, bad: Mask, around: Around) -> Mask:
    """Replace what has no flanks at all, unless it is there in the frames beside too; returns it."""
    sharp = sharp_hits(electrons, least) & ~bad
    rows, columns = np.nonzero(sharp)
    if not len(rows):
        return sharp
    if not around.nothing:
        sharp[rows, columns] = ~stays(electrons, sharp, around.beside(rows, columns))
    _fill(electrons, bad | sharp)
    return sharp


def _stuck(electrons: Frames, asked: Mask, around: Around) -> Mask:
    """Mark those of the asked pixels that do not scatter over time."""
    found = np.zeros_like(asked)
    rows, columns = np.nonzero(asked)
    if not len(rows):
        return found
    own, others = electrons[rows, columns], around.beside(rows, columns)
    if not len(others):
        return found
    if around.counts:
        still = (np.abs(anscombe(own) - anscombe(others)) < _HARDLY).all(axis=0)
    else:
        still = np.isclose(own, others, rtol=1e-5, atol=0).all(axis=0)
    rows, columns = rows[still], columns[still]
    if len(rows):
        found[rows, columns] = stuck(around.series(rows, columns), around.counts)
    return found


def _wide_hits(electrons: Frames, least: float, bad: Mask, around: Around | None) -> tuple[Mask, int]:
    """Replace hits of more than three pixels, brightest first; returns them, and how many more may be some."""
    hits = np.zeros_like(bad)
    for _ in range(_LOOKS):
        found = brightest(electrons)
        if not found.clusters or around is None:
            return hits, 0
        rows, columns = (np.concatenate([getattr(one, name) for one in found.clusters]) for name in ("rows", "columns"))
        judged = judge(found, around.rest, around.beside(rows, columns), least)
        if not judged.hits:
            return hits, len(judged.doubtful)
        for one in judged.hits:
            hits[one.rows, one.columns] = True
        _fill(electrons, bad | hits)
    return hits, 0


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
