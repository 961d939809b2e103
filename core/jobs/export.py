"""The job ``export``: a movie into another format."""

from __future__ import annotations

from core.denoising.context import RunContext
from core.jobs.errors import job_error
from core.protocol.export import ExportRequest, ExportResult


def run(request: ExportRequest, context: RunContext) -> ExportResult:
    """Not built yet."""
    raise job_error("internal", "This job is not built yet.")
