"""Dead, hot and unstable pixels, told from what the specimen shows. In doubt a pixel is left alone.

What a lens draws has flanks and moves with the specimen, and electrons scatter as their number demands. A defect is
given away by at least two of these at once:

- dead: no scatter where all its neighbours have some, and a hole in the mean as well;
- hot: far brighter than all around it but for two neighbours (a spot with a sigma of 0.35 px, in the middle of its
  pixel, stays), and without the scatter that so many electrons would have; or bright at the same place all through
  a drift of several px;
- unstable: far more scatter than its brightness explains, which no neighbour follows.

Whole dead rows and columns are judged as one (`core.noise.dead_lines`): their pixels have neighbours that are as dead.

What hardly ever changes is no electrons, also where it is saturated; what is clipped in some frames only may be a
bright reflection, and stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage, stats

from core.noise.dead_lines import DeadLines, find_dead_lines
from core.noise.noise_line import NoiseLine
from core.noise.stuck import stuck
from core.noise.temporal import Image, Read, Statistics, Step

DEAD, HOT, UNSTABLE = 1, 2, 4
# With fewer frames a pixel's scatter tells next to nothing.
FEW = 8

_SIDE = 2
_WIDE = 2 * _SIDE + 1
_OTHERS = [k for k in range(_WIDE**2) if k != _WIDE**2 // 2]
_STRIP = 256
# Standard errors, and how many times further out than the third of its neighbours.
_FAR, _LONE = 8.0, 12.0
# Standard errors that a flank may have been missed by.
_ALLOWED = 2.0
_HOLE = 4.0
_CHANCE = 1e-7
_QUIET, _LOUD = 0.25, 4.0
# Share of the neighbours' scatter; and how deep a hole must be with it.
_SILENT, _STILL = 0.05, 0.01
# A neighbour that takes part by more than this belongs to the same spot.
_SHARED = 1 / _LONE
# Share of the frames in which a pixel has its highest value: between these it is clipped, and hides its scatter.
_CLIPPED, _STUCK = 0.2, 0.95
_SILENT_CLIPPED = 0.01
# Minus the logarithm of the chance that a living pixel missed all that its neighbours saw; at most 7 a frame.
_MISSED = 24.0
# Rounding of calibrated values.
_SAME = 1e-6
_NEVER = 1e-3
_FLICKERS = 0.02
_MOST, _MOST_AT_ALL = 0.005, 40_000
# Candidates that are judged by one reading of the frames: their series take 240 MB for 200 frames.
_AT_ONCE = 12_000
_CHECK_EVERY = 500
_STEADY_DRIFT = 3.0


@dataclass(frozen=True)
class Candidates:
    """Pixels that stand out in one way, in the mean or in their scatter: rows, columns, and kind asked for."""

    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    kinds: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, first: int, last: int) -> Candidates:
        """Some of them."""
        return Candidates(self.rows[first:last], self.columns[first:last], self.kinds[first:last])

    def of_kind(self, kind: int) -> Candidates:
        """Those that may be of a kind."""
        asked = (self.kinds & kind) > 0
        return Candidates(self.rows[asked], self.columns[asked], self.kinds[asked])


@dataclass(frozen=True)
class Defects:
    """What was found.

    Attributes
    ----------
    mask : uint8 (H, W)
        0, or the sum of 1 dead, 2 hot, 4 unstable.
    doubtful : int
        Lone bright pixels that scatter, so that they may be reflections, atoms or hot pixels: left alone.
    too_many : bool
        So much stands out that it must be the specimen: no single pixel was marked.
    lines : DeadLines
        Whole rows and columns that are dead; `mask` marks their pixels, too.
    """

    mask: npt.NDArray[np.uint8]
    doubtful: int = 0
    too_many: bool = False
    lines: DeadLines = field(default_factory=DeadLines)

    def count(self, kind: int) -> int:
        """How many pixels are of a kind."""
        return int(np.count_nonzero(self.mask & kind))


def find_defects(
    statistics: Statistics, read: Read, step: Step, drift: npt.NDArray[np.float64] | None = None, lens: bool = True
) -> Defects:
    """Find defects; reads the sample once more where there are candidates.

    In fewer than `FEW` frames only pixels that are stuck are found.

    Parameters
    ----------
    drift : float64 (frames, 2), optional
        Where the specimen lies in each frame of the sample, in px, where that is certain.
    lens : bool
        False for diffraction, whose reflections may be as sharp as a pixel and come and go: only dead pixels there.
    """
    single = _single_pixels(statistics, read, step, drift, lens)
    lines = find_dead_lines(statistics) if statistics.frames >= FEW else DeadLines()
    mask = single.mask.copy()
    # Whatever else was made of a pixel of theirs: it has no response.
    mask[lines.mask(mask.shape)] = DEAD
    return replace(single, mask=mask, lines=lines)


def _single_pixels(
    statistics: Statistics, read: Read, step: Step, drift: npt.NDArray[np.float64] | None, lens: bool
) -> Defects:
    mask = np.zeros(statistics.mean.shape, dtype=np.uint8)
    if statistics.line is None or min(mask.shape) < _WIDE:
        return Defects(mask)
    few = statistics.frames < FEW
    found = candidates(statistics, lens)
    if few:
        found = found.of_kind(HOT)
    if len(found) > min(max(16, _MOST * mask.size), _MOST_AT_ALL):
        return Defects(mask, too_many=True)
    moved = drift is not None and _range(drift) >= _STEADY_DRIFT
    doubtful = 0
    for first in range(0, len(found), _AT_ONCE):
        part = found.part(first, first + _AT_ONCE)
        series = _series(part, statistics, read, step)
        if few:
            electrons = statistics.line.electrons(series).astype(np.float64)
            still = stuck(electrons, statistics.line.counts)
            mask[part.rows[still], part.columns[still]] = HOT
            continue
        for number in range(len(part)):
            place = (part.rows[number], part.columns[number])
            mark = _judged(_Pixel(series[:, number], statistics, place), int(part.kinds[number]), moved)
            doubtful += mark is None
            mask[place] |= mark or 0
            if number % _CHECK_EVERY == 0:
                step()
    return Defects(mask, doubtful)


def _judged(pixel: _Pixel, kind: int, moved: bool) -> int | None:
    """What a candidate is; None: bright, but nothing proves it hot."""
    mark = 0
    if kind & DEAD and pixel.is_dead():
        mark |= DEAD
    if kind & UNSTABLE and pixel.is_unstable():
        mark |= UNSTABLE
    if kind & HOT:
        if pixel.is_hot(moved):
            mark |= HOT
        elif not mark:
            return None
    return mark


def candidates(statistics: Statistics, lens: bool = True) -> Candidates:
    """Return the few pixels that stand out from their surroundings enough to be looked at one by one."""
    parts = list(_strips(statistics, lens))
    return Candidates(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.kinds for part in parts]),
    )


def _strips(statistics: Statistics, lens: bool) -> Iterator[Candidates]:
    line = statistics.line
    assert line is not None
    height = statistics.mean.shape[0]
    often = max(3, int(np.ceil(_FLICKERS * statistics.frames)))
    for top in range(0, height, _STRIP):
        first, last = max(0, top - _SIDE), min(height, top + _STRIP + _SIDE)
        rows = slice(first, last)
        mean = statistics.mean[rows].astype(np.float64)
        around, scatter = _around(mean)
        error = np.sqrt(line.variance(around) / statistics.frames)
        kinds = np.zeros(mean.shape, dtype=np.uint8)
        noise = statistics.noise[rows].astype(np.float64)
        noise_around, _ = _around(noise)
        kinds[(noise <= _SILENT * 2 * noise_around) & (around - mean > 1.5 * scatter)] |= DEAD
        if lens:
            kinds[(mean - around > np.maximum(_FAR * error, 3 * scatter))] |= HOT
            total = statistics.total[rows].astype(np.float64)
            total_around, total_scatter = _around(total)
            loud = total > _LOUD * np.maximum(line.variance(mean), total_around)
            kinds[loud & (total - total_around > 3 * total_scatter)] |= UNSTABLE
            kinds[statistics.flicker[rows] >= often] |= UNSTABLE
        kinds[~statistics.usable[rows]] = 0
        inner = slice(top - first, min(top + _STRIP, height) - first)
        found = np.nonzero(kinds[inner])
        near = _patches(statistics.mean, found[0] + top, found[1])
        keep = _stands_out(near, kinds[inner][found])
        yield Candidates(found[0][keep] + top, found[1][keep], kinds[inner][found][keep])


def _around(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and scatter of the 24 pixels around each, without itself."""
    size = _WIDE**2
    shifted = values - np.median(values)
    sums = ndimage.uniform_filter(shifted, _WIDE, mode="mirror") * size - shifted
    squares = ndimage.uniform_filter(np.square(shifted), _WIDE, mode="mirror") * size - np.square(shifted)
    mean = sums / (size - 1)
    variance = np.maximum(squares / (size - 1) - np.square(mean), 0)
    return mean + np.median(values), np.sqrt(variance)


