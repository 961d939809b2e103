"""Supervised training on simulated images: resumes bit for bit, stops when asked, the same for the same recipe."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core.models import ModelStore
from core.networks.lattice_corrected import LatticeCorrectedNet
from core.networks.registry import build, load
from core.protocol.recipes import ScheduleRecipe, TrainRecipe
from core.simulation.recipe_files import load_simulation
from core.training.checkpoint import TrainState, load_checkpoint, save_checkpoint
from core.training.examples import Source
from core.training.library_store import StoppedError, open_library
from core.training.losses import log_error
from core.training.model_folder import write_model
from core.training.prefetch import Prefetcher, Prepared
from core.training.scene_store import open_scenes
from core.training.validation import Held, held_out_set, score

Progress = Callable[[float, str], None]
_LIBRARY_SHARE = 0.1


class TrainingDivergedError(RuntimeError):
    """The loss is no longer a number; the last checkpoint is kept."""


@dataclass(frozen=True)
class TrainResult:
    """How a training ended; `model` is the folder with card and weights, None if it was stopped before the end."""

    finished: bool
    step: int
    seconds: float
    model: Path | None
    scores: dict[str, float] = field(default_factory=dict)


def rate_at(schedule: ScheduleRecipe, step: int) -> float:
    """Return the learning rate: linear rise, constant, cosine fall to zero."""
    if step < schedule.warmup_steps:
        return schedule.rate * (step + 1) / schedule.warmup_steps
    left = schedule.steps - step
    if left >= schedule.decay_steps:
        return schedule.rate
    return schedule.rate * 0.5 * (1 - math.cos(math.pi * left / schedule.decay_steps))


def train(
    recipe: TrainRecipe,
    out_dir: Path,
    progress: Progress = lambda fraction, message: None,
    should_stop: Callable[[], bool] = lambda: False,
    device: str = "cpu",
) -> TrainResult:
    """Train a network by a recipe, or go on with the training that `out_dir` holds.

    Parameters
    ----------
    recipe
        The recipe; the same recipe on the same kind of device gives the same weights.
    out_dir
        Holds the simulated library, `checkpoint.safetensors`, `log.jsonl`, and at the end the model's folder.
    progress
        Called with the fraction done and a short message.
    should_stop
        Asked before every step and every few simulated structures; a checkpoint is written before returning.
    device
        As torch names it.

    Raises
    ------
    TrainingDivergedError
        If the loss stops being a finite number.
    """
    out_dir.mkdir(parents=True, exist_ok=True)

    def first_part(fraction: float, message: str) -> None:
        progress(fraction * _LIBRARY_SHARE, message)

    try:
        source = _open_source(recipe, out_dir, first_part, should_stop)
    except StoppedError:
        return TrainResult(False, 0, 0.0, None)
    state = _fresh_state(recipe, device)
    checkpoint = out_dir / "checkpoint.safetensors"
    if checkpoint.exists():
        load_checkpoint(state, checkpoint)
    network = _lattice_network(state)
    held = held_out_set(network, source, recipe.schedule.patch, recipe.seed, device)
    batches = Prefetcher(network, source, recipe.schedule, recipe.seed, device)
    run = _Run(recipe, state, batches, held, out_dir, checkpoint, progress, should_stop, device)
    try:
        finished = run.go()
    finally:
        batches.close()
    if not finished:
        return TrainResult(False, state.step, state.seconds, None)
    scores = run.validate()
    model = write_model(recipe, state, scores, device, out_dir / recipe.name)
    return TrainResult(True, state.step, state.seconds, model, scores)


def _open_source(recipe: TrainRecipe, out_dir: Path, progress: Progress, should_stop: Callable[[], bool]) -> Source:
    library = open_library(recipe.library, recipe.seed, out_dir / "library", progress, should_stop)
    if recipe.scenes is None:
        return Source(library)
    scenes = load_simulation(recipe.scenes.recipe).model_copy(update={"structures": recipe.scenes.structures})
    return Source(library, open_scenes(scenes, out_dir / "scenes", progress, should_stop), recipe.scenes)


def _fresh_state(recipe: TrainRecipe, device: str) -> TrainState:
    torch.manual_seed(recipe.seed)
    network = build(recipe.network.architecture, recipe.network.config).to(device)
    if recipe.network.start is not None:
        _begin_with(network, recipe.network.start)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    schedule = recipe.schedule
    optimizer = torch.optim.AdamW(network.parameters(), lr=schedule.rate, weight_decay=schedule.weight_decay)
    return TrainState(network, average, optimizer)


def _begin_with(network: nn.Module, name: str) -> None:
    """Take over the weights of an installed model."""
    model = ModelStore.default().get(name)
    weights = {key: torch.from_numpy(np.array(value)) for key, value in model.load_weights().items()}
    other = load(model.card.architecture, model.card.config, weights)
    if not isinstance(network, LatticeCorrectedNet) or not isinstance(other, LatticeCorrectedNet):
        raise TypeError(f"only lattice-corrected networks can begin with {name}")
    network.begin_with(other)


def _lattice_network(state: TrainState) -> LatticeCorrectedNet:
    if not isinstance(state.network, LatticeCorrectedNet):
        raise TypeError(f"supervised training is for lattice-corrected networks, not {type(state.network).__name__}")
    return state.network


def _fast_bf16(device: str) -> bool:
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    return device == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001


@dataclass
class _Run:
    recipe: TrainRecipe
    state: TrainState
    batches: Prefetcher
    held: list[Held]
    out_dir: Path
    checkpoint: Path
    progress: Progress
    should_stop: Callable[[], bool]
    device: str

    def go(self) -> bool:
        """Train until the last step; returns False if asked to stop before."""
        schedule = self.recipe.schedule
        started, before = time.monotonic(), self.state.seconds
        running = 0.0
        while self.state.step < schedule.steps:
            if self.should_stop():
                save_checkpoint(self.state, self.checkpoint)
                return False
            loss = self._step(self.batches.get(self.state.step))
            running = loss if running == 0 else 0.98 * running + 0.02 * loss
            self.state.step += 1
            self.state.seconds = before + time.monotonic() - started
            step = self.state.step
            if step % 50 == 0:
                fraction = _LIBRARY_SHARE + (1 - _LIBRARY_SHARE) * step / schedule.steps
                self.progress(fraction, f"step {step} of {schedule.steps}, loss {running:.3f}")
            if step % schedule.checkpoint_every == 0:
                save_checkpoint(self.state, self.checkpoint)
            if step % schedule.validate_every == 0:
                self._log({"step": step, "seconds": self.state.seconds, "loss": running, **self.validate()})
        save_checkpoint(self.state, self.checkpoint)
        return True

    def _step(self, batch: Prepared) -> float:
        state, schedule = self.state, self.recipe.schedule
        for group in state.optimizer.param_groups:
            group["lr"] = rate_at(schedule, state.step)
        kind = self.device.split(":")[0]
        with torch.autocast(kind, torch.bfloat16, enabled=_fast_bf16(self.device)):
            estimate = _lattice_network(state).correct(batch.candidates, batch.deviation, batch.log_counts)
        loss = log_error(estimate, batch.truth, batch.deviation, batch.weight)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), schedule.clip)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingDivergedError(f"the loss became {value} at step {state.step}: lower the rate")
        state.optimizer.step()
        # The average forgets its random start quickly, then slows down to the recipe's pace.
        keep = min(schedule.average, (1 + state.step) / (10 + state.step))
        with torch.no_grad():
            for name, value_now in state.network.state_dict().items():
                state.average[name].lerp_(value_now, 1 - keep)
        return value

    def validate(self) -> dict[str, float]:
        """Score the averaged weights on the held-out structures."""
        network = _lattice_network(self.state)
        trained = {k: v.detach().clone() for k, v in network.state_dict().items()}
        network.load_state_dict(self.state.average)
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=_fast_bf16(self.device)):
            scores = score(network, self.held)
        network.load_state_dict(trained)
        return scores

    def _log(self, line: dict[str, float]) -> None:
        with (self.out_dir / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
