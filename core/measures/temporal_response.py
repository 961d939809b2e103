"""Which frames' noise is in a result, and where it lies: does the method follow the drift?

A frame's own innovation, v_s = y_s - (the picture in frames far from s, moved along), holds its noise. The result's,
u_t = f_t - (results far from t, moved along), holds what its errors are made of. Their product,

    k_s = <u_t, v_(t+s)> / <v, v>,

is the weight with which the noise of frame t + s went into result t: 0 for s != 0 where a method looks at one frame,
1/3 for s = -1, 0, 1 in a mean of three. Read at the place of the pixel it tells of a method that averages in place;
read where the picture has drifted to, of one that follows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from core.measures.clips import Clip
from core.measures.windows import Places, Spectra, WindowGrid

_LAGS = (-3, -2, -1, 0, 1, 2, 3)
_RESULT_APART, _RAW_APART = (-4, 4), (-9, -8, 8, 9)
_LEAST_FRAMES = 12
_SIDE, _TAPERED = 96, 0.5
# Frames that follow each other share noise, so their scatter says too little.
_SCATTER = 1.3
# High frequencies, in cycles a px; the least weight there of a frame's own noise, and of its neighbours' over that.
_FINE_FREQUENCY, _FINE_OWN, _FINE_SHARE, _FINE_SURE = 0.3, 0.02, 0.3, 6.0

# A ring is weighed where the frame's own noise stands out of its scatter by so much.
_SEEN = 4.0

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LagWeight:
    """Weight of the noise of a frame `lag` frames on.

    Attributes
    ----------
    in_place, following : float
        Read at the same pixel, and where the picture has moved to.
    in_place_deviation : float
        Standard error of the first.
    excess, excess_deviation : float
        `in_place` - `following`, and its standard error: above zero for a method that averages in place.
    """

    lag: int
    in_place: float
    in_place_deviation: float
    following: float
    excess: float
    excess_deviation: float


@dataclass(frozen=True)
class TemporalResponse:
    """Weights by lag (-3 .. 3), over what a result has of its own frame.

    `fine` are those of the highest frequencies alone: where hardly any picture is, motion can't be taken for noise.
    `matched` are weighed for the place where the noise lies, 1 at lag 0; empty where no noise is seen.
    """

    lags: tuple[LagWeight, ...]
    fine: tuple[LagWeight, ...] = ()
    matched: tuple[LagWeight, ...] = ()

    def at(self, lag: int) -> LagWeight:
        """The weight at a lag."""
        return next(one for one in self.lags if one.lag == lag)

    @property
    def neighbours(self) -> float:
        """Weight of the frames beside (mean of both sides, the stronger reading) over the frame's own."""
        own = max(self.at(0).in_place, 1e-12)
        return float(np.mean([max(self.at(lag).in_place, self.at(lag).following) for lag in (-1, 1)])) / own

    @property
    def noise_of_neighbours(self) -> bool:
        """Whether noise of the frames beside is in the result for sure, seen where no picture is."""
        own, *beside = (next(one for one in self.fine if one.lag == lag) for lag in (0, -1, 1))
        weight = sum(one.in_place for one in beside)
        deviation = float(np.sqrt(sum(one.in_place_deviation**2 for one in beside)))
        return own.in_place > _FINE_OWN and weight > _FINE_SURE * deviation and weight > _FINE_SHARE * own.in_place

    @property
    def surety(self) -> float:
        """How many standard errors the weight of the neighbours stands above zero."""
        beside = [self.at(lag) for lag in (-1, 1)]
        deviation = float(np.sqrt(sum(one.in_place_deviation**2 for one in beside)))
        return sum(one.in_place for one in beside) / max(deviation, 1e-300)

    @property
    def matched_neighbours(self) -> float:
        """Weight of the frames beside over the frame's own, where noise is looked for best (the stronger reading)."""
        beside = [max(one.in_place, one.following) for one in self.matched if abs(one.lag) == 1]
        return float(np.mean(beside)) if beside else 0.0

    @property
    def matched_surety(self) -> float:
        """How many standard errors the frames beside stand above zero, where their noise is looked for best."""
        beside = [one for one in self.matched if abs(one.lag) == 1]
        deviation = float(np.sqrt(sum(one.in_place_deviation**2 for one in beside)))
        return sum(one.in_place for one in beside) / max(deviation, 1e-300)

    @property
    def in_place_surety(self) -> float:
        """How many standard errors speak for averaging in place (below zero: for following the drift).

        Of the frames next to it, or of two on each side: whichever says more.
        """
        found = []
        for reach in (1, 2):
            others = [one for one in self.matched if 1 <= abs(one.lag) <= reach]
            deviation = float(np.sqrt(sum(one.excess_deviation**2 for one in others)))
            found.append(sum(one.excess for one in others) / max(deviation, 1e-300))
        return max(found, key=abs)

    @property
    def in_place_share(self) -> float:
        """Excess of the reading in place, over the frame's own weight: how far following and staying differ."""
        own = max(self.at(0).in_place, 1e-12)
        return float(np.mean([self.at(lag).excess for lag in (-1, 1)])) / own


