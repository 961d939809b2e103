"""Hits that one frame alone gives away: far brighter than anything around, and ending from one pixel to the next.

Whatever a lens draws, and whatever light a scintillator spreads, has flanks: around the core of a spot with a sigma of
0.45 px (a fifth of its peak or more), in whatever place of its pixels, the next pixels hold 10.7 % of its peak in the
mean where the core is one pixel, 6.2 % for two, 3.2 % for three and 1.5 % for more; wider spots hold more. X-rays and
muons strike pixels one by one. So a single atom stays, however bright, and so does a hit as faint as its surroundings.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from core.noise.clusters import TILE, tile_maxima

Image = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.intp]

_LARGE = 1 << 20
# How far a hit stands out: over how far the brightest tenth of the tiles around does, and in Poisson deviations, for
# counts and for cameras, whose noise is blurred.
_BEYOND, _COUNTS, _CAMERA = 8.0, 8.0, 5.0
_BRIGHT = 90
# Where a core ends, as a share of its peak, and what share of it the pixels around must hold, by the core's size where
# it is small. Several spots in a core hold as little as 0.7, 0.3 and 0.2 %; hits have pixels of a tenth of their peak.
_Flanks = tuple[float, dict[int, float], float]
_CORES: tuple[_Flanks, ...] = ((0.2, {1: 0.06, 2: 0.04, 3: 0.02}, 0.013), (0.1, {}, 0.003), (0.05, {}, 0.0015))
_ERRORS = 2.0
# Of a hit's fainter pixels, next to the core: how far they stand out of the noise.
_FAINT = 5.0
_LARGEST, _REACH = 40, 26
# More pixels, and a larger share of the frame, must be the specimen.
_MANY, _MOST = 64, 0.002
_EIGHT = np.ones((3, 3), dtype=np.bool_)


def sharp_hits(frame: Image, least: float = 0.0) -> Mask:
    """Mark hits of up to 40 pixels: tracks are as long as that.

    Parameters
    ----------
    frame : float32 (H, W)
        Electrons, finite.
    least : float
        Excess in electrons of a hit in any case; infinite: nothing is one.

    Returns
    -------
    bool (H, W)
        Nothing is marked if more than 0.2 % of the pixels (and more than 64) stand out so far: it is the specimen.
    """
    hits = np.zeros(frame.shape, dtype=np.bool_)
    if min(frame.shape) < 2 * TILE or not np.isfinite(least):
        return hits
    rows, columns = _far_out(frame, least)
    if len(rows) == 0 or len(rows) > max(_MANY, _MOST * frame.size):
        return hits
    order = np.argsort(-frame[rows, columns], kind="stable")
    seen = np.zeros_like(hits)
    for row, column in zip(rows[order], columns[order], strict=True):
        if not seen[row, column]:
            _look_at(frame, int(row), int(column), hits, seen)
    return hits


def _far_out(frame: Image, least: float) -> tuple[Pixels, Pixels]:
    """Rows and columns of pixels far beyond the brightest of their surroundings."""
    rows, columns = frame.shape[0] // TILE, frame.shape[1] // TILE
    middle, bright = _levels(frame[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE))
    whole = bool(np.array_equal(frame[::7], np.rint(frame[::7])))
    deviations = _COUNTS if whole else _CAMERA
    floor = np.square(np.sqrt(np.maximum(middle, 0) + 0.375) + deviations / 2) - 0.375
    limit = np.maximum(middle + np.maximum(_BEYOND * (bright - middle), least), floor)
    highest = tile_maxima(frame)
    # Narrower tiles at the lower and the right border have the limit of the whole ones beside.
    limit = np.pad(limit, [(0, have - own) for have, own in zip(highest.shape, limit.shape, strict=True)], mode="edge")
    found = [(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp))]
    for row, column in zip(*np.nonzero(highest > limit), strict=True):
        top, left = row * TILE, column * TILE
        inside = np.nonzero(frame[top : top + TILE, left : left + TILE] > limit[row, column])
        found.append((inside[0] + top, inside[1] + left))
    return np.concatenate([one[0] for one in found]), np.concatenate([one[1] for one in found])


def _levels(tiles: Image) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Median of each tile (rows, 16, columns, 16), and the largest 90th percentile of it and the eight around.

    Of large frames every second pixel of every second row is enough.
    """
    step = 2 if tiles.size > _LARGE else 1
    some = tiles[:, ::step, :, ::step].transpose(0, 2, 1, 3).reshape(tiles.shape[0], tiles.shape[2], -1)
    count = some.shape[-1]
    places = (count // 2, count * _BRIGHT // 100)
    parted = np.partition(some, places, axis=-1)
    bright = ndimage.maximum_filter(parted[..., places[1]], 3, mode="nearest")
    return parted[..., places[0]].astype(np.float64), bright.astype(np.float64)


def _look_at(frame: Image, row: int, column: int, hits: Mask, seen: Mask) -> None:
    """Judge the group around a pixel, the brightest of it, and mark it as seen."""
    top, left = max(0, row - _REACH), max(0, column - _REACH)
    window = np.s_[top : row + _REACH + 1, left : column + _REACH + 1]
    near = frame[window].astype(np.float64)
    base = float(np.median(near))
    spread = max(1.4826 * float(np.median(np.abs(near - base))), 1e-12)
    excess, at = near - base, (row - top, column - left)
    peak = float(excess[at])
    for share, by_size, flank in _CORES:
        labels, _ = ndimage.label(excess > share * peak, structure=_EIGHT)
        core = labels == labels[at]
        seen[window] |= core
        size = int(core.sum())
        if size > _LARGEST or excess[core].max() > peak:
            return
        around = ndimage.binary_dilation(core, _EIGHT) & ~core
        ring = excess[around]
        error = float(np.hypot(ring.std() / len(ring) ** 0.5, spread / near.size**0.5))
        if float(ring.mean()) + _ERRORS * error < by_size.get(size, flank) * peak:
            hits[window] |= core | (around & (excess > _FAINT * max(spread, float(np.sqrt(max(base, 0.0) + 0.375)))))
            seen[window] |= hits[window]
            return
