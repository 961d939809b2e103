"""The job ``nulltest``: how far the atoms that a method draws in a movie can be believed."""

from __future__ import annotations

import time

import numpy as np
from scipy import ndimage

from core.denoising.context import RunContext
from core.denoising.denoiser import Frames
from core.denoising.methods.registry import find_method
from core.denoising.planning import Prepared, prepare
from core.denoising.scaling import choose_scale
from core.denoising.source import RequestMovie, sample_frames, select
from core.denoising.telling import Told
from core.denoising.wanted import wanted_region
from core.jobs.errors import job_error
from core.models import ModelStore
from core.movies import Movie, open_movie
from core.noise.poisson import check_counts
from core.protocol.denoise_parts import FrameRange, Notice, Region
from core.protocol.movie import MovieMeta
from core.protocol.nulltest import (
    AtomRate,
    ErasedAtom,
    NullAtoms,
    NullTestRequest,
    NullTestResult,
    SpikeRecovery,
)
from core.trust.null_test import NullTest, Rate, null_test
from core.trust.spike_in import Recovery, SpikeIn, spike_in
from core.trust.subject import Subject, recording_of
from core.trust.verdicts import CAVEATS, verdicts
from core.trust.would_it_come_back import ComeBack, would_it_come_back

_SIDE = 256
_FRAMES, _FRAMES_IN_TIME, _MOST_FRAMES = 8, 16, 64
_LEAST_TO_FOLLOW = 8


def run(request: NullTestRequest, store: ModelStore, context: RunContext) -> NullTestResult:
    """Test a method on a piece of a movie.

    Raises
    ------
    Cancelled
    JobError
        Code ``unknown-gain``: the movie's noise can't be matched; ``no-structure``: the piece is constant.
    DenoiseError, MovieError, ModelError
        Frames that don't exist, a file that can't be read, no such model.
    """
    began = time.monotonic()
    told = Told(context)
    method = find_method(request.model, store)
    with open_movie(request.source, request.dataset) as movie:
        if request.entered is not None:
            movie.meta = request.entered.applied_to(movie.meta)
        meta = movie.meta
        source = _in_electrons(request, movie, told)
        context.progress("preparing", 0, 1, None, None)
        prepared, notices = prepare(source, method, request.device, None, context)
        told.tell(*notices)
        frames = _frames(request, source, prepared)
        whole = np.stack([source.read(frame).electrons for frame in range(*frames)])
    region = _region(request, whole, meta)
    piece = np.ascontiguousarray(whole[:, region.y0 : region.y1, region.x0 : region.x1])
    subject = _subject(request, piece, meta, prepared, context, told)
    null = null_test(subject, request.noise_frames, request.seed)
    back = would_it_come_back(subject, request.atoms, request.repeats, request.seed)
    spikes = spike_in(subject, request.atoms, request.seed)
    if len(piece) == 1:
        text = "One frame tells nothing of how quickly the result follows events in time."
        told.tell(Notice(level="info", code="one-frame", text=text))
    first = source.selection.starts[frames[0]]
    result = _result(request, subject, null, back, spikes, (first, first + len(piece)), region)
    return result.model_copy(
        update={
            "model": prepared.plan.model,
            "model_version": prepared.plan.model_version,
            "notices": tuple(told.notices),
            "seconds": time.monotonic() - began,
        }
    )


def _in_electrons(request: NullTestRequest, movie: Movie, told: Told) -> RequestMovie:
    """The movie in electrons; without a gain there is no noise to match."""
    meta = movie.meta
    selection = select(meta, request.frames or FrameRange(), 1)
    gain, black = request.counts_per_electron, request.black_level
    if request.entered is not None:
        gain = request.entered.counts_per_electron if gain is None else gain
        black = request.entered.black_level if black is None else black
    samples = sample_frames(movie, selection)
    if all(not np.isfinite(one).any() or np.ptp(one[np.isfinite(one)]) == 0 for one in samples):
        raise job_error(
            "no-structure",
            "The frames hold one value everywhere, or no number at all: there is nothing to be tested.",
            meta.path,
            "Choose other frames.",
        )
    scale, notices = choose_scale(meta, samples, gain, black)
    if scale.source == "unknown":
        raise job_error(
            "unknown-gain",
            "No gain is known, and the noise tells none: noise that matches this movie's can't be made.",
            meta.path,
            "Type the gain (--gain, stored units an electron; 1 for counted electrons).",
        )
    told.tell(*notices)
    if scale.source == "estimated" and not (scale.gain == 1 and scale.offset == 0):
        text = (
            f"The gain, {scale.gain:.3g} stored units an electron, was estimated from the noise: the tests are as good "
            "as it is. Type it if you know it."
        )
        told.tell(Notice(level="warning", code="gain-estimated", text=text))
    return RequestMovie(movie, selection, scale)


