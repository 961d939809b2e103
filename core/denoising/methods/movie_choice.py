"""What a movie model finds out about a movie: the drift, the binning of each length of window, what each is worth.

Binnings are judged by frames that a window was not shown: of the others' sum the network makes an estimate of the
frame left out. What counts of a frame's own noise is left in an estimate is measured by a probe: noise that is added
to the sum, and looked for in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.denoising.context import RunContext
from core.denoising.denoiser import ElectronMovie, Frames
from core.denoising.methods.over_time import Course
from core.denoising.methods.time_mixture import Estimate, Noise, blurred_noise, fitted, level_of, mean_risk
from core.denoising.methods.time_windows import Summed, Window, brought, centred, summed
from core.denoising.methods.where_to_look import structured_part
from core.denoising.tuning import middle, whole_counts_of
from core.motion.following import as_lists, follow_segment
from core.networks.binning_choice import BINNINGS
from core.noise.spectrum import NoiseSpectrum

# Makes an estimate, in electrons, of a frame (H, W) or a sum of frames, of a mean dose, at a binning.
Clean = Callable[[Frames, float, int], Frames]
# Takes hits out of a frame.
Tidy = Callable[[Frames], Frames]

# Frames by which binnings are judged, and those that are probed.
_LOOKS, _PROBED = 3, 2
_SIDE = 320
_SEED = 21
# In deviations of the sum's noise.
_PROBE = 0.5
_FOLLOWED = 1024
_COHERENT_FRAMES = 64
_WIDER = 8.0
_SURE = 1.005
_LEAST_BINNED = 32
_MARGIN = 16
# The median of the square of a normal deviate.
_MEDIAN_OF_SQUARES = 0.4549


@dataclass(frozen=True)
class Level:
    """Windows of one reach.

    Attributes
    ----------
    reach : int
        Frames to each side.
    binning : int
        Of their sums.
    share, blurred_share : float
        How much of a sum's noise is left in its estimate (`time_mixture.Estimate`).
    risk : float
        Mean risk over the movie, the least of all levels being 0.
    """

    reach: int
    binning: int
    share: float
    blurred_share: float
    risk: float


@dataclass(frozen=True)
class Look:
    """Part of a frame with its neighbours, by their numbers."""

    frame: int
    frames: dict[int, Frames]
    doses: dict[int, float]

    @property
    def own(self) -> Frames:
        """The frame itself."""
        return self.frames[self.frame]


@dataclass(frozen=True)
class Recording:
    """What is known of a movie's noise: its power by frequency, `factor` times the mean at 0; None is white."""

    spectrum: NoiseSpectrum | None
    factor: float

    def draw(self, level: Frames, seed: int) -> Frames:
        """Return noise (H, W) of a frame whose local mean is `level`."""
        noise = np.random.default_rng([_SEED, seed]).standard_normal(level.shape, dtype=np.float32)
        if self.spectrum is not None:
            noise = self.spectrum.colour(noise) / np.float32(np.sqrt(self.spectrum.power(0, 0)))
        return np.asarray(noise * np.sqrt(level * np.float32(self.factor)), dtype=np.float32)

    def noise(self, binning: int) -> Noise:
        """Return the variances that a mixture needs."""
        return Noise.of(self.spectrum, self.factor, binning)


def reaches_of(movie: ElectronMovie, all_reaches: Sequence[int], most: int) -> tuple[int, ...]:
    """Return the reaches that suit a movie's longest segment, and frames to either side that fit into memory."""
    longest = max((stop - start for start, stop in movie.segments), default=1)
    found = [0]
    for reach in all_reaches:
        if found[-1] < longest - 1 and 2 * reach <= max(most, 2):
            found.append(reach)
    return tuple(found)


