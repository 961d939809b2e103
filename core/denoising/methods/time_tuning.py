"""Blind tuning of linear filters over time: their error on a frame, without knowing it clean.

For a linear filter f that gives the frame's own px the weights k, E(f - l)^2 = E(f - y)^2 + 2 sum_x k(x) C(x) - C(0),
where C is the covariance of the frame's noise (the others' noise is independent of it); for white Poisson noise this is
PURE (Luisier, Blu, Unser, IEEE Trans. Image Process. 20, 2011). Of whole counts C is their mean. Else it is measured on
the movie itself, by what a frame differs from the mean of its two neighbours: no gain and no read noise is needed, and
noise that a detector correlates between px does not fool it, as it fools blind-spot losses; but what is there for one
frame only passes for noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.denoising.context import RunContext
from core.denoising.denoiser import ElectronMovie, Frames
from core.denoising.methods.aligned import TimeWeights, aligned_mean, kernel
from core.denoising.methods.over_time import Course
from core.denoising.methods.where_to_look import structured_part
from core.denoising.tuning import middle, whole_counts_of

LOOKS = 6
_SIDE, _MARGIN = 288, 32
_LAGS = 3
_LEAST_POISSON = 0.5


@dataclass(frozen=True)
class Average:
    """A weighted mean over time and space: what is tried.

    Attributes
    ----------
    weights : callable
        Over time.
    sigma : float
        In space, in px.
    follow : bool
        Whether frames are moved along the drift.
    beam : bool
        Whether the beam's level is divided out.
    """

    weights: TimeWeights
    sigma: float
    follow: bool = True
    beam: bool = False


@dataclass(frozen=True)
class TimeLook:
    """The middle of a frame, with its neighbours, and the covariance of its noise.

    Attributes
    ----------
    frames : float32 (n, h, w)
        Electrons.
    own : int
        Which of them is to be denoised.
    apart : int (n,)
        How many frames away each is.
    levels : float64 (n,)
        Beam level of each relative to the own frame.
    moves : float64 (n, 2)
        By how much each is to be moved to lie where the own frame lies.
    covariance : float64 (2 lags + 1, 2 lags + 1)
        Of the own frame's noise, by rows and columns between two px, electrons squared.
    """

    frames: Frames
    own: int
    apart: npt.NDArray[np.int64]
    levels: npt.NDArray[np.float64]
    moves: npt.NDArray[np.float64]
    covariance: npt.NDArray[np.float64]

    def error(self, average: Average) -> float:
        """Estimate the mean squared error of an average, up to a constant; the frame's own counts weigh too."""
        levels = self.levels if average.beam else np.ones_like(self.levels)
        weight = average.weights(self.apart)
        moves = self.moves if average.follow else np.zeros_like(self.moves)
        result = aligned_mean(self.frames, moves, weight, levels, average.sigma)
        inner = np.s_[_margin(result.shape[0]), _margin(result.shape[1])]
        miss = float(np.mean(np.square(result[inner] - self.frames[self.own][inner]), dtype=np.float64))
        share = float(weight[self.own] / np.sum(weight * levels))
        return miss + 2 * share * self._heard(average.sigma)

    def _heard(self, sigma: float) -> float:
        """Covariance of a px' noise with the blurred noise at its place."""
        taps = kernel(sigma, 0.0).astype(np.float64)
        reach = min(len(taps) // 2, _LAGS)
        line = taps[len(taps) // 2 - reach : len(taps) // 2 + reach + 1]
        part = self.covariance[_LAGS - reach : _LAGS + reach + 1, _LAGS - reach : _LAGS + reach + 1]
        return float(line @ part @ line)


def time_looks(movie: ElectronMovie, course: Course, reach: int, context: RunContext) -> tuple[TimeLook, ...]:
    """Return looks at frames spread over a movie, each with its neighbours up to `reach` away."""
    looks = []
    part = structured_part(movie, _SIDE + 2 * _MARGIN, context)
    for place, frame in enumerate(_spread(course, LOOKS)):
        start, stop = course.neighbours(frame, reach)
        parts, doses = [], []
        for number in range(start, stop):
            context.check()
            block = movie.block(number, number + 1)
            # By turns where most is to be seen and in the middle.
            if place % 2 == 0:
                parts.append(block.electrons[0][part].copy())
            else:
                parts.append(middle(block.electrons, _SIDE + 2 * _MARGIN)[0])
            doses.append(float(np.nan_to_num(block.dose[0])))
        numbers = np.arange(start, stop)
        frames = np.stack(parts)
        moves = course.moves(frame, numbers)
        looks.append(
            TimeLook(
                frames=frames,
                own=frame - start,
                apart=numbers - frame,
                levels=relative_levels(np.array(doses), frame - start),
                moves=moves,
                covariance=noise_covariance(frames, frame - start, moves),
            )
        )
    return tuple(looks)


def relative_levels(doses: npt.NDArray[np.float64], own: int) -> npt.NDArray[np.float64]:
    """Beam level of frames relative to one of them, by their means."""
    return doses / doses[own] if doses[own] > 0 else np.ones_like(doses)


def noise_covariance(frames: Frames, own: int, moves: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Measure how the noise of px near each other goes together, in one frame of (n, h, w).

    By the difference to the mean of two frames beside it, moved by whole px: it has 3 / 2 of a frame's noise, and what
    moves or changes steadily is gone. Of whole counts, and with fewer than three frames, it is taken as Poisson's.
    """
    out = np.zeros((2 * _LAGS + 1, 2 * _LAGS + 1))
    inside = np.s_[_margin(frames.shape[1]), _margin(frames.shape[2])]
    if len(frames) < 3:
        out[_LAGS, _LAGS] = float(frames[own][inside].mean(dtype=np.float64))
        return out
    centre = int(np.clip(own, 1, len(frames) - 2))
    steps = np.rint(moves[centre - 1 : centre + 2] - moves[centre]).astype(int)
    height, width = frames.shape[1:]
    if np.any(np.abs(steps) > (height // 4, width // 4)):
        steps = np.zeros_like(steps)
    far = np.abs(steps).max(axis=0).tolist()
    one, before, after = (np.roll(frames[centre - 1 + k], tuple(steps[k]), (0, 1)) for k in (1, 0, 2))
    # Of the very part that errors are measured in: bright places have more noise than others.
    edge = [max(0, _margin(length).start - _LAGS, step) for length, step in zip((height, width), far, strict=True)]
    rest = (one - (before + after) / 2)[edge[0] : height - edge[0], edge[1] : width - edge[1]].astype(np.float64)
    rest -= rest.mean()
    # The frames beside may be brighter or darker: the own one's share of the noise, 2 / 3 if they are alike.
    doses = frames[centre - 1 : centre + 2].mean(axis=(1, 2), dtype=np.float64)
    noise = doses[1] + (doses[0] + doses[2]) / 4
    share = doses[1] / noise if noise > 0 and doses.min() >= 0 else 2 / 3
    high, wide = rest.shape[0] - 2 * _LAGS, rest.shape[1] - 2 * _LAGS
    inner = rest[_LAGS : _LAGS + high, _LAGS : _LAGS + wide]
    for y in range(2 * _LAGS + 1):
        for x in range(2 * _LAGS + 1):
            out[y, x] = share * float(np.mean(inner * rest[y : y + high, x : x + wide]))
    scatter = out[_LAGS, _LAGS] / np.sqrt(high * wide)
    # What is no larger than chance makes it is none.
    out[np.abs(out) < 4 * scatter] = 0.0
    # Of whole counts the noise is known. What is there for one frame only would be taken for noise otherwise.
    counted = float(frames[own][inside].mean(dtype=np.float64))
    if whole_counts_of(frames[own]) is not None and out[_LAGS, _LAGS] > _LEAST_POISSON * counted:
        out[:] = 0.0
        out[_LAGS, _LAGS] = counted
    return out


def mean_errors(looks: Sequence[TimeLook], average: Average, context: RunContext) -> npt.NDArray[np.float64]:
    """Return each look's estimated error over its own noise: bright frames don't outvote dark ones."""
    out = []
    for look in looks:
        context.check()
        out.append(look.error(average) / max(float(look.covariance[_LAGS, _LAGS]), 1e-12))
    return np.array(out)


def _margin(length: int) -> slice:
    cut = min(_MARGIN, length // 10)
    return slice(cut, length - cut)


def _spread(course: Course, most: int) -> list[int]:
    """Frames to look at: the middles of equal parts of the movie."""
    count = sum(stop - start for start, stop in course.segments)
    numbers = [frame for start, stop in course.segments for frame in range(start, stop)]
    return sorted({numbers[int((k + 0.5) * count / most)] for k in range(most)})
