"""The job ``rerun``: a result made again and compared."""

from __future__ import annotations

from core.denoising.context import RunContext
from core.denoising.rerunning import rerun_result
from core.models import ModelStore
from core.protocol.rerun import RerunRequest, RerunResult


def run(request: RerunRequest, store: ModelStore, context: RunContext) -> RerunResult:
    """Make a result again; see `core.denoising.rerunning.rerun_result` for what it raises."""
    return rerun_result(request, store, context)
