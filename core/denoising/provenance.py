"""What is written into a result, so that it can be judged and run again from the file alone."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import torch

import core
from core.denoising.source import Selection
from core.movies.writers.tiff_directory import Scale
from core.protocol.denoise import DenoiseRequest, Notice, Plan, Provenance, Quality
from core.protocol.movie import MovieMeta


def make_provenance(
    request: DenoiseRequest,
    meta: MovieMeta,
    selection: Selection,
    plan: Plan,
    quality: Quality,
    notices: Sequence[Notice],
) -> Provenance:
    """Return the record of a finished run."""
    return Provenance(
        version=core.__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        source=meta.path,
        source_fingerprint=meta.fingerprint,
        source_frames=(selection.starts[0], selection.starts[-1] + selection.summed),
        request=request.model_copy(update={"scratch": None, "plan": None}),
        plan=plan,
        quality=quality,
        versions={"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        notices=tuple(notices),
    )


def calibration(meta: MovieMeta, summed: int) -> Scale:
    """Return the calibration of a result: the movie's own, and the time of a whole sum."""
    interval = None if meta.frame_interval_s is None else meta.frame_interval_s * summed
    return Scale(meta.pixel_size, meta.pixel_unit, interval)
