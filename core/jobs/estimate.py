"""The job ``estimate``: what would a denoise cost?"""

from __future__ import annotations

from core.denoising.context import RunContext
from core.denoising.run import estimate
from core.models import ModelStore
from core.protocol.denoise import EstimateRequest, EstimateResult


def run(request: EstimateRequest, store: ModelStore, context: RunContext) -> EstimateResult:
    """Foresee time and space; see `core.denoising.run.estimate` for what it raises."""
    return estimate(request.request, store, context)
