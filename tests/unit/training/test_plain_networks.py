"""DnCNN and the UNets, trained on counts at full resolution by the loop that trains everything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from core.networks.registry import build, load
from core.protocol.model_card import ModelCard
from core.training import loop
from core.training.losses import LOSSES
from core.training.prepared import Prepared
from core.training.recipe_file import RecipeError, load_recipe
from core.training.supervised import train
from core.training.tasks import Task, task_for
from tests.unit.training.conftest import PLAIN, Plain

NETWORKS = {
    "dncnn": "{ depth = 3, channels = 4 }",
    "small-unet": "{}",
    "unet": "{ scales = 2, channels = 4 }",
}


@pytest.mark.parametrize("architecture", NETWORKS)
@pytest.mark.parametrize("loss", ["poisson", "l1"])
def test_a_plain_network_is_trained_and_its_model_loads(
    tmp_path: Path, plain: Plain, architecture: str, loss: str
) -> None:
    made = train(plain(architecture, NETWORKS[architecture], loss=loss, steps=2), tmp_path / "out")
    assert made.model is not None
    assert set(made.scores) == {"HRTEM low", "HRTEM high"}
    card = ModelCard.model_validate_json((made.model / "card.json").read_text())
    network = load(card.architecture, card.config, load_file(made.model / "weights.safetensors"))
    with torch.no_grad():
        assert bool(torch.isfinite(network(torch.ones(1, 1, 32, 32))).all())


@pytest.mark.parametrize("bias", ["true", "false"])
def test_norms_train_in_half_precision_too(tmp_path: Path, plain: Plain, bias: str) -> None:
    made = train(plain(config=f"{{ scales = 2, channels = 4, bias = {bias} }}"), tmp_path / "out")
    assert made.finished
    assert all(np.isfinite(list(made.scores.values())))


def test_validation_uses_the_norms_statistics_and_training_goes_on_with_the_batchs(
    tmp_path: Path, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[bool]] = {"score": [], "step": []}

    def score(task: Task, held: Any) -> dict[str, float]:
        seen["score"].append(task.network.training)
        return {"HRTEM": 20.0}

    right = LOSSES["l2"]

    def loss(estimate: torch.Tensor, batch: Prepared) -> torch.Tensor:
        seen["step"].append(estimate.requires_grad and networks[0].training)
        return right(estimate, batch)

    networks: list[torch.nn.Module] = []

    def kept(network: torch.nn.Module, device: str) -> Task:
        networks.append(network)
        return task_for(network, device)

    monkeypatch.setattr(loop, "score", score)
    monkeypatch.setattr("core.training.supervised.task_for", kept)
    monkeypatch.setitem(LOSSES, "l2", loss)
    train(plain(), tmp_path / "out")
    assert set(seen["score"]) == {False}
    assert set(seen["step"]) == {True}


def test_a_network_learns_to_denoise_stripes(tmp_path: Path, plain: Plain) -> None:
    recipe = plain("small-unet", "{}", steps=50, decay_steps=20, rate=3e-3, validate_every=10, average=0.9)
    made = train(recipe, tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert made.scores["HRTEM high"] > lines[0]["HRTEM high"] + 1
    assert lines[-1]["loss"] < lines[0]["loss"]


def test_stopping_and_going_on_gives_the_same_bits_with_batch_norm(tmp_path: Path, plain: Plain) -> None:
    recipe = plain(patience=5)
    whole = train(recipe, tmp_path / "whole")
    left = iter(range(3))
    first = train(recipe, tmp_path / "parts", should_stop=lambda: next(left, None) is None)
    second = train(recipe, tmp_path / "parts")
    assert (first.finished, second.finished) == (False, True)
    assert whole.model is not None
    assert second.model is not None
    one, two = (load_file(folder / "weights.safetensors") for folder in (whole.model, second.model))
    assert all(torch.equal(one[key], two[key]) for key in one)

    def logged(name: str) -> list[dict[str, float]]:
        lines = [json.loads(line) for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]

    assert logged("parts") == logged("whole")


def test_counts_keep_their_full_resolution_and_their_dose(tmp_path: Path, plain: Plain) -> None:
    from core.training.examples import Source, draw_batch
    from core.training.scene_store import scenes_of

    recipe = plain(batch=8)
    assert recipe.scenes is not None
    source = Source(scenes=scenes_of(Path(recipe.scenes.folder)), scenes_recipe=recipe.scenes)
    example = draw_batch(source, recipe.schedule, 1, 0)
    batch = task_for(build("small-unet", {}), "cpu").prepare(example)
    (counts,) = batch.inputs
    assert counts.shape == (8, 1, 32, 32)
    assert torch.equal(counts, counts.round())
    assert torch.equal(batch.electrons(batch.truth), batch.truth)
    assert float(batch.truth.mean((1, 2, 3)).min()) > 0.4
    assert example.noise.tolist() == [1.0] * 8


def test_photographs_get_gaussian_noise_of_the_deviation_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    text = PLAIN.format(folder="x", architecture="small-unet", config="{}")
    start, end = text.index("[scenes]"), text.index("[network]")
    path = tmp_path / "photographs.toml"
    path.write_text(text[:start] + '[images]\nfolder = "photographs"\nnoise = [30, 70]\n' + text[end:])
    made = train(load_recipe(path), tmp_path / "out")
    assert set(made.scores) == {"noise 30", "noise 70"}
    # A network that has learnt nothing gives about 0: the images' own power.
    assert 3 < made.scores["noise 30"] < 12


def test_a_recipe_must_say_what_to_train_on(tmp_path: Path) -> None:
    text = PLAIN.format(folder="x", architecture="unet", config="{}")
    path = tmp_path / "nothing.toml"
    path.write_text(text[: text.index("[scenes]")] + text[text.index("[network]") :])
    with pytest.raises(RecipeError, match=r"give \[library\] or \[scenes\]"):
        load_recipe(path)
