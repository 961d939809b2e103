"""Checkpoints without pickles: tensors as safetensors, the rest as JSON, replaced in one step."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.protocol.recipes import TrainRecipe
from core.training.errors import TrainingError

NAME = "checkpoint.safetensors"
BEFORE = "checkpoint-before.safetensors"


@dataclass
class Course:
    """How a training went so far, besides its tensors.

    Attributes
    ----------
    step, seconds
        Done and spent.
    running : float
        The loss, averaged over about 50 steps.
    factor : float
        What roll-backs and plateaus left of the rate.
    rollbacks : int
        How often it went back.
    best, best_step
        The highest validation measure and when; None before the first.
    waiting, flat : int
        Validations without a gain: since the best, and since the rate was last halved.
    """

    step: int = 0
    seconds: float = 0.0
    running: float = 0.0
    factor: float = 1.0
    rollbacks: int = 0
    best: float | None = None
    best_step: int = 0
    waiting: int = 0
    flat: int = 0


@dataclass
class TrainState:
    """All that a training needs to go on: network, averaged weights, the best of these, optimiser, course."""

    network: nn.Module
    average: dict[str, Tensor]
    optimizer: torch.optim.AdamW
    course: Course = field(default_factory=Course)
    best: dict[str, Tensor] = field(default_factory=dict)

    @property
    def step(self) -> int:
        """Steps done."""
        return self.course.step

    @property
    def seconds(self) -> float:
        """Time spent."""
        return self.course.seconds


def trained_by(recipe: TrainRecipe) -> dict[str, str]:
    """Return what of a recipe makes its weights, by key: its card, and where its images lie, may change.

    What has its default is left out, so that a key that a later version adds changes nothing.
    """
    document = recipe.model_dump(mode="json", exclude_defaults=True, exclude={"card"})
    for source in ("scenes", "images"):
        document.get(source, {}).pop("folder", None)
    flat: dict[str, str] = {}
    for part, value in document.items():
        inner = value if isinstance(value, dict) else {"": value}
        flat |= {f"{part}.{key}".rstrip("."): json.dumps(one, sort_keys=True) for key, one in inner.items()}
    return flat


def recipe_hash(recipe: TrainRecipe) -> str:
    """Return a hash of what a recipe trains (`trained_by`)."""
    return hashlib.sha256(json.dumps(trained_by(recipe), sort_keys=True).encode()).hexdigest()


def checkpoint_bytes(state: TrainState) -> int:
    """How large a checkpoint will be, about."""
    # Network, average, two moments of the optimiser, and perhaps the best weights.
    tensors: list[Tensor] = list(state.network.state_dict().values())
    return 5 * sum(value.numel() * value.element_size() for value in tensors)


def find_checkpoint(folder: Path) -> Path | None:
    """Return the last checkpoint of a training, or the one before it if the program was stopped between the two."""
    return next((path for path in (folder / NAME, folder / BEFORE) if path.exists()), None)


def save_checkpoint(state: TrainState, path: Path, recipe: TrainRecipe, before: Path | None = None) -> None:
    """Write the state to one safetensors file, through a temporary name, so that a crash leaves the last one.

    The last one is kept as `before`, if that is given.

    Raises
    ------
    OSError
        The disk is full or can't be written to; the last checkpoint is as it was.
    """
    tensors = {f"network.{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in state.average.items()}
    tensors |= {f"best.{k}": v for k, v in state.best.items()}
    names = [name for name, _ in state.network.named_parameters()]
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{names[index]}.{k}": v for k, v in moments.items()}
    metadata = {
        "state": json.dumps(asdict(state.course)),
        "recipe": recipe_hash(recipe),
        "trained_by": json.dumps(trained_by(recipe)),
    }
    write_tensors(tensors, path, metadata, before)


def write_tensors(
    tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None, before: Path | None = None
) -> None:
    """Write a safetensors file whole or not at all, and keep what was there as `before`; raises OSError."""
    partial = path.with_suffix(".partial")
    try:
        save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, partial, metadata)
    except SafetensorError as error:
        partial.unlink(missing_ok=True)
        raise _of_the_system(error, path) from error
    if before is not None and path.exists():
        path.replace(before)
    partial.replace(path)


def _of_the_system(error: SafetensorError, path: Path) -> OSError:
    """Return the system's own error, of which safetensors tells the number in its words."""
    told = re.search(r"os error (\d+)", str(error))
    if told is None:
        return OSError(f"{path}: {error}")
    number = int(told[1])
    # Windows counts otherwise; the last is for it, and passed over elsewhere.
    return OSError(number, os.strerror(number), str(path), number)


def load_checkpoint(state: TrainState, path: Path, recipe: TrainRecipe) -> None:
    """Put a saved state back into `state`, bit for bit.

    Raises
    ------
    TrainingError
        The checkpoint is damaged, or of another recipe.
    """
    try:
        tensors = load_file(path)
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        course = Course(**json.loads(metadata["state"]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        advice = "Begin anew in another folder (-o)."
        if path.name != BEFORE and path.with_name(BEFORE).exists():
            advice = f"Put {BEFORE} in its place and use --resume, or begin anew in another folder (-o)."
        raise TrainingError("The checkpoint is damaged.", path, advice) from error
    # Checkpoints of earlier versions don't say.
    if metadata.get("recipe", recipe_hash(recipe)) != recipe_hash(recipe):
        what = f"The checkpoint was made by another recipe: {_difference(metadata, trained_by(recipe))}."
        advice = "Go on with the recipe that it was begun with, or begin anew in another folder (-o)."
        raise TrainingError(what, path, advice)
    try:
        _put_back(state, tensors)
    except (RuntimeError, ValueError) as error:
        advice = "Go on with the recipe that it was begun with, or begin anew in another folder (-o)."
        raise TrainingError("The checkpoint is of another network.", path, advice) from error
    state.course = course


def _difference(metadata: dict[str, str], now: dict[str, str]) -> str:
    """Say the first key that changed."""
    was = json.loads(metadata.get("trained_by", "{}"))
    key = next((key for key in sorted(was.keys() | now.keys()) if was.get(key) != now.get(key)), "its recipe")
    return f"{key} was {was.get(key, 'not given')} and is {now.get(key, 'not given')}"


def _put_back(state: TrainState, tensors: dict[str, Tensor]) -> None:
    device = next(state.network.parameters()).device

    def part(prefix: str) -> dict[str, Tensor]:
        return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}

    state.network.load_state_dict(part("network."))
    state.average = {k: v.to(device) for k, v in part("average.").items()}
    state.best = {k: v.to(device) for k, v in part("best.").items()}
    saved = state.optimizer.state_dict()
    saved["state"] = {}
    for index, (name, _) in enumerate(state.network.named_parameters()):
        moments = part(f"optimizer.{name}.")
        if moments:
            saved["state"][index] = moments
    state.optimizer.load_state_dict(saved)
