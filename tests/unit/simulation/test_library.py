from __future__ import annotations

import numpy as np
import pytest

from core.simulation.columns import column_image
from core.simulation.library import simulate_columns, simulate_structure
from core.simulation.specimens import random_specimen


def test_a_seed_and_index_give_the_same_image_whatever_was_made_before() -> None:
    alone = simulate_structure(3, 5, 2, 128, (0.2, 0.3))
    simulate_structure(3, 4, 1, 128, (0.2, 0.3))
    again = simulate_structure(3, 5, 2, 128, (0.2, 0.3))
    np.testing.assert_array_equal(alone.images, again.images)
    assert np.abs(alone.images - simulate_structure(4, 5, 2, 128, (0.2, 0.3)).images).max() > 0.01


@pytest.mark.parametrize("index", range(6))
def test_images_are_positive_finite_and_vacuum_is_one(index: int) -> None:
    structure = simulate_structure(1, index, 1, 128, (0.25, 0.35))
    assert structure.images.shape == (1, 128, 128)
    assert np.isfinite(structure.images).all()
    assert structure.images.min() > -0.05
    assert 0.4 < structure.images.mean() < 1.2


def test_column_images_are_positive_with_mean_one() -> None:
    for index in range(4):
        images = simulate_columns(1, index, 128, (0.2, 0.3)).images
        assert images.min() >= 0
        assert images.mean() == pytest.approx(1, abs=1e-3)


def test_column_images_of_one_seed_are_the_same() -> None:
    first, second = (column_image(np.random.default_rng(2), 30.0, 96) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_specimens_lie_in_their_box_and_are_of_many_kinds() -> None:
    kinds = set()
    for seed in range(40):
        specimen = random_specimen(np.random.default_rng(seed), 40.0)
        kinds.add(specimen.kind)
        assert specimen.positions[:, :2].min() >= 0
        assert specimen.positions[:, :2].max() <= 40.0
        assert len(specimen.positions) == len(specimen.elements)
    assert len(kinds) >= 5
