"""Supervised training on clean images: resumes bit for bit, stops when asked, the same for the same recipe."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core.models import InstalledModel, ModelStore
from core.networks.lattice_corrected import LatticeCorrectedNet
from core.networks.registry import build, load, looks_over_time
from core.protocol.recipes import TrainRecipe
from core.simulation.recipe_files import load_simulation
from core.training.checkpoint import BEFORE, NAME, TrainState, checkpoint_bytes, find_checkpoint, load_checkpoint
from core.training.errors import StoppedError, TrainingError
from core.training.examples import Source
from core.training.image_folder import open_images
from core.training.library_store import open_library
from core.training.loop import LIBRARY_SHARE, Loop, Progress
from core.training.model_folder import write_model
from core.training.prefetch import Prefetcher
from core.training.scene_store import open_scenes, scenes_of
from core.training.tasks import task_for
from core.training.team import Team
from core.training.validation import held_out_set

# The last checkpoint, the one before, and the one that is being written.
_CHECKPOINTS = 3


@dataclass(frozen=True)
class TrainResult:
    """How a training ended; `model` is the folder with card and weights, None if it was stopped before the end."""

    finished: bool
    step: int
    seconds: float
    model: Path | None
    scores: dict[str, float] = field(default_factory=dict)


def train(
    recipe: TrainRecipe,
    out_dir: Path,
    progress: Progress = lambda fraction, message: None,
    should_stop: Callable[[], bool] = lambda: False,
    device: str = "cpu",
    store: ModelStore | None = None,
) -> TrainResult:
    """Train a network by a recipe, or go on with the training that `out_dir` holds.

    Started by torchrun, the processes share `out_dir` and train one network; each draws its own patches.

    Parameters
    ----------
    recipe
        The recipe; the same recipe on the same kind and number of devices gives the same weights.
    out_dir
        Holds the simulated library, `checkpoint.safetensors` and the one before, `log.jsonl` and its curve `log.svg`,
        and at the end the model's folder.
    progress
        Called with the fraction done and a short message.
    should_stop
        Asked before every step and every few simulated structures; a checkpoint is written before returning.
    device
        As torch names it.
    store
        Holds the model that the recipe begins with, if it names one; the installed models by default.

    Raises
    ------
    TrainingDivergedError
        If the loss stops being a finite number, and going back did not help.
    TrainingError
        The checkpoint in `out_dir` is damaged or of another recipe, or the recipe's images or network can't be used.
    ModelError
        The model that the recipe begins with is not installed, or is damaged.
    OSError
        The disk is full or can't be written to; the last checkpoint is kept.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    team = Team.join(device)
    place = team.device(device)
    installed = ModelStore.default() if store is None else store
    try:
        return _train(
            recipe, out_dir, progress, should_stop, place, team, lambda: _fresh_state(recipe, place, installed)
        )
    finally:
        team.leave()


def _train(
    recipe: TrainRecipe,
    out_dir: Path,
    progress: Progress,
    should_stop: Callable[[], bool],
    device: str,
    team: Team,
    fresh: Callable[[], TrainState],
) -> TrainResult:
    state = fresh()
    found = find_checkpoint(out_dir)
    if found is not None:
        load_checkpoint(state, found, recipe)
    _require_room(out_dir, state)

    def first_part(fraction: float, message: str) -> None:
        progress(fraction * LIBRARY_SHARE, message)

    source = _shared_source(recipe, out_dir, first_part, should_stop, team, device)
    if source is None:
        return TrainResult(False, state.step, state.seconds, None)
    task = task_for(state.network, device)
    schedule, seed = recipe.schedule, recipe.seed
    held = held_out_set(task, source, schedule.patch, seed) if team.first else []
    batches = Prefetcher(task, source, schedule, seed, team.rank, team.size)
    loop = Loop(
        recipe=recipe,
        task=task,
        state=state,
        batches=batches,
        held=held,
        out_dir=out_dir,
        progress=progress,
        should_stop=should_stop,
        device=device,
        team=team,
        fresh=fresh,
    )
    try:
        finished = loop.go()
    finally:
        batches.close()
    if not finished:
        return TrainResult(False, state.step, state.seconds, None)
    state.average = state.best or state.average
    if not team.first:
        return TrainResult(True, state.step, state.seconds, out_dir / recipe.name)
    scores = loop.validate()
    model = write_model(recipe, state, scores, device, out_dir / recipe.name)
    return TrainResult(True, state.step, state.seconds, model, scores)


