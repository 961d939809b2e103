"""The job ``denoise``: a movie into a file."""

from __future__ import annotations

from core.denoising.context import RunContext
from core.denoising.run import denoise_movie
from core.models import ModelStore
from core.protocol.denoise import DenoiseRequest, DenoiseResult


def run(request: DenoiseRequest, store: ModelStore, context: RunContext) -> DenoiseResult:
    """Denoise; see `core.denoising.run.denoise_movie` for what it raises."""
    return denoise_movie(request, store, context)
