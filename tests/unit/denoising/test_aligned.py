"""Weighted means along the drift: laws of the kernels, and an error that is told without the truth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from core.denoising.methods.aligned import aligned_mean, kernel
from core.denoising.methods.low_rank import stretches_of
from core.denoising.methods.low_rank_patches import shrink_patches
from core.denoising.methods.low_rank_stretch import low_rank
from core.denoising.methods.time_tuning import Average, TimeLook, noise_covariance


def quiet() -> None:
    """Go on."""


@given(sigma=st.floats(0, 8), offset=st.sampled_from([-0.5, -0.25, 0.0, 0.25, 0.5]))
def test_a_kernel_adds_up_to_one_and_moves_by_its_offset(sigma, offset):
    taps = kernel(sigma, offset).astype(float)
    assert taps.sum() == pytest.approx(1, abs=1e-5)
    if sigma == 0 or sigma > 0.6:
        place = np.sum(taps * (np.arange(len(taps)) - len(taps) // 2))
        assert place == pytest.approx(offset, abs=0.06)


@settings(max_examples=30, deadline=None)
@given(
    moves=st.lists(st.tuples(st.floats(-40, 40), st.floats(-40, 40)), min_size=1, max_size=6),
    sigma=st.sampled_from([0.0, 0.7, 3.0]),
)
def test_a_flat_picture_stays_flat_wherever_it_moves(moves, sigma):
    frames = np.full((len(moves) + 1, 24, 31), 5.0, dtype=np.float32)
    places = np.array([(0.0, 0.0), *moves])
    ones = np.ones(len(places))
    assert aligned_mean(frames, places, ones, ones, sigma) == pytest.approx(np.full((24, 31), 5.0), rel=1e-3)


def test_whole_moves_are_exact():
    frame = np.random.default_rng(0).uniform(1, 2, (1, 20, 20)).astype(np.float32)
    moved = np.roll(frame[0], (3, -2), (0, 1))
    ones = np.ones(1)
    result = aligned_mean(frame, np.array([[3.0, -2.0]]), ones, ones, 0.0)
    assert np.array_equal(result[3:, :-2], moved[3:, :-2])


def test_levels_are_divided_out():
    frames = np.stack([np.full((8, 8), value, dtype=np.float32) for value in (2.0, 4.0)])
    result = aligned_mean(frames, np.zeros((2, 2)), np.ones(2), np.array([1.0, 2.0]), 0.0)
    assert result == pytest.approx(np.full((8, 8), 2.0))


def test_the_noise_of_a_detector_that_blurs_is_measured():
    rng = np.random.default_rng(1)
    noise = ndimage.gaussian_filter(rng.normal(0, 1, (5, 200, 200)), (0, 0.8, 0.8), mode="wrap")
    white = np.zeros((7, 7))
    white[3, 3] = 1
    expected = ndimage.gaussian_filter(white, 0.8 * np.sqrt(2), mode="constant")
    found = noise_covariance(noise.astype(np.float32), 2, np.zeros((5, 2)))
    assert found[2:5, 2:5] == pytest.approx(expected[2:5, 2:5], rel=0.15, abs=0.002)


@pytest.mark.parametrize("blur", [0.0, 0.7])
def test_the_estimated_error_is_the_true_one_up_to_a_constant(blur):
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:160, :160]
    clean = 10 + 4 * np.cos(x / 2.0) * np.cos(y / 3.0)
    noise = ndimage.gaussian_filter(rng.normal(0, 3, (7, 160, 160)), (0, blur, blur), mode="wrap")
    frames = (clean + noise).astype(np.float32)
    moves = np.zeros((7, 2))
    look = TimeLook(frames, 3, np.arange(7) - 3, np.ones(7), moves, noise_covariance(frames, 3, moves))

    def weights(apart: np.ndarray) -> np.ndarray:
        return np.exp(-np.square(apart) / 2.0)

    told, true = [], []
    for sigma in (0.0, 0.6, 1.0, 2.0):
        told.append(look.error(Average(weights, sigma)))
        result = aligned_mean(frames, moves, weights(look.apart), np.ones(7), sigma)
        true.append(float(np.mean(np.square(result - clean)[32:-32, 32:-32])))
    assert np.diff(told) == pytest.approx(np.diff(true), abs=0.12)


@given(frames=st.integers(1, 200), length=st.sampled_from([4, 8, 16, 64]))
def test_stretches_cover_a_segment(frames, length):
    stretches = stretches_of(7, 7 + frames, length)
    assert stretches[0][0] == 7
    assert stretches[-1][1] == 7 + frames
    assert all(after[0] < before[1] for before, after in itertools.pairwise(stretches))
    assert all(stop - start == min(length, frames) for start, stop in stretches)


def test_patches_of_noise_are_left_with_their_mean():
    noise = np.random.default_rng(0).poisson(9.0, (16, 32, 32)).astype(np.float32)
    result = shrink_patches(noise, 1.2, None, quiet)
    assert result.std() < 0.5
    assert result.mean() == pytest.approx(9.0, rel=0.01)


def test_what_rises_above_the_noise_is_kept():
    blink = np.zeros((16, 24, 24), dtype=np.float32)
    blink[8:, 8:16, 8:16] = 60.0
    noisy = np.random.default_rng(0).poisson(blink + 5).astype(np.float32)
    result = shrink_patches(noisy, 1.0, None, quiet)
    assert result[12, 9:15, 9:15].mean() == pytest.approx(65, rel=0.03)
    assert result[3, 9:15, 9:15].mean() == pytest.approx(5, abs=1.0)


@pytest.mark.parametrize("binning", [1, 3])
def test_a_drifting_picture_comes_back_in_its_own_geometry(binning):
    y, x = np.mgrid[:60, :60]
    frames = np.stack([200 + 80 * np.cos((x - 2 * t) / 4.0) * np.cos(y / 5.0) for t in range(6)]).astype(np.float32)
    moves = np.array([[0, -2 * t] for t in range(6)])
    result = low_rank(frames, moves, binning, 0.01, 1.0, quiet)
    assert np.abs(result - frames)[:, 8:-8, 8:-8].max() < (0.1 if binning == 1 else 4.0)
