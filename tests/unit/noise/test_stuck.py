"""Lone pixels that do not scatter as electrons do are stuck; those that do are left."""

from __future__ import annotations

import numpy as np
import pytest

from core.noise.stuck import WIDTH, around, stuck


def series(values: np.ndarray, dose: float = 8.0, seed: int = 0) -> np.ndarray:
    """(frames, 1, 25): a pixel with these values among others."""
    out = np.random.default_rng(seed).poisson(dose, (len(values), 1, WIDTH)).astype(np.float64)
    out[:, 0, WIDTH // 2] = values
    return out


@pytest.mark.parametrize("frames", [3, 5, 9])
@pytest.mark.parametrize("value", [200.0, 2000.0, 65535.0])
def test_a_lone_pixel_that_never_changes_is_stuck(frames: int, value: float) -> None:
    assert stuck(series(np.full(frames, value)), counts=True).all()


def test_two_frames_tell_nothing() -> None:
    assert not stuck(series(np.full(2, 2000.0)), counts=True).any()


def test_one_that_hardly_scatters_needs_more_frames() -> None:
    values = 2000 + np.random.default_rng(1).normal(0, 2, 9)
    assert stuck(series(values), counts=True).all()
    assert not stuck(series(values[:3]), counts=True).any()


@pytest.mark.parametrize("mean", [100.0, 2000.0])
@pytest.mark.parametrize("frames", [3, 9])
def test_electrons_are_never_stuck(mean: float, frames: int) -> None:
    rng = np.random.default_rng(2)
    many = np.concatenate([series(rng.poisson(mean, frames), seed=k) for k in range(3000)], axis=1)
    assert np.count_nonzero(stuck(many, counts=True)) <= (3 if frames == 3 else 0)


def test_frames_that_repeat_do_not_count() -> None:
    once = series(np.array([2000.0]))
    assert not stuck(np.repeat(once, 9, axis=0), counts=True).any()
    twice = np.concatenate([np.repeat(once, 3, axis=0), np.repeat(series(np.array([2000.0]), seed=1), 3, axis=0)])
    assert not stuck(twice, counts=True).any()


def test_a_pixel_with_flanks_is_not_stuck() -> None:
    spot = series(np.full(9, 2000.0))
    spot[:, 0, [WIDTH // 2 - 1, WIDTH // 2 + 1, WIDTH // 2 - 5]] += 300
    assert not stuck(spot, counts=True).any()


def test_in_vacuum_empty_frames_count() -> None:
    assert stuck(series(np.full(9, 50.0), dose=0.01), counts=True).all()


def test_without_a_gain_only_what_never_changes_is_stuck() -> None:
    assert stuck(series(np.full(9, 2000.0)), counts=False).all()
    assert not stuck(series(np.full(9, 2000.0) + np.arange(9) % 2), counts=False).any()


def test_around_is_mirrored_at_the_border() -> None:
    rows, columns = around((9, 7), np.array([0, 8]), np.array([6, 3]))
    assert rows.shape == columns.shape == (2, WIDTH)
    assert rows.max() == 8
    assert columns.max() == 6
    assert min(rows.min(), columns.min()) == 0
    assert (rows[1, WIDTH // 2], columns[1, WIDTH // 2]) == (8, 3)
