"""The job ``thin``: a counted movie as two independent ones."""

from __future__ import annotations

from core.denoising.context import RunContext
from core.exporting.thinning import thin_movie
from core.protocol.thin import ThinRequest, ThinResult


def run(request: ThinRequest, context: RunContext) -> ThinResult:
    """Split; see `core.exporting.thinning.thin_movie` for what it raises."""
    return thin_movie(request, context)
