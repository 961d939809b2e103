"""A picture: pixels that lie somewhere in the movie's image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from core.protocol.denoise import FrameRange, Region
from core.views import area_mean


class PictureKind(Enum):
    """Where the pixels come from."""

    RAW = "raw"
    DRAFT = "draft"
    LANDED = "landed"
    RESULT = "result"


@dataclass(frozen=True)
class Picture:
    """Float32 pixels (H, W), each the mean of `step` x `step` image pixels.

    `x` and `y` are the image coordinates of the first pixel's corner, in the raw movie's px; `frame` is the raw movie's
    frame. `low` and `high` are the percentiles 0.35 and 99.65. `label` names the model.
    """

    pixels: np.ndarray
    x: float
    y: float
    step: int
    frame: int
    low: float
    high: float
    kind: PictureKind
    label: str = ""

    @property
    def rect(self) -> tuple[float, float, float, float]:
        """(x, y, width, height) in image px."""
        height, width = self.pixels.shape
        return (self.x, self.y, float(width * self.step), float(height * self.step))

    def averaged(self, step: int) -> Picture:
        """The picture as area means of about `step` x `step` image px, or itself if it is that coarse already."""
        factor = step // self.step
        if factor < 2:
            return self
        return replace(self, pixels=area_mean(self.pixels, factor), step=self.step * factor)

    def value_at(self, x: float, y: float) -> float | None:
        """The value at an image point, or None outside."""
        column = int((x - self.x) // self.step)
        row = int((y - self.y) // self.step)
        height, width = self.pixels.shape
        if 0 <= row < height and 0 <= column < width:
            return float(self.pixels[row, column])
        return None


@dataclass(frozen=True)
class FrameMap:
    """How a result's frames and pixels lie in the raw movie: frame ``k`` is the sum of raw frames from
    ``first + k * sum_frames`` on, and its pixel (0, 0) is the raw pixel (`y`, `x`).
    """

    first: int
    sum_frames: int
    count: int
    y: int
    x: int
    height: int
    width: int

    @classmethod
    def of(cls, frames: FrameRange, region: Region | None, sum_frames: int, movie: tuple[int, int, int]) -> FrameMap:
        """The map of a request on a movie of (frames, height, width)."""
        total, height, width = movie
        stop = total if frames.stop is None else min(frames.stop, total)
        count = max(0, (stop - frames.start) // sum_frames)
        if region is None:
            return cls(frames.start, sum_frames, count, 0, 0, height, width)
        y1, x1 = min(region.y1, height), min(region.x1, width)
        return cls(
            frames.start, sum_frames, count, region.y0, region.x0, max(0, y1 - region.y0), max(0, x1 - region.x0)
        )

    def to_result(self, raw_frame: int) -> int | None:
        """The result's frame that holds a raw frame, or None outside."""
        index = (raw_frame - self.first) // self.sum_frames
        return index if 0 <= index < self.count else None

    def to_raw(self, frame: int) -> int:
        """The first raw frame of a result's frame."""
        return self.first + frame * self.sum_frames

    def clip(self, region: Region) -> Region | None:
        """The part of a region of the raw movie that the result covers, in the result's pixels."""
        y0, y1 = max(region.y0 - self.y, 0), min(region.y1 - self.y, self.height)
        x0, x1 = max(region.x0 - self.x, 0), min(region.x1 - self.x, self.width)
        return Region(y0=y0, y1=y1, x0=x0, x1=x1) if y1 > y0 and x1 > x0 else None
