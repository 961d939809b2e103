"""Requests and results of denoising: everything that is needed to run them again."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from core.protocol.base import Record
from core.protocol.clean_up import CleanUp
from core.protocol.denoise_parts import DeviceChoice, FrameRange, Notice, Region
from core.protocol.entered import Entered

__all__ = [
    "DenoiseRequest",
    "DenoiseResult",
    "DeviceChoice",
    "DraftRequest",
    "DraftResult",
    "EstimateRequest",
    "EstimateResult",
    "FrameRange",
    "IntensityScale",
    "Notice",
    "Plan",
    "PlanStretch",
    "Provenance",
    "Quality",
    "Region",
    "Scratch",
    "StoredScale",
    "TrainJobRequest",
    "TrainJobResult",
]


class IntensityScale(Record):
    """Stored value to electrons: electrons = (stored - offset) / gain. Invertible.

    `source` says where it comes from: ``tag``, ``typed``, ``estimated`` or ``unknown``. Only with ``tag`` or ``typed``
    are the numbers called electrons in front of the user; otherwise results are linear file units.
    """

    gain: float = Field(gt=0)
    offset: float = 0.0
    source: Literal["tag", "typed", "estimated", "unknown"]


class StoredScale(Record):
    """How a result's integers become values: value = (stored - origin) * scale, as in `MovieMeta`.

    `scale` is a power of two and `origin` a whole number, so that float32 holds each value exactly.
    """

    origin: float
    scale: float = Field(gt=0)


class Plan(Record):
    """Chosen once at the start and used again by rerun and resume: the same plan gives the same bits.

    `stored` is the scale of a result of integers; None: values are stored as they are.
    """

    device: str
    device_name: str = ""
    dtype: Literal["float32", "bfloat16"]
    tile_height: int = Field(ge=1)
    tile_width: int = Field(ge=1)
    halo: int = Field(ge=0)
    batch: int = Field(ge=1, le=4096)
    threads: int = Field(ge=1, le=4096)
    model: str
    model_version: str
    weights_sha256: str
    parameters: dict[str, Any] = {}
    scale: IntensityScale
    stored: StoredScale | None = None


class Scratch(Record):
    """A file of fixed size on the local disk, made and removed by the window, through which pixels travel.

    Frames go round: slot ``k`` begins at ``k * slot_bytes``; there are ``slots`` of them.
    """

    path: str
    slot_bytes: int = Field(gt=0)
    slots: int = Field(gt=0)


class DenoiseRequest(Record):
    """Denoise a movie, a range of it or a region of it, into a file.

    `sum_frames` adds up that many neighbouring frames into one before denoising. `counts_per_electron` and
    `black_level` are what the user typed; None: from the file, else estimated. `entered` is calibration typed by hand,
    `clean_up` what is done about the detector's defects. The end of `output`'s name says its format (``.tif``,
    ``.ome.tif``, ``.mrc``, ``.ome.zarr``); with `dtype` ``uint16`` the values are stored with a linear scale.
    """

    kind: Literal["denoise"] = "denoise"
    source: str
    dataset: str | None = None
    output: str
    model: str
    device: DeviceChoice = "auto"
    frames: FrameRange = FrameRange()
    region: Region | None = None
    sum_frames: int = Field(default=1, ge=1)
    counts_per_electron: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    black_level: float | None = Field(default=None, allow_inf_nan=False)
    dtype: Literal["float32", "uint16"] = "float32"
    entered: Entered | None = None
    clean_up: CleanUp = CleanUp()
    overwrite: bool = False
    resume: bool = True
    tile: int | None = Field(default=None, ge=16)
    plan: Plan | None = None
    scratch: Scratch | None = None


class DraftRequest(Record):
    """Denoise one frame, or a region of one, at once and into scratch (slot 0); the next draft cancels it."""

    kind: Literal["draft"] = "draft"
    source: str
    dataset: str | None = None
    frame: int = Field(ge=0)
    region: Region | None = None
    sum_frames: int = Field(default=1, ge=1)
    counts_per_electron: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    black_level: float | None = Field(default=None, allow_inf_nan=False)
    entered: Entered | None = None
    clean_up: CleanUp = CleanUp()
    model: str
    device: DeviceChoice = "auto"
    scratch: Scratch


class EstimateRequest(Record):
    """What would a denoise cost? Answered by reading a frame or two and timing a tile."""

    kind: Literal["estimate"] = "estimate"
    request: DenoiseRequest


class TrainJobRequest(Record):
    """Train a model by a recipe file (TOML)."""

    kind: Literal["train"] = "train"
    recipe: str
    output: str
    device: DeviceChoice = "auto"
    resume: bool = False


class Quality(Record):
    """Figures that need no truth, each with its caveat.

    `worst_local_mean` is the largest deviation of a 64-px box's mean between result and input, in standard errors of
    the input's mean, over all frames; above 4 the result is flagged.
    """

    worst_local_mean: float
    worst_local_mean_frame: int
    boxes: int
    hot_pixels: int = 0
    caveats: tuple[str, ...] = ()


class DenoiseResult(Record):
    """What a denoise job made."""

    kind: Literal["denoise"] = "denoise"
    output: str
    frames: int
    height: int
    width: int
    seconds: float
    megapixels_per_s: float
    resumed_frames: int = 0
    plan: Plan
    quality: Quality
    notices: tuple[Notice, ...] = ()


class DraftResult(Record):
    """A draft lies in scratch slot 0 as float32 (height, width), in the file's own units."""

    kind: Literal["draft"] = "draft"
    frame: int
    region: Region
    height: int
    width: int
    seconds: float
    low: float
    high: float
    notices: tuple[Notice, ...] = ()


class EstimateResult(Record):
    """Foreseen cost of a denoise."""

    kind: Literal["estimate"] = "estimate"
    seconds: float
    output_bytes: int
    free_bytes: int
    output: str
    device: str
    device_name: str = ""


class TrainJobResult(Record):
    """Where the trained model lies."""

    kind: Literal["train"] = "train"
    output: str
    steps: int
    seconds: float
    scores: dict[str, float] = {}


class PlanStretch(Record):
    """Frames of a result up to `stop` (exclusive), from where the stretch before ends, and the plan that made them."""

    stop: int = Field(gt=0)
    plan: Plan


class Provenance(Record):
    """Written into every result, so that it can be judged and run again from the file alone.

    `movie_frames` is how many frames the movie had (it may have grown since); 0: not known.
    `plan` made all frames, unless memory ran out on the way: `earlier_plans` then made those at the beginning.
    `source_sha256` is over the frames that were read and `result_sha256` over those that were written, each frame's
    pixels hashed on their way and the hashes hashed in order; empty where unknown.
    """

    program: str = "Quietbeam"
    version: str
    created: str
    source: str
    source_fingerprint: str
    source_frames: tuple[int, int]
    movie_frames: int = 0
    source_sha256: str = ""
    result_sha256: str = ""
    request: DenoiseRequest
    plan: Plan
    earlier_plans: tuple[PlanStretch, ...] = ()
    quality: Quality | None = None
    versions: dict[str, str] = {}
    notices: tuple[Notice, ...] = ()
