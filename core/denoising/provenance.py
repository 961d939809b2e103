"""What is written into a result, so that it can be judged and run again from the file alone."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

import core
from core.denoising.checksums import of_all
from core.denoising.making import Run
from core.denoising.opening import typed_scale
from core.denoising.source import Selection
from core.movies.writers import Scale
from core.protocol.denoise import DenoiseRequest, Notice, Plan, Provenance, Quality
from core.protocol.movie import MovieMeta


def make_provenance(run: Run, plan: Plan, quality: Quality, notices: Sequence[Notice]) -> Provenance:
    """Return the record of a finished run; paths in it are absolute."""
    finished = [one for _, one in sorted(run.done.items())]
    return Provenance(
        version=core.__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        source=_absolute(run.movie.meta.path),
        source_fingerprint=run.movie.meta.fingerprint,
        source_frames=run.movie.selection.source_frames,
        movie_frames=run.movie.meta.frames,
        source_sha256=of_all(one.source for one in finished),
        result_sha256=of_all(one.result for one in finished),
        request=_self_contained(run.request),
        plan=plan,
        earlier_plans=run.earlier_plans(),
        quality=quality,
        versions=versions(),
        notices=tuple(notices),
    )


def versions() -> dict[str, str]:
    """Versions of what computes: with others, a result can differ in its last bits."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}


def calibration(request: DenoiseRequest, meta: MovieMeta, selection: Selection, plan: Plan) -> Scale:
    """Return the calibration of a result: the movie's own for the chosen frames, with gain and black level as typed."""
    scale = Scale.of(meta, selection.starts, selection.summed)
    gain, black = typed_scale(request)
    if request.clean_up.dark is not None:
        # Without electrons the corrected frame is 0: the file's own zero is gone with the dark reference.
        black = 0.0 if black is None else black
        scale = replace(scale, intensity_origin=None if scale.intensity_origin is None else 0.0)
    if gain is not None:
        scale = replace(scale, counts_per_electron=gain)
    if black is not None:
        scale = replace(scale, black_level=black * selection.summed)
    return scale if plan.stored is None else scale.scaled(plan.stored.origin, plan.stored.scale)


def _self_contained(request: DenoiseRequest) -> DenoiseRequest:
    """Return the request as it can be asked again from any folder."""
    clean_up = request.clean_up
    images = {name: _absolute(path) for name, path in clean_up if isinstance(path, str)}
    return request.model_copy(
        update={
            "source": _absolute(request.source),
            "output": _absolute(request.output),
            "clean_up": clean_up.model_copy(update=images),
            "scratch": None,
            "plan": None,
        }
    )


def _absolute(path: str) -> str:
    return str(Path(path).absolute())
