"""The job ``train``: a model by a recipe."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Iterator
from pathlib import Path

from core.denoising.context import Cancelled, RunContext
from core.denoising.devices import pick_device
from core.denoising.methods.classical import CLASSICAL
from core.jobs.errors import JobError, is_out_of_memory, job_error
from core.models import ModelStore
from core.protocol.base import is_disk_full
from core.protocol.denoise import TrainJobRequest, TrainJobResult
from core.protocol.denoise_parts import Notice
from core.training.checkpoint import find_checkpoint
from core.training.errors import TrainingDivergedError
from core.training.loop import LIBRARY_SHARE
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
    _judge_name(recipe.name, request.recipe, store, context)
    device, _ = pick_device(request.device)
    listener = _Listener(context)
    try:
        with _no_empty_folder_left(output):
            made = train(recipe, output, listener.progress, listener.should_stop, device.kind, store)
    except TrainingDivergedError as error:
        raise job_error("diverged", f"The training failed: {error}.", str(output), _kept(output)) from error
    except OSError as error:
        if is_disk_full(error):
            where = str(error.filename or output)
            advice = f"Free some space and go on with --resume. {_kept(output)}".strip()
            raise job_error("disk-full", "The disk is full.", where, advice) from error
        if error.errno == errno.ENOMEM:
            raise _too_little_memory(output) from error
        what = f"The training can't be written ({error.strerror or error})."
        raise job_error("no-permission", what, str(output), "Choose another folder with -o.") from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise _too_little_memory(output) from error
    if not made.finished:
        raise Cancelled
    return TrainJobResult(output=str(made.model), steps=made.step, seconds=made.seconds, scores=made.scores)


def _too_little_memory(output: Path) -> JobError:
    advice = f"Lower 'schedule.batch' or 'schedule.patch', or choose a smaller network. {_kept(output)}".strip()
    return job_error("out-of-memory", "There is not enough memory.", str(output), advice)


def _judge_name(name: str, recipe: str, store: ModelStore, context: RunContext) -> None:
    """Tell before hours of training what could not be installed after them."""
    if name in CLASSICAL:
        raise job_error("bad-request", f"{name!r} is a filter's name.", recipe, "Give the recipe another 'name'.")
    if store.comes_with_the_program(name):
        text = (
            f"A model called {name} comes with Quietbeam, so what this training makes can't be installed beside it: "
            f"it is to be compared with. To use yours, train it by a copy of the recipe with another 'name'."
        )
        context.notice(Notice(level="warning", code="name-taken", text=text))


@contextlib.contextmanager
def _no_empty_folder_left(folder: Path) -> Iterator[None]:
    there = folder.exists()
    try:
        yield
    finally:
        if not there:
            # Refused where anything lies in it.
            with contextlib.suppress(OSError):
                folder.rmdir()


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
        self._first, self._end = 0.0, -1.0

    def progress(self, fraction: float, message: str) -> None:
        """Say how long the part under way will take: of simulation and training neither tells of the other."""
        now = time.monotonic()
        end = 1.0 if fraction > LIBRARY_SHARE or self._end == 1.0 else LIBRARY_SHARE
        if end != self._end or fraction < self._first:
            self._began, self._first, self._end = now, fraction, end
        made = fraction - self._first
        left = (end - fraction) * (now - self._began) / made if made > 0 else None
        self._context.progress(message, round(fraction * PARTS), PARTS, left, None)

    def should_stop(self) -> bool:
        try:
            self._context.check()
        except Cancelled:
            return True
        return False
