"""Mean and scatter of every pixel over time, hits left out, in two passes over a sample of frames.

Memory: seven images of float32 and a few frames, whatever the movie's length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.noise.clusters import brightest, judge, rest_of
from core.noise.hot_pixels import hot_pixels, stays
from core.noise.noise_line import NoiseLine, fit_noise_line, sparse_line
from core.noise.sampling import Sample

Image = npt.NDArray[np.float32]
# Takes a place in the sample, gives the frame (H, W), corrected, NaN where it holds no number.
Read = Callable[[int], Image]
# Called after each frame that was read; may raise to stop.
Step = Callable[[], None]

_CENTRE_BYTES = 256 << 20
_CENTRE_LEAST, _CENTRE_MOST = 4, 14
_STRIP = 128
# How often a frame is looked through for wide hits, once brighter ones are gone.
_ROUNDS = 4


@dataclass(frozen=True)
class Hit:
    """Hits of one frame: its place in the sample, rows and columns."""

    frame: int
    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]


@dataclass(frozen=True)
class Statistics:
    """What pixels do over time, in stored units (corrected).

    Attributes
    ----------
    mean : float32 (H, W)
        Over the frames of the sample.
    noise : float32 (H, W)
        Variance of a frame by differences between neighbouring frames: what moves slowly hardly counts.
    total : float32 (H, W)
        Variance over all frames.
    flicker : uint16 (H, W)
        In how many frames the pixel was hit.
    usable : bool (H, W)
        Pixels that held a number in every frame.
    freedom : float
        Degrees of freedom of `noise`.
    line : NoiseLine or None
        Variance by mean; None where there is no noise.
    levels : tuple of float
        Mean of each frame: the beam may flicker.
    """

    mean: Image
    noise: Image
    total: Image
    flicker: npt.NDArray[np.uint16]
    usable: npt.NDArray[np.bool_]
    hits: tuple[Hit, ...]
    frames: int
    freedom: float
    line: NoiseLine | None
    levels: tuple[float, ...] = ()


def gather(read: Read, sample: Sample, step: Step, find_hits: bool = True, least: float = 0.0) -> Statistics:
    """Read the sample twice: a few frames for what is usual, then all of it.

    Parameters
    ----------
    find_hits : bool
        Off for diffraction, where a lone bright pixel is a reflection.
    least : float
        Stored units by which a hit exceeds its surroundings in any case.
    """
    usual = _usual(read, sample, step, find_hits)
    centre = usual.centre
    totals = _Totals(centre.shape)
    pairs = set(sample.pairs)
    hits = []
    for place in range(len(sample.frames)):
        frame = read(place)
        strange = ~np.isfinite(frame)
        if strange.any():
            frame = np.where(strange, centre, frame)
            totals.usable &= ~strange
        if find_hits:
            found = _hits(frame, usual, least)
            if found is not None:
                rows, columns = found
                hits.append(Hit(place, rows, columns))
                totals.flicker[rows, columns] += 1
                frame = frame.copy()
                frame[rows, columns] = centre[rows, columns]
        totals.add(frame, place - 1 in pairs)
        step()
    return totals.statistics(tuple(hits), sample)


def centre_frames(sample: Sample, pixels: int) -> tuple[int, ...]:
    """Places of the frames whose median is the usual picture: pairs of neighbours where there are any."""
    most = max(_CENTRE_LEAST, min(_CENTRE_MOST, _CENTRE_BYTES // (4 * pixels)))
    if not sample.pairs:
        return sample.spread(most)
    picked = np.unique(np.linspace(0, len(sample.pairs) - 1, max(2, most // 2)).astype(int))
    firsts = [sample.pairs[int(k)] for k in picked]
    return tuple(sorted({*firsts, *(k + 1 for k in firsts)}))


@dataclass(frozen=True)
class _Usual:
    """The median of a few frames, the noise line by them, and the electrons by which they exceed their own medians."""

    centre: Image
    line: NoiseLine | None
    rest: float | None = None


def _usual(read: Read, sample: Sample, step: Step, find_hits: bool) -> _Usual:
    """Look at a few frames."""
    first = read(0)
    places = centre_frames(sample, first.size)
    stack = np.empty((len(places), *first.shape), dtype=np.float32)
    for number, place in enumerate(places):
        stack[number] = read(place)
        step()
    centre, mean = np.empty_like(first), np.empty_like(first)
    for top in range(0, first.shape[0], _STRIP):
        rows = slice(top, top + _STRIP)
        values = np.where(np.isfinite(stack[:, rows]), stack[:, rows], np.float32(0))
        centre[rows] = np.median(values, axis=0)
        mean[rows] = values.mean(axis=0)
    steps = [k for k in range(len(places) - 1) if places[k + 1] == places[k] + 1 and places[k] in sample.pairs]
    if not steps:
        return _Usual(centre, None)
    noise = np.zeros_like(first)
    for k in steps:
        noise += np.square(stack[k + 1] - stack[k]) / np.float32(2 * len(steps))
    line = fit_noise_line(mean, noise) or sparse_line(mean, noise)
    if line is None or not find_hits:
        return _Usual(centre, line)
    rests = []
    for values in stack:
        rests.append(rest_of(line.electrons(np.where(np.isfinite(values), values, centre))))
        step()
    # One of these few frames may have been hit itself.
    return _Usual(centre, line, sorted(rests)[-2 if len(rests) > _CENTRE_LEAST else -1])


def _hits(frame: Image, usual: _Usual, least: float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]] | None:
    line = usual.line
    if line is None:
        return None
    electrons, centre = line.electrons(frame), line.electrons(usual.centre)
    hot = hot_pixels(electrons, least / line.gain)
    if hot.any():
        rows, columns = np.nonzero(hot)
        keep = ~stays(electrons, hot, centre[rows, columns][None])
        hot[rows[~keep], columns[~keep]] = False
        electrons = np.where(hot, centre, electrons)
    _add_wide_hits(hot, electrons, centre, usual.rest, least / line.gain)
    rows, columns = np.nonzero(hot)
    return (rows, columns) if len(rows) else None


def _add_wide_hits(
    hot: npt.NDArray[np.bool_], electrons: Image, centre: Image, rest: float | None, least: float
) -> None:
    """Mark hits of more than three pixels, brightest first."""
    for _ in range(_ROUNDS):
        found = brightest(electrons)
        if not found.clusters:
            return
        nearby = np.concatenate([centre[one.rows, one.columns] for one in found.clusters])[None]
        hits = judge(found, lambda: rest, nearby, least).hits
        for one in hits:
            hot[one.rows, one.columns] = True
        if not hits:
            return
        electrons = np.where(hot, centre, electrons)


class _Totals:
    """Sums over frames, relative to the first one, so that float32 is exact enough."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._base: Image | None = None
        self._before: Image | None = None
        self._sum = np.zeros(shape, dtype=np.float32)
        self._squares = np.zeros(shape, dtype=np.float32)
        self._steps = np.zeros(shape, dtype=np.float32)
        self._frames = 0
        self._levels: list[float] = []
        self.flicker = np.zeros(shape, dtype=np.uint16)
        self.usable = np.ones(shape, dtype=np.bool_)

    def add(self, frame: Image, follows: bool) -> None:
        """Add a frame; `follows`: it comes directly after the one before."""
        if self._base is None:
            self._base = frame
        else:
            moved = frame - self._base
            self._sum += moved
            self._squares += np.square(moved, out=moved)
        if follows and self._before is not None:
            change = frame - self._before
            self._steps += np.square(change, out=change)
        self._before = frame
        self._frames += 1
        self._levels.append(float(frame.mean(dtype=np.float64)))

    def statistics(self, hits: tuple[Hit, ...], sample: Sample) -> Statistics:
        """Return mean and variances; this is used up afterwards."""
        assert self._base is not None
        count, pairs = self._frames, len(sample.pairs)
        mean = self._sum / np.float32(count)
        total = np.maximum(self._squares / np.float32(count) - np.square(mean), 0) * np.float32(
            count / max(1, count - 1)
        )
        mean += self._base
        # Differences that share a frame say less than as many that don't.
        freedom = float(pairs) if 2 * pairs <= count else 2 * pairs / 3
        noise = self._steps / np.float32(2 * pairs) if pairs else total
        line = fit_noise_line(mean, noise)
        return Statistics(
            mean,
            noise,
            total,
            self.flicker,
            self.usable,
            hits,
            count,
            freedom if pairs else float(count - 1),
            line,
            tuple(self._levels),
        )
