"""Trainings that begin with the weights of an installed model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.models import ModelError, ModelStore
from core.protocol.recipes import TrainRecipe
from core.training.errors import TrainingError
from core.training.supervised import train
from tests.unit.training.conftest import Plain


def beginning_with(recipe: TrainRecipe, name: str) -> TrainRecipe:
    network = recipe.network.model_copy(update={"start": name})
    return recipe.model_copy(update={"network": network, "name": "second"})


def test_a_training_begins_with_the_weights_of_a_model_of_the_store_it_is_given(tmp_path: Path, plain: Plain) -> None:
    first = train(plain(steps=2), tmp_path / "first")
    store = ModelStore((), (tmp_path / "first",))
    # At such a rate nothing is learned that half precision would keep.
    recipe = beginning_with(plain(steps=2, rate=1e-12), "plain")
    second = train(recipe, tmp_path / "out", store=store)
    assert first.model is not None
    assert second.model is not None
    one, two = (load_file(folder / "weights.safetensors") for folder in (first.model, second.model))
    # The statistics of norms go on with what is seen.
    learned = [key for key in one if ".running_" not in key and one[key].is_floating_point()]
    assert learned
    assert all(torch.equal(one[key], two[key]) for key in learned)


def test_a_model_of_another_kind_is_refused_before_anything_is_trained(tmp_path: Path, plain: Plain) -> None:
    train(plain("dncnn", "{ depth = 3, channels = 4 }", steps=2), tmp_path / "first")
    store = ModelStore((), (tmp_path / "first",))
    with pytest.raises(TrainingError, match="plain: the two are of different kinds"):
        train(beginning_with(plain(), "plain"), tmp_path / "out", store=store)
    assert not any((tmp_path / "out").iterdir())


def test_a_model_that_is_not_installed_is_told(tmp_path: Path, plain: Plain) -> None:
    with pytest.raises(ModelError, match="plain"):
        train(beginning_with(plain(), "plain"), tmp_path / "out", store=ModelStore((), (tmp_path / "none",)))