def _require_room(folder: Path, state: TrainState) -> None:
    """Refuse a disk without room for the checkpoints that are not there yet."""
    there = sum(path.stat().st_size for path in (folder / NAME, folder / BEFORE) if path.exists())
    needed, free = _CHECKPOINTS * checkpoint_bytes(state) - there, shutil.disk_usage(folder).free
    if free < needed:
        what = f"The checkpoints take {needed / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free on this disk."
        raise TrainingError(what, folder, "Free some space, or choose a folder on another disk (-o).", "disk-full")


def _shared_source(
    recipe: TrainRecipe, out_dir: Path, progress: Progress, should_stop: Callable[[], bool], team: Team, device: str
) -> Source | None:
    """Open what there is to train on; the first process makes it, the others wait. None: asked to stop."""
    source = None
    if team.first:
        source = _open_source(recipe, out_dir, progress, should_stop)
    if team.told(float(source is not None), device) == 0:
        return None
    return source or _open_source(recipe, out_dir, progress, lambda: False)


def _open_source(
    recipe: TrainRecipe, out_dir: Path, progress: Progress, should_stop: Callable[[], bool]
) -> Source | None:
    if recipe.images is not None:
        return Source(images=open_images(recipe.images, recipe.schedule.patch), images_recipe=recipe.images)
    library = scenes = None
    try:
        if recipe.library is not None:
            library = open_library(recipe.library, recipe.seed, out_dir / "library", progress, should_stop)
        if recipe.scenes is not None:
            folder = out_dir / recipe.scenes.folder
            if recipe.scenes.recipe is None:
                scenes = scenes_of(folder, recipe.scenes.modalities)
            else:
                simulated = load_simulation(recipe.scenes.recipe)
                if recipe.scenes.structures is not None:
                    simulated = simulated.model_copy(update={"structures": recipe.scenes.structures})
                scenes = open_scenes(simulated, folder, progress, should_stop, recipe.scenes.modalities)
    except StoppedError:
        return None
    return Source(library, scenes, recipe.scenes)


def _fresh_state(recipe: TrainRecipe, device: str, store: ModelStore) -> TrainState:
    torch.manual_seed(recipe.seed)
    try:
        network = build(recipe.network.architecture, recipe.network.config).to(device)
    except ValueError as error:
        what = f"The recipe's network can't be built: {error}."
        raise TrainingError(what, None, "Mend 'network.architecture' or 'network.config'.") from error
    if recipe.card.frames > 1 and not looks_over_time(network):
        what = f"'card.frames' is {recipe.card.frames}, but a {recipe.network.architecture} looks at one frame."
        raise TrainingError(what, None, "Leave 'card.frames' out.")
    if recipe.network.start is not None:
        _begin_with(network, store.get(recipe.network.start))
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    schedule = recipe.schedule
    optimizer = torch.optim.AdamW(network.parameters(), lr=schedule.rate, weight_decay=schedule.weight_decay)
    return TrainState(network, average, optimizer)


def _begin_with(network: nn.Module, model: InstalledModel) -> None:
    """Take over the weights of an installed model."""
    weights = {key: torch.from_numpy(np.array(value)) for key, value in model.load_weights().items()}
    other = load(model.card.architecture, model.card.config, weights)
    if isinstance(network, LatticeCorrectedNet) and isinstance(other, LatticeCorrectedNet):
        network.begin_with(other)
        return
    try:
        if type(network) is not type(other):
            raise TypeError(f"it is a {model.card.architecture}")
        network.load_state_dict(other.state_dict())
    except (RuntimeError, TypeError) as error:
        what = f"The network can't begin with the weights of {model.card.name}: the two are of different kinds."
        raise TrainingError(what, model.folder, "Choose another 'network.start', or leave it out.") from error