def course_along(movie: ElectronMovie, tidy: Tidy, binning: int, context: RunContext) -> tuple[Course, bool]:
    """Follow the picture, hits taken out; returns the course, and whether frames agree better along it than without."""
    shifts = np.zeros((movie.frames, 2))
    paths = []

    def read(frame: int) -> Frames:
        context.progress("following the drift", frame + 1, movie.frames, None, None)
        return tidy(middle(movie.block(frame, frame + 1).electrons, _FOLLOWED)[0])

    for start, stop in movie.segments:
        path = follow_segment(read, start, stop, context.check)
        shifts[start:stop] = path.shifts
        paths.append(path)
    # To a hundredth of a px, as the plan keeps them: a resumed run must see the same.
    course = Course(np.array(as_lists(shifts)).reshape(-1, 2), movie.segments, tuple(paths))
    if not np.any(course.shifts):
        return course, False
    return course, _agrees(movie, course, tidy, binning, context)


def _agrees(movie: ElectronMovie, course: Course, tidy: Tidy, binning: int, context: RunContext) -> bool:
    """Whether even and odd frames, each added up along the course, have more in common than added up as they lie."""
    start, stop = max(movie.segments, key=lambda one: one[1] - one[0])
    first = max(start, (start + stop - _COHERENT_FRAMES) // 2)
    last = min(stop, first + _COHERENT_FRAMES)
    frames, doses = {}, {}
    for number in range(first, last):
        context.check()
        frames[number] = tidy(middle(movie.block(number, number + 1).electrons, _FOLLOWED)[0])
        doses[number] = 1.0
    centre = (first + last) // 2
    path = course.shifts[first:last] - course.shifts[centre]
    cut = [int(np.ceil(one)) + 1 for one in np.abs(path).max(axis=0)]
    if any(2 * one > length // 2 for one, length in zip(cut, frames[centre].shape, strict=True)):
        return all(path.certain for path in course.paths)
    inner = np.s_[cut[0] : -cut[0], cut[1] : -cut[1]]
    return _coherence(frames, doses, course, (first, last), inner, binning) > _SURE * _coherence(
        frames, doses, course.still(), (first, last), inner, binning
    )


def _coherence(
    frames: dict[int, Frames],
    doses: dict[int, float],
    course: Course,
    span: tuple[int, int],
    inner: tuple[slice, slice],
    binning: int,
) -> float:
    """Mean product of the detail in the sums of even and of odd frames: what noise adds to it is 0 in the mean."""
    from scipy import ndimage

    centre = sum(span) // 2
    window = Window(span[1] - span[0], centre, *span)
    halves = []
    for odd in (0, 1):
        some = {number: (1.0 if number % 2 == odd else 0.0) for number in doses}
        # The middle frame is never left out as dark: it is left out by its number.
        found = summed(frames, some, window, course, centre if centre % 2 != odd else None)
        if found is None:
            return 0.0
        fine = ndimage.gaussian_filter(found.electrons, binning)
        halves.append((fine - ndimage.gaussian_filter(found.electrons, _WIDER * binning))[inner])
    return float(np.mean(halves[0] * halves[1], dtype=np.float64))


def looks_of(
    movie: ElectronMovie, course: Course, reach: int, tidy: Tidy, binning: int, context: RunContext
) -> tuple[Look, ...]:
    """Return looks at frames spread over the movie's longest segment, each with its neighbours up to `reach` away."""
    part = structured_part(movie, max(_SIDE, 2 * _LEAST_BINNED * binning), context)
    start, stop = max(movie.segments, key=lambda one: one[1] - one[0])
    count = min(_LOOKS, stop - start)
    looks = []
    for place in range(count):
        frame = start + int((place + 0.5) * (stop - start) / count)
        frames, doses = {}, {}
        for number in range(*course.neighbours(frame, reach)):
            context.check()
            block = movie.block(number, number + 1)
            frames[number] = tidy(block.electrons[0][part])
            doses[number] = float(np.nan_to_num(block.dose[0]))
        if doses[frame] > 0:
            looks.append(Look(frame, frames, doses))
    return tuple(looks)


def noise_heard(looks: Sequence[Look], course: Course, noise: Noise, binning: int, clean: Clean) -> tuple[float, float]:
    """Return how much stronger blurred noise is than `noise` says, at least 1, and its share in a frame's own estimate.

    No model of the noise knows all that a camera or a scan adds, but frames beside each other share none of it. With
    the estimate f of a frame y, and another frame z: var(B n) is half of that of B (y - z), by the median of its
    squares, and cov(B n, B f) is half of what |B (z - f)|^2 is above |B (y - f)|^2. Whole counts have no more noise
    than they have: 1, and 0 for what is not known.
    """
    strengths, shares = [], []
    for look in looks[:_PROBED]:
        if whole_counts_of(look.own) is not None:
            return 1.0, 0.0
        beside = next((one for one in (look.frame + 1, look.frame - 1) if look.doses.get(one, 0.0) > 0), None)
        if beside is None:
            continue
        span = Window(1, look.frame, min(beside, look.frame), max(beside, look.frame) + 1)
        other = summed(look.frames, look.doses, span, course, look.frame)
        if other is None:
            continue
        level = level_of(look.own, look.doses[look.frame], binning)
        inside = _inside(other.covered)
        brightness = np.float32(look.doses[look.frame] / look.doses[beside])
        mine, its = look.own, other.electrons * brightness
        image = clean(mine, look.doses[look.frame], binning)
        apart, near, far = (
            (np.square(blurred_noise(one, binning)) / level)[inside] for one in (mine - its, mine - image, its - image)
        )
        variance = max(float(np.median(apart)) / _MEDIAN_OF_SQUARES / 2, noise.blurred)
        strengths.append(variance / noise.blurred)
        shares.append(float(far.mean(dtype=np.float64) - near.mean(dtype=np.float64)) / 2 / variance)
    if not strengths:
        return 1.0, 0.0
    return round(float(np.median(strengths)), 6), min(max(float(np.median(shares)), 0.0), 1.0)


def binnings_of(looks: Sequence[Look], course: Course, reaches: Sequence[int], first: int, clean: Clean) -> list[int]:
    """Return a binning for each reach, that of the frame alone being `first`: no longer window is summed coarser."""
    out = [first]
    for reach in reaches[1:]:
        tried = [out[-1], out[-1] // 2] if out[-1] > 1 else [1]
        if reach == reaches[1] and 2 * first in BINNINGS and min(looks[0].own.shape) >= 2 * first * _LEAST_BINNED:
            tried.append(2 * first)
        errors = [sum(_left_out(look, course, reach, one, first, clean) for look in looks) for one in tried]
        out.append(tried[int(np.argmin(errors))] if len(tried) > 1 else tried[0])
    return out


def _left_out(look: Look, course: Course, reach: int, binning: int, blur: int, clean: Clean) -> float:
    """Mean square of what a frame differs from the estimate of its neighbours without it, blurred."""
    others = summed(look.frames, look.doses, centred(course, look.frame, reach), course, look.frame)
    if others is None:
        return 0.0
    image = _estimate(others, binning, clean)
    away = course.shifts[look.frame] - others.position
    here = Estimate(brought(image, away), others.covered, 0.0, 0.0)
    rest = blurred_noise(look.own - fitted(look.own, here, look.own, False), blur)
    return float(np.mean(np.square(rest)[_inside(others.covered)], dtype=np.float64)) / look.doses[look.frame]


def levels_of_movie(
    looks: Sequence[Look],
    course: Course,
    reaches: Sequence[int],
    binnings: Sequence[int],
    recording: Recording,
    clean: Clean,
) -> tuple[tuple[Level, ...], bool, float]:
    """Measure shares and risks of each level.

    Returns them, whether a fit of the contrast lowers the risk, and how much stronger the noise is than was known.
    """
    noise = recording.noise(binnings[0])
    strength, heard = noise_heard(looks, course, noise, binnings[0], clean)
    noise = noise.times(strength)
    found = []
    for reach, binning in zip(reaches, binnings, strict=True):
        each = [
            _measured(look, course, (reach, binning), binnings[0], recording, noise, clean, 64 * reach + number)
            for number, look in enumerate(looks[:_PROBED])
        ]
        found.append(np.mean(each, axis=0))
    table = np.array(found)
    # What is heard of real noise, where it is more than of noise that was drawn, goes for all lengths.
    more = max(1.0, heard / max(float(table[0, 1]), 1e-3))
    shares = np.minimum(table[:, 1] * more, 1.0)
    table[:, 2:4] += (2 * (shares - table[:, 1]) / table[:, 4])[:, None]
    table[:, 1] = shares
    # Fits are for windows alone: the frame's own estimate has its brightness and contrast.
    gain = bool(table[1:, 3].min() < table[1:, 2].min())
    risks = table[:, 3 if gain else 2]
    risks = risks - risks.min()
    levels = tuple(
        Level(reach, binning, round(float(row[0]), 6), round(float(row[1]), 6), round(float(risk), 6))
        for reach, binning, row, risk in zip(reaches, binnings, table, risks, strict=True)
    )
    return levels, gain, strength


def _measured(
    look: Look,
    course: Course,
    level: tuple[int, int],
    coarse: int,
    recording: Recording,
    noise: Noise,
    clean: Clean,
    seed: int,
) -> tuple[float, float, float, float, float]:
    """Return a level's share and blurred share of noise on a look, its risks without a fit of contrast and with, and n.

    n is how many frames were summed; `level` is reach and binning, `coarse` the binning of the frame alone.
    """
    reach, binning = level
    total = summed(look.frames, look.doses, centred(course, look.frame, reach), course)
    if total is None:
        raise ValueError(f"frame {look.frame} is not among those that are looked at")
    added = recording.draw(level_of(total.electrons, total.dose, coarse), seed)
    image = clean(total.electrons, total.dose, binning)
    heard = (clean(total.electrons + np.float32(_PROBE) * added, total.dose, binning) - image) / np.float32(_PROBE)
    inside = _inside(total.covered)
    share = _share(heard, added, inside)
    blurred_share = _share(blurred_noise(heard, coarse), blurred_noise(added, coarse), inside)
    own, dose = look.own, look.doses[look.frame]
    here = brought(image / np.float32(total.frames), course.shifts[look.frame] - total.position)
    one = Estimate(here, total.covered, share / total.frames, blurred_share / total.frames)
    white = level_of(own, dose, coarse) * np.float32(noise.of_px)
    fits = [here, here] if reach == 0 else [fitted(own, one, white, gain) for gain in (False, True)]
    plain, gained = (mean_risk(own, dose, fit, one.blurred_share, noise, coarse, inside) for fit in fits)
    return share, blurred_share, plain, gained, float(total.frames)


def _estimate(total: Summed, binning: int, clean: Clean) -> Frames:
    """Return electrons a frame (H, W)."""
    return np.asarray(clean(total.electrons, total.dose, binning) / np.float32(total.frames), dtype=np.float32)


def _share(heard: Frames, added: Frames, inside: npt.NDArray[np.bool_]) -> float:
    """How much of noise that was added is in what came of it, as their covariance over its variance."""
    both = float(np.mean((heard * added)[inside], dtype=np.float64))
    own = float(np.mean(np.square(added)[inside], dtype=np.float64))
    return min(max(both / max(own, 1e-12), 0.0), 1.0)


def _inside(covered: Frames) -> npt.NDArray[np.bool_]:
    """Return where nearly all of a window's frames are, off the edge."""
    out: npt.NDArray[np.bool_] = covered > 0.9
    edge = min(_MARGIN, min(covered.shape) // 10)
    if edge:
        out[:edge] = out[-edge:] = False
        out[:, :edge] = out[:, -edge:] = False
    return out if out.any() else np.ones_like(out)


def as_parameters(
    levels: Sequence[Level], gain: bool, strength: float, course: Course, followed: bool
) -> dict[str, Any]:
    """Return plain JSON values for a plan."""
    return {
        "noise": strength,
        "levels": [[one.reach, one.binning, one.share, one.blurred_share, one.risk] for one in levels],
        "gain": gain,
        "drift": as_lists(course.shifts) if followed else [],
    }


def levels_from(parameters: dict[str, Any]) -> tuple[Level, ...]:
    """Read what `as_parameters` wrote."""
    return tuple(
        Level(int(reach), int(binning), float(share), float(blurred), float(risk))
        for reach, binning, share, blurred, risk in parameters["levels"]
    )
