from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.noise.errors import NoiseError
from core.simulation.detectors.transfer import Profile
from core.simulation.spike_ins import Recording, Spike, put_in, stored

RNG = np.random.default_rng
COUNTS = Recording()
LIGHT: Profile = ((0.8, 0.6), (0.2, 2.0))
CAMERA = Recording(gain=40.0, offset=100.0, counts=False, profile=LIGHT, read_noise=0.2, excess=1.2)


def _signal(mean: np.ndarray, seed: int) -> np.ndarray:
    return CAMERA.fresh(mean, "uint16", RNG(seed))


def _electrons(values: np.ndarray) -> np.ndarray:
    return (values.astype(float) - CAMERA.offset) / CAMERA.gain


@given(y=st.floats(2, 28), x=st.floats(2, 28), sigma=st.floats(0.3, 2), bright=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_counts_stay_whole_and_change_to_the_right_side(
    y: float, x: float, sigma: float, bright: bool, seed: int
) -> None:
    frames = RNG(seed).poisson(2.0, (2, 30, 30)).astype(np.uint16)
    spike = Spike(y, x, sigma, electrons=20.0) if bright else Spike(y, x, sigma, depth=0.8)
    spiked = put_in(frames, [spike], COUNTS, seed)
    change = spiked.values.astype(int) - frames
    assert spiked.values.dtype == np.uint16
    assert (change >= 0).all() if bright else (change <= 0).all()
    np.testing.assert_array_equal(spiked.values, put_in(frames, [spike], COUNTS, seed).values)


def test_a_bright_spike_in_counts_is_poisson_and_lies_where_it_was_put() -> None:
    frames = RNG(1).poisson(1.0, (700, 17, 17))
    spiked = put_in(frames, [Spike(8.3, 7.8, 1.2, electrons=30.0)], COUNTS, 5)
    mean = 1 + spiked.added[0].astype(float)
    assert spiked.added[0].sum() == pytest.approx(30.0, rel=1e-3)
    assert (((spiked.values - mean) ** 2) / mean).mean() == pytest.approx(1, abs=0.02)
    assert np.abs(spiked.values.mean(0) - mean).max() < 0.4
    y, x = np.mgrid[:17, :17]
    assert (y * spiked.added[0]).sum() / 30.0 == pytest.approx(8.3, abs=0.01)
    assert (x * spiked.added[0]).sum() / 30.0 == pytest.approx(7.8, abs=0.01)


def test_a_dark_spike_in_counts_leaves_poisson_counts_of_what_is_kept() -> None:
    frames = RNG(2).poisson(3.0, (700, 15, 15))
    spiked = put_in(frames, [Spike(7.0, 7.0, 1.5, depth=0.9)], COUNTS, 3)
    mean = 3 * spiked.kept[0].astype(float)
    assert spiked.kept[0].min() == pytest.approx(0.1, abs=0.08)
    assert (((spiked.values - mean) ** 2) / mean).mean() == pytest.approx(1, abs=0.02)
    assert np.abs(spiked.values.mean(0) / mean - 1).max() < 0.2


def test_spikes_in_a_camera_get_its_gain_spread_and_noise() -> None:
    frames = _signal(np.full((400, 21, 21), 5.0), 4)
    spiked = put_in(frames, [Spike(10.0, 10.0, 1.0, electrons=200.0)], CAMERA, 6)
    more = _electrons(spiked.values).mean(0) - _electrons(frames).mean(0)
    np.testing.assert_allclose(more, spiked.added[0], atol=0.35)
    assert spiked.added[0].max() < 200 / (2 * np.pi)
    # As if the sum had been recorded: the variance of the whole spike is that of its electrons.
    added = (_electrons(spiked.values) - _electrons(frames)).sum((1, 2))
    assert added.var() / added.mean() == pytest.approx(CAMERA.excess, rel=0.2)


def test_a_dark_spike_in_a_camera_looks_as_if_it_had_been_recorded() -> None:
    frames = _signal(np.full((500, 24, 24), 20.0), 7)
    spike = Spike(12.0, 12.0, 4.0, depth=0.7)
    spiked = _electrons(put_in(frames, [spike], CAMERA, 8).values)
    kept = put_in(frames[:1], [spike], CAMERA, 8).kept[0]
    recorded = _electrons(_signal(np.broadcast_to(20.0 * kept, frames.shape), 9))
    np.testing.assert_allclose(spiked.mean(0), recorded.mean(0), atol=0.8)
    here = kept < 0.5
    assert spiked[:, here].var(0).mean() == pytest.approx(recorded[:, here].var(0).mean(), rel=0.15)


def test_fresh_noise_matches_the_recording() -> None:
    mean = np.full((300, 24, 24), 6.0)
    again = _electrons(CAMERA.fresh(mean, "uint16", RNG(1)))
    assert again.mean() == pytest.approx(6.0, rel=0.01)
    sums = again.reshape(300, 2, 12, 2, 12).sum((2, 4))
    # Spread light varies little px by px; over areas it is the electrons' own variance.
    assert again.var(0).mean() < 3
    assert sums.var(0).mean() / sums.mean() == pytest.approx(CAMERA.excess, rel=0.2)
    counts = COUNTS.fresh(mean, "uint8", RNG(1))
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.02)


