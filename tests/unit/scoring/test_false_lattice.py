"""A lattice in empty frames shows as a direction; noise of any smoothness does not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from core.scoring.false_lattice import lattice_peak

NOISE = np.random.default_rng(3).normal(size=(6, 192, 192))


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0, 8.0])
def test_noise_alone_shows_about_what_chance_does(sigma: float) -> None:
    frames = np.stack([gaussian_filter(frame, sigma, mode="wrap") for frame in NOISE])
    peak = lattice_peak(frames)
    assert 0.6 * peak.expected < peak.value < 1.5 * peak.expected


@pytest.mark.parametrize("period", [5.0, 12.0, 20.0])
def test_faint_fringes_in_a_part_of_one_frame_show(period: float) -> None:
    frames = np.stack([gaussian_filter(frame, 2.0) for frame in NOISE])
    frames /= frames.std()
    rows, cols = np.mgrid[:192, :192]
    frames[2, 60:120, 60:120] += 2.0 * np.cos(2 * np.pi * (0.8 * rows + 0.6 * cols) / period)[60:120, 60:120]
    peak = lattice_peak(frames)
    assert peak.value > 2 * peak.expected


def test_more_frames_leave_less_to_chance() -> None:
    assert lattice_peak(NOISE).expected < lattice_peak(NOISE[:1]).expected


def test_excess_is_in_units_of_the_noise_variance() -> None:
    rows = np.arange(192)[:, None]
    # A wave over the whole frame has variance 0.5; a sector holds about a hundredth of all frequencies' power.
    wave = np.broadcast_to(np.cos(2 * np.pi * rows / 12.0), (192, 192))
    loud, faint = (lattice_peak(NOISE + height * wave).excess for height in (1.0, 0.1))
    assert 80 < loud / faint < 120
    assert lattice_peak(3.0 * NOISE).excess == pytest.approx(9 * lattice_peak(NOISE).excess)
    # Of noise of variance 1 it is what lies above one.
    assert lattice_peak(NOISE).excess == pytest.approx(lattice_peak(NOISE).value - 1, rel=0.1)


def test_constant_frames_show_nothing() -> None:
    assert lattice_peak(np.ones((2, 64, 64))).value == 1.0
