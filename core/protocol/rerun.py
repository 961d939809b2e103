"""Making a result again from the provenance inside it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.protocol.base import Record
from core.protocol.denoise_parts import DeviceChoice, Notice


class RerunRequest(Record):
    """Make `result` again by its own plan and compare.

    `source` is where the movie is now, if it was moved. `output` keeps the new result; None: it is compared and
    removed. `tolerance` is relative to the standard deviation of the first result's pixels.
    """

    kind: Literal["rerun"] = "rerun"
    result: str
    source: str | None = None
    output: str | None = None
    device: DeviceChoice = "auto"
    tolerance: float = Field(default=1e-3, ge=0)
    overwrite: bool = False


class RerunResult(Record):
    """How the two compare. `largest_difference` is in stored units, `relative` in standard deviations of the result."""

    kind: Literal["rerun"] = "rerun"
    result: str
    output: str | None
    frames: int
    identical: bool
    same_device: bool
    same_source: bool
    different_frames: int
    largest_difference: float
    relative: float
    tolerance: float
    within: bool
    seconds: float
    notices: tuple[Notice, ...] = ()
