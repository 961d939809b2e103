"""Hot pixels are found; counting noise and atom columns are not taken for them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, special

from core.noise.hot_pixels import hot_pixels


def counted(clean: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(clean).astype(np.float32)


@pytest.mark.parametrize("dose", [0.02, 0.3, 5.0, 1000.0])
def test_counting_noise_is_not_hot(dose):
    assert not hot_pixels(counted(np.full((512, 512), dose))).any()


@pytest.mark.parametrize("sigma", [0.7, 1.0, 1.5, 2.0])
def test_narrow_bright_columns_are_not_hot(sigma):
    columns = np.zeros((256, 256))
    columns[8::16, 8::16] = 2 * np.pi * sigma**2 * 2000
    assert not hot_pixels(counted(ndimage.gaussian_filter(columns, sigma) + 100)).any()


@pytest.mark.parametrize("dose", [0.3, 5.0, 200.0])
def test_a_hit_over_one_two_or_three_pixels_is_found_whole(dose):
    frame = counted(np.full((128, 128), dose))
    frame[20, 20] = frame[50, 50] = frame[50, 51] = frame[90:92, 90] = frame[91, 91] = 20 * dose + 200
    expected = np.zeros_like(frame, dtype=bool)
    expected[20, 20] = expected[50, 50] = expected[50, 51] = expected[90:92, 90] = expected[91, 91] = True
    assert np.array_equal(hot_pixels(frame), expected)


def test_a_hot_pixel_in_the_corner_is_found():
    frame = counted(np.full((64, 64), 5.0))
    frame[0, 0] = frame[63, 63] = 4000.0
    assert np.argwhere(hot_pixels(frame)).tolist() == [[0, 0], [63, 63]]


def test_when_everything_seems_hot_nothing_is():
    frame = np.zeros((64, 64), dtype=np.float32)
    frame[::6, ::6] = 1000.0
    assert not hot_pixels(frame).any()


def test_negative_electrons_and_small_frames_pass():
    assert not hot_pixels(np.full((32, 32), -5.0, dtype=np.float32)).any()
    assert not hot_pixels(np.ones((3, 3), dtype=np.float32)).any()


@pytest.mark.parametrize("electrons", [30, 1000, 10_000])
def test_atoms_of_a_single_frame_anywhere_in_their_pixel_are_not_hot(electrons):
    px = np.arange(96)
    rng = np.random.default_rng(electrons)
    clean = np.full((96, 96), 5.0)
    for centre in [(row, column) for row in (16, 48, 80) for column in (16, 48, 80)]:
        edges = [
            np.array([special.erf((px + k - at) / 0.45 / 2**0.5) for k in (-0.5, 0.5)]) / 2
            for at in centre + rng.uniform(-0.5, 0.5, 2)
        ]
        clean += electrons * np.outer(*(edge[1] - edge[0] for edge in edges))
    assert not any(hot_pixels(counted(clean, seed)).any() for seed in range(20))