def temporal_response(clips: Sequence[Clip]) -> TemporalResponse | None:
    """Measure it; None where no clip has twelve frames, or the picture leaves no room."""
    grid = _grid(clips[0])
    if grid is None:
        return None
    sums = _Sums(grid)
    for clip in clips:
        if clip.frames >= _LEAST_FRAMES:
            _gather(clip, sums)
    if any(len(sums.lags[lag]) < 4 for lag in (-2, -1, 0, 1, 2)):
        return None
    found = {lag: np.array(sums.lags[lag]) for lag in _LAGS if len(sums.lags[lag]) >= 4}
    every = np.ones(sums.rings)
    fine = (np.arange(sums.rings) > _FINE_FREQUENCY * grid.side).astype(np.float64)
    matched = _matched(found[0], np.array(sums.powers))
    return TemporalResponse(
        tuple(_weight(lag, of, every) for lag, of in found.items()),
        tuple(_weight(lag, of, fine) for lag, of in found.items()),
        () if matched is None else tuple(_weight(lag, of, *matched) for lag, of in found.items()),
    )


def _grid(clip: Clip) -> WindowGrid | None:
    try:
        return WindowGrid.fitting(clip.raw.shape[1], clip.raw.shape[2], 0.5, _SIDE, _TAPERED)
    except ValueError:
        return None


class _Sums:
    """Sums over rings: for each lag and frame the products in place and following, and the raw power; `powers`."""

    def __init__(self, grid: WindowGrid) -> None:
        self.grid = grid
        self.lags: dict[int, list[Array]] = defaultdict(list)
        self.powers: list[Array] = []
        self._ring = np.rint(grid.frequency * grid.side).astype(np.intp).ravel()
        self.rings = int(self._ring.max()) + 1

    def of(self, values: npt.NDArray[np.floating]) -> Array:
        """Sum up each ring."""
        return np.asarray(np.bincount(self._ring, (values * self.grid.weights).ravel(), self.rings), dtype=np.float64)


def _gather(clip: Clip, sums: _Sums) -> None:
    grid = sums.grid
    moves = [
        clip.move(frame, frame + offset)
        for frame in range(clip.frames)
        for offset in (*_RESULT_APART, *_RAW_APART)
        if 0 <= frame + offset < clip.frames
    ]
    places = grid.places(moves)
    if not len(places):
        return
    innovations: dict[int, Spectra | None] = {}
    for frame in range(clip.frames):
        result = _innovation(clip, clip.result, frame, _RESULT_APART, grid, places)
        if result is None:
            continue
        sums.powers.append(sums.of((result.real**2 + result.imag**2).sum(axis=0)))
        for lag in _LAGS:
            other = frame + lag
            if not 0 <= other < clip.frames:
                continue
            if other not in innovations:
                innovations[other] = _innovation(clip, clip.raw, other, _RAW_APART, grid, places)
            raw = innovations[other]
            if raw is None:
                continue
            cross = (result.conj() * raw).sum(axis=0)
            powers = sums.of((raw.real**2 + raw.imag**2).sum(axis=0))
            moved = cross * _phase(grid, clip.move(frame, other))
            if powers.sum() > 0:
                sums.lags[lag].append(np.stack([sums.of(cross.real), sums.of(moved.real), powers]))
        innovations.pop(frame + min(_LAGS), None)


def _innovation(
    clip: Clip,
    frames: npt.NDArray[np.float32],
    frame: int,
    apart: Sequence[int],
    grid: WindowGrid,
    places: Places,
) -> Spectra | None:
    """What a frame has that frames so far `apart` don't have; None where none of these exists."""
    offsets = [offset for offset in apart if 0 <= frame + offset < clip.frames]
    if not offsets:
        return None
    out = grid.spectra(frames[frame], places)
    for offset in offsets:
        other = grid.spectra(frames[frame + offset], places, clip.move(frame, frame + offset))
        out = out - other / np.float32(len(offsets))
    return out


def _phase(grid: WindowGrid, move: npt.NDArray[np.float64]) -> npt.NDArray[np.complex64]:
    rows = np.exp(2j * np.pi * fft.fftfreq(grid.side) * move[0])
    columns = np.exp(2j * np.pi * fft.rfftfreq(grid.side) * move[1])
    return np.asarray(rows[:, None] * columns[None], dtype=np.complex64)


def _matched(own: Array, powers: Array) -> tuple[Array, float] | None:
    """Weights of the rings that tell best where noise lies, and the sum that they make 1 at lag 0.

    The matched filter: a ring counts by the noise expected in it, h = <u, v> / <v, v> of the frame's own, over the
    scatter of the products, <u, u>. A blur leaves little noise at high frequencies, but little else either, and there
    a small shift is seen best. Networks hold high frequencies with the opposite sign: these count as much.
    """
    product, raw, power = own[:, 0].mean(axis=0), own[:, 2].mean(axis=0), powers.mean(axis=0)
    deviation = _SCATTER * own[:, 0].std(axis=0, ddof=1) / np.sqrt(len(own))
    seen = (np.abs(product) > _SEEN * deviation) & (raw > 0) & (power > 0)
    if not seen.any():
        return None
    weights = np.zeros(len(product))
    weights[seen] = product[seen] / raw[seen] / power[seen]
    return weights, float((weights * product).sum())


def _weight(lag: int, sums: Array, rings: Array, size: float | None = None) -> LagWeight:
    place, follow, power = (sums * rings).sum(axis=-1).T
    size = size or float(power.mean())
    place, follow = place / size, follow / size
    excess = place - follow

    def error(of: Array) -> float:
        return _SCATTER * float(of.std(ddof=1)) / float(np.sqrt(len(of)))

    return LagWeight(lag, float(place.mean()), error(place), float(follow.mean()), float(excess.mean()), error(excess))
