"""Denoise a part of one frame at once, and foresee what the whole will cost."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from core.denoising.context import QuietContext, RunContext
from core.denoising.denoiser import Block, Frames
from core.denoising.methods.registry import find_method
from core.denoising.pipeline import Job, denoise_block
from core.denoising.planning import prepare
from core.denoising.scaling import choose_scale
from core.denoising.source import RequestMovie, Selection, sample_frames, select, wanted_region
from core.denoising.telling import Told
from core.denoising.tiling import make_grid
from core.models import ModelStore
from core.movies import open_movie
from core.movies.writers.tiff import free_bytes, needed_bytes
from core.protocol.denoise import (
    DenoiseRequest,
    DraftRequest,
    DraftResult,
    EstimateResult,
    FrameRange,
)
from core.views import percentiles


def draft(request: DraftRequest, store: ModelStore, context: RunContext) -> tuple[DraftResult, Frames]:
    """Denoise one frame, or a region of one, at once.

    `request.frame` counts in the source; with `sum_frames`, the sum begins there (or as late as the movie allows).
    Scale and choices are those of the whole movie, so that the draft shows what the whole run will give there.

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
    with open_movie(request.source, request.dataset) as movie:
        region = wanted_region(request.region, movie.meta)
        whole = select(movie.meta, FrameRange(), request.sum_frames)
        first = max(0, min(request.frame, movie.meta.frames - request.sum_frames))
        selection = Selection((first,), request.sum_frames, ((0, 1),), 0)
        method = find_method(request.model, store)
        scale, notices = choose_scale(
            movie.meta, sample_frames(movie, whole), request.counts_per_electron, request.black_level
        )
        told.tell(*notices)
        context.check()
        prepared, notices = prepare(RequestMovie(movie, whole, scale), method, request.device, region, context)
        told.tell(*notices)
        one = RequestMovie(movie, selection, scale)
        grid = make_grid(one.height, one.width, region, prepared.state.geometry, prepared.tile)
        job = Job(one, prepared.denoiser, prepared.state, region, grid)
        array = one.line.stored(denoise_block(job, one.block(0, 1), context.check)[0])
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


def estimate(request: DenoiseRequest, store: ModelStore, context: RunContext | None = None) -> EstimateResult:
    """Foresee the cost of a denoise by reading a frame and timing one tile; nothing is written.

    Raises
    ------
    Cancelled, DenoiseError, MovieError, ModelError
    """
    context = QuietContext() if context is None else context
    output = Path(request.output)
    with open_movie(request.source, request.dataset) as movie:
        region = wanted_region(request.region, movie.meta)
        selection = select(movie.meta, request.frames, request.sum_frames)
        method = find_method(request.model, store)
        scale, _ = choose_scale(
            movie.meta, sample_frames(movie, selection), request.counts_per_electron, request.black_level
        )
        source = RequestMovie(movie, selection, scale)
        prepared, _ = prepare(source, method, request.device, region, context, request.tile, request.plan)
        grid = make_grid(movie.meta.height, movie.meta.width, region, prepared.state.geometry, prepared.tile)
        began = time.monotonic()
        block = source.block(0, 1)
        reading = time.monotonic() - began
        one = replace(grid, windows=grid.windows[:1])
        job = Job(source, prepared.denoiser, prepared.state, region, one)
        # The first call of a network chooses kernels and fills caches: the second one is closer to the rest.
        computing = min(_timed(job, block, context) for _ in range(2)) * grid.pixels / one.pixels
    shape = (source.frames, region.y1 - region.y0, region.x1 - region.x0)
    return EstimateResult(
        seconds=source.frames * max(reading, computing),
        output_bytes=needed_bytes(shape),
        free_bytes=free_bytes(output),
        output=str(output),
        device=prepared.plan.device,
        device_name=prepared.plan.device_name,
    )


def _timed(job: Job, block: Block, context: RunContext) -> float:
    began = time.monotonic()
    denoise_block(job, block, context.check)
    return time.monotonic() - began
