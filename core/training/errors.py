"""What can go wrong in a training, in words for the user."""

from __future__ import annotations

import errno
from pathlib import Path

from core.protocol.base import ErrorInfo


class TrainingDivergedError(RuntimeError):
    """The loss is no longer a number; the last checkpoint is kept."""


class StoppedError(Exception):
    """The caller asked to stop; what is done so far lies on disk."""


class TrainingError(RuntimeError):
    """A training can't begin or go on; `info` says why and what to do."""

    def __init__(self, what: str, path: Path | None, advice: str, code: str = "bad-request") -> None:
        self.info = ErrorInfo(code=code, what=what, path=None if path is None else path.as_posix(), advice=advice)
        super().__init__(self.info.sentence())


def disk_full(path: Path) -> OSError:
    """Return the error that a full disk gives everywhere else, too."""
    return OSError(errno.ENOSPC, "No space left on device", str(path))
