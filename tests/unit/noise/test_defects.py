"""Defects of a camera are found; atoms, sharp lattices and reflections are not taken for them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from core.noise.defects import DEAD, HOT, UNSTABLE
from tests.unit.noise.cameras import columns, counted, hits, integrating, look, marked, with_defects


@pytest.mark.parametrize("integrates", [False, True])
def test_defects_on_an_even_picture_are_found_each_as_what_it_is(integrates: bool) -> None:
    movie = counted(np.ones((96, 120)), 40, 5.0)
    movie = integrating(movie) if integrates else movie
    broken, truth = with_defects(movie, 100.0 if integrates else 0.0, 2000.0 if integrates else 60.0)
    statistics, defects = look(broken)
    assert marked(defects, DEAD) == set(truth.dead)
    assert marked(defects, HOT) - marked(defects, UNSTABLE) == set(truth.hot)
    assert marked(defects, UNSTABLE) == set(truth.unstable)
    assert hits(statistics) >= set(truth.hits)
    assert {place[1:] for place in hits(statistics)} <= {place[1:] for place in truth.hits} | set(truth.unstable)


@pytest.mark.parametrize("dose", [0.05, 1.0, 30.0])
@pytest.mark.parametrize("drift", [0.0, 5.0])
@pytest.mark.parametrize(("period", "sigma"), [(4, 0.5), (7.3, 0.4), (16, 0.5), (48, 0.4), (16, 1.0)])
def test_columns_however_sharp_are_no_defects(period: float, sigma: float, drift: float, dose: float) -> None:
    movie = counted(columns(96, period, sigma), 24, dose, drift)
    statistics, defects = look(movie)
    assert not defects.mask.any()
    assert not hits(statistics)


@pytest.mark.parametrize("sigma", [0.5, 0.8])
def test_dark_columns_are_not_dead(sigma: float) -> None:
    bright = columns(96, 12, sigma, 0.0)
    movie = counted(1.05 - bright / bright.max(), 40, 20.0)
    assert not look(movie)[1].mask.any()


def test_holes_of_a_lattice_without_background_are_not_dead() -> None:
    movie = counted(columns(96, 5, 0.6, 0.0), 60, 20.0)
    assert not look(movie)[1].mask.any()


@pytest.mark.parametrize("highest", [np.inf, 310.0])
def test_reflections_of_one_pixel_that_scatter_stay_also_where_they_are_clipped_at_times(highest: float) -> None:
    picture = np.full((96, 96), 1.0)
    picture[12::24, 12::24] = 300.0
    movie = np.minimum(counted(picture, 40, 1.0), highest)
    statistics, defects = look(movie)
    assert not defects.mask.any()
    assert defects.doubtful == 16
    assert not hits(statistics)


@pytest.mark.parametrize("frames", [3, 5, 8, 12, 60])
@pytest.mark.parametrize("integrates", [False, True])
def test_a_lone_pixel_that_never_changes_is_hot_also_when_saturated(frames: int, integrates: bool) -> None:
    movie = counted(np.ones((96, 96)), frames, 8.0)
    movie = integrating(movie) if integrates else movie
    high = movie.max() * (6 if frames < 8 else 3)
    movie[:, 40, 40], movie[:, 80, 80], movie[:, 20, 20:22] = 2 * high, 65535, high
    if frames < 8:
        # In few frames what scatters is not even counted.
        movie[:, 60, 60] = 9 * high + 100 * np.arange(frames)
    defects = look(movie)[1]
    assert marked(defects, HOT) == {(40, 40), (80, 80), (20, 20), (20, 21)}
    assert defects.doubtful == 0


def test_a_stuck_pixel_is_hot_in_a_lattice_and_where_it_sticks_with_little_noise() -> None:
    movie = counted(columns(96, 16, 1.0), 40, 8.0)
    movie[:, 32, 32] = 3 * movie.max()
    movie[:, 16, 48] = 3 * movie.max() + np.random.default_rng(0).integers(-2, 3, 40)
    assert marked(look(movie)[1], HOT) == {(32, 32), (16, 48)}


def test_a_column_that_comes_and_goes_is_not_unstable() -> None:
    there = (np.random.default_rng(1).random(60) < 0.4)[:, None, None]
    spot = columns(96, 96, 0.5, 0.0)
    movie = np.random.default_rng(2).poisson(20 * (1 + 20 * there * (spot / spot.max()))).astype(np.float32)
    statistics, defects = look(movie)
    assert not defects.mask.any()
    assert not hits(statistics)


def test_a_hot_pixel_that_scatters_like_electrons_is_known_by_staying_while_the_specimen_moves() -> None:
    movie = counted(columns(96, 12, 1.2, 1.0), 40, 5.0, drift=8.0)
    movie[:, 40, 50] = np.random.default_rng(3).poisson(200.0, 40)
    drift = np.linspace(0, 8, 40)[:, None] * [1.0, 0.6]
    assert marked(look(movie, drift)[1], HOT) == {(40, 50)}
    at_rest = look(movie)[1]
    assert not at_rest.mask.any()
    assert at_rest.doubtful == 1


def test_in_diffraction_only_dead_pixels_are_looked_for() -> None:
    movie, truth = with_defects(counted(np.ones((96, 96)), 40, 5.0), 0.0, 60.0)
    statistics, defects = look(movie, lens=False)
    assert marked(defects, DEAD) == set(truth.dead)
    assert not marked(defects, HOT | UNSTABLE)
    assert not hits(statistics)


def test_a_movie_without_noise_or_too_small_shows_nothing() -> None:
    assert not look(np.tile(np.arange(64.0).reshape(8, 8), (10, 1, 1)))[1].mask.any()
    assert not look(counted(np.ones((3, 9)), 10, 5.0))[1].mask.any()


def test_pixels_without_a_number_do_not_disturb() -> None:
    movie = counted(np.ones((64, 64)), 20, 5.0)
    movie[:, :10] = np.nan
    movie[3, 30, 30] = np.inf
    statistics, defects = look(movie)
    assert not defects.mask.any()
    assert not statistics.usable[:10].any()


def test_the_sample_movie_has_no_defects(repository) -> None:
    sample = tifffile.imread(next((repository / "resources" / "samples").glob("*.tif")))
    statistics, defects = look(sample)
    assert not defects.mask.any()
    assert not hits(statistics)


@pytest.mark.parametrize("dose", [1.0, 30.0])
def test_a_flickering_beam_makes_no_defects(dose: float) -> None:
    beam = np.random.default_rng(0).uniform(0.5, 1.5, 40)[:, None, None]
    spots = np.full((96, 96), 1.0)
    spots[12::24, 12::24] = 100.0
    for picture in (spots, columns(96, 16, 0.4), columns(96, 7.3, 0.5)):
        movie = np.random.default_rng(1).poisson(picture * beam * dose).astype(np.float32)
        statistics, defects = look(movie)
        assert not defects.mask.any()
        assert not hits(statistics)


def test_another_place_half_way_makes_no_defects() -> None:
    pictures = [columns(96, 16, 0.5), 2 * columns(96, 11, 0.6)]
    movie = np.concatenate([counted(picture, 20, 10.0) for picture in pictures])
    statistics, defects = look(movie)
    assert not defects.mask.any()
    assert not hits(statistics)


def test_the_rim_of_a_beam_stop_and_clipped_values_make_no_defects() -> None:
    y, x = np.mgrid[:96, :96]
    stopped = np.where((x - 40) ** 2 + (y - 50) ** 2 < 400, 0.0, columns(96, 9, 0.8))
    movie = counted(stopped, 40, 20.0)
    assert not look(movie)[1].mask.any()
    assert not look(np.clip(movie - 15, 0, 60))[1].mask.any()
