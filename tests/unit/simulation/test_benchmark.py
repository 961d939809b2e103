"""The benchmark: fixed by its version, apart from all that trains, and spread over doses and modalities."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from core.simulation import benchmark, specimens
from core.simulation.benchmark import SEEDS, benchmark_item, development_item, name_of, scene_of, view_of
from core.simulation.crystals import CATALOGUE
from core.simulation.materials import BENCHMARK, TRAINING
from core.simulation.recording import BENCHMARK_INSTRUMENTS, TRAINING_INSTRUMENTS


def test_training_and_benchmark_are_made_of_nothing_in_common() -> None:
    assert not TRAINING.names & BENCHMARK.names
    assert not TRAINING_INSTRUMENTS.cameras.keys() & BENCHMARK_INSTRUMENTS.cameras.keys()
    assert not TRAINING_INSTRUMENTS.scans.keys() & BENCHMARK_INSTRUMENTS.scans.keys()


def test_no_two_settings_of_training_and_benchmark_are_equal_under_other_names() -> None:
    def settings(one: object) -> str:
        known = dict(one.settings)  # type: ignore[attr-defined]
        return str({key: value for key, value in known.items() if key != "name"})

    for part in ("cameras", "scans"):
        ours = {settings(one) for one in getattr(TRAINING_INSTRUMENTS, part).values()}
        kept = {settings(one) for one in getattr(BENCHMARK_INSTRUMENTS, part).values()}
        assert not ours & kept
    cells = {(c.cell, c.elements) for c in TRAINING.materials.values()}
    assert not cells & {(c.cell, c.elements) for c in BENCHMARK.materials.values()}


def test_the_shipped_model_was_trained_on_the_training_list_alone() -> None:
    """Its recipe draws by `specimens.random_specimen`, from these names."""
    used = {*CATALOGUE, *specimens._METALS, *specimens._SUPPORTS}
    assert used <= set(TRAINING.materials)
    assert not used & BENCHMARK.names


def test_items_are_made_of_the_list_they_belong_to() -> None:
    for seed in (6, 7):
        item = benchmark_item(seed, "image")
        assert set(item.settings["made_of"][:1]) <= BENCHMARK.names, item.name
        assert item.settings["detector"] in {"ideal counter", *BENCHMARK_INSTRUMENTS.cameras}
        twin = development_item(1000 + seed, "image")
        assert set(twin.settings["made_of"][:1]) <= TRAINING.names, twin.name
        assert twin.settings["detector"] in {"ideal counter", *TRAINING_INSTRUMENTS.cameras}


def test_half_of_all_items_are_ideal_counts_and_every_modality_meets_every_dose() -> None:
    views = {(part, seed): view_of(seed, part, 0.5) for part in benchmark.PARTS for seed in SEEDS}
    assert sum(view.counted for view in views.values()) == len(views) / 2
    for part in benchmark.PARTS:
        modalities = Counter(scene_of(seed).modality for seed in SEEDS)
        assert modalities == {"HRTEM": 15, "HAADF": 10, "ABF": 5, "SEM": 5, "TEM": 5}
        for cell in range(8):
            doses = sorted(views[part, seed].dose for seed in SEEDS if seed % 8 == cell)
            assert len(set(doses)) == 5
            assert doses[0] == pytest.approx(0.1 * 200**0.1)
            assert doses[-1] == pytest.approx(0.1 * 200**0.9)


def test_names_are_unique() -> None:
    names = {name_of(seed, part) for seed in SEEDS for part in benchmark.PARTS}
    assert len(names) == 80


def test_seeds_of_the_two_sets_cannot_be_mixed_up() -> None:
    with pytest.raises(ValueError, match="seeds 0 to 39"):
        benchmark_item(40, "image")
    with pytest.raises(ValueError, match="from 1000 on"):
        development_item(39, "image")


# What these items were when their version was fixed: mean and deviation of the clean frames, their 99 % quantile, mean
# and deviation of the stored values, columns of the first frame, last shift in px. A change means a new version.
FIXED: dict[tuple[int, benchmark.Part], tuple[float, ...]] = {
    (10, "image"): (11.37392, 2.26393, 14.64848, 11.37562, 4.04232, 427.0, 0.0, 0.0),
    (3, "image"): (2.91009, 0.2268, 3.47096, 6099.51799, 543.37534, 432.0, 0.0, 0.0),
    (7, "image"): (1.6804, 0.04532, 1.75855, 132.46272, 11.20977, 0.0, 0.0, 0.0),
    (9, "image"): (2.81304, 4.14365, 16.78046, 2.81643, 4.47224, 244.0, 0.0, 0.0),
    (3, "movie"): (4.69059, 0.39075, 5.312, 4.68785, 2.19888, 105.0, -1.23358, -2.09667),
    (14, "movie"): (5.05664, 2.03129, 8.71984, 5.05487, 3.0258, 0.0, -9.16494, 8.05524),
}


@pytest.mark.parametrize(("seed", "part"), FIXED)
def test_an_item_is_what_it_was_when_its_version_was_fixed(seed: int, part: benchmark.Part) -> None:
    assert benchmark.VERSION == "2"
    item = benchmark_item(seed, part)
    # Libraries differ in the last digits, and a count may fall otherwise then.
    assert summary(item) == pytest.approx(FIXED[seed, part], rel=2e-3, abs=2e-3)


def summary(item: benchmark.Item) -> tuple[float, ...]:
    """Few numbers that hardly stay if anything changes."""
    clean, noisy = item.clean.astype(np.float64), item.noisy.astype(np.float64)
    columns = 0 if item.columns is None else len(item.columns)
    figures = (clean.mean(), clean.std(), np.quantile(clean, 0.99), noisy.mean(), noisy.std(), columns)
    return tuple(round(float(value), 5) for value in (*figures, *item.shifts[-1]))


@pytest.mark.parametrize("seed", [1003, 1006, 1015])
def test_noisy_frames_of_a_counted_twin_are_poisson_about_the_clean_ones(seed: int) -> None:
    item = development_item(seed, "movie" if view_of(seed, "movie", 0.5).counted else "image")
    assert item.counts
    assert item.gain == 1
    assert item.offset == 0
    noisy, clean = item.noisy.astype(np.float64), item.clean.astype(np.float64)
    assert np.mean((noisy - clean) ** 2) / clean.mean() == pytest.approx(1, abs=0.03)
    assert noisy.mean() == pytest.approx(clean.mean(), rel=0.02)
