from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.protocol.recipes import ScenesRecipe, TrainRecipe
from core.protocol.simulation import SceneRecipe, SimulateRecipe, SplitRecipe
from core.training.errors import StoppedError, TrainingError
from core.training.scene_store import open_scenes
from core.training.supervised import train

_SCENE = SceneRecipe(modality="SEM", pixel_nm=(4.0, 5.0))
_RECIPE = SimulateRecipe(
    name="few", structures=4, views=2, side=64, scenes=(_SCENE,), output="clean", split=SplitRecipe(validation=0.3)
)


def _nothing(fraction: float, message: str) -> None:
    del fraction, message


def test_structures_are_made_once_and_none_is_on_both_sides(tmp_path: Path) -> None:
    first = open_scenes(_RECIPE, tmp_path, _nothing, lambda: False)
    names = [scene.path.name for scene in (*first.train, *first.validation)]
    assert len(names) == len(set(names)) <= 4
    assert first.train
    assert first.train[0].modality == "SEM"
    assert first.train[0].view(0).shape == (64, 64)
    assert not np.array_equal(first.train[0].view(0), first.train[0].view(1))
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    assert open_scenes(_RECIPE, tmp_path, _nothing, lambda: False) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")} == written


def test_a_training_takes_its_part_of_a_set_that_others_share(tmp_path: Path) -> None:
    film = SceneRecipe(modality="TEM", pixel_nm=(0.4, 0.5))
    mixed = _RECIPE.model_copy(update={"scenes": (_SCENE, film), "structures": 12})
    every = open_scenes(mixed, tmp_path, _nothing, lambda: False)
    part = open_scenes(mixed, tmp_path, _nothing, lambda: False, ("SEM",))
    assert {scene.modality for scene in every.train} == {"SEM", "TEM"}
    assert part.train == tuple(scene for scene in every.train if scene.modality == "SEM")
    with pytest.raises(TrainingError, match=r"None of the .* scenes to train on is ABF; they are SEM, TEM"):
        open_scenes(mixed, tmp_path, _nothing, lambda: False, ("ABF",))


def test_stopping_leaves_what_is_finished(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        open_scenes(_RECIPE, tmp_path, _nothing, lambda: True)
    assert not list(tmp_path.rglob("*.json"))


def test_a_network_is_trained_on_scenes(tmp_path: Path, recipe: TrainRecipe) -> None:
    path = tmp_path / "few.toml"
    path.write_text(
        'name = "few"\nstructures = 9\nviews = 1\nside = 64\noutput = "clean"\n'
        '[[scenes]]\nmodality = "SEM"\npixel_nm = [4.0, 5.0]\n[split]\nvalidation = 0.3\ntest = 0.0\n'
    )
    scenes = ScenesRecipe(recipe=str(path), structures=4, share=0.5, binnings=(1,))
    result = train(recipe.model_copy(update={"scenes": scenes}), tmp_path / "out")
    assert result.finished
    assert {"SEM low", "SEM high"} <= set(result.scores)
