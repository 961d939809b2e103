"""Denoise a part of one frame at once, and foresee what the whole will cost."""

from __future__ import annotations

import bisect
import time
from dataclasses import dataclass, replace
from pathlib import Path

from core.denoising.clean_up import asked_correction
from core.denoising.context import QuietContext, RunContext
from core.denoising.denoiser import Block, Frames
from core.denoising.methods.registry import Method, find_method
from core.denoising.opening import electron_movie, open_asked, scale_of, typed_scale
from core.denoising.pipeline import Job, Work, denoise_block
from core.denoising.planning import Prepared, prepare, prepare_again
from core.denoising.quality import of_lines, of_pixels
from core.denoising.source import RequestMovie, Selection, select
from core.denoising.telling import Told
from core.denoising.tiling import make_grid
from core.denoising.wanted import wanted_region
from core.models import ModelStore
from core.movies import Movie
from core.movies.writers import free_bytes, needed_bytes
from core.noise.references import Correction
from core.protocol.denoise import (
    DenoiseRequest,
    DraftRequest,
    DraftResult,
    EstimateResult,
    FrameRange,
    Notice,
)
from core.protocol.movie import MovieMeta
from core.views import percentiles

# Frames that methods over time look at together while they tune themselves, at most.
_TUNED_ON = 161


@dataclass
class KeptDraft:
    """What drafts of one movie by one model share: network, scale, choices. Held by whoever asks for drafts.

    With it, a draft of another place or frame reads one frame and computes; without, each begins from nothing.
    """

    key: tuple[object, ...] = ()
    prepared: Prepared | None = None
    notices: tuple[Notice, ...] = ()
    correction: Correction | None = None


def draft(
    request: DraftRequest, store: ModelStore, context: RunContext, kept: KeptDraft | None = None
) -> tuple[DraftResult, Frames]:
    """Denoise one frame, or a region of one, at once.

    `request.frame` counts in the source; with `sum_frames`, the sum begins there (or as late as the movie allows).
    Scale and choices are those of the whole movie, so that the draft shows what the whole run will give there.

    Parameters
    ----------
    kept : KeptDraft, optional
        What an earlier draft left; used where it fits, and renewed.

    Returns
    -------
    result : DraftResult
    array : float32 (height, width)
        In the file's units.

    Raises
    ------
    Cancelled, DenoiseError, MovieError, ModelError
    """
    began = time.monotonic()
    told = Told(context)
    kept = KeptDraft() if kept is None else kept
    with open_asked(request) as movie:
        region = wanted_region(request.region, movie.meta)
        whole = select(movie.meta, FrameRange(), request.sum_frames)
        first = max(0, min(request.frame, movie.meta.frames - request.sum_frames))
        method = find_method(request.model, store)
        prepared = _made_ready(request, movie, whole, method, context, kept)
        told.tell(*kept.notices)
        one, work = _looked_at(movie, whole, first, prepared, kept)
        grid = make_grid(one.height, one.width, region, prepared.state.geometry, prepared.tile)
        job = Job(one, prepared.denoiser, prepared.state, region, grid)
        frames = []
        for number in range(work.look_start, work.look_stop):
            context.check()
            frames.append(one.read(number))
        wanted = work.start - work.look_start
        told.tell(*of_pixels(frames[wanted].hot, frames[wanted].left), *of_lines([frames[wanted].lines]))
        block = one.assemble(frames, work.look_start, (wanted, wanted + 1), (0, 0))
        array = one.line.stored(denoise_block(job, block, context.check)[0])
    low, high = percentiles(array)
    result = DraftResult(
        frame=request.frame,
        region=region,
        height=array.shape[0],
        width=array.shape[1],
        seconds=time.monotonic() - began,
        low=low,
        high=high,
        notices=tuple(told.notices),
    )
    return result, array


def _looked_at(
    movie: Movie, whole: Selection, first: int, prepared: Prepared, kept: KeptDraft
) -> tuple[RequestMovie, Work]:
    """Return the movie of a draft, and which of its frames are to be read.

    A method that looks at one frame gets the very one that was asked for. One that looks at neighbours, too, gets the
    frame of the whole run in which it lies.
    """
    scale, before, after = prepared.plan.scale, prepared.denoiser.frames_before, prepared.denoiser.frames_after
    if not before and not after:
        alone = Selection((first,), whole.summed, ((0, 1),), 0)
        return electron_movie(movie, alone, scale, kept.correction), Work(0, 1, 0, 1)
    frame = max(0, bisect.bisect_right(whole.starts, first) - 1)
    start, stop = whole.around(frame)
    work = Work(frame, frame + 1, max(start, frame - before), min(stop, frame + 1 + after))
    return electron_movie(movie, whole, scale, kept.correction), work


def _made_ready(
    request: DraftRequest, movie: Movie, whole: Selection, method: Method, context: RunContext, kept: KeptDraft
) -> Prepared:
    """Make the method ready for a movie, by what an earlier draft left if it fits; what is kept is renewed."""
    region = wanted_region(request.region, movie.meta)
    key = _key(request, movie.meta, method)
    if kept.key == key and kept.prepared is not None:
        source = electron_movie(movie, whole, kept.prepared.plan.scale, kept.correction)
        return prepare_again(kept.prepared, source, region, context)
    correction = asked_correction(request, movie.meta)
    notices = () if correction is None else correction.notices
    scale, of_scale = scale_of(request, movie, whole, correction)
    context.check()
    source = electron_movie(movie, whole, scale, correction)
    prepared, more = prepare(source, method, request.device, region, context)
    kept.key, kept.prepared, kept.correction = key, prepared, correction
    kept.notices = (*notices, *of_scale, *more)
    return prepared


