"""Whole dead columns and rows of a camera are found; gaps of lattices, slits and shadows are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from core.noise.dead_lines import find_dead_lines
from core.noise.defects import DEAD
from tests.unit.noise.cameras import columns, counted, integrating, look, spots


@pytest.mark.parametrize("dose", [0.1, 2.0, 30.0])
@pytest.mark.parametrize("integrates", [False, True])
def test_dead_columns_and_rows_are_marked_from_end_to_end(dose: float, integrates: bool) -> None:
    movie = counted(0.2 + columns(128, 24, 4.0, 0.5), 24, dose)
    movie[:, :, 40] = movie[:, :, 77] = movie[:, :, 78] = 0
    movie[:, 100] = 0
    movie = integrating(movie) if integrates else movie
    statistics, defects = look(movie)
    found = find_dead_lines(statistics)
    assert (found.rows, found.columns) == ((100,), (40, 77, 78))
    assert (defects.mask[:, [40, 77, 78]] & DEAD).all()
    assert (defects.mask[100] & DEAD).all()
    assert np.count_nonzero(defects.mask & DEAD) == 4 * 128 - 3
    assert found == defects.lines


@pytest.mark.parametrize("drift", [0.0, 5.0])
@pytest.mark.parametrize(("period", "sigma"), [(3, 0.4), (4, 0.4), (5, 0.6), (6, 0.8), (8, 1.0), (11, 0.5)])
def test_gaps_of_a_lattice_without_background_are_not_dead(period: float, sigma: float, drift: float) -> None:
    line = columns(96, period, sigma, 0.0).mean(axis=0)
    planes = np.maximum(np.tile(line / line.mean(), (96, 1)), 0)
    assert not find_dead_lines(look(counted(planes, 24, 10.0, drift))[0])


def test_a_slit_a_shadow_and_a_line_that_ends_are_not_dead() -> None:
    picture = np.ones((96, 96))
    picture[:, 60:] = 0.0
    picture[:, 20:26] = 0.0
    assert not find_dead_lines(look(counted(picture, 24, 10.0))[0])
    picture = np.ones((96, 96))
    picture[:48, 33] = 0.0
    assert not find_dead_lines(look(counted(picture, 24, 10.0))[0])


@pytest.mark.parametrize("sigma", [0.35, 0.6, 0.9])
def test_a_narrow_dark_line_that_a_lens_draws_is_not_dead(sigma: float) -> None:
    gap = 1 - spots(96, [(48.0, 47.0)], sigma, [1.0])[48]
    assert not find_dead_lines(look(counted(np.tile(gap, (96, 1)), 40, 20.0))[0])
