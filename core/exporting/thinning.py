"""A counted movie as two: each electron in one of them, by chance. Nothing is written of data that are not counts."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import core
from core.denoising.context import RunContext
from core.denoising.telling import Told
from core.exporting.chosen import Chosen, choose, opened
from core.exporting.errors import export_error
from core.exporting.removal import removed_unless_finished
from core.movies.calibration import Scale
from core.movies.writers import MovieWriter, create_writer
from core.movies.writers.disk import check_name
from core.movies.writers.provenance import provenance_in
from core.noise.poisson import CountCheck, require_counts
from core.noise.thinning import thin
from core.protocol.denoise_parts import Notice
from core.protocol.thin import ThinRequest, ThinResult
from core.views import display_range

# Pairs of neighbouring frames that are checked, evenly spread.
_PAIRS = 12
_MOST = 65535


def thin_movie(request: ThinRequest, context: RunContext) -> ThinResult:
    """Split a movie; see `core.noise.thinning`.

    Raises
    ------
    Cancelled
        Nothing is left.
    NoiseError
        Code ``not-counts``: the frames don't scatter as electron counts do, with the number.
    ExportError, MovieError
        Files that can't be read or written.
    """
    began = time.monotonic()
    told = Told(context)
    _check_outputs(request)
    with opened(request.source, request.dataset, None) as movie:
        chosen = choose(movie, request.frames, 1, None)
        check = require_counts(_looks(chosen, context), request.source)
        _tell_stated_gain(chosen, told)
        electrons = _write(request, chosen, check, context)
    return ThinResult(
        outputs=request.outputs,
        frames=len(chosen.frames),
        electrons=electrons,
        ratio=check.ratio,
        ratio_error=check.error,
        seconds=time.monotonic() - began,
        notices=tuple(told.notices),
    )


def _check_outputs(request: ThinRequest) -> None:
    first, second = (Path(output) for output in request.outputs)
    if first.absolute() == second.absolute():
        raise export_error("bad-request", "Both parts have the same name.", str(first), "Give two names.")
    for output in (first, second):
        if not output.absolute().parent.is_dir():
            raise export_error("not-found", "The output's folder doesn't exist.", str(output), "Make the folder.")
        if output.absolute() == Path(request.source).absolute():
            raise export_error(
                "bad-request", "A part has the name of the movie; originals are never written.", str(output)
            )
        check_name(output, request.overwrite)


def _looks(chosen: Chosen, context: RunContext) -> np.ndarray[Any, np.dtype[Any]]:
    """Return pairs of neighbouring frames (n, H, W)."""
    count = len(chosen.frames)
    firsts = np.unique(np.linspace(0, max(0, count - 2), min(_PAIRS, max(1, count // 2))).astype(int))
    looks = []
    for first in firsts:
        for place in (first, first + 1) if count > 1 else (first,):
            context.check()
            looks.append(chosen.read(int(place)))
    return np.stack(looks)


def _tell_stated_gain(chosen: Chosen, told: Told) -> None:
    gain = chosen.meta.counts_per_electron
    if gain is not None and gain != 1.0:
        text = f"The file states {gain:g} stored units an electron, but its frames scatter as counts of one do."
        told.tell(Notice(level="warning", code="gain", text=text))


def _write(request: ThinRequest, chosen: Chosen, check: CountCheck, context: RunContext) -> tuple[int, int]:
    shares = (request.fraction, 1 - request.fraction)
    sums = [0, 0]
    with ExitStack() as stack:
        writers: list[MovieWriter] = []
        for output, share in zip(request.outputs, shares, strict=True):
            writer = create_writer(
                output,
                chosen.shape,
                np.dtype(np.uint16),
                scale=_scale(chosen, share),
                resume=False,
                overwrite=request.overwrite,
            )
            stack.enter_context(removed_unless_finished(writer.partial))
            writers.append(stack.enter_context(writer))
        display = [(0.0, 1.0), (0.0, 1.0)]
        for place, frame in enumerate(chosen.ahead(context)):
            parts = thin(frame, shares, (request.seed, chosen.frames[place]))
            for number, part in enumerate(parts):
                if int(part.max(initial=0)) > _MOST:
                    what = f"Frame {chosen.frames[place]} holds more than {_MOST} electrons in a pixel."
                    raise export_error("unsupported", what, request.source, "Leave that frame out.")
                writers[number].write(place, part.astype(np.uint16))
                sums[number] += int(part.sum())
                if place == 0:
                    display[number] = display_range(part)
            context.progress("splitting", place + 1, len(chosen.frames), None, None)
        for writer, share, shown in zip(writers, shares, display, strict=True):
            writer.finish(json.dumps(_record(request, chosen, check, share)), shown)
    return sums[0], sums[1]


def _scale(chosen: Chosen, share: float) -> Scale:
    known = chosen.scale
    return replace(
        known,
        counts_per_electron=1.0,
        black_level=0.0,
        dose_e_per_a2=None if known.dose_e_per_a2 is None else known.dose_e_per_a2 * share,
        dose_rate_e_per_a2_s=None if known.dose_rate_e_per_a2_s is None else known.dose_rate_e_per_a2_s * share,
    )


def _record(request: ThinRequest, chosen: Chosen, check: CountCheck, share: float) -> dict[str, Any]:
    record: dict[str, Any] = {
        "program": "Quietbeam",
        "version": core.__version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": str(Path(request.source).absolute()),
        "source_fingerprint": chosen.meta.fingerprint,
        "request": request.model_dump(mode="json"),
        "share_of_electrons": share,
        "variance_over_mean": check.ratio,
    }
    before = provenance_in(chosen.movie)
    return record if before is None else {**record, "source_provenance": before}
