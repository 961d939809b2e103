"""The list of finished frames beside ``NAME.partial``: what a run that was killed goes on from.

JSON lines. The first one says what is being made; then one line a finished frame, written only after its pixels, and
one line for each change of the plan. A last line that was cut off is ignored.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

from core.denoising.quality import FrameQuality
from core.movies.errors import unwritable
from core.protocol.base import Record
from core.protocol.denoise import DenoiseRequest, Plan

VERSION = 1


class ListHeader(Record):
    """What a frame list is of: two runs with equal work may share frames.

    `source_frames` are the frames of the source (start, stop) that are denoised, `movie_frames` how many it had at the
    time: a file that is still being written grows.
    """

    version: int = VERSION
    fingerprint: str
    source_frames: tuple[int, int] | None = None
    movie_frames: int = 0
    shape: tuple[int, int, int]
    request: DenoiseRequest
    plan: Plan

    def same_work(self, other: ListHeader) -> bool:
        """Whether frames of the one belong into the result of the other, if both are of the same pixels.

        Where source and output lie doesn't matter, nor how the work is cut into tiles: the plan of the frames that are
        there is kept. The model and what is asked of it do matter.
        """
        model = ("model", "model_version", "weights_sha256")
        if any(getattr(self.plan, name) != getattr(other.plan, name) for name in model):
            return False
        if None not in (self.source_frames, other.source_frames) and self.source_frames != other.source_frames:
            return False
        mine, theirs = (self.version, self.shape), (other.version, other.shape)
        return mine == theirs and _work(self.request) == _work(other.request)


@dataclass(frozen=True)
class Finished:
    """A frame that is written.

    Attributes
    ----------
    quality : FrameQuality
        Its figures.
    source : bytes
        Checksums of the source frames that it is made of, one after the other, 32 bytes each; empty: not known.
    result : bytes
        Checksum of its own pixels as they were written; empty: not known.
    clipped : int
        Pixels that the stored integers could not hold.
    """

    quality: FrameQuality
    source: bytes = b""
    result: bytes = b""
    clipped: int = 0

    def entry(self, frame: int) -> str:
        """The line of the list."""
        rest = {"clipped": self.clipped, "source": self.source.hex(), "result": self.result.hex()}
        return json.dumps({"frame": frame, **asdict(self.quality), **rest})

    @classmethod
    def of(cls, entry: dict[str, Any]) -> Finished:
        """What a line says."""
        figures = {one.name: entry[one.name] for one in fields(FrameQuality) if one.name in entry}
        source, result = (bytes.fromhex(entry.get(name, "")) for name in ("source", "result"))
        return cls(FrameQuality(**figures), source, result, int(entry.get("clipped", 0)))


@dataclass
class ListedFrames:
    """What a frame list holds: its header, the plan in force at its end, each finished frame and who made it."""

    header: ListHeader
    plan: Plan
    done: dict[int, Finished] = field(default_factory=dict)
    made_by: dict[int, Plan] = field(default_factory=dict)


def list_path(partial: Path) -> Path:
    """Return where the list of ``NAME.partial`` lies: ``NAME.partial.frames``."""
    return partial.with_name(partial.name + ".frames")


def read_list(content: bytes) -> ListedFrames | None:
    """Return what the bytes of a list say, or None if they can't be understood."""
    # What follows the last line break was cut off while it was written.
    lines = content.split(b"\n")[:-1]
    try:
        header = ListHeader.model_validate_json(lines[0])
        out = ListedFrames(header, header.plan)
        for line in lines[1:]:
            entry = json.loads(line)
            if "plan" in entry:
                out.plan = Plan.model_validate(entry["plan"])
            else:
                frame = int(entry["frame"])
                out.done[frame], out.made_by[frame] = Finished.of(entry), out.plan
    except (IndexError, KeyError, TypeError, ValueError, ValidationError):
        return None
    return out


class FrameList:
    """An open list, held by one run alone, appended to line by line. Use it in a ``with`` statement.

    Attributes
    ----------
    listed : ListedFrames or None
        What it held when it was opened; None if it was new or can't be understood.

    Raises
    ------
    BlockingIOError
        Another run holds it.
    OSError
        The file can't be opened or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._untouched = False
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            lock(self._file)
            content = _read_all(self._file)
        except OSError:
            self.close()
            raise
        self.listed = read_list(content)
        self._untouched = not content
        self._end = content.rfind(b"\n") + 1

    def begin(self, header: ListHeader) -> None:
        """Begin anew: whatever the list held is dropped."""
        self._end = 0
        self._append(header.model_dump_json())

    def done(self, frame: int, finished: Finished) -> None:
        """Enter a frame whose pixels have been written.

        Raises
        ------
        WriteFailed
            The disk is full or gone; the frames before stay entered.
        """
        self._append(finished.entry(frame))

    def changed_plan(self, plan: Plan) -> None:
        """Enter the plan that the frames after this line are made by."""
        self._append('{"plan":' + plan.model_dump_json() + "}")

    def close(self) -> None:
        """Close the file; closing twice does no harm. A list that was opened for nothing is removed."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            if self._untouched:
                self._path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Close the list and delete it: the result is complete."""
        self.close()
        self._path.unlink(missing_ok=True)

    def _append(self, line: str) -> None:
        # One write a line, where the last whole line ended: a kill leaves whole lines, or a torn one that is dropped.
        data = line.encode() + b"\n"
        self._untouched = False
        end = self._end + len(data)
        try:
            os.ftruncate(self._file, self._end)
            os.lseek(self._file, self._end, os.SEEK_SET)
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            raise unwritable(self._path, error) from error
        self._end = end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def lock(file: int) -> None:
    """Lock an open file for this process alone, until it is closed; raises BlockingIOError if another holds it."""
    if sys.platform == "win32":
        import msvcrt

        # A byte far beyond the end: the list itself stays readable.
        os.lseek(file, 1 << 30, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(*error.args) from error
    else:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            # A network drive without locks: better to run unguarded than not at all.
            return


def _read_all(file: int) -> bytes:
    os.lseek(file, 0, os.SEEK_SET)
    parts = []
    while part := os.read(file, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _work(request: DenoiseRequest) -> DenoiseRequest:
    """Return the request without what doesn't change a result's pixels."""
    return request.model_copy(
        update={"source": "", "output": "", "overwrite": False, "resume": True, "scratch": None, "plan": None}
    )
