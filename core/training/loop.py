"""The loop over steps: one way for every network, one device or several. It validates, and goes back when it must."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from core.protocol.recipes import ScheduleRecipe, TrainRecipe
from core.training.checkpoint import (
    BEFORE,
    NAME,
    TrainState,
    load_checkpoint,
    save_checkpoint,
)
from core.training.errors import TrainingDivergedError
from core.training.log import TrainLog
from core.training.losses import LOSSES
from core.training.prefetch import Prefetcher
from core.training.prepared import Prepared
from core.training.tasks import Task
from core.training.team import Team
from core.training.validation import Held, measure, score

Progress = Callable[[float, str], None]
LIBRARY_SHARE = 0.1
_TOLD_EVERY = 50


def rate_at(schedule: ScheduleRecipe, step: int) -> float:
    """Return the learning rate: linear rise, constant, cosine fall to zero."""
    if step < schedule.warmup_steps:
        return schedule.rate * (step + 1) / schedule.warmup_steps
    left = schedule.steps - step
    if left >= schedule.decay_steps:
        return schedule.rate
    return schedule.rate * 0.5 * (1 - math.cos(math.pi * left / schedule.decay_steps))


def fast_bf16(device: str) -> bool:
    """Whether a device computes faster in bfloat16."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    return device == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001


