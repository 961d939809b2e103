"""Powers and cross powers of a result, its raw frames, and other noisy looks at the same scene.

The looks are the neighbouring frames, moved along with the drift. Their noise is independent of the frame's own, so
they stand in for the unknown truth in every product (Batson & Royer, Noise2Self, 2019; Marcos Morales et al.,
"Evaluating unsupervised denoising requires unsupervised metrics", arXiv:2210.05553).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.measures.clips import Clip
from core.measures.windows import Places, Spectra, WindowGrid

Array = npt.NDArray[np.float64]
Weights = dict[int, float]

# Quadratic interpolation through the four neighbours: a scene that moves on evenly, or turns back, is met.
_FOUR: Weights = {-2: -1 / 6, -1: 4 / 6, 1: 4 / 6, 2: -1 / 6}
_TWO: Weights = {-1: 0.5, 1: 0.5}
FAR, _LEAST_FAR = 7, 4
_BLOCK_FRAMES, _MOST_BLOCKS = 3, 8
# Fewer frames can't be split in time.
_SPLIT_IN_TIME = 12


@dataclass(frozen=True)
class CrossSpectra:
    """Sums over windows, a block of them each (a stretch of time, or a part of the frame).

    Attributes
    ----------
    grid : WindowGrid
        What a cell is.
    windows : float64 (blocks,)
        How many windows were added up.
    looks : float64 (blocks,)
        How many of them would be independent: they overlap.
    half : bool (blocks,)
        Two independent halves: what is learned on one is tested on the other.
    ff, fy, yy, fz, yz, zz : float64 (blocks, side, side // 2 + 1)
        Powers and real cross powers of the result f, the raw frame y and the other look z, in electrons squared.
    """

    grid: WindowGrid
    windows: Array
    looks: Array
    half: npt.NDArray[np.bool_]
    ff: Array
    fy: Array
    yy: Array
    fz: Array
    yz: Array
    zz: Array


def near_weights(frame: int, frames: int) -> Weights | None:
    """Which neighbours stand in for a frame's truth, and how they are weighted; None at the ends of a clip."""
    if 2 <= frame < frames - 2:
        return _FOUR
    if 1 <= frame < frames - 1:
        return _TWO if frames < 5 else None
    return {1 - 2 * frame: 1.0} if frames == 2 else None


def far_weights(frame: int, frames: int, distance: int = FAR) -> Weights | None:
    """The same from frames so far away that few methods look there."""
    if distance == FAR:
        distance = min(FAR, (frames - 1) // 2)
    if distance < _LEAST_FAR:
        return None
    offsets = [offset for offset in (-distance, distance) if 0 <= frame + offset < frames]
    return {offset: 1 / len(offsets) for offset in offsets} if offsets else None


def other_look(clip: Clip, frame: int, weights: Weights, grid: WindowGrid, places: Places) -> Spectra:
    """Windows of the weighted sum of other raw frames, moved to where the picture lies in `frame`."""
    parts = [
        np.float32(weight) * grid.spectra(clip.raw[frame + offset], places, clip.move(frame, frame + offset))
        for offset, weight in weights.items()
    ]
    return np.asarray(sum(parts[1:], start=parts[0]), dtype=np.complex64)


def cross_spectra(clips: Sequence[Clip], far: bool, distance: int = FAR) -> CrossSpectra | None:
    """Gather the sums over clips of frames of the same size; None where there are too few frames, or too small ones."""
    frames = sum(clip.frames for clip in clips)
    in_time = frames >= _SPLIT_IN_TIME
    height, width = clips[0].raw.shape[1:]
    try:
        grid = WindowGrid.fitting(height, width, 0.5)
    except ValueError:
        return None
    gathered = _Gathered(grid)
    for number, clip in enumerate(clips):
        for frame in range(clip.frames):
            weights = far_weights(frame, clip.frames, distance) if far else near_weights(frame, clip.frames)
            if weights is None:
                continue
            places = grid.places([clip.move(frame, frame + offset) for offset in weights])
            if not len(places):
                continue
            vectors = (
                grid.spectra(clip.result[frame], places),
                grid.spectra(clip.raw[frame], places),
                other_look(clip, frame, weights, grid, places),
            )
            blocks = min(_MOST_BLOCKS, max(1, clip.frames // _BLOCK_FRAMES))
            stretch = frame * blocks // clip.frames
            gathered.add((number, stretch), vectors, None if in_time else _quadrant(grid, places))
    return gathered.sums(in_time)


def _quadrant(grid: WindowGrid, places: Places) -> npt.NDArray[np.intp]:
    below = places[:, 0] + grid.side / 2 > grid.height / 2
    beside = places[:, 1] + grid.side / 2 > grid.width / 2
    return np.asarray(2 * below + beside, dtype=np.intp)


class _Gathered:
    def __init__(self, grid: WindowGrid) -> None:
        self._grid = grid
        self._sums: dict[tuple[int, int, int], Array] = {}
        self._windows: dict[tuple[int, int, int], float] = {}
        self._looks: dict[tuple[int, int, int], float] = {}

    def add(self, key: tuple[int, int], vectors: Sequence[Spectra], part: npt.NDArray[np.intp] | None) -> None:
        for quadrant in (0,) if part is None else (0, 1, 2, 3):
            chosen = [one if part is None else one[part == quadrant] for one in vectors]
            if not len(chosen[0]):
                continue
            f, y, z = chosen
            pairs = ((f, f), (f, y), (y, y), (f, z), (y, z), (z, z))
            sums = np.stack([(a.real * b.real + a.imag * b.imag).sum(axis=0, dtype=np.float64) for a, b in pairs])
            place = (*key, quadrant)
            self._sums[place] = self._sums.get(place, 0.0) + sums
            self._windows[place] = self._windows.get(place, 0.0) + len(f)
            share = self._independent(len(vectors[0])) * len(f) / len(vectors[0])
            self._looks[place] = self._looks.get(place, 0.0) + share

    def _independent(self, windows: int) -> float:
        """Of the windows of one frame: no more than its area holds."""
        return min(float(windows), self._grid.height * self._grid.width / self._grid.side**2)

    def sums(self, in_time: bool) -> CrossSpectra | None:
        keys = sorted(self._sums)
        if not keys:
            return None
        if in_time:
            order = sorted({key[:2] for key in keys})
            half = [order.index(key[:2]) >= (len(order) + 1) // 2 for key in keys]
        else:
            half = [key[2] in (1, 2) for key in keys]
        stacked = np.stack([self._sums[key] for key in keys], axis=1)
        windows = np.array([self._windows[key] for key in keys])
        looks = np.array([self._looks[key] for key in keys])
        return CrossSpectra(self._grid, windows, looks, np.array(half), *stacked)
