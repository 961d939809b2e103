"""Items by recipes: seeded, with a truth that fits what was recorded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.protocol.simulation import MotionRecipe, SceneRecipe, SimulateRecipe, SplitRecipe
from core.simulation import generator
from core.simulation.courses import draw_movement
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
