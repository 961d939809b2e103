"""The job ``train``: a model by a recipe."""

from __future__ import annotations

import time
from pathlib import Path

from core.denoising.context import Cancelled, RunContext
from core.denoising.devices import pick_device
from core.jobs.errors import job_error
from core.models import ModelStore
from core.protocol.base import is_disk_full
from core.protocol.denoise import TrainJobRequest, TrainJobResult
from core.training.checkpoint import find_checkpoint
from core.training.errors import TrainingDivergedError
from core.training.recipe_file import RecipeError, load_recipe
from core.training.supervised import train

# Parts of the whole that progress is told in.
PARTS = 1000


def run(request: TrainJobRequest, store: ModelStore, context: RunContext) -> TrainJobResult:
    """Train, or go on with the training that the output folder holds.

    Raises
    ------
    Cancelled
        What was learned is kept.
    JobError
        The recipe can't be used; a training lies in the output folder and `resume` was not asked for; the training
        diverged; the disk is full. The last checkpoint is kept.
    TrainingError
        The checkpoint is damaged or of another recipe; the recipe's images or network can't be used.
    ModelError
        The model that the recipe begins with is not installed, or is damaged.
    DenoiseError
        The device can't be used.
    """
    try:
        recipe = load_recipe(Path(request.recipe))
    except RecipeError as error:
        raise job_error("bad-request", str(error)) from error
    output = Path(request.output)
    _refuse_surprise(output, request.resume)
    device, _ = pick_device(request.device)
    listener = _Listener(context)
    try:
        made = train(recipe, output, listener.progress, listener.should_stop, device.kind, store)
    except TrainingDivergedError as error:
        raise job_error("diverged", f"The training failed: {error}.", str(output), _kept(output)) from error
    except OSError as error:
        if is_disk_full(error):
            where = str(error.filename or output)
            advice = f"Free some space and go on with --resume. {_kept(output)}".strip()
            raise job_error("disk-full", "The disk is full.", where, advice) from error
        what = f"The training can't be written ({error.strerror or error})."
        raise job_error("no-permission", what, str(output), "Choose another folder with -o.") from error
    if not made.finished:
        raise Cancelled
    return TrainJobResult(output=str(made.model), steps=made.step, seconds=made.seconds, scores=made.scores)


def _kept(output: Path) -> str:
    """Say what is left of a training that ended badly."""
    found = find_checkpoint(output)
    return f"The last good state is kept in {found.name}." if found is not None else ""


def _refuse_surprise(output: Path, resume: bool) -> None:
    if output.exists() and not output.is_dir():
        raise job_error("output-exists", "The output is a file, not a folder.", str(output), "Choose another folder.")
    begun = find_checkpoint(output) is not None
    if begun and not resume:
        advice = "Go on with it (--resume), or choose another folder (-o)."
        raise job_error("output-exists", "A training lies in this folder already.", str(output), advice)


class _Listener:
    """Speaks the training's language on one side and the context's on the other."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._began = time.monotonic()
        self._first: float | None = None

    def progress(self, fraction: float, message: str) -> None:
        now = time.monotonic()
        if self._first is None:
            self._began, self._first = now, fraction
        made = fraction - self._first
        left = (1 - fraction) * (now - self._began) / made if made > 0 else None
        self._context.progress(message, round(fraction * PARTS), PARTS, left, None)

    def should_stop(self) -> bool:
        try:
            self._context.check()
        except Cancelled:
            return True
        return False