def _frames(request: NullTestRequest, source: RequestMovie, prepared: Prepared) -> tuple[int, int]:
    """Which frames of the selection are looked at: some from the middle of the longest stretch."""
    start, stop = max(source.segments, key=lambda one: one[1] - one[0])
    denoiser = prepared.denoiser
    seen = denoiser.frames_before + denoiser.frames_after
    wanted = _FRAMES if seen == 0 else max(_FRAMES_IN_TIME, 2 * seen + 4)
    if request.frames is not None:
        wanted = _MOST_FRAMES
    count = min(stop - start, wanted, _MOST_FRAMES)
    first = start + (stop - start - count) // 2
    return first, first + count


def _region(request: NullTestRequest, whole: Frames, meta: MovieMeta) -> Region:
    """The region that was asked for, or the square with the most structure."""
    if request.region is not None:
        return wanted_region(request.region, meta)
    height, width = whole.shape[1:]
    side = min(_SIDE, height, width)
    mean = ndimage.gaussian_filter(whole.mean(axis=0, dtype=np.float64), 1.5)
    mean -= ndimage.gaussian_filter(mean, 12.0)
    power = ndimage.uniform_filter(mean**2, side, mode="constant")
    half = side // 2
    inner = power[half : height - side + half + 1, half : width - side + half + 1]
    y, x = np.unravel_index(int(np.argmax(inner)), inner.shape)
    return Region(y0=int(y), y1=int(y) + side, x0=int(x), x1=int(x) + side)


def _subject(
    request: NullTestRequest, piece: Frames, meta: MovieMeta, prepared: Prepared, context: RunContext, told: Told
) -> Subject:
    mean = float(piece.mean(dtype=np.float64))
    if mean <= 0 or float(np.ptp(piece)) == 0:
        raise job_error(
            "no-structure",
            f"The piece that is looked at holds {mean:.3g} electrons a px on average, all the same or none.",
            meta.path,
            "Choose another region or other frames, or type the black level.",
        )
    check = check_counts(piece) if np.array_equal(piece, np.rint(piece)) and piece.min() >= 0 else None
    counts = check is not None and (check.poisson or not np.isfinite(check.ratio))
    recording = recording_of(piece, counts)
    spread = recording.profile[0][1]
    if spread > 0:
        text = (
            f"The noise is correlated between neighbouring pixels (as by a spread of {spread:.2g} px): "
            "the noise of the tests was made so too."
        )
        told.tell(Notice(level="info", code="correlated", text=text))
    pixel = None
    if meta.pixel_size is not None and meta.pixel_unit == "nm":
        pixel = float(np.mean(meta.pixel_size))
    shifts = None
    denoiser = prepared.denoiser
    if len(piece) >= _LEAST_TO_FOLLOW and denoiser.frames_before + denoiser.frames_after > 0:
        from core.motion.trajectory import follow

        path = follow(piece, context.check)
        if path is not None and path.certain:
            shifts = path.shifts - path.shifts[len(piece) // 2]
        else:
            text = "The drift could not be followed with certainty: the tests take the picture to be at rest."
            told.tell(Notice(level="warning", code="drift", text=text))
    return Subject.of(denoiser, piece, recording, context, pixel, request.dark, shifts, dict(prepared.plan.parameters))


def _result(
    request: NullTestRequest,
    subject: Subject,
    null: NullTest,
    back: ComeBack,
    spikes: SpikeIn,
    frames: tuple[int, int],
    region: Region,
) -> NullTestResult:
    atoms = subject.atoms
    return NullTestResult(
        source=request.source,
        model=request.model,
        model_version="",
        frames=frames,
        region=region,
        pixel_nm=subject.pixel_nm,
        atoms=NullAtoms(
            dark=atoms.dark,
            width_px=atoms.width,
            spacing_px=atoms.spacing if np.isfinite(atoms.spacing) else None,
            typical_height=atoms.typical,
            raw_width_px=atoms.raw_width or None,
            raw_height=atoms.raw_height or None,
            confirmed=atoms.confirmed,
        ),
        noise_frames=null.frames,
        real=_told_rates(null.real),
        flat=_told_rates(null.flat),
        shaded=_told_rates(null.shaded),
        repeats=back.repeats,
        erased=tuple(
            ErasedAtom(y=one.y + region.y0, x=one.x + region.x0, came_back=one.came_back) for one in back.atoms
        ),
        came_back=back.came_back,
        drawn=back.drawn,
        spikes=tuple(_told_recovery(one, subject.pixel_nm) for one in spikes.recoveries),
        response=spikes.response,
        response_from=spikes.first,
        smear_frames=spikes.smear_frames,
        verdicts=verdicts(atoms, null, back, spikes),
        caveats=CAVEATS,
    )


def _told_rates(rates: tuple[Rate, ...]) -> tuple[AtomRate, ...]:
    return tuple(AtomRate(strength=one.strength, per_frame=one.value, low=one.low, high=one.high) for one in rates)


def _told_recovery(one: Recovery, pixel_nm: float | None) -> SpikeRecovery:
    pm = None if pixel_nm is None or one.position_px is None else one.position_px * pixel_nm * 1000
    return SpikeRecovery(
        strength=one.strength,
        places=one.places,
        looks=one.looks,
        found=one.found,
        position_error_px=one.position_px,
        position_error_pm=pm,
        intensity_bias_percent=one.intensity_bias,
        intensity_error_percent=one.intensity_error,
    )
