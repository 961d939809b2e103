"""What can go wrong on the way: no numbers, full disks, other recipes, nothing gained. The last good state is kept."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from core.denoising.context import QuietContext
from core.jobs.errors import JobError
from core.jobs.train import run
from core.models import ModelStore
from core.protocol.denoise import TrainJobRequest
from core.training import checkpoint, loop
from core.training.errors import TrainingDivergedError, TrainingError
from core.training.losses import LOSSES
from core.training.supervised import train
from tests.unit.training.conftest import Plain


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Callable[[set[int]], None]:
    """Make the loss of those calls no number, counted from 0."""

    def use(calls: set[int], infinite_gradient: bool = False) -> None:
        right, made = LOSSES["l2"], iter(range(10_000))

        def wrong(estimate: Tensor, batch: Any) -> Tensor:
            loss = right(estimate, batch)
            if next(made) not in calls:
                return loss
            # The root of nothing has a value, but no slope.
            return loss + (0 * estimate).sum().sqrt() if infinite_gradient else loss * float("nan")

        monkeypatch.setitem(LOSSES, "l2", wrong)

    return use


def _log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def _events(folder: Path) -> list[str]:
    return [line["say"] for line in _log(folder) if "event" in line]


def _finite(path: Path) -> bool:
    return all(bool(torch.isfinite(value).all()) for value in load_file(path).values())


@pytest.mark.parametrize("infinite_gradient", [False, True])
def test_a_loss_that_is_no_number_goes_back_and_halves_the_rate(
    tmp_path: Path, plain: Plain, spoil: Callable[..., None], infinite_gradient: bool
) -> None:
    spoil({3}, infinite_gradient)
    said: list[str] = []
    made = train(plain(), tmp_path, progress=lambda _, message: said.append(message))
    assert made.finished
    (event,) = _events(tmp_path)
    assert event == "the loss became no number at step 3: back to step 2 at 0.5 of the rate"
    assert event in said
    assert [line["step"] for line in _log(tmp_path) if "event" not in line] == [2, 4, 6]
    assert [line["rate"] for line in _log(tmp_path) if line.get("step") == 4 and "rate" in line] == [5e-4]
    assert _finite(tmp_path / "checkpoint.safetensors")


def test_a_checkpoint_that_failed_twice_gives_way_to_the_one_before(
    tmp_path: Path, plain: Plain, spoil: Callable[..., None]
) -> None:
    spoil({5, 6})
    assert train(plain(), tmp_path).finished
    assert [event.split(": ")[1] for event in _events(tmp_path)] == [
        "back to step 4 at 0.5 of the rate",
        "back to step 2 at 0.25 of the rate",
    ]


def test_without_a_checkpoint_it_begins_anew(tmp_path: Path, plain: Plain, spoil: Callable[..., None]) -> None:
    spoil({1})
    assert train(plain(), tmp_path).finished
    assert "back to step 0" in _events(tmp_path)[0]


def test_it_gives_up_after_so_many_returns_and_keeps_the_last_good_state(
    tmp_path: Path, plain: Plain, spoil: Callable[..., None]
) -> None:
    spoil(set(range(3, 100)))
    with pytest.raises(TrainingDivergedError, match="step 2 again, after 2 returns"):
        train(plain(rollbacks=2), tmp_path)
    assert len(_events(tmp_path)) == 2
    assert _finite(tmp_path / "checkpoint.safetensors")


def test_the_halved_rate_outlives_a_stop(tmp_path: Path, plain: Plain, spoil: Callable[..., None]) -> None:
    spoil({3})
    left = iter(range(5))
    assert not train(plain(), tmp_path, should_stop=lambda: next(left, None) is None).finished
    assert train(plain(), tmp_path).finished
    assert _log(tmp_path)[-1]["step"] == 6
    assert _log(tmp_path)[-1]["rate"] < 0.5 * 1e-3


def test_a_checkpoint_of_another_recipe_is_refused_and_left_alone(tmp_path: Path, plain: Plain) -> None:
    train(plain(), tmp_path)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(TrainingError, match=r"schedule\.rate was 0\.001 and is 0\.002.*checkpoint\.safetensors.*-o"):
        train(plain(rate=2e-3), tmp_path)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_another_card_or_place_of_the_scenes_is_the_same_recipe(plain: Plain) -> None:
    recipe = plain()
    assert recipe.scenes is not None
    moved = recipe.model_copy(
        update={
            "card": recipe.card.model_copy(update={"title": "Other"}),
            "scenes": recipe.scenes.model_copy(update={"folder": "elsewhere"}),
        }
    )
    assert checkpoint.recipe_hash(moved) == checkpoint.recipe_hash(recipe)
    assert checkpoint.recipe_hash(plain(batch=3)) != checkpoint.recipe_hash(recipe)


def test_a_damaged_checkpoint_is_told(tmp_path: Path, plain: Plain) -> None:
    train(plain(), tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TrainingError, match=r"damaged.*Put checkpoint-before"):
        train(plain(), tmp_path)
    (tmp_path / "checkpoint-before.safetensors").unlink()
    with pytest.raises(TrainingError, match=r"damaged.*Begin anew"):
        train(plain(), tmp_path)


def test_a_stop_between_the_two_names_of_a_checkpoint_loses_nothing(tmp_path: Path, plain: Plain) -> None:
    train(plain(), tmp_path)
    (tmp_path / "checkpoint.safetensors").replace(tmp_path / "checkpoint-before.safetensors")
    assert checkpoint.find_checkpoint(tmp_path) == tmp_path / "checkpoint-before.safetensors"


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT"])
def test_a_disk_that_fills_keeps_the_last_checkpoint(
    tmp_path: Path, plain: Plain, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if not hasattr(errno, name):
        pytest.skip(f"this system knows no {name}")
    number = getattr(errno, name)
    right, made = checkpoint.save_file, iter(range(100))

    def full(tensors: Any, path: Path, metadata: Any) -> None:
        if next(made) == 0:
            right(tensors, path, metadata)
            return
        Path(path).write_bytes(b"half")
        raise SafetensorError(f"Error while serializing: I/O error: {os.strerror(number)} (os error {number})")

    monkeypatch.setattr(checkpoint, "save_file", full)
    monkeypatch.setattr("core.jobs.train.load_recipe", lambda path: plain())
    request = TrainJobRequest(recipe="plain.toml", output=str(tmp_path / "out"), device="cpu")
    with pytest.raises(JobError) as caught:
        run(request, ModelStore.default(), QuietContext())
    assert caught.value.info.code == "disk-full"
    assert "--resume" in caught.value.info.advice
    assert sorted(path.name for path in (tmp_path / "out").glob("checkpoint*")) == ["checkpoint.safetensors"]
    monkeypatch.setattr(checkpoint, "save_file", right)
    assert run(request.model_copy(update={"resume": True}), ModelStore.default(), QuietContext()).steps == 6


def test_a_disk_without_room_for_checkpoints_is_told_before_the_first_step(
    tmp_path: Path, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("core.training.supervised.shutil.disk_usage", lambda path: usage)
    with pytest.raises(TrainingError, match=r"checkpoints take .* MB, and 0 MB are free") as caught:
        train(plain(), tmp_path)
    assert caught.value.info.code == "disk-full"


def test_a_training_that_goes_on_needs_no_second_room_for_the_checkpoints_that_are_there(
    tmp_path: Path, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(range(5))
    assert not train(plain(), tmp_path, should_stop=lambda: next(left, None) is None).finished
    size = (tmp_path / "checkpoint.safetensors").stat().st_size
    usage = type("Usage", (), {"free": 2 * size})
    monkeypatch.setattr("core.training.supervised.shutil.disk_usage", lambda path: usage)
    assert train(plain(), tmp_path).finished


def _scored(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    left = iter(values)
    monkeypatch.setattr(loop, "score", lambda task, held: {"HRTEM low": next(left)})


def test_it_stops_when_nothing_is_gained_and_writes_the_best_weights(
    tmp_path: Path, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    _scored(monkeypatch, [20.0, 22.0, 21.0, 22.005, 22.0])
    made = train(plain(steps=40, decay_steps=0, patience=2), tmp_path / "early")
    assert (made.finished, made.step) == (True, 8)
    assert made.model is not None
    assert _events(tmp_path / "early") == ["no gain since step 4"]
    _scored(monkeypatch, [20.0, 22.0, 22.0])
    until_best = train(plain(steps=4, decay_steps=0), tmp_path / "best")
    assert until_best.model is not None
    one, two = (load_file(folder / "weights.safetensors") for folder in (made.model, until_best.model))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_the_rate_is_halved_on_a_plateau(tmp_path: Path, plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    _scored(monkeypatch, [20.0, 20.0, 20.0, 20.0, 20.0])
    train(plain(steps=8, decay_steps=0, plateau=2), tmp_path)
    assert [line["rate"] for line in _log(tmp_path) if "rate" in line] == [1e-3, 1e-3, 1e-3, 5e-4]
    assert len(_events(tmp_path)) == 1


def test_a_folder_without_anything_to_validate_with_is_told(tmp_path: Path, plain: Plain, scenes_folder: Path) -> None:
    recipe = plain()
    for path in (scenes_folder / "validation").iterdir():
        path.unlink()
    with pytest.raises(TrainingError, match="0 to validate with"):
        train(recipe, tmp_path)
