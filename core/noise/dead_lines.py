"""Whole columns and rows of a camera without any response, told from what the specimen shows.

Pixel by pixel such a line is no lone hole: its neighbours along it are as dark. So lines are judged as one:

- it scatters by less than a tenth of what the lines to both sides do, from end to end;
- these two are no flanks: they are as bright as the lines behind them and further away;
- it is alone: at most one other line nearby is as silent (the gaps of a lattice come again and again);
- and it is darker than all of them.

What a lens draws has flanks, so nothing of a specimen is as narrow, as straight and as empty as that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.noise.temporal import Statistics

Profile = npt.NDArray[np.float64]

# Lines that are dead together, at most; how far lines are looked at; in how many pieces.
_WIDEST, _AROUND, _PIECES = 2, 8, 8
_TRIMMED = 8
# An opaque bar as wide as a px, behind a lens of 0.35 px, leaves a quarter; wider blurs show beside it.
_SILENT, _FLANK, _BEHIND = 0.1, 0.5, 0.75
_NOT_SILENT, _TRIFLE = 2.0, 0.25
# A line of fewer px tells too little.
_SHORTEST = 32


@dataclass(frozen=True)
class DeadLines:
    """Numbers of the rows and columns that are dead from one end to the other, counted from 0."""

    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()

    def mask(self, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        """Return where they lie, (H, W)."""
        out = np.zeros(shape, dtype=np.bool_)
        out[list(self.rows)] = True
        out[:, list(self.columns)] = True
        return out

    def __bool__(self) -> bool:
        return bool(self.rows or self.columns)


def find_dead_lines(statistics: Statistics) -> DeadLines:
    """Find dead lines by mean and scatter of all pixels; those whose pixels held no number in a frame are left out."""
    if statistics.line is None:
        return DeadLines()
    return DeadLines(_dead(statistics, along=1), _dead(statistics, along=0))


def _dead(statistics: Statistics, along: int) -> tuple[int, ...]:
    """Return the dead lines that run along this axis of the frame."""
    length = statistics.mean.shape[along]
    count = statistics.mean.shape[1 - along]
    if length < _SHORTEST or count < 2 * _AROUND:
        return ()
    pieces = [_profiles(statistics, along, part) for part in np.array_split(np.arange(length), _PIECES)]
    means = np.mean([mean for mean, _ in pieces], axis=0)
    noises = np.array([noise for _, noise in pieces])
    whole = noises.mean(axis=0)
    found: set[int] = set()
    for width in range(1, _WIDEST + 1):
        # The outermost lines have no neighbour on one side.
        for first in np.flatnonzero(_silent(noises, width).all(axis=0)) + 1:
            if _alone(means, whole, int(first), width):
                found.update(range(int(first), int(first) + width))
    return tuple(sorted(found))


def _profiles(statistics: Statistics, along: int, part: npt.NDArray[np.intp]) -> tuple[Profile, Profile]:
    """Return mean and scatter of each line's piece; of the scatter without its highest eighth, which may be hits."""
    usable, mean = np.take(statistics.usable, part, axis=along), np.take(statistics.mean, part, axis=along)
    noise = np.take(statistics.noise, part, axis=along)
    level = np.where(usable, mean, 0).sum(axis=along, dtype=np.float64) / np.maximum(usable.sum(axis=along), 1)
    kept = len(part) - len(part) // _TRIMMED
    low = np.partition(np.where(usable, noise, np.inf), kept - 1, axis=along).take(range(kept), axis=along)
    return level, low.mean(axis=along, dtype=np.float64)


def _silent(noises: Profile, width: int) -> npt.NDArray[np.bool_]:
    """Whether the lines 1, 2, ... and the `width` - 1 that follow are silent beside both their neighbours, by piece."""
    loudest = np.max([noises[:, 1 + k : noises.shape[1] - width + k] for k in range(width)], axis=0)
    before, behind = noises[:, : -width - 1], noises[:, width + 1 :]
    return np.asarray(loudest < _SILENT * np.minimum(before, behind))


def _alone(means: Profile, noises: Profile, first: int, width: int) -> bool:
    """Whether lines are dark and silent like no others nearby, and those beside them are no flanks."""
    near = np.arange(max(0, first - _AROUND), min(len(means), first + width + _AROUND))
    others = near[(near < first) | (near >= first + width)]
    own = slice(first, first + width)
    usual, last = float(np.median(noises[others])), first + width
    # A dead line shows the black level, and so what the others hold above it.
    above = means - means[own].max()
    beside, behind = above[[first - 1, last]], above[[max(0, first - 2), min(last + 1, len(above) - 1)]]
    if np.any(beside < _FLANK * np.median(above[others])) or np.any(beside < _BEHIND * behind):
        return False
    alike = int(np.count_nonzero(noises[others] < _NOT_SILENT * noises[own].max() + _TRIFLE * usual))
    return alike <= 1 and int(np.count_nonzero(above[others] <= 0)) <= 1
