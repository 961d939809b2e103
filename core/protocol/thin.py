"""Splitting the electrons of a counted movie into two independent movies of the same instants."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.protocol.base import Record
from core.protocol.denoise_parts import FrameRange, Notice


class ThinRequest(Record):
    """Each electron goes by chance into the first movie (with probability `fraction`) or into the second.

    Denoise the first with any program and judge the result by the second: what they share is the specimen alone. The
    same `seed` gives the same parts. `outputs` are names of files of our formats.
    """

    kind: Literal["thin"] = "thin"
    source: str
    dataset: str | None = None
    outputs: tuple[str, str]
    fraction: float = Field(default=0.5, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)
    frames: FrameRange = FrameRange()
    overwrite: bool = False


class ThinResult(Record):
    """What was written; `ratio` is variance / mean of the movie where it lies farthest from 1, with its error."""

    kind: Literal["thin"] = "thin"
    outputs: tuple[str, str]
    frames: int
    electrons: tuple[int, int]
    ratio: float
    ratio_error: float
    seconds: float
    notices: tuple[Notice, ...] = ()
