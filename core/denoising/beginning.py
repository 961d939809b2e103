"""How a run begins: by a plan of its own, by one that was given, or by that of unfinished work to go on from."""

from __future__ import annotations

from core.denoising.clean_up import asked_correction
from core.denoising.errors import DenoiseError, denoise_error
from core.denoising.frame_list import FrameList, ListedFrames, ListHeader
from core.denoising.making import Run
from core.denoising.methods.registry import Method, find_method
from core.denoising.opening import as_long_as, electron_movie, scale_of
from core.denoising.planning import Prepared, prepare
from core.denoising.source import RequestMovie, Selection, select
from core.denoising.storing import choose_stored
from core.denoising.telling import Told
from core.denoising.wanted import wanted_region
from core.models import ModelStore
from core.movies import Movie
from core.movies.writers.provenance import DENOISED, lineage, provenance_in
from core.protocol.denoise import DenoiseRequest, Notice, Plan
from core.protocol.model_card import ModelCard
from core.protocol.model_fit import judge_fit
from core.protocol.movie import MovieMeta


def begin(request: DenoiseRequest, movie: Movie, store: ModelStore, frames: FrameList, told: Told) -> Run:
    """Decide how a run begins, and make everything ready.

    Raises
    ------
    Cancelled, DenoiseError, MovieError, ModelError
        It can't be done; unfinished work of other settings is never thrown away unless `overwrite` says so.
    """
    tell_issues(movie, told)
    # Before anything is computed of it.
    wanted_region(request.region, movie.meta)
    given = request.plan
    method = find_method(request.model, store, None if given is None else given.model_version)
    found = _unfinished(request, movie, method, frames, told)
    if found is None:
        listed, selection = None, select(movie.meta, request.frames, request.sum_frames)
    else:
        listed, selection = found
        given = listed.plan
    tell_selection(selection, movie.meta, told)
    one, prepared = make_ready(request, movie, selection, method, given, told)
    tell_fit(one, method.card, told)
    run = Run(request, one, prepared, frames, told)
    if listed is not None:
        run.done.update(listed.done)
        run.made_by.update(listed.made_by)
    return run


def make_ready(
    request: DenoiseRequest, movie: Movie, selection: Selection, method: Method, given: Plan | None, told: Told
) -> tuple[RequestMovie, Prepared]:
    """Choose the scale and the plan, or take them from a plan that is given; returns the movie in electrons too."""
    correction = asked_correction(request, movie.meta)
    if correction is not None:
        told.tell(*correction.notices)
    if given is None:
        scale, notices = scale_of(request, movie, selection, correction)
        told.tell(*notices)
    else:
        scale = given.scale
    one = electron_movie(movie, selection, scale, correction)
    prepared, notices = prepare(one, method, request.device, request.region, told.context, request.tile, given)
    told.tell(*notices)
    stored = prepared.plan.stored
    if request.dtype == "float32":
        stored = None
    elif stored is None:
        stored, notices = choose_stored(one, told.context)
        told.tell(*notices)
    plan = prepared.plan.model_copy(update={"stored": stored})
    return one, Prepared(plan, prepared.method, prepared.denoiser, prepared.state)


def list_header(request: DenoiseRequest, movie: RequestMovie, plan: Plan) -> ListHeader:
    """Return what a frame list says it is of."""
    region = wanted_region(request.region, movie.meta)
    return ListHeader(
        fingerprint=movie.meta.fingerprint,
        source_frames=movie.selection.source_frames,
        movie_frames=movie.meta.frames,
        shape=(movie.frames, region.y1 - region.y0, region.x1 - region.x0),
        request=request,
        plan=plan,
    )


def tell_issues(movie: Movie, told: Told) -> None:
    """Tell what is wrong with the file, and whether it was denoised before."""
    meta = movie.meta
    steps = lineage(provenance_in(movie))
    if any(step.startswith(DENOISED) for step in steps):
        text = f"This movie was denoised already ({steps[0]}): what comes out tells less than the raw one does."
        told.tell(Notice(level="warning", code="denoised-before", text=text))
    for issue in meta.issues:
        if issue.level != "info":
            told.tell(Notice(level=issue.level, code=issue.code, text=f"The file: {issue.text}."))


