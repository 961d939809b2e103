"""Local low rank along time: patches of a stretch of frames shrunk together, by a threshold that PGURE chooses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from core.denoising.context import RunContext
from core.denoising.denoiser import Block, ElectronMovie, Frames, Geometry, Needs, State
from core.denoising.methods.low_rank_stretch import low_rank
from core.denoising.methods.over_time import Course, course_from, course_of, notices_of
from core.denoising.methods.where_to_look import structured_part
from core.denoising.tuning import noise_of, search
from core.measures.pgure import pgure
from core.motion.following import as_lists
from core.protocol.denoise import Notice

_BINNINGS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
_LENGTHS = (4.0, 8.0, 16.0, 32.0, 64.0)
_THRESHOLDS = (0.4, 0.55, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)
_STRETCH_BYTES = 256 << 20
_LOOK_SIDE = 144
_SEED = 20
_BYTES_PER_PIXEL = 64.0


@dataclass
class _Made:
    """What `apply` goes by, and the stretches that it keeps: the frames that follow need them too.

    Attributes
    ----------
    variance : float or None
        Noise variance of a px; None: Poisson's.
    """

    course: Course
    variance: float | None
    context: RunContext
    stretches: dict[tuple[int, int], Frames] = field(default_factory=dict)


class LowRankDenoiser:
    """Stretches of `length` frames, each overlapping the next by half; where two overlap they are blended."""

    name = "low-rank"
    needs = Needs()

    def __init__(self) -> None:
        # Known once a movie was looked at.
        self.frames_before = 0
        self.frames_after = 0

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        """Follow the drift and choose length, binning and threshold, or take them from `parameters`."""
        notices: tuple[Notice, ...] = ()
        middle_frame = movie.block(movie.frames // 2, movie.frames // 2 + 1).electrons
        variance = noise_of(movie, middle_frame)
        if parameters and "drift" in parameters:
            chosen = dict(parameters)
            course = course_from(movie, parameters)
        else:
            course = course_of(movie, context)
            chosen, followed = _tune(movie, course, variance, context)
            notices = notices_of(course, followed)
            course = course if followed else course.still()
            chosen["drift"] = as_lists(course.shifts) if followed else []
        self.frames_before = self.frames_after = int(chosen["length"]) - 1
        return State(
            Geometry(None, bytes_per_pixel=_BYTES_PER_PIXEL), chosen, _Made(course, variance, context), notices
        )

    def apply(self, state: State, block: Block) -> Block:
        """Denoise the wanted frames, by the one or two stretches that each lies in."""
        made = cast(_Made, state.data)
        out = [self._frame(state.parameters, made, block, place) for place in range(*block.wanted)]
        return block.denoised(np.stack(out))

    def _frame(self, chosen: Mapping[str, Any], made: _Made, block: Block, place: int) -> npt.NDArray[np.float32]:
        frame = int(block.frames[place])
        segment = made.course.segment_of(frame)
        stretches = [one for one in stretches_of(*segment, int(chosen["length"])) if one[0] <= frame < one[1]]
        made.stretches = {one: frames for one, frames in made.stretches.items() if one in stretches}
        for start, stop in stretches:
            if (start, stop) not in made.stretches:
                first = start - int(block.frames[0])
                frames = block.electrons[first : first + stop - start]
                made.stretches[start, stop] = _denoised(frames, start, chosen, made)
        weights = np.array([_blend(frame, *one, segment) for one in stretches], dtype=np.float32)
        parts = [made.stretches[one][frame - one[0]] for one in stretches]
        return np.asarray(np.tensordot(weights / weights.sum(), np.stack(parts), axes=1), dtype=np.float32)


def stretches_of(start: int, stop: int, length: int) -> list[tuple[int, int]]:
    """Return stretches of `length` frames of a segment, each half over the one before; the last ends with it."""
    if stop - start <= length:
        return [(start, stop)]
    firsts = [*range(start, stop - length, max(1, length // 2)), stop - length]
    return [(first, first + length) for first in firsts]


def _blend(frame: int, start: int, stop: int, segment: tuple[int, int]) -> float:
    """Weight of a stretch at a frame: it falls to its ends, but for those that are the segment's."""
    to_start = np.inf if start == segment[0] else frame - start + 1
    to_stop = np.inf if stop == segment[1] else stop - frame
    return float(min(to_start, to_stop, stop - start))


def _denoised(frames: Frames, start: int, chosen: Mapping[str, Any], made: _Made) -> Frames:
    moves = whole_moves(made.course, start, len(frames))
    binning, threshold = int(chosen["binning"]), float(chosen["threshold"])
    return low_rank(frames, moves, binning, threshold, made.variance, made.context.check)


def whole_moves(course: Course, start: int, count: int) -> npt.NDArray[np.int64]:
    """By how many whole px frames ``start:start + count`` are moved to lie on their middle one."""
    numbers = np.arange(start, start + count)
    return np.rint(course.moves(start + count // 2, numbers)).astype(np.int64)


def _tune(
    movie: ElectronMovie, course: Course, variance: float | None, context: RunContext
) -> tuple[dict[str, Any], bool]:
    """Choose by PGURE, where most is to be seen; returns the parameters, and whether to follow the drift."""
    start, stop = max(course.segments, key=lambda one: one[1] - one[0])
    most = max(4, min(64, _STRETCH_BYTES // (4 * movie.height * movie.width)))
    start = max(start, (start + stop - most) // 2)
    stop = min(stop, start + most)
    parts = []
    part = structured_part(movie, _LOOK_SIDE, context)
    for frame in range(start, stop):
        context.check()
        parts.append(movie.block(frame, frame + 1).electrons[0][part].copy())
    look = np.stack(parts)
    # PGURE takes a px' variance to be its value: where it is not, the values are lifted to it.
    lift = np.float32(0 if variance is None else variance - look.mean(dtype=np.float64))

    def risk(choice: Mapping[str, float], follow: bool) -> float:
        path = course if follow else course.still()

        def denoise(frames: Frames) -> Frames:
            return _in_stretches(frames, start, path, choice, variance, context)

        return pgure(denoise, look + lift, seed=_SEED)

    lengths = [one for one in _LENGTHS if one <= max(most, _LENGTHS[0])]
    grid = {"binning": _BINNINGS, "threshold": _THRESHOLDS, "length": lengths}
    first = {"binning": 4.0, "threshold": 1.0, "length": lengths[-1]}
    best = search(grid, first, lambda choice: risk(choice, True))
    follow = bool(np.any(course.shifts))
    if follow:
        still = search(grid, best, lambda choice: risk(choice, False))
        if risk(still, False) <= risk(best, True):
            follow, best = False, still
    return {**best, "binning": int(best["binning"]), "length": int(best["length"])}, follow


def _in_stretches(
    frames: Frames, start: int, course: Course, choice: Mapping[str, float], variance: float | None, context: RunContext
) -> Frames:
    """Denoise the frames of a look as `apply` does, all at once."""
    segment = (start, start + len(frames))
    total, weight = np.zeros_like(frames), np.zeros(len(frames), dtype=np.float32)
    made = _Made(course, variance, context)
    for first, last in stretches_of(*segment, int(choice["length"])):
        here = slice(first - start, last - start)
        part = _denoised(frames[here], first, choice, made)
        share = np.array([_blend(frame, first, last, segment) for frame in range(first, last)], dtype=np.float32)
        total[here] += part * share[:, None, None]
        weight[here] += share
    return total / weight[:, None, None]
