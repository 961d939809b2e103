"""Scenes: what is drawn for a modality, and what its truth says."""

from __future__ import annotations

import numpy as np
import pytest

from core.protocol.simulation import LensRecipe, MotionRecipe, SceneRecipe
from core.simulation.errors import SpecimenError
from core.simulation.generator import palette_for
from core.simulation.materials import TRAINING
from core.simulation.recording import TRAINING_INSTRUMENTS, View, record
from core.simulation.scenes import PIXELS_NM, check_size, draw_scene, kinds_of
from core.simulation.sem_scene import seamless

QUICK = {"HRTEM": 48, "HAADF": 48, "ABF": 48, "SEM": 64, "TEM": 160}


@pytest.mark.parametrize("modality", PIXELS_NM)
@pytest.mark.parametrize("counted", [True, False])
def test_every_modality_is_recorded_with_plain_settings(modality: str, counted: bool) -> None:
    import json

    rng = np.random.default_rng([4, counted])
    pixel = (0.2, 0.2) if modality == "TEM" else (PIXELS_NM[modality][1],) * 2
    recipe = SceneRecipe(modality=modality, pixel_nm=pixel)  # type: ignore[arg-type]
    scene = draw_scene(rng, recipe, QUICK[modality], TRAINING, False)
    item = record(scene, View(5.0, counted), None, rng, TRAINING_INSTRUMENTS)
    assert item.counts == counted
    assert item.kind in kinds_of(modality)
    assert item.clean.shape == item.noisy.shape == (1, QUICK[modality], QUICK[modality])
    assert np.isfinite(item.clean).all()
    assert item.clean.min() >= 0
    assert (item.settings["scan"] is not None) == (not counted and modality in {"HAADF", "ABF", "SEM"})
    json.dumps(item.settings, allow_nan=False)


def test_atoms_of_an_amorphous_film_are_no_columns() -> None:
    recipe = SceneRecipe(modality="HAADF", kinds=("particle on film",), particles=("Pt",), pixel_nm=(0.03, 0.03))
    rng = np.random.default_rng(2)
    scene = draw_scene(rng, recipe, 64, palette_for(recipe, TRAINING), False)
    columns = scene.shoot(rng, None, None).columns[0]
    assert len(columns)
    assert set(columns.elements) == {"Pt"}
    film = SceneRecipe(modality="HAADF", kinds=("film",), pixel_nm=(0.03, 0.03))
    scene = draw_scene(rng, film, 64, TRAINING, False)
    assert not scene.periodic
    assert scene.shoot(rng, None, None).columns == ()


def test_columns_of_a_dark_field_hold_its_electrons() -> None:
    recipe = SceneRecipe(modality="HAADF", kinds=("bulk",), materials=("Au",), pixel_nm=(0.02, 0.02))
    rng = np.random.default_rng(5)
    scene = draw_scene(rng, recipe, 96, palette_for(recipe, TRAINING), False)
    item = record(scene, View(10.0, True), None, rng, TRAINING_INSTRUMENTS)
    here = item.columns.heights.sum() * (1 + item.settings["stray"])
    assert here == pytest.approx(10.0 * 96 * 96, rel=0.15)


def test_work_ends_between_frames_when_it_is_told_to() -> None:
    class EndedError(Exception):
        pass

    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise EndedError

    recipe = SceneRecipe(
        modality="HRTEM", kinds=("sheet",), pixel_nm=(0.04, 0.04), lens=LensRecipe(focal_spread_nm=(0.1, 0.1))
    )
    rng = np.random.default_rng(0)
    scene = draw_scene(rng, recipe, 48, TRAINING, True)
    with pytest.raises(EndedError):
        scene.shoot(rng, MotionRecipe(frames=8, events_share=1.0, events=(0.2, 0.2), turning_share=1.0), None, check)
    assert len(calls) == 3


def test_a_picture_is_seamless_and_its_middle_untouched() -> None:
    picture = np.random.default_rng(0).random((40, 50))
    faded = seamless(picture, 6)
    np.testing.assert_array_equal(faded[6:-6, 6:-6], picture[6:-6, 6:-6])
    assert np.abs(faded[[0, -1]] - picture.mean()).max() < 0.02
    assert np.abs(faded[:, [0, -1]] - picture.mean()).max() < 0.02


def test_fields_too_small_or_too_large_are_refused() -> None:
    with pytest.raises(SpecimenError, match="can't be simulated"):
        check_size(SceneRecipe(modality="TEM", pixel_nm=(0.05, 0.1)), 64, False)
    with pytest.raises(SpecimenError, match="can't be simulated"):
        check_size(SceneRecipe(modality="HRTEM", pixel_nm=(0.05, 1.0)), 512, False)