def tell_selection(selection: Selection, meta: MovieMeta, told: Told) -> None:
    """Tell which frames are left out, and where sums must end."""
    if selection.left_over:
        text = f"{selection.left_over} frames did not fill a sum of {selection.summed} and were left out."
        told.tell(Notice(level="info", code="left-over", text=text))
    if selection.summed > 1 and len(selection.segments) > 1:
        reason = next((segment.reason for segment in meta.segments if segment.reason), "gaps in time")
        text = f"The movie is parted into {len(selection.segments)} stretches ({reason}); no sum crosses a border."
        told.tell(Notice(level="info", code="segments", text=text))


def tell_fit(movie: RequestMovie, card: ModelCard, told: Told) -> None:
    """Tell what the model was not made for, by the frames as it sees them; the dose only where the gain is known."""
    if not card.modality:
        return
    electrons = None
    if movie.scale.source in ("tag", "typed"):
        electrons = movie.read(movie.frames // 2).dose
    fit = judge_fit(card, movie.meta.model_copy(update={"frames": movie.frames}), electrons)
    if not fit.fits:
        text = f"{card.name} was not made for this. {' '.join(one.text for one in fit.misfits)}"
        # Of other images, or atoms at another scale, it makes what it knows.
        grave = any(one.code in ("modality", "pixel-size") for one in fit.misfits)
        told.tell(Notice(level="warning" if grave else "info", code="model-fit", text=text))


def _unfinished(
    request: DenoiseRequest, movie: Movie, method: Method, frames: FrameList, told: Told
) -> tuple[ListedFrames, Selection] | None:
    """Return the unfinished work that can be gone on with, and its frames; None: the run begins anew."""
    listed = frames.listed
    if listed is None or not request.resume:
        return None
    now = movie.meta
    # The file may have grown since: what is gone on with has the frames of then.
    as_long_as(movie, listed.header.movie_frames)
    selection = _same_work(request, movie, method, listed)
    if selection is None and listed.done and not request.overwrite:
        raise _unfinished_work_of_others(request, listed, now)
    if selection is None or request.plan not in (None, listed.header.plan):
        movie.meta = now
        text = "A partial result of other work, or of another movie, lay there; it was begun anew."
        told.tell(Notice(level="warning", code="begun-anew", text=text))
        return None
    if movie.meta.frames < now.frames and request.frames.stop is None:
        text = (
            f"The movie has grown to {now.frames} frames; the run goes on with the {movie.meta.frames} that it began "
            "with."
        )
        told.tell(Notice(level="warning", code="grown", text=text))
    return listed, selection


def _same_work(request: DenoiseRequest, movie: Movie, method: Method, listed: ListedFrames) -> Selection | None:
    """Return the frames of a request if the unfinished work is what is asked for; None if not."""
    identity = {"model": method.name, "model_version": method.version, "weights_sha256": method.weights_sha256}
    mine = listed.plan.model_copy(update=identity)
    try:
        selection = select(movie.meta, request.frames, request.sum_frames)
    except DenoiseError:
        # It asks for frames that the movie didn't have then, or has no more; if it never had them, that is told later.
        return None
    one = RequestMovie(movie, selection, listed.plan.scale)
    same = listed.header.same_work(list_header(request, one, mine)) and _same_pixels(one, listed)
    return selection if same else None


def _same_pixels(movie: RequestMovie, listed: ListedFrames) -> bool:
    """Whether the finished frames were made of this movie.

    Three of them are read again and their checksums compared. The fingerprint of the whole file may differ then: it
    does when a file has grown. Without checksums the fingerprint decides.
    """
    known = [frame for frame, one in sorted(listed.done.items()) if one.source and frame < movie.frames]
    if not known:
        return listed.header.fingerprint == movie.meta.fingerprint
    looked_at = {known[0], known[len(known) // 2], known[-1]}
    return all(movie.checksum(frame) == listed.done[frame].source for frame in sorted(looked_at))


def _unfinished_work_of_others(request: DenoiseRequest, listed: ListedFrames, meta: MovieMeta) -> DenoiseError:
    what = f"An unfinished result with {len(listed.done)} finished frames lies there, made "
    then = listed.header.movie_frames
    if then > meta.frames:
        what += f"when the movie had {then} frames; it has {meta.frames} frames now."
        advice = "Bring the whole movie back and run it again, choose another name, "
    else:
        what += "with other settings or of another movie."
        advice = "Choose another name, go on with the settings it was begun with, "
    return denoise_error("output-exists", what, request.output, f"{advice}or give it up: overwrite (--no-resume).")
