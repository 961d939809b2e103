"""What went wrong, in the words that the user reads."""

from __future__ import annotations

import sys

from pydantic import ValidationError

from core.protocol.base import ErrorInfo, InfoError, Record, is_disk_full
from core.protocol.recipe_words import told


class JobError(InfoError):
    """A job can't be done; `info` says what happened, to which file, and what to do next."""


job_error = JobError.of


def error_info(error: BaseException) -> ErrorInfo:
    """Say what an exception means. Code ``internal``: it was not foreseen, and its traceback is wanted."""
    info = getattr(error, "info", None)
    if isinstance(info, ErrorInfo):
        return info
    if isinstance(error, ValidationError):
        return ErrorInfo(code="bad-request", what=f"This can't be asked for: {told(error, Record)}.")
    if is_out_of_memory(error):
        what = "There is not enough memory."
        advice = "Close other programs, choose a smaller region or the CPU; finished frames are kept."
        return ErrorInfo(code="out-of-memory", what=what, advice=advice)
    if isinstance(error, OSError) and is_disk_full(error):
        path = str(error.filename) if error.filename else None
        advice = "Free some space; finished frames are kept, and the run can go on from them."
        return ErrorInfo(code="disk-full", what="The disk is full.", path=path, advice=advice)
    what = f"Something went wrong that was not foreseen ({type(error).__name__}: {_short(error)})."
    return ErrorInfo(code="internal", what=what, advice="Try again; if it happens again, send the log.")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the computer, had too little memory. Asks torch only if it is loaded."""
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def is_device_failure(error: BaseException) -> bool:
    """Whether the device itself failed: nothing in this process can be trusted to compute after that."""
    torch = sys.modules.get("torch")
    kind = getattr(torch, "AcceleratorError", None)
    if kind is not None and isinstance(error, kind):
        return True
    return isinstance(error, RuntimeError) and "CUDA error" in str(error) and not is_out_of_memory(error)


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text[:300]
