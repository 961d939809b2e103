"""What is said to the reader and what it answers: JSON lines on its stdin and stdout."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from core.protocol.base import ErrorInfo, Record
from core.protocol.denoise import Region, Scratch
from core.protocol.engine import Heartbeat, Quit
from core.protocol.entered import Entered
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


class Survey(Record):
    """What would be added if these files and folders were dropped on the window?

    Only listings are read, and the headers of the first and the last of numbered images.
    """

    type: Literal["survey"] = "survey"
    id: int
    paths: tuple[str, ...]


class TagsRequest(Record):
    """The file's own tags whose name or value holds `search` (any case), at most `most` of them."""

    type: Literal["tags"] = "tags"
    id: int
    path: str
    dataset: str | None = None
    search: str = ""
    most: int = Field(default=2000, ge=1)


class HolderLogRequest(Record):
    """A holder log (CSV) joined to the frames of a movie by time; `offset_s` is added to the log's time."""

    type: Literal["holder_log"] = "holder_log"
    id: int
    path: str
    dataset: str | None = None
    entered: Entered | None = None
    log: str
    offset_s: float = 0.0


class Forget(Record):
    """Close the file if it is open, so that a disk can be ejected."""

    type: Literal["forget"] = "forget"
    path: str


ReaderRequest = Annotated[
    Describe | Thumbnail | View | TraceRequest | Survey | TagsRequest | HolderLogRequest | Forget | Quit,
    Field(discriminator="type"),
]


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


class Find(Record):
    """One thing that would be added: a movie, of one file or of many.

    Attributes
    ----------
    path : str
        What is opened: a file, or the folder of a movie that is many files.
    dataset : str or None
        Which movie of a folder that holds several.
    kind : str
        ``file``, ``in-situ`` (a Gatan tree of files or a director with its raw files), ``images`` (numbered TIFF or
        PNG), ``zarr``, ``parts`` (TVIPS and the like).
    files, file_bytes : int
        How many files belong to it, and their size.
    said : str
        One sentence for the user, such as "120 numbered TIFF images: one movie of 120 frames".
    """

    path: str
    dataset: str | None = None
    kind: Literal["file", "in-situ", "images", "zarr", "parts"] = "file"
    files: int = 1
    file_bytes: int = 0
    said: str = ""


class Surveyed(Record):
    """Answer to `Survey`. `said` sums it up in a sentence; `skipped` files are no movies; `more`: the list was cut."""

    type: Literal["surveyed"] = "surveyed"
    id: int
    finds: tuple[Find, ...]
    folders: int = 0
    skipped: int = 0
    more: bool = False
    said: str = ""


class TagRow(Record):
    """A tag: its dotted name, and its value as text."""

    name: str
    value: str


class Tags(Record):
    """Answer to `TagsRequest`; `total` tags match, of which `rows` are the first."""

    type: Literal["tagged"] = "tagged"
    id: int
    rows: tuple[TagRow, ...]
    total: int


class LogColumn(Record):
    """A quantity of a holder log, with its value at each frame (None: the log is silent there)."""

    name: str
    unit: str = ""
    values: tuple[float | None, ...]


class HolderLogJoined(Record):
    """Answer to `HolderLogRequest`. `said` tells how the times were matched, and what is doubtful."""

    type: Literal["holder_log_joined"] = "holder_log_joined"
    id: int
    columns: tuple[LogColumn, ...]
    frames_covered: int
    said: str


class ReaderFailed(Record):
    """A request failed; the reader goes on."""

    type: Literal["failed"] = "failed"
    id: int
    error: ErrorInfo


ReaderEvent = Annotated[
    ReaderReady | Heartbeat | Described | Pixels | Trace | Surveyed | Tags | HolderLogJoined | ReaderFailed,
    Field(discriminator="type"),
]

reader_request: TypeAdapter[
    Describe | Thumbnail | View | TraceRequest | Survey | TagsRequest | HolderLogRequest | Forget | Quit
] = TypeAdapter(ReaderRequest)
reader_event: TypeAdapter[
    ReaderReady | Heartbeat | Described | Pixels | Trace | Surveyed | Tags | HolderLogJoined | ReaderFailed
] = TypeAdapter(ReaderEvent)