def _stands_out(near: npt.NDArray[np.float64], kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Whether pixels (N) stand alone in the mean; for scatter that is asked later, over time."""
    centre, others = near[:, _WIDE**2 // 2], np.sort(near[:, _OTHERS], axis=1)
    base = np.median(others, axis=1)
    bright = centre - base > _LONE * (others[:, -3] - base)
    dark = base - centre > _HOLE * (base - others[:, 2])
    kept = ((kinds & HOT) > 0) & bright | ((kinds & DEAD) > 0) & dark | ((kinds & UNSTABLE) > 0)
    return np.asarray(kept)


def _patches(image: Image, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Return (N, 25): each pixel and its neighbours, mirrored at the frame's edge."""
    height, width = image.shape
    steps = np.arange(-_SIDE, _SIDE + 1)
    y = _mirrored(rows[:, None] + steps, height)
    x = _mirrored(columns[:, None] + steps, width)
    return np.asarray(image[y[:, :, None], x[:, None, :]].reshape(len(rows), _WIDE**2), dtype=np.float64)


def _mirrored(index: npt.NDArray[np.intp], length: int) -> npt.NDArray[np.intp]:
    index = np.abs(index)
    return np.asarray(np.where(index >= length, 2 * (length - 1) - index, index))


def _series(found: Candidates, statistics: Statistics, read: Read, step: Step) -> npt.NDArray[np.float32]:
    """Return (frames, N, 25): what candidates and their neighbours do over time; NaN where they were hit."""
    out = np.empty((statistics.frames, len(found), _WIDE**2), dtype=np.float32)
    hits = {hit.frame: hit for hit in statistics.hits}
    for place in range(statistics.frames):
        frame = read(place)
        hit = hits.get(place)
        if hit is not None:
            often = statistics.flicker[hit.rows, hit.columns] > 1
            frame = frame.copy()
            # A pixel that is hit again and again is to be judged with its hits.
            frame[hit.rows[~often], hit.columns[~often]] = np.nan
        out[place] = _patches(frame, found.rows, found.columns)
        step()
    return out


def _range(drift: npt.NDArray[np.float64]) -> float:
    """How far the specimen wanders, in px, its last fifths left out."""
    low, high = np.quantile(drift, [0.1, 0.9], axis=0)
    return float(np.hypot(*(high - low)))


class _Pixel:
    """One candidate, with the series (frames, 25) of its neighbourhood."""

    def __init__(self, series: npt.NDArray[np.float32], statistics: Statistics, place: tuple[np.intp, np.intp]) -> None:
        finite = np.isfinite(series).all(axis=1)
        self._series = series[finite].astype(np.float64)
        self._levels = np.asarray(statistics.levels)[finite]
        self._own = self._series[:, _WIDE**2 // 2]
        self._others = self._series[:, _OTHERS]
        self._line: NoiseLine | None = statistics.line
        self._freedom = statistics.freedom
        self._noise = float(statistics.noise[place])
        noises = _patches(statistics.noise, *(np.array([index]) for index in place))[0, _OTHERS]
        self._noise_near = float(np.sort(noises)[2])
        self._error = float(np.sqrt(np.median(noises) / max(1, len(self._series))))
        means = np.sort(self._others.mean(axis=0)) if len(self._series) else np.zeros(len(_OTHERS))
        self._base = float(np.median(means))
        self._third_low, self._third_high = float(means[2]), float(means[-3])
        self._mean = float(self._own.mean()) if len(self._series) else 0.0

    def is_dead(self) -> bool:
        """No scatter where the neighbours have some, and a hole."""
        if self._noise > _SILENT * self._noise_near or self._mean >= self._third_low or self._line is None:
            return False
        if np.var(self._own) > 2 * _SILENT * self._noise_near:
            return False
        flank = self._base - self._third_low + _ALLOWED * self._error
        depth = (self._base - self._mean) / max(flank, 1e-300)
        if self._noise > _STILL * self._noise_near and depth < _LONE:
            return False
        changed = np.sort((self._others != np.median(self._others, axis=0)).mean(axis=0))[2]
        return -len(self._own) * float(np.log(1 - changed + _NEVER)) > _MISSED

    def is_hot(self, moved: bool) -> bool:
        """Bright alone, and either not as electrons are, or at its place while the specimen moves."""
        excess = self._mean - self._base
        flank = self._third_high - self._base + _ALLOWED * self._error
        if self._line is None or len(self._own) < 3 or excess <= _LONE * flank:
            return False
        highest = np.count_nonzero(self._own >= self._own.max()) / len(self._own)
        if highest >= _STUCK and np.ptp(self._own) <= _SAME * abs(self._mean):
            # No noise line is needed to know that: its neighbours do scatter.
            return self._noise_near > 0
        clipped = highest < _STUCK and highest * len(self._own) > max(1, _CLIPPED * len(self._own))
        if self._line.counts:
            expected = float(self._line.variance(np.array([self._mean]))[0])
            quiet = stats.chi2.cdf(self._freedom * self._noise / expected, self._freedom) < _CHANCE
            if quiet and self._noise < (_SILENT_CLIPPED if clipped else _QUIET) * expected:
                return True
        return moved and not clipped and self._stays()

    def _stays(self) -> bool:
        """Whether it is bright, and alone, in each quarter of the time."""
        quarters = [part for part in np.array_split(self._series, 4) if len(part) >= 3]
        if len(quarters) < 4:
            return False
        excess = []
        for part in quarters:
            means = np.sort(part[:, _OTHERS].mean(axis=0))
            base = float(np.median(means))
            excess.append(float(part[:, _WIDE**2 // 2].mean()) - base)
            if excess[-1] <= _LONE / 2 * (means[-3] - base):
                return False
        return min(excess) > 0.5 * max(excess)

    def is_unstable(self) -> bool:
        """Scatter beyond what its brightness explains, followed by no neighbour."""
        if self._line is None or len(self._own) < 8:
            return False
        # One or two hits make no flicker.
        usual = np.argsort(np.abs(self._own - np.median(self._own)))[: -max(2, int(_FLICKERS * len(self._own)))]
        own = _without(self._own[usual], self._levels[usual])
        total = float(np.var(own, ddof=1))
        expected = float(self._line.variance(np.array([self._mean]))[0])
        free = len(usual) - 2
        if total < _LOUD * expected or stats.chi2.sf(free * total / expected, free) > _CHANCE:
            return False
        # How much of its ups and downs do the neighbours show? A spot's flanks go with it.
        near = self._others[usual] - self._others[usual].mean(axis=0)
        shares = near.T @ own / float(own @ own)
        error = float(np.sqrt(np.median(near.var(axis=0)) / (len(own) * total)))
        return float(np.sort(shares)[-3]) + 3 * error < _SHARED


def _without(values: npt.NDArray[np.float64], levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Take out what goes with the mean of the whole frame: the beam's flicker; the mean as well."""
    values, levels = values - values.mean(), levels - levels.mean()
    power = float(levels @ levels)
    return values if power <= 0 else values - levels * (float(levels @ values) / power)
