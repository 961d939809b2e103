"""Denoise a movie into a file. `draft` and `estimate` are here too: what jobs and tests call."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.denoising.context import RunContext
from core.denoising.denoiser import Frames
from core.denoising.drafting import KeptDraft, draft, estimate
from core.denoising.errors import DenoiseError, denoise_error
from core.denoising.frame_list import FrameList, ListHeader, list_path
from core.denoising.methods.registry import find_method
from core.denoising.output import check_output
from core.denoising.pipeline import Job, plan_work, stream
from core.denoising.planning import Prepared, prepare, smaller
from core.denoising.progress import Progress
from core.denoising.provenance import calibration, make_provenance
from core.denoising.quality import FrameQuality, summary, verdict
from core.denoising.scaling import choose_scale, pixel_variance
from core.denoising.source import RequestMovie, sample_frames, select, wanted_region
from core.denoising.telling import Told
from core.denoising.tiling import make_grid
from core.models import ModelStore
from core.movies import Movie, open_movie
from core.movies.errors import unwritable
from core.movies.writers.tiff import TiffMovieWriter, partial_path
from core.protocol.denoise import DenoiseRequest, DenoiseResult, Notice, Plan
from core.protocol.movie import Issue

__all__ = ["KeptDraft", "denoise_movie", "draft", "estimate"]


def denoise_movie(request: DenoiseRequest, store: ModelStore, context: RunContext) -> DenoiseResult:
    """Denoise a movie into a file.

    Writes ``NAME.partial`` and a list of finished frames beside it, and renames at the end; a run that was cancelled
    or killed goes on from the list, by the same plan, to the same bits.

    Raises
    ------
    Cancelled
        Finished frames are kept.
    DenoiseError, MovieError, ModelError
        Each with `info`: what happened, to which file, what to do next. Finished frames are kept.
    """
    began = time.monotonic()
    told = Told(context)
    output = Path(request.output)
    check_output(Path(request.source), output, request.overwrite)
    with open_movie(request.source, request.dataset) as movie, _open_list(output) as frames:
        run = _begin(request, movie, store, frames, told)
        with TiffMovieWriter.create(
            output,
            run.shape,
            scale=calibration(movie.meta, request.sum_frames),
            resume=bool(run.done),
            overwrite=request.overwrite,
        ) as writer:
            if not writer.resumed:
                run.done.clear()
                frames.begin(run.header)
            resumed = len(run.done)
            context.started(run.prepared.plan, run.movie.frames)
            plan = run.all_frames(writer.write)
            quality = summary(sorted(run.done.items()), plan.scale)
            told.tell(*verdict(quality, sum(one.not_finite for one in run.done.values())))
            provenance = make_provenance(request, movie.meta, run.movie.selection, plan, quality, told.notices)
            writer.finish(provenance.model_dump_json())
            frames.remove()
    seconds = time.monotonic() - began
    pixels = (run.shape[0] - resumed) * run.shape[1] * run.shape[2]
    return DenoiseResult(
        output=str(output),
        frames=run.shape[0],
        height=run.shape[1],
        width=run.shape[2],
        seconds=seconds,
        megapixels_per_s=pixels / 1e6 / max(seconds, 1e-9),
        resumed_frames=resumed,
        plan=plan,
        quality=quality,
        notices=tuple(told.notices),
    )


class _Run:
    """The frames of one result, by one plan or, when memory runs out, by smaller ones."""

    def __init__(
        self, request: DenoiseRequest, movie: RequestMovie, prepared: Prepared, frames: FrameList, told: Told
    ) -> None:
        self.request = request
        self.movie = movie
        self.prepared = prepared
        self.done: dict[int, FrameQuality] = {}
        self._frames = frames
        self._told = told
        self.region = wanted_region(request.region, movie.meta)
        self.shape = (movie.frames, self.region.y1 - self.region.y0, self.region.x1 - self.region.x0)

    @property
    def header(self) -> ListHeader:
        """What the frame list says it is of."""
        return list_header(self.request, self.movie, self.shape, self.prepared.plan)

    def all_frames(self, write: Callable[[int, Frames], None]) -> Plan:
        """Make every frame that isn't done; returns the plan in force at the end."""
        movie, context = self.movie, self._told.context
        progress = Progress(context, movie.frames, len(self.done))

        def take(frame: int, array: Frames, quality: FrameQuality) -> None:
            # Pixels first, then the list: a kill in between costs one frame and harms none.
            write(frame, array)
            self._frames.done(frame, quality)
            self.done[frame] = quality

        variance = None
        if movie.scale.source == "unknown":
            variance = pixel_variance(movie.scale, movie.block(0, 1).electrons[0])
        while True:
            ready = self.prepared
            grid = make_grid(movie.height, movie.width, self.region, ready.state.geometry, ready.tile)
            job = Job(movie, ready.denoiser, ready.state, self.region, grid, variance)
            before, after = ready.denoiser.frames_before, ready.denoiser.frames_after
            works = plan_work(movie.selection.segments, ready.plan.batch, before, after, self.done.__contains__)
            try:
                stream(job, works, take, context, progress)
            except MemoryError:
                self._use_less()
            else:
                return ready.plan

    def _use_less(self) -> None:
        """Change to a plan that needs less memory, in the end to the CPU, and tell."""
        plan, geometry = self.prepared.plan, self.prepared.state.geometry
        less = smaller(plan, geometry, self.movie.height, self.movie.width, self.request.region)
        if less is not None:
            what = f"tiles of {less.tile_height} x {less.tile_width} px"
            what += f", {less.batch} frames at a time" if less.batch < plan.batch else ""
            self._told.tell(_memory_notice(f"Memory ran out; the run goes on with {what}."))
            self.prepared = replace(self.prepared, plan=less)
        elif plan.device == "cpu":
            raise denoise_error(
                "out-of-memory",
                "There is not enough memory for the smallest tile.",
                self.request.source,
                "Close other programs, or choose a smaller model; finished frames are kept.",
            )
        else:
            self._told.tell(_memory_notice(f"The memory of {plan.device_name} is too small; the CPU goes on."))
            self.prepared, notices = prepare(
                self.movie, self.prepared.method, "cpu", self.request.region, self._told.context, self.request.tile
            )
            self._told.tell(*notices)
        self._frames.changed_plan(self.prepared.plan)


