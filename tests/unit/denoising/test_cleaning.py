"""Pixels that are not to be trusted."""

from __future__ import annotations

import numpy as np
import pytest

from core.denoising.cleaning import clean

from .helpers import lattice


def noisy(height: int = 64, width: int = 80, dose: float = 5.0) -> np.ndarray:
    return np.random.default_rng(3).poisson(lattice(height, width, dose)).astype(np.float32)


def test_a_good_frame_is_left_as_it_is():
    frame = noisy()
    cleaned = clean(frame.copy())
    assert np.array_equal(cleaned.electrons, frame)
    assert cleaned.mask is None
    assert cleaned.dose == pytest.approx(frame.mean())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_get_their_neighbours_median(value):
    frame = noisy()
    frame[10, 20] = frame[0, 0] = value
    cleaned = clean(frame.copy())
    assert np.isfinite(cleaned.electrons).all()
    assert cleaned.not_finite == 2
    assert cleaned.mask.sum() == 2
    around = np.delete(frame[8:13, 18:23].ravel(), 12)
    assert cleaned.electrons[10, 20] == np.median(around)


def test_a_hot_pixel_is_replaced_and_counted():
    frame = noisy()
    frame[30, 40] = 5000.0
    cleaned = clean(frame.copy())
    assert cleaned.hot == 1
    assert cleaned.mask[30, 40]
    assert cleaned.electrons[30, 40] < 15
    assert cleaned.dose == pytest.approx(noisy().mean(), rel=0.01)


def test_a_border_of_nan_is_filled():
    frame = noisy()
    frame[:20] = np.nan
    cleaned = clean(frame.copy())
    assert np.isfinite(cleaned.electrons).all()
    assert cleaned.not_finite == 20 * 80
    assert cleaned.dose == pytest.approx(frame[20:].mean())


def test_a_frame_without_one_number_says_so():
    cleaned = clean(np.full((8, 8), np.nan, dtype=np.float32))
    assert np.isnan(cleaned.dose)
    assert np.isfinite(cleaned.electrons).all()
    assert cleaned.mask.all()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 3), (5, 4)])
def test_small_frames_pass(size):
    frame = np.ones(size, dtype=np.float32)
    frame[0, 0] = np.nan
    cleaned = clean(frame)
    if frame.size > 1:
        assert cleaned.electrons[0, 0] == 1.0
    assert cleaned.not_finite == 1


def test_many_defects_are_each_filled_by_their_own_neighbours():
    y = np.linspace(10, 200, 64, dtype=np.float32)[:, None]
    frame = np.repeat(y, 80, axis=1)
    defects = np.random.default_rng(0).random(frame.shape) < 0.1
    broken = np.where(defects, np.float32(9000), frame)
    cleaned = clean(broken.copy(), np.inf, defects)
    assert np.abs(cleaned.electrons - frame).max() < 10
    assert np.array_equal(cleaned.mask, defects)


def test_a_dead_band_is_closed_from_its_rims():
    y = np.linspace(10, 200, 64, dtype=np.float32)[:, None]
    frame = np.repeat(y, 80, axis=1)
    defects = np.zeros(frame.shape, dtype=bool)
    defects[:, 30:42] = True
    cleaned = clean(np.where(defects, np.float32(np.nan), frame), np.inf, defects)
    assert np.abs(cleaned.electrons - frame).max() < 12
