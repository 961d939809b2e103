"""What a project knows, as it is handed out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from core.protocol.base import ErrorInfo
from core.protocol.clean_up import CleanUp
from core.protocol.entered import Entered
from core.protocol.jobs import Request, Result
from core.protocol.movie import MovieMeta

NOTHING_TYPED = Entered()


class JobState(StrEnum):
    """Where a job stands. ``INTERRUPTED``: the program ended while it ran; it can go on from its finished frames."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class MovieRecord:
    """A movie of the project.

    Attributes
    ----------
    paths : tuple of str
        Where its file may be, the likeliest first. No disk was asked.
    meta : MovieMeta
        As the file was when the movie was added; ``meta.path`` is the path at that time.
    entered : Entered
        What the user typed where the file is silent or wrong.
    holder_logs : tuple of str
        Where its holder log may be, the likeliest first; empty without one.
    holder_offset_s : float
        Added to the log's time, in s.
    clean_up : CleanUp or None
        What is done about the detector's defects; None: nothing was chosen.
    """

    id: int
    paths: tuple[str, ...]
    meta: MovieMeta
    added: str
    entered: Entered = NOTHING_TYPED
    holder_logs: tuple[str, ...] = ()
    holder_offset_s: float = 0.0
    clean_up: CleanUp | None = None

    @property
    def path(self) -> str:
        """Where it most likely is."""
        return self.paths[0]


@dataclass(frozen=True)
class JobRecord:
    """A job: everything needed to run it again, and how far it came.

    Attributes
    ----------
    finished : tuple of (start, stop)
        Ranges of finished frames of the result, ends exclusive.
    total : int
        Frames that it will have; 0 while unknown.
    """

    id: int
    movie_id: int | None
    request: Request
    state: JobState
    created: str
    finished: tuple[tuple[int, int], ...] = ()
    total: int = 0
    error: ErrorInfo | None = None
    result: Result | None = None

    @property
    def finished_frames(self) -> int:
        """How many frames are finished."""
        return sum(stop - start for start, stop in self.finished)


@dataclass(frozen=True)
class ResultRecord:
    """A file that a job made of a movie, or of another result (`parent_id`)."""

    id: int
    movie_id: int
    job_id: int | None
    parent_id: int | None
    paths: tuple[str, ...]
    created: str

    @property
    def path(self) -> str:
        """Where it most likely is."""
        return self.paths[0]


def merge_frames(ranges: Iterable[tuple[int, int]], frames: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Add frames to ranges; the result is sorted and its ranges do not touch."""
    pieces = sorted([*ranges, *((frame, frame + 1) for frame in frames)])
    merged: list[tuple[int, int]] = []
    for start, stop in pieces:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return tuple(merged)