@dataclass
class Loop:
    """A training on its way.

    Attributes
    ----------
    fresh
        Puts the state back to how a training begins.
    held
        What validates; empty in the processes that don't write.
    """

    recipe: TrainRecipe
    task: Task
    state: TrainState
    batches: Prefetcher
    held: list[Held]
    out_dir: Path
    progress: Progress
    should_stop: Callable[[], bool]
    device: str
    team: Team
    fresh: Callable[[], TrainState]
    _since_back: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._log = TrainLog(self.out_dir if self.team.first else None)
        self._log.rewind(self.state.step)
        precision = self.recipe.schedule.precision
        self._lowered = precision == "auto" and fast_bf16(self.device)

    def go(self) -> bool:
        """Train until the last step or an early stop; returns False if asked to stop before.

        Raises
        ------
        TrainingDivergedError
            The loss is no number, and going back did not help.
        """
        schedule, course = self.recipe.schedule, self.state.course
        started, before = time.monotonic(), course.seconds
        while course.step < schedule.steps and not self._exhausted():
            if self.team.any(self.should_stop(), self.device):
                self.save()
                return False
            loss = self._step(self.batches.get(course.step))
            if loss is None:
                self._go_back()
                course = self.state.course
                started, before = time.monotonic(), course.seconds
                continue
            course.running = loss if course.running == 0 else 0.98 * course.running + 0.02 * loss
            course.step += 1
            course.seconds = before + time.monotonic() - started
            if course.step % _TOLD_EVERY == 0:
                self._tell(f"step {course.step} of {schedule.steps}, loss {course.running:.3f}")
            # Validated first: what the checkpoint says of the best weights then holds for its own step.
            if course.step % schedule.validate_every == 0:
                self._judge()
            if course.step % schedule.checkpoint_every == 0:
                self.save()
        self.save()
        return True

    def _exhausted(self) -> bool:
        patience = self.recipe.schedule.patience
        if patience is None or self.state.course.waiting < patience:
            return False
        step, best = self.state.step, self.state.course.best_step
        self._tell(f"stopped early at step {step}: no gain since step {best}")
        self._log.add({"step": step, "event": "stopped early", "say": f"no gain since step {best}"})
        return True

    def _step(self, batch: Prepared) -> float | None:
        """Make one step; returns its loss, or None if loss or gradient are no numbers: the state is of no use then."""
        state, schedule = self.state, self.recipe.schedule
        for group in state.optimizer.param_groups:
            group["lr"] = rate_at(schedule, state.step) * state.course.factor
        with self._precision():
            estimate = self.task.estimate(batch)
        loss = LOSSES[schedule.loss](estimate, batch)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        said = loss.detach().float().reshape(1)
        gradients = [p.grad for p in state.network.parameters() if p.grad is not None]
        self.team.average([said, *gradients, *(b for b in state.network.buffers() if b.is_floating_point())])
        norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), schedule.clip)
        value = float(said)
        if not (math.isfinite(value) and math.isfinite(float(norm))):
            return None
        state.optimizer.step()
        # The average forgets its random start quickly, then slows down to the recipe's pace.
        keep = min(schedule.average, (1 + state.step) / (10 + state.step))
        with torch.no_grad():
            for name, value_now in state.network.state_dict().items():
                _follow(state.average[name], value_now, keep)
        return value

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self._lowered)

    def _go_back(self) -> None:
        """Put the last good checkpoint back, at half the rate; if that one failed already, the one before it."""
        course, schedule = self.state.course, self.recipe.schedule
        failed, rollbacks, factor = course.step, course.rollbacks + 1, course.factor / 2
        if rollbacks > schedule.rollbacks:
            again = (
                f" again, after {schedule.rollbacks} returns to a checkpoint at half the rate" if rollbacks > 1 else ""
            )
            advice = "lower 'rate' or 'clip' in the recipe"
            raise TrainingDivergedError(f"the loss became no number at step {failed}{again}: {advice}")
        self._since_back += 1
        names = (NAME, BEFORE) if self._since_back == 1 else (BEFORE, NAME)
        found = next((path for path in (self.out_dir / name for name in names) if path.exists()), None)
        if found is None:
            self.state = self._begun_anew()
        else:
            load_checkpoint(self.state, found, self.recipe)
        course = self.state.course
        course.rollbacks, course.factor = rollbacks, min(factor, course.factor)
        self.team.told(0.0, self.device)  # All have read it before the first one writes again.
        say = f"the loss became no number at step {failed}: back to step {course.step} at {course.factor:g} of the rate"
        self._tell(say)
        self._log.rewind(course.step)
        self._log.add({"step": failed, "event": "rolled back", "say": say})
        if self.team.first:
            save_checkpoint(self.state, self.out_dir / NAME, self.recipe)

    def _begun_anew(self) -> TrainState:
        """Return the state of the beginning, in the network that the task holds."""
        fresh = self.fresh()
        self.state.network.load_state_dict(fresh.network.state_dict())
        self.state.average, self.state.best = fresh.average, {}
        self.state.optimizer.load_state_dict({**self.state.optimizer.state_dict(), "state": {}})
        self.state.course = fresh.course
        return self.state

    def save(self) -> None:
        """Write a checkpoint, keeping the one before.

        Raises
        ------
        OSError
            The disk is full; both are as they were.
        """
        self._since_back = 0
        if self.team.first:
            save_checkpoint(self.state, self.out_dir / NAME, self.recipe, self.out_dir / BEFORE)

    def validate(self) -> dict[str, float]:
        """Score the averaged weights on the held-out structures."""
        network = self.task.network
        trained = {k: v.detach().clone() for k, v in network.state_dict().items()}
        network.load_state_dict(self.state.average)
        network.eval()
        with self._precision():
            scores = score(self.task, self.held)
        network.train()
        network.load_state_dict(trained)
        return scores

    def _judge(self) -> None:
        """Validate, and remember the best weights, for the recipe's patience and plateau."""
        state, schedule = self.state, self.recipe.schedule
        course = state.course
        scores = self.validate() if self.team.first else {}
        value = self.team.told(measure(scores) if scores else math.nan, self.device)
        rate = rate_at(schedule, course.step - 1) * course.factor
        line = {"step": course.step, "seconds": course.seconds, "loss": course.running, "rate": rate}
        self._log.add({**line, "measure": value, **scores})
        if course.best is None or value > course.best + schedule.least_gain:
            course.best, course.best_step, course.waiting, course.flat = value, course.step, 0, 0
            if schedule.patience is not None:
                state.best = {k: v.detach().clone() for k, v in state.average.items()}
            return
        course.waiting += 1
        course.flat += 1
        if schedule.plateau is not None and course.flat >= schedule.plateau:
            course.factor, course.flat = course.factor / 2, 0
            say = f"no gain for {schedule.plateau} validations: {course.factor:g} of the rate from now on"
            self._log.add({"step": course.step, "event": "rate halved", "say": say})

    def _tell(self, message: str) -> None:
        share = self.state.step / self.recipe.schedule.steps
        self.progress(LIBRARY_SHARE + (1 - LIBRARY_SHARE) * share, message)


def _follow(average: Tensor, now: Tensor, keep: float) -> None:
    if average.is_floating_point():
        average.lerp_(now, 1 - keep)
    else:
        average.copy_(now)
