from __future__ import annotations

import errno
import os
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


def test_scenes_of_another_recipe_are_not_taken_for_those_wanted(tmp_path: Path) -> None:
    first = open_scenes(_RECIPE, tmp_path, _nothing, lambda: False)
    more = _RECIPE.model_copy(update={"structures": 6})
    assert len(open_scenes(more, tmp_path, _nothing, lambda: False).train) > len(first.train)
    other = _RECIPE.model_copy(update={"scenes": (SceneRecipe(modality="SEM", pixel_nm=(1.0, 2.0)),)})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(TrainingError, match=r"scenes of another recipe.*scenes\.folder"):
        open_scenes(other, tmp_path, _nothing, lambda: False)
    assert sorted(tmp_path.rglob("*")) == before


def test_scenes_that_were_made_without_a_note_are_taken_as_they_are(tmp_path: Path) -> None:
    first = open_scenes(_RECIPE, tmp_path, _nothing, lambda: False)
    (tmp_path / "set.json").unlink()
    assert open_scenes(_RECIPE, tmp_path, _nothing, lambda: False) == first


def test_a_disk_that_fills_while_scenes_are_made_leaves_none_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("core.simulation.clean_sets.np.save", full)
    with pytest.raises(OSError, match="No space"):
        open_scenes(_RECIPE, tmp_path, _nothing, lambda: False)
    assert not list(tmp_path.rglob("*.npy*"))


def test_stopping_leaves_what_is_finished(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        open_scenes(_RECIPE, tmp_path, _nothing, lambda: True)
    assert not list(tmp_path.rglob("0*.json"))


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
