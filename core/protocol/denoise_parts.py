"""Pieces that several requests share: a region, a range of frames, a notice."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from core.protocol.base import Record
from core.protocol.movie import IssueLevel

DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]


class Region(Record):
    """Rows ``y0:y1`` and columns ``x0:x1`` of a frame, in px, ends exclusive."""

    y0: int = Field(ge=0)
    y1: int
    x0: int = Field(ge=0)
    x1: int

    @model_validator(mode="after")
    def _not_empty(self) -> Region:
        if self.y1 <= self.y0 or self.x1 <= self.x0:
            raise ValueError("the region is empty: its end must lie beyond its start")
        return self


class FrameRange(Record):
    """Frames ``start`` (inclusive) to ``stop`` (exclusive; None: to the end)."""

    start: int = Field(default=0, ge=0)
    stop: int | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> FrameRange:
        if self.stop is not None and self.stop <= self.start:
            raise ValueError("the range holds no frame: its end must lie beyond its start")
        return self


class Notice(Record):
    """Something the user is told about a run: smaller tiles, a hot pixel, a warning of quality."""

    level: IssueLevel
    code: str
    text: str
