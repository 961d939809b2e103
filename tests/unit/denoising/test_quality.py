"""The local-mean figure that every result carries."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.denoising.quality import FrameQuality, expected_worst, local_mean_error, of_lines, summary, verdict
from core.protocol.denoise import IntensityScale

TYPED = IntensityScale(gain=1, source="typed")


def noisy(dose=4.0, size=(256, 256), seed=0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(dose, size).astype(np.float32)


def test_doing_nothing_is_no_error():
    worst, boxes = local_mean_error(noisy(), noisy())
    assert (worst, boxes) == (0.0, 16)


def test_the_truth_deviates_as_chance_would_have_it():
    worst = [local_mean_error(noisy(seed=seed), np.full((256, 256), 4.0, np.float32))[0] for seed in range(40)]
    assert np.median(worst) == pytest.approx(expected_worst(16), abs=0.25)


@pytest.mark.parametrize("standard_errors", [3.0, 6.0])
def test_a_shifted_box_is_found_with_its_size(standard_errors):
    before = noisy()
    after = before.copy()
    mean = float(before[64:128, 128:192].mean())
    after[64:128, 128:192] -= standard_errors * math.sqrt(mean) / 64
    assert local_mean_error(before, after)[0] == pytest.approx(standard_errors, rel=0.01)


def test_masked_pixels_are_left_out():
    before, after = noisy(), noisy()
    mask = np.zeros(before.shape, dtype=bool)
    mask[3, 5] = True
    before[3, 5] = 1e6
    assert local_mean_error(before, after, mask)[0] == 0.0
    assert local_mean_error(before, after)[0] > 100


def test_a_box_that_is_mostly_masked_is_left_out():
    mask = np.zeros((64, 128), dtype=bool)
    mask[:, :60] = True
    before = noisy(size=(64, 128))
    after = before.copy()
    after[:, :64] += 100
    assert local_mean_error(before, after, mask) == (0.0, 1)
    assert local_mean_error(before, after, np.ones_like(mask)) == (0.0, 0)


@pytest.mark.parametrize(("size", "boxes"), [((1, 1), 1), ((63, 200), 3), ((65, 64), 1), ((129, 127), 2)])
def test_every_pixel_is_in_a_box(size, boxes):
    before = np.full(size, 4.0, dtype=np.float32)
    after = before.copy()
    after[-1, -1] += 1000
    worst, count = local_mean_error(before, after)
    assert count == boxes
    assert worst > 1


def test_an_empty_frame_has_an_error_bar_all_the_same():
    zero = np.zeros((64, 64), dtype=np.float32)
    assert local_mean_error(zero, zero + 10 / 64**2)[0] == pytest.approx(10 / math.sqrt(10), rel=1e-3)


def test_without_a_gain_the_measured_variance_serves():
    before = noisy()
    after = before + np.float32(0.5)
    assert local_mean_error(before, after, None, pixel_variance=25.0)[0] == pytest.approx(0.5 * 64 / 5, rel=1e-3)


def test_the_summary_is_the_worst_of_all_frames_and_says_what_it_is_not():
    frames = [(0, FrameQuality(1.0, 16)), (7, FrameQuality(5.5, 16, hot=2)), (9, FrameQuality(2.0, 16, not_finite=3))]
    quality = summary(frames, TYPED)
    assert (quality.worst_local_mean, quality.worst_local_mean_frame, quality.boxes) == (5.5, 7, 48)
    assert quality.hot_pixels == 2
    assert len(quality.caveats) == 3
    assert [notice.code for notice in verdict(quality, 3)] == ["local-mean", "hot-pixels", "not-finite"]
    assert verdict(summary([(0, FrameQuality(3.9, 16))], TYPED)) == ()


def test_chance_alone_is_foreseen():
    rng = np.random.default_rng(0)
    worst = np.abs(rng.standard_normal((2000, 100))).max(axis=1)
    assert expected_worst(100) == pytest.approx(np.median(worst), abs=0.05)
    assert expected_worst(0) == 0


def test_lines_are_told_where_they_were_taken_out():
    assert of_lines([0.0, 0.0]) == ()
    (notice,) = of_lines([0.0, 0.25, 0.1])
    assert notice.code == "lines"
    assert "2 of 3 frames" in notice.text
    assert "0.25" in notice.text
