"""Small groups of pixels that are far brighter than all else in a frame: hits that are wider than three pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from core.noise.hot_pixels import DEVIATIONS

Image = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.intp]

FAR = 10.0
_LARGEST = 16
# Groups of one frame; and how often what is left is looked through once the brightest are gone.
_MOST, _ROUNDS = 8, 4
TILE = 16
_CORE = 0.2
# Pixels next to the core of a spot with a sigma of 0.45 px have 2.2 % of its peak or more in the mean.
_SHARP, _ERRORS = 0.013, 2.0
_EIGHT = np.ones((3, 3), dtype=np.bool_)
_MARGIN = 3


@dataclass(frozen=True, eq=False)
class Cluster:
    """A group of connected pixels above a tenth of the brightest one's excess.

    Attributes
    ----------
    rows, columns : intp (N,)
    peak : float
        Excess of its brightest pixel over the frame's median.
    sharp : bool
        It ends from one pixel to the next, as nothing does that a lens draws.
    """

    rows: Pixels
    columns: Pixels
    peak: float
    sharp: bool

    @property
    def small(self) -> bool:
        """Whether it may be a hit."""
        return len(self.rows) <= _LARGEST


@dataclass(frozen=True)
class Brightest:
    """What stands far out of a frame: its clusters, brightest first, and the largest excess of all the rest."""

    base: float
    clusters: tuple[Cluster, ...]
    rest: float


def brightest(frame: Image) -> Brightest:
    """Return the groups of pixels that stand ten times further out than all the rest; none if they are many.

    Parameters
    ----------
    frame : float32 (H, W)
        Finite; electrons.
    """
    step = max(1, min(frame.shape) // 256)
    base = float(np.median(frame[::step, ::step]))
    tiles = tile_maxima(frame)
    peak = float(tiles.max()) - base
    nothing = Brightest(base, (), max(0.0, peak))
    limit = base + peak / FAR
    if peak <= 0 or min(frame.shape) < 2 * _MARGIN or np.count_nonzero(tiles > limit) > 4 * _MOST:
        return nothing
    above = frame > limit
    if np.count_nonzero(above) > _MOST * _LARGEST:
        return nothing
    labels, count = ndimage.label(above, structure=_EIGHT)
    if count > _MOST:
        return nothing
    clusters = []
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        rows, columns = np.nonzero(labels[box] == number)
        rows, columns = rows + box[0].start, columns + box[1].start
        clusters.append(Cluster(rows, columns, float(frame[rows, columns].max()) - base, _sharp(frame, rows, columns)))
    clusters.sort(key=lambda one: -one.peak)
    return Brightest(base, tuple(clusters), float(np.where(above, base, frame).max()) - base)


def rest_of(frame: Image) -> float:
    """Return the largest excess over the median of what may be real in a frame: small sharp groups don't count."""
    for _ in range(_ROUNDS):
        found = brightest(frame)
        hits = [one for one in found.clusters if one.sharp and one.small]
        if not hits:
            break
        frame = frame.copy()
        for one in hits:
            frame[one.rows, one.columns] = found.base
    return float(frame.max()) - float(found.base)


def tile_maxima(frame: Image) -> Image:
    """Largest value of each tile of 16 x 16 px; those at the lower and the right border are narrower."""
    height, width = frame.shape
    # Pieces of rows first: that is quick, and little is left.
    rows = np.stack([frame[top : top + TILE].max(axis=0) for top in range(0, height, TILE)])
    return np.asarray(np.maximum.reduceat(rows, range(0, width, TILE), axis=1))


def _sharp(frame: Image, rows: Pixels, columns: Pixels) -> bool:
    """Whether the pixels around the core are at the level of those around them; never at the frame's border."""
    if len(rows) > _LARGEST:
        return False
    top, left = int(rows.min()) - _MARGIN, int(columns.min()) - _MARGIN
    bottom, right = int(rows.max()) + _MARGIN + 1, int(columns.max()) + _MARGIN + 1
    if top < 0 or left < 0 or bottom > frame.shape[0] or right > frame.shape[1]:
        return False
    near = frame[top:bottom, left:right].astype(np.float64)
    group = np.zeros(near.shape, dtype=np.bool_)
    group[rows - top, columns - left] = True
    outside = near[~ndimage.binary_dilation(group, _EIGHT)]
    base = float(np.median(outside))
    peak = float(near[group].max()) - base
    core = group & (near - base > _CORE * peak)
    around = near[ndimage.binary_dilation(core) & ~core]
    error = float(np.hypot(around.std() / len(around) ** 0.5, outside.std() / len(outside) ** 0.5))
    return float(around.mean()) - base + _ERRORS * error < _SHARP * peak


@dataclass(frozen=True)
class Found:
    """Clusters of one frame: those that are hits, and those that stand out as far but may be real."""

    hits: tuple[Cluster, ...]
    doubtful: tuple[Cluster, ...]


def judge(
    found: Brightest, rest: Callable[[], float | None], nearby: npt.NDArray[np.floating], least: float = 0.0
) -> Found:
    """Tell hits from what may be real: an atom is about as bright as others are, in this frame or in those around.

    Parameters
    ----------
    rest : callable
        Gives the largest `rest_of` the frames around; asked where it matters, since it takes reading them.
    nearby : (M, N)
        Values of the clusters' pixels, one cluster after the other, in the frames before and after; nothing is a hit
        where M is 0.
    least : float
        Excess of a hit in any case.
    """
    far = max(least, (DEVIATIONS / 2 + float(np.sqrt(max(found.base, 0) + 0.375))) ** 2 - 0.375 - max(found.base, 0))
    alone = [one for one in found.clusters if one.small and one.peak > far]
    if not len(nearby):
        return Found((), tuple(alone))
    ends = np.cumsum([len(one.rows) for one in found.clusters])
    gone = []
    for one, end in zip(found.clusters, ends, strict=True):
        there = nearby[:, end - len(one.rows) : end]
        there = there[np.isfinite(there)]
        if one in alone and not (there - found.base > one.peak / 3).any():
            gone.append(one)
    rest_nearby = rest() if gone else None
    if rest_nearby is None:
        return Found((), tuple(gone))
    # Of those with flanks only the brightest may be a hit, and only if the others are none.
    soft = [one.peak for one in found.clusters if not (one.small and one.sharp)]
    hits = []
    for one in gone:
        others = soft if one.sharp else soft[1:]
        brightest_other = max([found.rest, rest_nearby, *others])
        if one.peak >= FAR * brightest_other and (one.sharp or one.peak == soft[0]):
            hits.append(one)
    doubtful = [one for one in gone if one not in hits and one.peak > 3 * rest_nearby]
    return Found(tuple(hits), tuple(doubtful))
