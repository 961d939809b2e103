"""Averages over time along the drift: what the Gaussian in space and time and the mean of frames have in common."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from core.denoising.context import RunContext
from core.denoising.denoiser import Block, ElectronMovie, Geometry, Needs, State
from core.denoising.methods.aligned import TimeWeights, aligned_mean, kernel_radius
from core.denoising.methods.over_time import Course, course_from, course_of, levels_of, most_reach, notices_of
from core.denoising.methods.time_tuning import Average, mean_errors, time_looks
from core.denoising.tuning import search
from core.motion.following import as_lists
from core.protocol.denoise import Notice

_BYTES_PER_PIXEL = 24.0
# How far the paired differences of the looks must speak for the beam's changes, in standard errors.
_SURE = 3.0
# Or so many looks all speak for them.
_ALL_OF = 5
# From so many frames on it is said that they are averaged.
_FRAMES_TOLD = 1.5

Grid = Mapping[str, Sequence[float]]
Choice = Mapping[str, float]


class AlongDriftDenoiser(ABC):
    """sum_s w(s - t) G_sigma * y_s, each frame moved to where the picture lies in the one that is denoised."""

    name = ""
    needs = Needs()

    def __init__(self) -> None:
        # Known once a movie was looked at.
        self.frames_before = 0
        self.frames_after = 0

    @abstractmethod
    def grid(self, most: int) -> Grid:
        """Return the values that are tried, if a method may look `most` frames to either side."""

    @abstractmethod
    def weights(self, choice: Mapping[str, Any]) -> TimeWeights:
        """Return the weights over time."""

    @abstractmethod
    def sigma(self, choice: Mapping[str, Any]) -> float:
        """Return the width in space, in px."""

    @abstractmethod
    def reach(self, choice: Mapping[str, Any]) -> int:
        """Return how many frames to either side are looked at."""

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        """Follow the drift and choose the widths, or take them from `parameters`."""
        notices: tuple[Notice, ...] = ()
        if parameters and "drift" in parameters:
            chosen = dict(parameters)
            course = course_from(movie, parameters)
        else:
            course = course_of(movie, context)
            chosen, followed = self._tune(movie, course, context)
            notices = (*notices_of(course, followed), self._averaged(chosen, movie))
            course = course if followed else course.still()
            chosen["drift"] = as_lists(course.shifts) if followed else []
        reach = int(chosen["reach"])
        self.frames_before = self.frames_after = reach
        halo = kernel_radius(self.sigma(chosen)) + course.farthest(reach) + 1
        return State(Geometry(halo, bytes_per_pixel=_BYTES_PER_PIXEL + 4.0 * reach), chosen, course, notices)

    def apply(self, state: State, block: Block) -> Block:
        """Average around each wanted frame."""
        chosen, course = state.parameters, cast(Course, state.data)
        weights, reach, sigma = self.weights(chosen), int(chosen["reach"]), self.sigma(chosen)
        out = []
        for place in range(*block.wanted):
            apart = block.frames - block.frames[place]
            weight = np.where(np.abs(apart) <= reach, weights(apart), 0.0)
            # A frame of nothing says nothing of the others, unless the beam is known to be off.
            weight = np.where((block.dose > 0) | (apart == 0), weight, 0.0)
            levels = levels_of(block, place) if chosen["beam"] else np.ones(len(apart))
            moves = course.moves(int(block.frames[place]), block.frames)
            out.append(aligned_mean(block.electrons, moves, weight, levels, sigma))
        return block.denoised(np.stack(out))

    def _averaged(self, chosen: Mapping[str, Any], movie: ElectronMovie) -> Notice:
        """Say how many frames go into one: what is shorter is lost, and no figure of quality shows it."""
        longest = max((stop - start for start, stop in movie.segments), default=movie.frames)
        reach = min(int(chosen["reach"]), longest - 1)
        weights = self.weights(chosen)(np.arange(-reach, reach + 1))
        frames = min(float(weights.sum()) ** 2 / float(np.square(weights).sum()), float(longest))
        if frames < _FRAMES_TOLD:
            text = "Hardly more than the frame itself goes into each frame: neighbours would add less than they blur."
            return Notice(level="info", code="averaged", text=text)
        interval = movie.meta.frame_interval_s
        time = "" if interval is None else f" ({frames * interval:.3g} s)"
        text = (
            f"About {frames:.0f} of {longest} frames{time} go into each frame: what lasts less long, such as an atom "
            "that hops, is faded or lost."
        )
        return Notice(level="warning", code="averaged", text=text)

    def _tune(self, movie: ElectronMovie, course: Course, context: RunContext) -> tuple[dict[str, Any], bool]:
        """Choose by the movie's own noise; returns the parameters, and whether to follow the drift."""
        most = most_reach(movie)
        looks = time_looks(movie, course, most, context)
        grid = self.grid(most)

        def errors(choice: Choice, follow: bool, beam: bool) -> np.ndarray[Any, Any]:
            return mean_errors(looks, self._average(choice, follow, beam), context)

        def search_from(starts: Sequence[Choice], follow: bool, beam: bool) -> dict[str, float]:
            def mean(choice: Choice) -> float:
                return float(errors(choice, follow, beam).mean())

            return search(grid, min(starts, key=mean), mean)

        follow, best = True, search_from(_coarse(grid), True, False)
        if np.any(course.shifts):
            still = search_from([best], False, False)
            if errors(still, False, False).mean() <= errors(best, True, False).mean():
                follow, best = False, still
        levelled = search_from([best, *_coarse(grid)], follow, True)
        gain = errors(best, follow, False) - errors(levelled, follow, True)
        sure = len(gain) > 1 and bool(gain.mean() > _SURE * gain.std(ddof=1) / np.sqrt(len(gain)))
        beam = sure or (len(gain) >= _ALL_OF and bool(np.all(gain > 0)))
        best = levelled if beam else best
        return {**best, "beam": beam, "reach": min(most, self.reach(best))}, follow and bool(np.any(course.shifts))

    def _average(self, choice: Choice, follow: bool, beam: bool) -> Average:
        return Average(self.weights(choice), self.sigma(choice), follow, beam)


def _coarse(grid: Grid) -> list[dict[str, float]]:
    """Return a few choices all over a grid: from the best of them a walk is not caught in a dent."""
    picked = [values[1 :: max(1, (len(values) - 1) // 4)] or values for values in grid.values()]
    return [dict(zip(grid, choice, strict=True)) for choice in itertools.product(*picked)]
