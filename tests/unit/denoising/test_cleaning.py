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


class Around:
    """No frames, or two that show this at every pixel asked for."""

    counts = True

    def __init__(self, nothing: bool, there: float = 0.3) -> None:
        self.nothing, self.there = nothing, there

    def beside(self, rows, columns):
        return np.full((0 if self.nothing else 2, len(rows)), self.there)

    def series(self, rows, columns):
        return np.random.default_rng(0).normal(self.there, 5.0, (5, len(rows), 25))

    def rest(self):
        return None if self.nothing else 1.0


def struck() -> tuple[np.ndarray, np.ndarray]:
    """A camera's single image of weak light with hits of 38 to 230 electrons."""
    frame = (0.3 + 0.3 * np.random.default_rng(0).normal(size=(96, 96))).astype(np.float32)
    hits = np.zeros_like(frame)
    hits[20, 30] = 38.0
    hits[60:63, 50:53] = [[195, 118, 86], [161, 228, 116], [144, 0, 0]]
    return frame, hits


@pytest.mark.parametrize("nothing", [True, False])
def test_hits_without_flanks_are_replaced_whether_there_are_other_frames_or_none(nothing):
    frame, hits = struck()
    cleaned = clean(frame + hits, around=Around(nothing))
    assert cleaned.mask[hits > 0].all()
    assert cleaned.hot >= 8
    assert np.abs(cleaned.electrons - 0.3).max() < 2
    assert cleaned.dose == pytest.approx(0.3, abs=0.02)


def test_a_bright_atom_of_a_single_image_stays():
    frame, _ = struck()
    y, x = np.mgrid[:96, :96]
    atom = (400 * np.exp(-((y - 40.3) ** 2 + (x - 50.6) ** 2) / (2 * 0.8**2))).astype(np.float32)
    cleaned = clean(frame + atom, around=Around(nothing=True))
    assert cleaned.mask is None or not cleaned.mask.any()
    assert np.array_equal(cleaned.electrons, frame + atom)


def test_hits_stay_where_they_are_not_to_be_sought():
    frame, hits = struck()
    cleaned = clean(frame + hits, least=np.inf, around=Around(nothing=True))
    assert np.array_equal(cleaned.electrons, frame + hits)


def test_what_is_as_bright_in_the_frames_beside_is_no_hit():
    frame, hits = struck()
    hits[60:63, 50:53] = 0
    cleaned = clean(frame + hits, around=Around(nothing=False, there=38.0))
    assert cleaned.hot == 0
    assert cleaned.electrons[20, 30] > 30
