"""Items by recipes: seeded, with a truth that fits what was recorded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.protocol.simulation import MotionRecipe, SceneRecipe, SimulateRecipe, SplitRecipe
from core.simulation import generator
from core.simulation.courses import draw_movement
from core.simulation.item_files import truth_of
from core.simulation.recipe_files import builtin_names, load_simulation

HRTEM = SceneRecipe(modality="HRTEM", pixel_nm=(0.03, 0.04), kinds=("supported particle",))


def _recipe(**changes: object) -> SimulateRecipe:
    known = {"name": "small", "seed": 3, "structures": 10, "side": 48, "scenes": (HRTEM,)}
    return SimulateRecipe(**(known | changes))  # type: ignore[arg-type]


def test_an_item_depends_on_its_numbers_alone() -> None:
    first = generator.draw_structure(_recipe(), 2)
    alone = first.item(1)
    other = generator.draw_structure(_recipe(), 2)
    other.item(0)
    again = other.item(1)
    np.testing.assert_array_equal(alone.noisy, again.noisy)
    np.testing.assert_array_equal(alone.clean, again.clean)
    assert alone.settings == again.settings
    assert not np.array_equal(alone.noisy, other.item(2).noisy)


def test_noisy_values_scatter_about_the_clean_ones() -> None:
    recipe = _recipe(dose=(5.0, 5.0), side=96)
    structure = generator.draw_structure(recipe, 1)
    for view in range(3):
        item = structure.item(view)
        residual = item.electrons - item.clean
        assert float(residual.mean()) == pytest.approx(0, abs=0.25)
        assert item.dose == pytest.approx(float(item.clean.mean()))
        # Losses in the detector take from the dose, nothing adds to it.
        assert 2.0 < item.dose < 5.3


@given(st.integers(0, 2**32 - 1), st.integers(10, 60))
@settings(max_examples=60, deadline=None)
def test_a_movie_stays_within_its_margin(seed: int, margin: int) -> None:
    motion = MotionRecipe(frames=16, drift_px=(0.01, 5.0), dropped_share=0.5)
    course = draw_movement(np.random.default_rng(seed), motion, float(margin)).course
    assert len(course) == 16
    assert course.reach <= margin * (1 + 1e-9)
    assert course.beam.mean() == pytest.approx(1)
    assert np.all(np.diff(course.times) >= 1)


@pytest.mark.parametrize("detectors", [(), ("counter-soft", "oneview-like")])
def test_counted_views_are_on_the_ideal_counter(detectors: tuple[str, ...]) -> None:
    recipe = _recipe(counted=1.0, scenes=(HRTEM.model_copy(update={"detectors": detectors}),), dose=(2.0, 2.0))
    structure = generator.draw_structure(recipe, 0)
    for view in range(6):
        item = structure.item(view)
        assert item.settings["detector"] == "ideal counter"
        # It loses nothing: the dose is what was asked for.
        assert item.dose == pytest.approx(2.0)
        assert item.settings["asked_dose"] == 2.0


def test_views_that_are_not_counted_are_on_the_detectors_that_the_recipe_names() -> None:
    recipe = _recipe(counted=0.0, scenes=(HRTEM.model_copy(update={"detectors": ("counter-soft",)}),))
    structure = generator.draw_structure(recipe, 0)
    assert {structure.item(view).settings["detector"] for view in range(4)} == {"counter-soft"}
    unnamed = generator.draw_structure(_recipe(counted=0.0), 0)
    assert not any(unnamed.item(view).counts for view in range(6))


def test_the_share_of_px_that_a_detector_cuts_is_recorded() -> None:
    scene = HRTEM.model_copy(update={"detectors": ("oneview-like",)})
    for dose, share in ((5.0, 0.0), (5000.0, 1.0)):
        recipe = _recipe(counted=0.0, scenes=(scene,), dose=(dose, dose))
        item = generator.draw_structure(recipe, 0).item(0)
        assert item.settings["clipped"] == pytest.approx(share, abs=0.02)


def test_a_drift_that_is_cut_to_the_margin_is_recorded() -> None:
    def drawn(drift: float) -> dict[str, float]:
        motion = MotionRecipe(frames=16, drift_px=(drift, drift), walks=("steady",), dropped_share=0.0)
        return draw_movement(np.random.default_rng(1), motion, 20.0).settings

    cut, whole = drawn(30.0), drawn(0.5)
    assert cut["drift_px"] < 4
    assert cut["asked_drift_px"] == pytest.approx(30.0, rel=0.5)
    assert whole["drift_px"] == whole["asked_drift_px"]


def test_events_lie_on_the_columns_of_their_frame() -> None:
    motion = MotionRecipe(
        frames=6,
        drift_px=(1.5, 1.5),
        events_share=1.0,
        events=(0.1, 0.1),
        turning_share=1.0,
        turning_deg=45,
        tilt_deg=0,
    )
    known, found = 0, 0
    for index in range(3):
        item = generator.draw_structure(_recipe(motion=motion, side=64), index).item(0)
        for event in item.settings["events"]:
            if event["new"] is None or not np.all((np.array(event["new"]) > 2) & (np.array(event["new"]) < 61)):
                continue
            columns = item.frame_columns[event["start"]].positions
            known += 1
            found += float(np.linalg.norm(columns - event["new"], axis=1).min()) < 1.0
    assert known >= 3
    assert found >= 0.9 * known


def test_every_number_of_the_truth_has_a_unit() -> None:
    motion = MotionRecipe(frames=2, events_share=1.0, events=(0.1, 0.1))
    scenes = {
        modality: SceneRecipe(modality=modality, pixel_nm=pixel)
        for modality, pixel in (("HRTEM", (0.03, 0.03)), ("HAADF", (0.03, 0.03)), ("SEM", (5.0, 5.0)))
    }
    for modality, scene in scenes.items():
        truth = truth_of(generator.draw_structure(_recipe(scenes=(scene,), side=64, motion=motion), 0).item(0))
        for key, value in truth["settings"].items():
            if isinstance(value, float):
                assert f"settings.{key}" in truth["units"] or key.endswith(("_px", "_deg")), (modality, key)
        assert truth["units"]["gain"] == "stored units an electron"
        assert all(
            name.removeprefix("settings.") in truth["settings"] for name in truth["units"] if "settings." in name
        )


def test_columns_of_a_movie_follow_its_shifts() -> None:
    motion = MotionRecipe(frames=4, drift_px=(2.0, 2.0), walks=("steady",), events_share=0.0, turning_share=0.0)
    item = generator.draw_structure(_recipe(motion=motion), 0).item(0)
    moved = item.shifts[3] - item.shifts[0]
    assert np.hypot(*moved) > 2
    first, last = item.frame_columns[0].positions + moved, item.frame_columns[3].positions
    inside = np.all((first > 0) & (first < 47), axis=1)
    nearest = np.min(np.linalg.norm(first[inside][:, None] - last[None], axis=-1), axis=1)
    assert nearest.max() < 1e-6


@given(st.integers(1, 10_000), st.floats(0, 0.4), st.floats(0, 0.4))
def test_every_stretch_of_structures_is_split_by_the_shares(first: int, validation: float, test: float) -> None:
    recipe = _recipe(split=SplitRecipe(validation=validation, test=test), structures=20_000)
    parts = [generator.split_of(recipe, index) for index in range(first, first + 200)]
    assert parts.count("test") == pytest.approx(200 * test, abs=4)
    assert parts.count("validation") == pytest.approx(200 * validation, abs=4)


@pytest.mark.parametrize("name", builtin_names())
def test_recipes_that_come_with_the_program_can_be_used(name: str) -> None:
    recipe = load_simulation(name)
    assert recipe.name == name
    assert recipe.structures * recipe.views >= 8


def test_the_full_scale_recipe_is_of_the_published_size() -> None:
    recipe = load_simulation("sbd")
    assert recipe.structures == 1000
    assert recipe.structures * recipe.views == 20_000
