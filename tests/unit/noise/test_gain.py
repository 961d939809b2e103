"""Gain and offset from the noise."""

from __future__ import annotations

import numpy as np
import pytest

from core.noise.gain import estimate_gain, noise_variance


def specimen(dose: float, size: int = 384) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    envelope = np.exp(-((x - size / 2) ** 2 + (y - size / 2) ** 2) / 2 / (size / 4) ** 2)
    return dose * (1 + envelope * (0.4 + 0.5 * np.cos(2 * np.pi * x / 12) * np.cos(2 * np.pi * y / 12)))


def frames(dose: float, count: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.poisson(specimen(dose)) for _ in range(count)]


@pytest.mark.parametrize("dose", [0.05, 0.5, 5.0, 50.0, 500.0])
def test_counts_are_recognised(dose):
    estimate = estimate_gain([frame.astype(np.uint16) for frame in frames(dose)])
    assert estimate.counted
    assert (estimate.gain, estimate.offset) == (1.0, 0.0)


@pytest.mark.parametrize("dose", [0.5, 5.0, 50.0, 500.0])
@pytest.mark.parametrize(("gain", "offset"), [(7.3, 50.0), (0.02, 0.0), (120.0, -300.0)])
def test_gain_and_offset_are_recovered(dose, gain, offset):
    estimate = estimate_gain([gain * frame + offset for frame in frames(dose)])
    assert not estimate.counted
    assert estimate.gain == pytest.approx(gain, rel=0.12)
    # The offset is where the line meets zero: far below the data at a high dose, hence its tolerance grows with it.
    assert estimate.offset == pytest.approx(offset, abs=(0.2 + 0.12 * dose) * gain)


def test_a_known_offset_is_kept():
    estimate = estimate_gain([7.3 * frame + 50.0 for frame in frames(5.0)], offset=50.0)
    assert estimate.offset == 50.0
    assert estimate.gain == pytest.approx(7.3, rel=0.1)


def test_scaled_integers_are_no_counts():
    assert not estimate_gain([2 * frame for frame in frames(5.0)]).counted


@pytest.mark.parametrize(
    "frame",
    [np.zeros((64, 64)), np.full((64, 64), 3.5), np.add.outer(np.arange(64.0), np.arange(64.0)), np.ones((2, 9))],
    ids=["zero", "constant", "ramp", "tiny"],
)
def test_without_noise_there_is_no_estimate(frame):
    assert estimate_gain([frame]) is None


def test_a_smooth_picture_is_not_taken_for_noise():
    assert estimate_gain([specimen(1000.0)]) is None


def test_pixels_that_are_not_finite_do_not_matter():
    values = [7.3 * frame + 50.0 for frame in frames(5.0)]
    values[0][30:40, 30:40] = np.nan
    values[1][100, 100] = np.inf
    assert estimate_gain(values).gain == pytest.approx(7.3, rel=0.1)


def test_noise_variance_of_a_flat_frame_is_its_variance():
    frame = np.random.default_rng(0).normal(10.0, 3.0, (256, 256))
    assert noise_variance(frame) == pytest.approx(9.0, rel=0.05)