def test_an_event_holds_for_its_frames_and_follows_the_drift() -> None:
    frames = RNG(3).poisson(1.0, (6, 40, 40)).astype(np.uint8)
    shifts = np.outer(np.arange(6), [1.0, -0.5])
    spiked = put_in(frames, [Spike(10.0, 20.0, 0.8, electrons=50.0, start=2, stop=4)], COUNTS, 1, shifts)
    for frame in (0, 1, 4, 5):
        np.testing.assert_array_equal(spiked.values[frame], frames[frame])
        assert not spiked.added[frame].any()
    y, x = np.mgrid[:40, :40]
    for frame in (2, 3):
        part = spiked.added[frame] / spiked.added[frame].sum()
        assert (y * part).sum() == pytest.approx(10.0 + frame, abs=0.01)
        assert (x * part).sum() == pytest.approx(20.0 - 0.5 * frame, abs=0.01)


def test_a_spike_at_the_edge_is_cut_off() -> None:
    frames = np.zeros((1, 20, 20), np.uint8)
    assert put_in(frames, [Spike(-0.5, 10.0, 1.0, electrons=100.0)], COUNTS, 1).added.sum() == pytest.approx(
        50, rel=0.01
    )
    assert not put_in(frames, [Spike(-50.0, 10.0, 1.0, electrons=100.0)], COUNTS, 1).values.any()


def test_what_are_no_counts_is_refused() -> None:
    with pytest.raises(NoiseError):
        put_in(np.full((1, 8, 8), 0.5), [Spike(4, 4, 1, depth=0.5)], COUNTS, 1)


def test_impossible_spikes_and_recordings_are_refused() -> None:
    frames = np.zeros((2, 8, 8), np.uint8)
    for make in (
        lambda: Spike(1, 1, 0.0, electrons=1),
        lambda: Spike(1, 1, 1.0),
        lambda: Spike(1, 1, 1.0, electrons=1, depth=0.5),
        lambda: Spike(1, 1, 1.0, depth=1.5),
        lambda: Recording(gain=0),
        lambda: Recording(gain=2.0),
        lambda: Recording(excess=0.5, counts=False),
        lambda: put_in(frames[0], [], COUNTS, 1),
        lambda: put_in(frames, [], COUNTS, 1, np.zeros((3, 2))),
    ):
        with pytest.raises(ValueError, match=r"."):
            make()


def test_stored_values_are_clipped_to_their_type() -> None:
    np.testing.assert_array_equal(stored(np.array([-3.0, 1.6, 300.0]), "uint8"), [0, 2, 255])
    assert stored(np.array([1.25]), "float32")[0] == 1.25
