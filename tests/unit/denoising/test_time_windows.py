"""Windows over time: which frames they hold, their sums, and results brought to another frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from core.denoising.methods.over_time import Course
from core.denoising.methods.time_mixture import Estimate, Noise, fitted, mixed
from core.denoising.methods.time_windows import (
    brought,
    centred,
    covered_after,
    look_around,
    summed,
    windows_around,
)
from core.noise.spectrum import NoiseSpectrum


def course(*segments: tuple[int, int], speed: tuple[float, float] = (0.0, 0.0)) -> Course:
    frames = segments[-1][1]
    return Course(np.arange(frames)[:, None] * np.array(speed), segments)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 79), st.sampled_from([0, 1, 2, 4, 8, 16]))
def test_windows_hold_their_frame_and_stay_in_its_segment_and_in_reach(first, second, frame, reach):
    where = course((0, first), (first, first + second))
    frame %= first + second
    start, stop = where.segment_of(frame)
    found = windows_around(where, frame, reach)
    assert 1 <= len(found) <= 3
    assert len({(one.start, one.stop) for one in found}) == len(found)
    for one in found:
        assert start <= one.start <= frame < one.stop <= stop
        assert one.start <= one.centre < one.stop
        assert frame - look_around(reach) <= one.start
        assert one.stop <= frame + look_around(reach) + 1


def test_in_the_middle_of_a_movie_one_window_begins_and_one_ends_near_the_frame():
    found = windows_around(course((0, 100)), 50, 4)
    assert min(50 - one.start for one in found) <= 1
    assert min(one.stop - 1 - 50 for one in found) <= 1


def test_neighbouring_frames_share_windows():
    where = course((0, 64))
    windows = {one for frame in range(16, 48) for one in windows_around(where, frame, 8)}
    assert len(windows) < 16


def test_sums_follow_the_drift_and_stay_whole_counts_where_all_frames_see():
    where = course((0, 5), speed=(1.0, -2.0))
    picture = np.random.default_rng(0).poisson(5.0, (40, 40)).astype(np.float32)
    frames = {n: np.roll(picture, (n, -2 * n), (0, 1)) for n in range(5)}
    found = summed(frames, dict.fromkeys(range(5), 5.0), centred(where, 2, 2), where)
    assert found is not None
    assert found.frames == 5
    assert found.dose == 25.0
    inner = np.s_[4:-4, 4:-4]
    assert np.all(found.covered[inner] == 1)
    assert np.array_equal(found.electrons[inner], 5 * frames[2][inner])
    assert found.covered[0].max() < 1
    assert np.allclose(found.position, where.shifts[2])


def test_what_whole_px_put_a_sum_off_is_known():
    where = course((0, 2), speed=(0.4, 0.0))
    frames = {n: np.ones((8, 8), dtype=np.float32) for n in range(2)}
    found = summed(frames, dict.fromkeys(range(2), 1.0), centred(where, 0, 1), where)
    assert found is not None
    assert np.allclose(found.position, [0.2, 0.0])


def test_dark_frames_and_the_one_left_out_are_not_in_a_sum():
    where = course((0, 4))
    frames = {n: np.full((4, 4), float(n), dtype=np.float32) for n in range(4)}
    found = summed(frames, {0: 1.0, 1: 1.0, 2: 0.0, 3: 1.0}, centred(where, 1, 2), where, without=1)
    assert found is not None
    assert found.frames == 2
    assert np.allclose(found.electrons, 3.0)
    assert summed(frames, {0: 0.0, 1: 1.0, 2: 0.0, 3: 0.0}, centred(where, 1, 2), where, without=1) is None


def test_results_are_brought_by_parts_of_a_px():
    y, x = np.mgrid[:48, :48]

    def picture(down: float, across: float) -> np.ndarray:
        return np.cos(2 * np.pi * ((y - down) + 0.5 * (x - across)) / 11).astype(np.float32)

    moved = brought(picture(0, 0), np.array([0.4, -1.3]))
    assert np.abs(moved - picture(0.4, -1.3))[4:-4, 4:-4].max() < 0.02
    covered = covered_after(np.ones((8, 8), dtype=np.float32), np.array([2.0, 0.0]))
    assert not covered[:2].any()
    assert covered[2:].all()


@pytest.mark.parametrize("binning", [1, 2, 4])
@pytest.mark.parametrize("spectrum", [None, NoiseSpectrum(0.05, 0.95, 0.17, 0.17, 1.0)], ids=["white", "damped"])
def test_noise_is_that_of_blurred_noise(binning, spectrum):
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((512, 512), dtype=np.float32)
    if spectrum is not None:
        noise = spectrum.colour(noise) / np.float32(np.sqrt(spectrum.power(0, 0)))
    known = Noise.of(spectrum, 1.0, binning)
    assert noise.var() == pytest.approx(known.of_px, rel=0.03)
    assert ndimage.gaussian_filter(noise, binning, mode="wrap").var() == pytest.approx(known.blurred, rel=0.08)


def test_brightness_and_contrast_are_fitted_to_the_frame():
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:96, :96]
    pattern = np.cos(2 * np.pi * x / 9) * np.cos(2 * np.pi * y / 9)
    frame = rng.poisson(20 * (1 + 0.4 * pattern)).astype(np.float32)
    image = (25 * (1 + 0.2 * pattern)).astype(np.float32)
    one = Estimate(image, None, 0.0, 0.0)
    variance = np.full_like(frame, 20.0)
    plain, gained = (fitted(frame, one, variance, gain) for gain in (False, True))
    assert plain.mean() == pytest.approx(20, rel=0.01)
    assert plain.std() == pytest.approx(image.std(), rel=0.01)
    assert gained.std() == pytest.approx((8 * pattern).std(), rel=0.1)


def test_what_a_frame_shows_beyond_doubt_is_not_outvoted():
    """Whatever the movie's own risks say for the long window."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:96, :96]
    atom = 12.0 * np.exp(-((y - 48) ** 2 + (x - 48) ** 2) / 8)
    frame = rng.poisson(10 + atom).astype(np.float32)
    alone, long = (10 + atom).astype(np.float32), np.full_like(frame, 10.0)
    noise = Noise.of(None, 1.0, 1)
    estimates = [Estimate(alone, None, 0.1, 0.5, risk=5.0), Estimate(long, None, 0.0, 0.0)]
    result = mixed(frame, 10.0, estimates, noise, 1, False)
    assert result[48, 48] > 20
    assert np.allclose(result[:20], 10, atol=1)
