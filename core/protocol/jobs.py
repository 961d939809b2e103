"""Every job that can be asked for, and what comes of it: one list for the engine, the doors and the project."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from core.protocol.bench import ModelBenchRequest, ModelBenchResult
from core.protocol.clean_up import DetectorRequest, DetectorResult
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
from core.protocol.export import ExportRequest, ExportResult
from core.protocol.models import (
    ExportModelRequest,
    ExportModelResult,
    InstallModelRequest,
    InstallModelResult,
    RemoveModelRequest,
    RemoveModelResult,
)
from core.protocol.nulltest import NullTestRequest, NullTestResult
from core.protocol.rerun import RerunRequest, RerunResult
from core.protocol.score import ScoreRequest, ScoreResult
from core.protocol.simulation import BenchmarkRequest, SimulateRequest, SimulateResult
from core.protocol.thin import ThinRequest, ThinResult

Request = (
    DenoiseRequest
    | DraftRequest
    | EstimateRequest
    | TrainJobRequest
    | ExportRequest
    | DetectorRequest
    | RerunRequest
    | ThinRequest
    | ScoreRequest
    | NullTestRequest
    | SimulateRequest
    | BenchmarkRequest
    | InstallModelRequest
    | ExportModelRequest
    | RemoveModelRequest
    | ModelBenchRequest
)
Result = (
    DenoiseResult
    | DraftResult
    | EstimateResult
    | TrainJobResult
    | ExportResult
    | DetectorResult
    | RerunResult
    | ThinResult
    | ScoreResult
    | NullTestResult
    | SimulateResult
    | InstallModelResult
    | ExportModelResult
    | RemoveModelResult
    | ModelBenchResult
)

# The same as they are read from JSON: `kind` says which.
JobRequest = Annotated[Request, Field(discriminator="kind")]
JobResult = Annotated[Result, Field(discriminator="kind")]
