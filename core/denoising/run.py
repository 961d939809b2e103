"""Denoise a movie into a file. `draft` and `estimate` are here too: what jobs and tests call."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

from core.denoising.beginning import begin, list_header
from core.denoising.checksums import of_frame
from core.denoising.context import RunContext
from core.denoising.drafting import KeptDraft, draft, estimate
from core.denoising.errors import denoise_error
from core.denoising.frame_list import FrameList, list_path
from core.denoising.making import Run
from core.denoising.opening import open_asked
from core.denoising.output import check_output
from core.denoising.provenance import calibration, make_provenance
from core.denoising.telling import Told
from core.models import ModelStore
from core.movies import Movie, open_movie
from core.movies.errors import MovieError, unwritable
from core.movies.writers import MovieWriter, create_writer, partial_path
from core.protocol.denoise import DenoiseRequest, DenoiseResult, Notice
from core.views import display_range

__all__ = ["KeptDraft", "denoise_movie", "draft", "estimate"]

_LOOK_AGAIN_S = 10.0
_POLL_S = 0.05


def denoise_movie(request: DenoiseRequest, store: ModelStore, context: RunContext) -> DenoiseResult:
    """Denoise a movie into a file; the end of the output's name says its format.

    Writes ``NAME.partial`` and a list of finished frames beside it, and renames at the end; a run that was cancelled
    or killed goes on from the list, by the same plan, to the same bits. Of a file that grows meanwhile, the frames
    that it had at the start are denoised.

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
    with open_asked(request) as movie, _open_list(output) as frames:
        run = begin(request, movie, store, frames, told)
        plan, selection = run.prepared.plan, run.movie.selection
        with create_writer(
            output,
            run.shape,
            run.dtype,
            scale=calibration(request, movie.meta, selection, plan),
            resume=bool(run.done),
            overwrite=request.overwrite,
        ) as writer:
            context.started(plan, run.movie.frames)
            if writer.resumed:
                _check_what_is_there(run, writer, told)
            else:
                run.forget(list(run.done))
                frames.begin(list_header(request, run.movie, plan))
            resumed = len(run.done)
            plan = run.all_frames(writer.write)
            quality = run.judge()
            _tell_of_changes(request, movie, told)
            record = make_provenance(run, plan, quality, told.notices)
            # Other programs show the stored numbers from black to white as the middle frame wants it.
            writer.finish(record.model_dump_json(), display_range(writer.read(run.shape[0] // 2)))
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


def _check_what_is_there(run: Run, writer: MovieWriter, told: Told) -> None:
    """Read the finished frames of an earlier run and compare their checksums: make those anew that differ.

    A frame that was listed may still be lost: by a power cut, or by a network drive that found no room for it later.
    """
    lost = []
    for number, (frame, one) in enumerate(sorted(run.done.items())):
        told.context.check()
        if one.result and of_frame(writer.read(frame)) != one.result:
            lost.append(frame)
        told.context.progress("checking", number + 1, run.movie.frames, None, None)
    run.forget(lost)
    if lost:
        text = f"{len(lost)} frames of the earlier run do not lie on the disk as they were written; they are made anew."
        told.tell(Notice(level="warning", code="frames-lost", text=text))


def _tell_of_changes(request: DenoiseRequest, movie: Movie, told: Told) -> None:
    """Look at the source again: tell if it has grown, or was changed, while it was read."""
    now = _look_again(request, told.context)
    if now is None:
        return
    frames, fingerprint = now
    if frames > movie.meta.frames:
        if request.frames.stop is None and not any(notice.code == "grown" for notice in told.notices):
            text = (
                f"The movie has grown from {movie.meta.frames} to {frames} frames while it was denoised; the result "
                f"holds those of the start. The others are frames {movie.meta.frames} to {frames - 1}, counted from 0."
            )
            told.tell(Notice(level="warning", code="grown", text=text))
    elif fingerprint != movie.meta.fingerprint:
        text = "The movie was changed while it was denoised; the result may mix old and new frames. Run it again."
        told.tell(Notice(level="warning", code="source-changed", text=text))


def _look_again(request: DenoiseRequest, context: RunContext) -> tuple[int, str] | None:
    """Return frames and fingerprint of the source as it is now; None if it is gone: its frames have been read.

    A drive that hangs must not keep a finished result from its name: it is waited for a little, then left behind.
    """
    found: list[tuple[int, str]] = []

    def look() -> None:
        with contextlib.suppress(MovieError), open_movie(request.source, request.dataset) as movie:
            found.append((movie.meta.frames, movie.meta.fingerprint))

    thread = threading.Thread(target=look, name="denoise-look-again", daemon=True)
    thread.start()
    end = time.monotonic() + _LOOK_AGAIN_S
    while thread.is_alive() and time.monotonic() < end:
        context.check()
        thread.join(_POLL_S)
    return found[0] if found else None


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
