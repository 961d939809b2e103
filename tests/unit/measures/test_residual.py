"""What the residual tells: its strength, its map, its whiteness, what leaks into it."""

from __future__ import annotations

import numpy as np
import pytest

from core.measures.cross_spectra import cross_spectra
from core.measures.residual import residual, residual_spectrum
from core.measures.temporal_response import temporal_response
from core.measures.windows import WindowGrid
from tests.unit.measures.drifting_scenes import Scene, mean_along_drift, mean_of_three, scene


@pytest.fixture(scope="module")
def counts() -> Scene:
    return scene(dose=5.0)


def test_dispersion_is_one_for_the_truth_and_nothing_for_the_raw_frames(counts: Scene) -> None:
    assert residual([counts.clip(counts.clean)]).dispersion == pytest.approx(1, abs=0.05)
    assert residual([counts.clip(counts.raw)]).dispersion == 0


def test_structure_that_was_removed_stands_in_the_map(counts: Scene) -> None:
    result = counts.clean.copy()
    result[:, :32, :32] = result[:, :32, :32].mean()
    found = residual([counts.clip(result)]).dispersion_map
    assert found[0, 0] > 1.5 * np.median(found)
    assert np.abs(found.ravel()[1:] - 1).max() < 0.3


def test_removed_structure_correlates_in_time_and_with_the_result() -> None:
    still = scene(dose=20.0, step=0.0)
    wide = still.blurred(4.0)
    found = residual([still.clip(wide)])
    assert found.in_time is not None
    assert found.in_time > 0.05
    assert found.with_result > 0.02
    clean = residual([still.clip(still.clean)])
    assert abs(clean.in_time or 0) < 0.01
    assert abs(clean.with_result) < 0.01


def test_power_of_the_residual_is_that_of_the_noise_for_the_truth(counts: Scene) -> None:
    clip = counts.clip(counts.clean)
    found = residual_spectrum([clip], cross_spectra([clip], far=False))
    assert found is not None
    assert found.over_noise == pytest.approx(1, abs=0.03)
    assert abs(found.correlation) < 0.03


def test_a_blur_leaves_a_coloured_residual(counts: Scene) -> None:
    clip = counts.clip(counts.blurred(0.6))
    found = residual_spectrum([clip], cross_spectra([clip], far=False))
    assert found is not None
    assert abs(found.correlation) > 0.2


def test_a_lattice_that_was_removed_stands_at_its_spots() -> None:
    rng = np.random.default_rng(3)
    x = np.arange(128)
    clean = np.broadcast_to(
        20 * (1 + 0.3 * np.cos(2 * np.pi * x / 8)[:, None] * np.cos(2 * np.pi * x / 8)[None]), (8, 128, 128)
    )
    one = Scene(rng.poisson(clean).astype(np.float32), clean.astype(np.float32), np.zeros((8, 2)))
    kept = one.clip(one.clean)
    lost = one.clip(20 + 0.5 * (one.clean - 20))
    at_spots = [residual_spectrum([clip], cross_spectra([clip], far=False)) for clip in (kept, lost)]
    assert at_spots[0] is not None
    assert at_spots[0].at_spots == pytest.approx(1, abs=0.4)
    assert at_spots[1] is not None
    assert at_spots[1].at_spots is not None
    assert at_spots[1].at_spots > 3


def test_one_frame_has_a_residual_too(counts: Scene) -> None:
    one = Scene(counts.raw[:1], counts.clean[:1], counts.shifts[:1])
    assert cross_spectra([one.clip(one.clean)], far=False) is None
    found = residual_spectrum([one.clip(one.clean)], None)
    assert found is not None
    assert found.over_noise is None
    assert residual([one.clip(one.clean)]).in_time is None


def test_a_mean_of_three_takes_a_third_from_each_frame() -> None:
    one = scene(dose=4.0, frames=24)
    response = temporal_response([one.clip(mean_of_three(one.raw))])
    assert response is not None
    assert response.neighbours == pytest.approx(1, abs=0.1)
    assert abs(response.at(2).in_place) < 0.1 * response.at(0).in_place
    assert response.in_place_surety > 5


def test_a_mean_along_the_drift_is_told_from_one_in_place() -> None:
    one = scene(dose=4.0, frames=24)
    response = temporal_response([one.clip(mean_along_drift(one))])
    assert response is not None
    assert response.neighbours == pytest.approx(1, abs=0.15)
    assert response.in_place_surety < -5


def test_a_filter_of_single_frames_takes_nothing_from_others() -> None:
    one = scene(dose=4.0, frames=24)
    response = temporal_response([one.clip(one.blurred(1.5))])
    assert response is not None
    assert abs(response.neighbours) < 0.05


def test_white_noise_has_its_variance_in_every_cell_wherever_it_is_read() -> None:
    noise = np.random.default_rng(0).normal(0, 2, (256, 256)).astype(np.float32)
    grid = WindowGrid.fitting(256, 256, 0.5, 32)
    move = np.array([1.3, -2.6])
    places = grid.places([move])
    for spectra in (grid.spectra(noise, places), grid.spectra(noise, places, move)):
        assert np.mean(np.abs(spectra[:, 4:-4, 4:-4]) ** 2) == pytest.approx(4, rel=0.1)


def test_windows_that_follow_the_drift_see_the_same_picture() -> None:
    one = scene(dose=4.0, step=0.7, side=128)
    grid = WindowGrid.fitting(128, 128, 0.5, 64)
    move = one.shifts[5] - one.shifts[0]
    places = grid.places([move])
    here, there = grid.spectra(one.clean[0], places), grid.spectra(one.clean[5], places, move)
    assert np.sum(np.abs(here - there) ** 2) < 2e-3 * np.sum(np.abs(here) ** 2)
