"""Which file runs which request."""

from __future__ import annotations

from core.denoising.context import RunContext
from core.jobs import denoise, detector, draft, estimate, export, rerun, thin
from core.models import ModelStore
from core.protocol.bench import ModelBenchRequest
from core.protocol.clean_up import DetectorRequest
from core.protocol.denoise import DenoiseRequest, DraftRequest, EstimateRequest
from core.protocol.export import ExportRequest
from core.protocol.jobs import Request, Result
from core.protocol.models import ExportModelRequest, InstallModelRequest, RemoveModelRequest
from core.protocol.nulltest import NullTestRequest
from core.protocol.rerun import RerunRequest
from core.protocol.score import ScoreRequest
from core.protocol.simulation import BenchmarkRequest, SimulateRequest
from core.protocol.thin import ThinRequest


def run_job(request: Request, store: ModelStore, context: RunContext) -> Result:
    """Run a job by its request."""
    if isinstance(request, DenoiseRequest):
        return denoise.run(request, store, context)
    if isinstance(request, DraftRequest):
        return draft.run(request, store, context)
    if isinstance(request, EstimateRequest):
        return estimate.run(request, store, context)
    if isinstance(request, ExportRequest):
        return export.run(request, context)
    if isinstance(request, DetectorRequest):
        return detector.run(request, context)
    if isinstance(request, RerunRequest):
        return rerun.run(request, store, context)
    if isinstance(request, ThinRequest):
        return thin.run(request, context)
    if isinstance(request, ScoreRequest):
        from core.jobs import score

        return score.run(request, context)
    if isinstance(request, NullTestRequest):
        from core.jobs import nulltest

        return nulltest.run(request, store, context)
    if isinstance(request, InstallModelRequest | ExportModelRequest | RemoveModelRequest):
        from core.jobs import models

        return models.run(request, store, context)
    # These bring the simulation along, which nothing else needs.
    if isinstance(request, ModelBenchRequest):
        from core.jobs import bench

        return bench.run(request, store, context)
    if isinstance(request, SimulateRequest | BenchmarkRequest):
        from core.jobs import simulate

        if isinstance(request, SimulateRequest):
            return simulate.run_simulate(request, context)
        return simulate.run_benchmark(request, context)
    from core.jobs import train

    return train.run(request, store, context)
