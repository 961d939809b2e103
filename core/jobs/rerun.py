"""The job ``rerun``: a result made again and compared."""

from __future__ import annotations

from core.denoising.context import RunContext
from core.jobs.errors import job_error
from core.models import ModelStore
from core.protocol.rerun import RerunRequest, RerunResult


def run(request: RerunRequest, store: ModelStore, context: RunContext) -> RerunResult:
    """Not built yet."""
    raise job_error("internal", "This job is not built yet.")
