"""The job ``detector``: look for a detector's defects."""

from __future__ import annotations

from core.denoising.context import RunContext
from core.jobs.errors import job_error
from core.protocol.clean_up import DetectorRequest, DetectorResult


def run(request: DetectorRequest, context: RunContext) -> DetectorResult:
    """Not built yet."""
    raise job_error("internal", "This job is not built yet.")
