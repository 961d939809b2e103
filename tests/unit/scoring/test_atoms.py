"""Surface atoms: found, lost, invented, the frame's edge included; and atoms where there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.denoising.context import QuietContext
from core.scoring.atoms import atom_trials, empty_trials, found_of, surface_score
from core.scoring.twins import RADIUS_NM, film_of, twin_of
from tests.unit.scoring.made import SPACING, contender, heap, twin


@pytest.mark.parametrize("edge", [False, True])
def test_clean_image_shows_every_surface_atom(edge: bool) -> None:
    score = surface_score(twin(edge), twin(edge).image)
    assert (score.surface.f1, score.beside.f1, score.every.f1) == (1.0, 1.0, 1.0)
    assert len(score.surface.true) == 24


def test_lost_surface_atom_costs_recall_and_an_inner_one_does_not() -> None:
    made = twin()
    for number, recall in ((3, 23 / 24), (24, 1.0)):
        score = surface_score(made, heap(np.delete(made.columns, number, axis=0)))
        assert score.beside.recall == pytest.approx(recall)
        assert score.beside.precision == 1.0
        assert score.every.missed == 1


@pytest.mark.parametrize("place", [(16.0, 64.0), (1.0, 100.0), (126.0, 126.0)])
def test_atom_invented_in_vacuum_costs_precision_even_at_the_frames_edge(place: tuple[float, float]) -> None:
    made = twin()
    score = surface_score(made, heap(np.concatenate([made.columns, [place]])))
    assert score.surface.precision < 1
    assert score.beside.precision == pytest.approx(24 / 25)


def test_atom_fainter_than_the_threshold_is_not_found() -> None:
    made = twin()
    heights = np.full(len(made.columns), 0.5)
    heights[3] = 0.1
    assert surface_score(made, heap(made.columns, heights)).beside.missed == 1


def test_clean_images_own_spots_between_columns_are_neither_right_nor_wrong() -> None:
    made = twin()
    spots = made.columns[:6] + SPACING / 2
    both = heap(np.concatenate([made.columns, spots]))
    told = replace(made, image=both, others=spots)
    assert len(found_of(told, both)) == len(made.columns)
    assert surface_score(told, both).every.invented == 0
    assert surface_score(made, both).every.invented == 6


def test_twins_are_the_same_each_time_and_show_their_columns() -> None:
    one = twin_of(0, 96, True)
    twin_of.cache_clear()
    again = twin_of(0, 96, True)
    np.testing.assert_array_equal(one.image, again.image)
    assert len(one.columns) >= 25
    assert one.finder.radius == pytest.approx(RADIUS_NM / one.pixel_nm)
    assert surface_score(one, one.image).surface.f1 == 1.0
    # Relative to vacuum.
    assert film_of(0, 96, one.pixel_nm, True).mean() == pytest.approx(1.0, abs=0.25)


def test_perfect_method_scores_best_and_noise_worse() -> None:
    (trial,) = atom_trials(range(40), (5.0,), quick=True)
    judge = trial.begin(QuietContext())
    truth = twin_of(0, 128, True)
    perfect = judge(contender(lambda frames: truth.image[None] * 0.45 * 5), QuietContext())
    noisy = judge(contender(), QuietContext())
    assert perfect.values["f1"] == 1.0
    assert noisy.values["f1"] < 0.8
    assert perfect.groups == ("s=5",)


def test_constant_result_of_an_empty_frame_holds_no_atom() -> None:
    vacuum, film = empty_trials(range(40), (1.0,), quick=True)
    values = vacuum.begin(QuietContext())(contender(lambda f: np.full_like(f, 0.45)), QuietContext()).values
    assert values["false_atoms"] == 0
    assert values["rms_percent"] < 1e-3
    assert values["lattice_peak"] == 1.0
    judge = film.begin(QuietContext())
    noisy = judge(contender(), QuietContext()).values
    assert noisy["false_atoms"] >= noisy["sure_atoms"] > 0
    assert noisy["false_atoms"] > noisy["best_false_atoms"]
    assert noisy["rms_percent"] > noisy["best_rms_percent"]
    clean = film_of(0, 128, twin_of(0, 128, True).pixel_nm, True)
    perfect = judge(contender(lambda frames: np.broadcast_to(0.45 * clean, frames.shape)), QuietContext()).values
    assert (perfect["false_atoms"], perfect["sure_atoms"], perfect["unmatched_atoms"]) == (0, 0, 0)
    assert perfect["lattice_peak"] == pytest.approx(1.0, rel=1e-4)
    assert perfect["lattice_percent"] < 1e-6


def test_films_rows_of_other_ways_are_not_compared_and_those_of_vacuum_are() -> None:
    keys = [trial.key for trial in empty_trials(range(1), (1.0,), quick=False)]
    assert keys == ["held out 3 vacuum 00 512px 8 frames s=1", "held out 3 film by excess 00 512px 8 frames s=1"]
