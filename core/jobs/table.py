"""Which file runs which request."""

from __future__ import annotations

from core.denoising.context import RunContext
from core.jobs import denoise, draft, estimate
from core.models import ModelStore
from core.protocol.denoise import (
    DenoiseRequest,
    DenoiseResult,
    DraftRequest,
    DraftResult,
    EstimateRequest,
    EstimateResult,
    TrainJobRequest,
    TrainJobResult,
)

Request = DenoiseRequest | DraftRequest | EstimateRequest | TrainJobRequest
Result = DenoiseResult | DraftResult | EstimateResult | TrainJobResult


def run_job(request: Request, store: ModelStore, context: RunContext) -> Result:
    """Run a job by its request."""
    if isinstance(request, DenoiseRequest):
        return denoise.run(request, store, context)
    if isinstance(request, DraftRequest):
        return draft.run(request, store, context)
    if isinstance(request, EstimateRequest):
        return estimate.run(request, store, context)
    # Training brings the simulation along, which nothing else needs.
    from core.jobs import train

    return train.run(request, store, context)