def estimate(request: DenoiseRequest, store: ModelStore, context: RunContext | None = None) -> EstimateResult:
    """Foresee the cost of a denoise by looking at some frames and timing one tile; nothing is written.

    The time holds what a filter takes to tune itself. Of a longer movie it is measured on as many frames as methods
    over time look at together, and what they do with every frame is multiplied.

    Raises
    ------
    Cancelled, DenoiseError, MovieError, ModelError
    """
    context = QuietContext() if context is None else context
    output = Path(request.output)
    with open_asked(request) as movie:
        region = wanted_region(request.region, movie.meta)
        selection = select(movie.meta, request.frames, request.sum_frames)
        method = find_method(request.model, store)
        correction = asked_correction(request, movie.meta)
        scale, _ = scale_of(request, movie, selection, correction)
        # A plan goes by the numbers of all frames, and leaves nothing to tune.
        some = selection if request.plan is not None else _some(selection)
        source = electron_movie(movie, some, scale, correction)
        frames = len(selection.starts)
        watch = Watch(context, source.frames)
        prepared, _ = prepare(source, method, request.device, region, watch, request.tile, request.plan)
        tuning = watch.seconds(frames)
        grid = make_grid(movie.meta.height, movie.meta.width, region, prepared.state.geometry, prepared.tile)
        began = time.monotonic()
        block = _around_middle(source, prepared)
        # Each frame is read once, whoever looks at it.
        reading = (time.monotonic() - began) / len(block.frames)
        one = replace(grid, windows=grid.windows[:1])
        job = Job(source, prepared.denoiser, prepared.state, region, one)
        # The first call of a network chooses kernels and fills caches: the second one is closer to the rest.
        computing = min(_timed(job, block, context) for _ in range(2)) * grid.pixels / one.pixels
    shape = (frames, region.y1 - region.y0, region.x1 - region.x0)
    return EstimateResult(
        seconds=tuning + frames * max(reading, computing),
        output_bytes=needed_bytes(shape, request.dtype),
        free_bytes=free_bytes(output),
        output=str(output),
        device=prepared.plan.device,
        device_name=prepared.plan.device_name,
    )


def _some(selection: Selection) -> Selection:
    """Return the middle of the longest segment: as many frames as tuning looks at together, or all if these are few."""
    if len(selection.starts) <= _TUNED_ON:
        return selection
    first, last = max(selection.segments, key=lambda one: one[1] - one[0])
    start = max(first, (first + last - _TUNED_ON) // 2)
    starts = selection.starts[start : min(last, start + _TUNED_ON)]
    return Selection(starts, selection.summed, ((0, len(starts)),), 0)


class Watch(QuietContext):
    """Times a method that makes itself ready: stages that go through all frames apart from the rest.

    Parameters
    ----------
    context
        Asked whether to stop.
    frames
        How many the movie has that it is given.
    """

    def __init__(self, context: RunContext, frames: int) -> None:
        self._context, self._frames = context, frames
        self._began = time.monotonic()
        self._each = 0.0
        self._stage: tuple[str, float, int] | None = None

    def check(self) -> None:
        """Stop if that is wanted."""
        self._context.check()

    def progress(self, stage: str, done: int, total: int, eta_s: float | None, rate: float | None) -> None:
        """Take the time between the first and the last frame of a stage."""
        now = time.monotonic()
        if self._stage is None or self._stage[0] != stage:
            self._stage = (stage, now, done)
        elif total == self._frames and done == total and done > self._stage[2]:
            self._each += (now - self._stage[1]) / (done - self._stage[2])
            self._stage = (stage, now, done)

    def seconds(self, frames: int) -> float:
        """Return the time so far as it would be for so many frames."""
        return time.monotonic() - self._began + self._each * max(0, frames - self._frames)


def _around_middle(source: RequestMovie, prepared: Prepared) -> Block:
    """Read the first frame, or where a method looks at neighbours the middle one with all of them."""
    before, after = prepared.denoiser.frames_before, prepared.denoiser.frames_after
    if not before and not after:
        return source.block(0, 1)
    frame = source.frames // 2
    start, stop = source.selection.around(frame)
    first = max(start, frame - before)
    block = source.block(first, min(stop, frame + 1 + after))
    return replace(block, wanted=(frame - first, frame - first + 1))


def _key(request: DraftRequest, meta: MovieMeta, method: Method) -> tuple[object, ...]:
    """Return what must be equal for two drafts to share their beginnings."""
    asked = (request.dataset, request.sum_frames, *typed_scale(request), request.device, request.entered)
    return (
        meta.path,
        meta.fingerprint,
        meta.frames,
        method.name,
        method.version,
        method.weights_sha256,
        *asked,
        request.clean_up,
    )


def _timed(job: Job, block: Block, context: RunContext) -> float:
    began = time.monotonic()
    denoise_block(job, block, context.check)
    return time.monotonic() - began