def list_header(request: DenoiseRequest, movie: RequestMovie, shape: tuple[int, int, int], plan: Plan) -> ListHeader:
    """Return what a frame list says it is of."""
    return ListHeader(fingerprint=movie.meta.fingerprint, shape=shape, request=request, plan=plan)


def _begin(request: DenoiseRequest, movie: Movie, store: ModelStore, frames: FrameList, told: Told) -> _Run:
    """Decide how the run begins: by a plan of its own, by the one that was given, or by that of a run to go on from."""
    told.tell(*(_as_notice(issue) for issue in movie.meta.issues if issue.level != "info"))
    selection = select(movie.meta, request.frames, request.sum_frames)
    if selection.left_over:
        text = f"{selection.left_over} frames did not fill a sum of {request.sum_frames} and were left out."
        told.tell(Notice(level="info", code="left-over", text=text))
    given = request.plan
    method = find_method(request.model, store, None if given is None else given.model_version)
    region = wanted_region(request.region, movie.meta)
    shape = (len(selection.starts), region.y1 - region.y0, region.x1 - region.x0)
    listed = frames.listed
    if listed is not None and request.resume:
        identity = {"model": method.name, "model_version": method.version, "weights_sha256": method.weights_sha256}
        mine = listed.plan.model_copy(update=identity)
        one = RequestMovie(movie, selection, listed.plan.scale)
        same = listed.header.same_work(list_header(request, one, shape, mine))
        if not same and listed.done and not request.overwrite:
            raise _unfinished_work_of_others(request, len(listed.done))
        if not same or given not in (None, listed.header.plan):
            listed = None
            text = "A partial result of other work, or of another movie, lay there; it was begun anew."
            told.tell(Notice(level="warning", code="begun-anew", text=text))
    else:
        listed = None
    if listed is not None:
        given = listed.plan
    if given is None:
        scale, notices = choose_scale(
            movie.meta, sample_frames(movie, selection), request.counts_per_electron, request.black_level
        )
        told.tell(*notices)
    else:
        scale = given.scale
    one = RequestMovie(movie, selection, scale)
    prepared, notices = prepare(one, method, request.device, request.region, told.context, request.tile, given)
    told.tell(*notices)
    run = _Run(request, one, prepared, frames, told)
    if listed is not None:
        run.done.update(listed.done)
    return run


def _as_notice(issue: Issue) -> Notice:
    return Notice(level=issue.level, code=issue.code, text=f"The file: {issue.text}.")


def _unfinished_work_of_others(request: DenoiseRequest, frames: int) -> DenoiseError:
    return denoise_error(
        "output-exists",
        f"An unfinished result with {frames} finished frames lies there, made with other settings or of another movie.",
        request.output,
        "Choose another name, go on with the settings it was begun with, or give it up: overwrite (--no-resume).",
    )


def _open_list(output: Path) -> FrameList:
    path = list_path(partial_path(output))
    try:
        return FrameList(path)
    except BlockingIOError as error:
        raise denoise_error(
            "output-exists",
            "Another run is making this result right now.",
            str(output),
            "Wait for it, or choose another name for the output.",
        ) from error
    except OSError as error:
        raise unwritable(path, error) from error


def _memory_notice(text: str) -> Notice:
    return Notice(level="warning", code="out-of-memory", text=text)
