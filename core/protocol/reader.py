"""What is said to the reader and what it answers: JSON lines on its stdin and stdout."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from core.protocol.base import ErrorInfo, Record
from core.protocol.denoise import Region, Scratch
from core.protocol.engine import Heartbeat, Quit
from core.protocol.movie import DatasetInfo, MovieMeta


class Describe(Record):
    """What is in this file?"""

    type: Literal["describe"] = "describe"
    id: int
    path: str
    dataset: str | None = None


class Thumbnail(Record):
    """A small picture of the middle frame, at most `size` px a side, into scratch at `slot`."""

    type: Literal["thumbnail"] = "thumbnail"
    id: int
    path: str
    dataset: str | None = None
    size: int = Field(default=128, ge=16, le=1024)
    scratch: Scratch
    slot: int = 0


class View(Record):
    """A rectangle of a frame as area means of `step` x `step` px, into scratch at `slot`.

    `mean_frames` > 1 averages that many frames from `frame` on: the plain control beside a network.
    """

    type: Literal["view"] = "view"
    id: int
    path: str
    dataset: str | None = None
    frame: int = Field(ge=0)
    region: Region | None = None
    step: int = Field(default=1, ge=1)
    mean_frames: int = Field(default=1, ge=1)
    scratch: Scratch
    slot: int = 0


class TraceRequest(Record):
    """The mean of a region for each frame, at most `points` of them, evenly chosen."""

    type: Literal["trace"] = "trace"
    id: int
    path: str
    dataset: str | None = None
    region: Region | None = None
    points: int = Field(default=512, ge=1)


class Forget(Record):
    """Close the file if it is open, so that a disk can be ejected."""

    type: Literal["forget"] = "forget"
    path: str


ReaderRequest = Annotated[Describe | Thumbnail | View | TraceRequest | Forget | Quit, Field(discriminator="type")]


class ReaderReady(Record):
    """First event after the start."""

    type: Literal["ready"] = "ready"
    pid: int
    version: str


class Described(Record):
    """Answer to `Describe`."""

    type: Literal["described"] = "described"
    id: int
    meta: MovieMeta
    datasets: tuple[DatasetInfo, ...]


class Pixels(Record):
    """Pixels lie in scratch at `slot` as float32 (height, width).

    `low` and `high` are the percentiles 0.35 and 99.65 of what is shown; `region` is the rectangle it covers and
    `step` its averaging.
    """

    type: Literal["pixels"] = "pixels"
    id: int
    slot: int
    height: int
    width: int
    region: Region
    step: int
    frame: int
    low: float
    high: float
    nonfinite: int = 0


class Trace(Record):
    """Answer to `TraceRequest`."""

    type: Literal["traced"] = "traced"
    id: int
    frames: tuple[int, ...]
    means: tuple[float, ...]


class ReaderFailed(Record):
    """A request failed; the reader goes on."""

    type: Literal["failed"] = "failed"
    id: int
    error: ErrorInfo


ReaderEvent = Annotated[
    ReaderReady | Heartbeat | Described | Pixels | Trace | ReaderFailed, Field(discriminator="type")
]

reader_request: TypeAdapter[Describe | Thumbnail | View | TraceRequest | Forget | Quit] = TypeAdapter(ReaderRequest)
reader_event: TypeAdapter[ReaderReady | Heartbeat | Described | Pixels | Trace | ReaderFailed] = TypeAdapter(
    ReaderEvent
)
