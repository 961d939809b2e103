"""The job ``export``: a movie into another format."""

from __future__ import annotations

from core.denoising.context import RunContext
from core.exporting.run import export_movie
from core.protocol.export import ExportRequest, ExportResult


def run(request: ExportRequest, context: RunContext) -> ExportResult:
    """Export; see `core.exporting.run.export_movie` for what it raises."""
    return export_movie(request, context)
