"""A movie model: a single-frame network on sums of neighbouring frames along the drift, mixed per place and frame.

Windows of growing reach are summed (`time_windows`), each sum is denoised once and serves all frames that it holds,
and each place of each frame takes from them what its own electrons agree with (`time_mixture`). Where nothing changes
the long windows win; an atom that hops is in the short ones alone.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt

from core.denoising.context import RunContext
from core.denoising.denoiser import Block, ElectronMovie, Frames, Geometry, Needs, State
from core.denoising.methods.lattice import Recorded
from core.denoising.methods.movie_choice import (
    Clean,
    Level,
    Recording,
    as_parameters,
    binnings_of,
    course_along,
    levels_from,
    levels_of_movie,
    looks_of,
    reaches_of,
)
from core.denoising.methods.over_time import Course, course_from, most_reach, notices_of
from core.denoising.methods.spikes import without_spikes
from core.denoising.methods.time_mixture import Estimate, mixed, reach_of
from core.denoising.methods.time_windows import (
    Summed,
    Window,
    brought,
    covered_after,
    look_around,
    summed,
    windows_around,
)
from core.protocol.denoise import Notice

# What is kept of neighbouring frames: denoised sums, and frames without hits.
_SUMS_BYTES, _TIDIED_BYTES = 512 << 20, 256 << 20
# Estimates of a frame that are alive at once, with their risks and weights.
_BYTES_PER_PIXEL = 16 * 20.0


class SingleFrame(Protocol):
    """What a movie model asks of the single-frame method that it shows its sums (`LatticeDenoiser`)."""

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        """Choose a ``binning``, and what else goes into `Recorded`, or take them from `parameters`."""

    def run(
        self,
        electrons: Frames,
        dose: npt.NDArray[np.floating[Any]],
        binning: int,
        recorded: Recorded,
        context: RunContext,
    ) -> Frames:
        """Denoise frames (T, H, W) whose whole frames have the mean `dose` (T,)."""


class _Sized(Protocol):
    """What takes memory."""

    @property
    def nbytes(self) -> int:
        """How much."""


_T = TypeVar("_T", bound=_Sized)


class _Cache(Generic[_T]):
    """What was made of frames, by those frames; what was not asked for longest goes first, at so many bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[Any, ...], _T] = OrderedDict()
        self._size = 0

    def get(self, key: tuple[Any, ...], make: Callable[[], _T]) -> _T:
        """Return what is kept, or make it and keep it."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        made = self._kept[key] = make()
        self._size += made.nbytes
        while self._size > self._most and len(self._kept) > 1:
            self._size -= self._kept.popitem(last=False)[1].nbytes
        return made


@dataclass(frozen=True)
class _Found:
    """A denoised sum, as electrons a frame."""

    image: Frames
    covered: Frames
    position: Any
    frames: int

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        return self.image.nbytes + self.covered.nbytes


@dataclass(frozen=True)
class _Known:
    """What `apply` needs of a movie."""

    context: RunContext
    course: Course
    levels: tuple[Level, ...]
    recorded: Recorded
    recording: Recording
    gain: bool
    strength: float
    sums: _Cache[_Found] = field(default_factory=lambda: _Cache[_Found](_SUMS_BYTES))
    tidied: _Cache[Frames] = field(default_factory=lambda: _Cache[Frames](_TIDIED_BYTES))


class LatticeMovieDenoiser:
    """Many frames for each one; a movie of a single frame is denoised as by the network alone."""

    needs = Needs(gain=True)

    def __init__(self, name: str, single: SingleFrame, reaches: Sequence[int]) -> None:
        self.name = name
        self._single, self._reaches = single, tuple(reaches)
        # Known once a movie was looked at.
        self.frames_before = 0
        self.frames_after = 0

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        """Follow the drift and measure what windows of each length are worth, or take it from `parameters`."""
        notices: tuple[Notice, ...] = ()
        if parameters and "levels" in parameters:
            chosen = dict(parameters)
            course = course_from(movie, parameters)
        else:
            chosen, course, notices = self._choose(movie, context)
        levels, recorded = levels_from(chosen), Recorded.of(chosen["single"])
        reach = max(look_around(one.reach) for one in levels)
        self.frames_before = self.frames_after = reach
        frames = 2 * reach + 1
        geometry = self._geometry(movie, context, chosen["single"], levels, course, frames)
        known = _Known(
            context, course, levels, recorded, _recording(recorded), bool(chosen["gain"]), float(chosen["noise"])
        )
        return State(geometry, chosen, known, notices)

    def apply(self, state: State, block: Block) -> Block:
        """Denoise each wanted frame by the windows that hold it."""
        known = cast(_Known, state.data)
        frames = _Tidied(block, known)
        out = [self._frame(place, block, frames, known) for place in range(*block.wanted)]
        return block.denoised(np.stack(out))

    def _frame(self, place: int, block: Block, frames: _Tidied, known: _Known) -> Frames:
        number, dose = int(block.frames[place]), float(block.dose[place])
        estimates = []
        for level in known.levels if dose > 0 else known.levels[:1]:
            for window in windows_around(known.course, number, level.reach):
                known.context.check()
                found = self._found(window, level, block, frames, known)
                estimates.append(_seen_from(found, number, level, known.course))
        binning = known.levels[0].binning
        noise = known.recording.noise(binning).times(known.strength)
        return mixed(frames[number], dose, estimates, noise, binning, known.gain)

    def _found(self, window: Window, level: Level, block: Block, frames: _Tidied, known: _Known) -> _Found:
        def make() -> _Found:
            # Its middle frame is always there.
            total = cast(Summed, summed(frames, frames.doses, window, known.course))
            image = self._cleaner(known.recorded, known.context)(total.electrons, total.dose, level.binning)
            return _Found(image / np.float32(total.frames), total.covered, total.position, total.frames)

        digests = (frames.digest(number) for number in range(window.start, window.stop))
        return known.sums.get((level.reach, window.centre, block.origin, *digests), make)

    def _cleaner(self, recorded: Recorded, context: RunContext) -> Clean:
        # Hits are taken out of single frames, before they are summed.
        tidy = replace(recorded, spike=None)

        def clean(electrons: Frames, dose: float, binning: int) -> Frames:
            out: Frames = self._single.run(electrons[None], np.array([dose]), binning, tidy, context)[0]
            return out

        return clean

    def _choose(self, movie: ElectronMovie, context: RunContext) -> tuple[dict[str, Any], Course, tuple[Notice, ...]]:
        single = self._single.prepare(movie, context).parameters
        recorded, first = Recorded.of(single), int(single["binning"])

        def tidy(frame: Frames) -> Frames:
            return without_spikes(np.ascontiguousarray(frame), recorded.spike)

        course, followed = course_along(movie, tidy, first, context)
        told = notices_of(course, followed)
        course = course if followed else course.still()
        reaches = reaches_of(movie, self._reaches, most_reach(movie))
        looks = looks_of(movie, course, reaches[-1], tidy, first, context)
        if not looks:
            reaches = reaches[:1]
        clean = self._cleaner(recorded, context)
        binnings = binnings_of(looks, course, reaches, first, clean) if looks else [first]
        if len(reaches) > 1:
            levels, gain, noise = levels_of_movie(looks, course, reaches, binnings, _recording(recorded), clean)
        else:
            levels, gain, noise = (Level(0, first, 0.0, 0.0, 0.0),), False, 1.0
        chosen = {"single": single, **as_parameters(levels, gain, noise, course, followed)}
        return chosen, course, (*told, _looked(levels)) if len(reaches) > 1 else ()

    def _geometry(
        self,
        movie: ElectronMovie,
        context: RunContext,
        single: Mapping[str, Any],
        levels: tuple[Level, ...],
        course: Course,
        frames: int,
    ) -> Geometry:
        each = [
            self._single.prepare(movie, context, {**single, "binning": binning}).geometry
            for binning in sorted({one.binning for one in levels})
        ]
        if len(levels) == 1:
            return each[0]
        halo = max(one.halo or 0 for one in each) + reach_of(levels[0].binning)
        return Geometry(
            halo=halo + course.farthest(max(look_around(one.reach) for one in levels)) + 2,
            origin_divisor=math.lcm(8, *(one.origin_divisor for one in each)),
            bytes_per_pixel=max(one.bytes_per_pixel for one in each) + _BYTES_PER_PIXEL + 4.0 * frames,
        )


class _Tidied(Mapping[int, Frames]):
    """A block's frames by their numbers, without hits; each is made when it is asked for."""

    def __init__(self, block: Block, known: _Known) -> None:
        self._places = {int(number): place for place, number in enumerate(block.frames)}
        self._electrons, self._origin = block.electrons, block.origin
        self._limit, self._made = known.recorded.spike, known.tidied
        self._digests: dict[int, bytes] = {}
        self.doses = {number: float(block.dose[place]) for number, place in self._places.items()}

    def __getitem__(self, number: int) -> Frames:
        frame: Frames = self._electrons[self._places[number]]
        if self._limit is None:
            return frame
        return self._made.get((self._origin, self.digest(number)), lambda: without_spikes(frame, self._limit))

    def __iter__(self) -> Any:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def digest(self, number: int) -> bytes:
        """Return what tells a frame's px from all others."""
        if number not in self._digests:
            frame = np.ascontiguousarray(self._electrons[self._places[number]])
            self._digests[number] = hashlib.blake2b(frame.data, digest_size=16).digest()
        return self._digests[number]


def _seen_from(found: _Found, number: int, level: Level, course: Course) -> Estimate:
    """Return what a window says of a frame."""
    share, blurred = level.share / found.frames, level.blurred_share / found.frames
    if level.reach == 0:
        return Estimate(found.image, None, share, blurred, level.risk)
    move = course.shifts[number] - found.position
    if not np.any(move) and float(found.covered.min()) == 1.0:
        return Estimate(found.image, None, share, blurred, level.risk)
    covered = covered_after(found.covered, move)
    return Estimate(brought(found.image, move), covered, share, blurred, level.risk)


def _recording(recorded: Recorded) -> Recording:
    if recorded.whitening is None:
        return Recording(None, 1.0)
    return Recording(recorded.whitening.spectrum, recorded.whitening.factor)


def _looked(levels: tuple[Level, ...]) -> Notice:
    """Say from how many frames places are taken."""
    most = 2 * levels[-1].reach + 1
    text = (
        f"Each place is taken from up to {most} frames where nothing changes, and from fewer where something does. A "
        "change too faint to be told in a frame or two is faded: check it in the raw frames."
    )
    return Notice(level="info", code="averaged", text=text)
