"""The job ``draft``: a part of one frame, at once, into scratch slot 0."""

from __future__ import annotations

from core.denoising.context import RunContext
from core.denoising.run import draft
from core.jobs.errors import job_error
from core.models import ModelStore
from core.protocol.denoise import DraftRequest, DraftResult
from core.views import display_range, fill_nonfinite, write_slot


def run(request: DraftRequest, store: ModelStore, context: RunContext) -> DraftResult:
    """Denoise a part of a frame and put it into scratch.

    Raises
    ------
    Cancelled, DenoiseError, MovieError, ModelError
        As `core.denoising.run.draft`.
    JobError
        The scratch file is gone or too small.
    """
    result, array = draft(request, store, context)
    context.check()
    shown, _ = fill_nonfinite(array)
    scratch = request.scratch
    try:
        write_slot(scratch.path, scratch.slot_bytes, 0, shown)
    except ValueError as error:
        advice = "Zoom in, so that a smaller part is shown."
        raise job_error("bad-request", "The draft is too large to be shown at once.", None, advice) from error
    except OSError as error:
        what = f"The draft could not be handed over ({error.strerror or error})."
        raise job_error("disk-full", what, scratch.path, "Free some space on the local disk.") from error
    low, high = display_range(shown)
    return result.model_copy(update={"low": low, "high": high})
