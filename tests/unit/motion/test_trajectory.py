"""Drift is followed at few electrons, honestly: its error is told, and noise is never taken for motion."""

from __future__ import annotations

import numpy as np
import pytest

from core.denoising.context import Cancelled
from core.motion.following import as_lists, follow_segment
from core.motion.path_smoothing import smooth_path
from core.motion.trajectory import follow

SIDE = 96


def drifting(shifts: np.ndarray, dose: float, seed: int = 0, side: int = SIDE) -> np.ndarray:
    """Counts of a lattice with a round edge that moves along."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side].astype(float)
    frames = []
    for down, across in shifts:
        v, u = y - down, x - across
        lattice = 0.25 * (np.cos(2 * np.pi * (u + 0.3 * v) / 11) + np.cos(2 * np.pi * (v - 0.2 * u) / 13))
        inside = 1 / (1 + np.exp((np.hypot(v - side / 2, u - side / 2) - side / 3) / 2))
        frames.append(dose * (1 + (lattice - 0.2) * inside))
    return rng.poisson(np.array(frames)).astype(np.float32)


def apart(found: np.ndarray, true: np.ndarray) -> float:
    difference = found - true
    return float(np.sqrt(np.mean(np.square(difference - difference.mean(axis=0)).sum(axis=1))))


def quiet() -> None:
    """Go on."""


@pytest.mark.parametrize("dose", [0.5, 5.0])
def test_drift_is_followed_and_its_error_is_told(dose):
    frame = np.arange(32)[:, None]
    shifts = frame * [0.31, -0.14] + 0.5 * np.sin(frame / 6)
    path = follow(drifting(shifts, dose), quiet)
    assert path.certain
    assert apart(path.shifts, shifts) < 0.35
    assert apart(path.shifts, shifts) < 3 * path.error
    assert path.error < 0.5
    assert path.speed == pytest.approx(0.34, abs=0.15)


def test_noise_is_not_taken_for_motion():
    noise = np.random.default_rng(1).poisson(2.0, (32, SIDE, SIDE)).astype(np.float32)
    path = follow(noise, quiet)
    assert not path.certain
    assert not path.shifts.any()


def test_a_picture_at_rest_stays():
    path = follow(drifting(np.zeros((24, 2)), 5.0), quiet)
    assert path.certain
    assert np.abs(path.shifts).max() < 0.3


def test_a_jump_of_the_stage_is_a_jump():
    shifts = np.where(np.arange(24)[:, None] < 12, [0.0, 0.0], [4.0, -3.0])
    path = follow(drifting(shifts, 8.0), quiet)
    step = path.shifts[12] - path.shifts[11]
    assert step == pytest.approx([4.0, -3.0], abs=0.4)


def test_a_lattice_is_not_taken_for_itself_a_period_on():
    y, x = np.mgrid[:256, :256].astype(float)
    shifts = np.arange(8)[:, None] * [-0.15, 0.3]
    # Periods of 6.5 and 7.5 px: half a period on it looks the same, and there the tops lie nearer to whole px.
    clean = []
    for down, across in shifts:
        lattice = np.cos((x - across) * 2 * np.pi / 6.5) * np.cos((y - down) * 2 * np.pi / 7.5)
        clean.append(6 * (1 + 0.4 * lattice * (x - across > 80)))
    path = follow(np.random.default_rng(0).poisson(clean).astype(np.float32), quiet)
    assert apart(path.shifts, shifts) < 0.5


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_few_frames_tell_no_drift(frames):
    path = follow(drifting(np.zeros((frames, 2)), 20.0), quiet)
    assert path.shifts.shape == (frames, 2)
    assert not path.certain


def test_constant_frames_tell_no_drift():
    assert not follow(np.full((8, 32, 32), 3.0, dtype=np.float32), quiet).certain


def test_a_long_path_is_joined_from_pieces():
    shifts = np.arange(90)[:, None] * [0.0, 0.6]
    read = []

    def one(number: int) -> np.ndarray:
        read.append(number)
        v, u = np.mgrid[:64, :64] - shifts[number][:, None, None]
        wave = 0.4 * (np.cos(2 * np.pi * (u + 0.3 * v) / 11) + np.cos(2 * np.pi * (v - 0.2 * u) / 13))
        return np.random.default_rng(number).poisson(4 * (1 + wave)).astype(np.float32)

    path = follow_segment(one, 10, 90, quiet)
    assert len(path.shifts) == 80
    assert np.all(np.diff(sorted(set(read))) == 1)
    assert apart(path.shifts, shifts[10:]) < 0.5


def test_large_frames_are_looked_at_in_their_middle():
    shifts = np.arange(6)[:, None] * [0.8, -0.4]
    frames = drifting(shifts, 5.0, side=530)
    path = follow_segment(lambda number: frames[number], 0, 6, quiet)
    assert apart(path.shifts, shifts) < 0.5


def test_what_listens_can_stop_it():
    def check() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        follow(drifting(np.zeros((8, 2)), 5.0), check)


def test_a_path_is_smoothed_and_its_variance_is_right():
    rng = np.random.default_rng(3)
    true = np.arange(60)[:, None] * [0.2, -0.1]
    covariance = np.array([[0.3, 0.1], [0.1, 0.2]])
    measured = true + rng.multivariate_normal([0, 0], covariance, 60)
    path, variance = smooth_path(measured, covariance)
    error = np.mean(np.square(path - true))
    assert error < 0.05
    assert 0.1 < variance.mean() / error < 10


def test_shifts_are_kept_to_a_hundredth():
    assert as_lists(np.array([[0.123, -4.567]])) == [[0.12, -4.57]]
