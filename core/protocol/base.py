"""The base of every message and record."""

from __future__ import annotations

import errno
from typing import Self

from pydantic import BaseModel, ConfigDict

# A quota that is used up is a full disk to its user; not every system has a number for it.
_DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class Record(BaseModel):
    """A frozen record: unknown keys are refused, so that a typing error never passes in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class ErrorInfo(Record):
    """What happened, to which file, and what to do next.

    Attributes
    ----------
    code : str
        A stable word for programs: ``not-a-movie``, ``truncated``, ``malformed``, ``unsupported``, ``unreadable``,
        ``not-found``, ``is-a-folder``, ``empty``, ``output-exists``, ``no-permission``, ``disk-full``, ``no-model``,
        ``out-of-memory``, ``cancelled``, ``bad-request``, ``hang``, ``crash``, ``diverged`` (a training), ``internal``;
        of projects ``damaged``, ``newer``, ``not-a-project``, ``read-only``; of model files ``bad-model``, ``newer``,
        ``model-exists``.
    what : str
        One sentence that says what happened.
    path : str or None
        The file concerned.
    advice : str
        One sentence that says what to do next; may be empty.
    """

    code: str
    what: str
    path: str | None = None
    advice: str = ""

    def sentence(self) -> str:
        """The whole message, as shown to a person."""
        parts = [self.what]
        if self.path and self.path not in self.what:
            parts.append(f"File: {self.path}.")
        if self.advice:
            parts.append(self.advice)
        return " ".join(parts)


class InfoError(Exception):
    """The base of a room's errors: each carries `info`, for programs and for the user."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info.sentence())
        self.info = info

    @classmethod
    def of(cls, code: str, what: str, path: str | None = None, advice: str = "") -> Self:
        """Return the error made of these words; what each of them is: `ErrorInfo`."""
        return cls(ErrorInfo(code=code, what=what, path=path, advice=advice))


def is_disk_full(error: OSError) -> bool:
    """Whether the system refused to write for want of room: what the code ``disk-full`` says."""
    return error.errno in _DISK_FULL
