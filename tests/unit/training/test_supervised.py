from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.networks.registry import load
from core.protocol.model_card import ModelCard
from core.protocol.recipes import TrainRecipe
from core.training.loop import rate_at
from core.training.supervised import train


def _stop_after(calls: int) -> Callable[[], bool]:
    left = iter(range(calls))
    return lambda: next(left, None) is None


def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path: Path, recipe: TrainRecipe) -> None:
    whole = train(recipe, tmp_path / "whole")
    first = train(recipe, tmp_path / "parts", should_stop=_stop_after(6))
    assert not first.finished
    assert 0 < first.step < recipe.schedule.steps
    second = train(recipe, tmp_path / "parts")
    assert whole.finished
    assert second.finished
    one, two = (load_file(r.model / "weights.safetensors") for r in (whole, second) if r.model)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert whole.scores == second.scores


def test_a_finished_training_leaves_a_model_that_loads(tmp_path: Path, recipe: TrainRecipe) -> None:
    said: list[tuple[float, str]] = []
    result = train(recipe, tmp_path, progress=lambda fraction, message: said.append((fraction, message)))
    assert result.model is not None
    card = ModelCard.model_validate_json((result.model / "card.json").read_text())
    weights = result.model / "weights.safetensors"
    assert card.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert card.training.steps == recipe.schedule.steps
    for key in type(recipe.card).model_fields:
        assert getattr(card, key) == getattr(recipe.card, key)
    network = load(card.architecture, card.config, load_file(weights))
    counts = torch.poisson(torch.full((1, 1, 40, 40), 2.0))
    assert bool(torch.isfinite(network(counts, counts.mean((1, 2, 3)), 2)).all())
    assert all(0 <= fraction <= 1 for fraction, _ in said)
    assert all(math.isfinite(value) for value in result.scores.values())


def test_stopping_while_simulating_leaves_no_model(tmp_path: Path, recipe: TrainRecipe) -> None:
    result = train(recipe, tmp_path, should_stop=lambda: True)
    assert not result.finished
    assert result.model is None


def test_the_rate_rises_stays_and_falls_to_nothing(recipe: TrainRecipe) -> None:
    schedule = recipe.schedule.model_copy(update={"steps": 100, "warmup_steps": 10, "decay_steps": 40, "rate": 1.0})
    rates = [rate_at(schedule, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert set(rates[10:60]) == {1.0}
    assert rates == sorted(rates[:10]) + sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.01
