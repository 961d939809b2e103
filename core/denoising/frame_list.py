"""The list of finished frames beside ``NAME.partial``: what a run that was killed goes on from.

JSON lines. The first one says what is being made; then one line a finished frame, written only after its pixels, and
one line for each change of the plan. A last line that was cut off is ignored.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from core.denoising.quality import FrameQuality
from core.protocol.base import Record
from core.protocol.denoise import DenoiseRequest, Plan

VERSION = 1


class ListHeader(Record):
    """What a frame list is of: two runs with equal work may share frames."""

    version: int = VERSION
    fingerprint: str
    shape: tuple[int, int, int]
    request: DenoiseRequest
    plan: Plan

    def same_work(self, other: ListHeader) -> bool:
        """Whether frames of the one belong into the result of the other.

        Where source and output lie doesn't matter, nor how the work is cut into tiles: the plan of the frames that are
        there is kept. The model, what is asked of it, and the movie's content do matter.
        """
        model = ("model", "model_version", "weights_sha256")
        if any(getattr(self.plan, name) != getattr(other.plan, name) for name in model):
            return False
        mine, theirs = (self.version, self.fingerprint, self.shape), (other.version, other.fingerprint, other.shape)
        return mine == theirs and _work(self.request) == _work(other.request)


@dataclass
class ListedFrames:
    """What a frame list holds: its header, the plan in force at its end, and the figures of each finished frame."""

    header: ListHeader
    plan: Plan
    done: dict[int, FrameQuality] = field(default_factory=dict)


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
                figures = FrameQuality(entry["worst"], entry["boxes"], entry["hot"], entry["not_finite"])
                out.done[int(entry["frame"])] = figures
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

    def done(self, frame: int, quality: FrameQuality) -> None:
        """Enter a frame whose pixels have been written."""
        entry = {
            "frame": frame,
            "worst": quality.worst,
            "boxes": quality.boxes,
            "hot": quality.hot,
            "not_finite": quality.not_finite,
        }
        self._append(json.dumps(entry))

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
        os.ftruncate(self._file, self._end)
        os.lseek(self._file, self._end, os.SEEK_SET)
        self._end += len(data)
        while data:
            data = data[os.write(self._file, data) :]

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
