from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.simulation.scan.displacement import (
    Bow,
    Displacement,
    Flyback,
    MainsSway,
    ProbeWalk,
    RowJitter,
    Slips,
    drift_field,
)
from core.simulation.scan.presets import BENCHMARK_SCANS, STEADY_SCAN, TRAINING_SCANS
from core.simulation.scan.scan import LineBrightness, Scan, sample_at

RNG = np.random.default_rng
SHAPE = (48, 64)
STILL = np.zeros(2)
EVERY = (
    RowJitter(0.4, 0.1, 2.0),
    ProbeWalk(0.1),
    Flyback(2.0, 8.0, 0.3, 0.1),
    MainsSway(0.2, 0.4, 0.37),
    Slips(0.1, 1.0),
    Bow(1.0),
)


def _waves(side: int, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A periodic scene of a few waves, known at every place."""
    turn = 2 * np.pi / side
    return 2 + np.cos(turn * (7 * x + 3 * y)) + 0.4 * np.sin(turn * (12 * y - 5 * x)) + 0.2 * np.cos(turn * 20 * x)


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_a_picture_is_sampled_between_its_pixels_exactly(seed: int) -> None:
    side = 64
    y, x = np.mgrid[:side, :side]
    places = RNG(seed).uniform(-20, side + 20, (2, 30, 30))
    found = sample_at(_waves(side, y, x), places[0], places[1])
    np.testing.assert_allclose(found, _waves(side, places[0], places[1]), atol=3e-4)


@pytest.mark.parametrize("displacement", EVERY, ids=lambda d: type(d).__name__)
def test_a_field_is_seeded_finite_and_not_nothing(displacement: Displacement) -> None:
    first, again, other = (displacement.field(SHAPE, RNG(seed)) for seed in (1, 1, 2))
    assert first.shape == (2, *SHAPE)
    np.testing.assert_array_equal(first, again)
    assert np.isfinite(first).all()
    assert np.abs(first).max() > 0.05
    assert (first != other).any() or isinstance(displacement, Flyback)


def test_row_jitter_moves_whole_rows_by_its_sigma() -> None:
    field = RowJitter(0.5, 0.2).field((4000, 3), RNG(1))
    assert np.ptp(field, axis=2).max() == 0
    assert field[1].std() == pytest.approx(0.5, rel=0.05)
    assert field[0].std() == pytest.approx(0.2, rel=0.05)
    assert abs(np.corrcoef(field[1, 1:, 0], field[1, :-1, 0])[0, 1]) < 0.06
    slow = RowJitter(0.5, 0.2, memory=5.0).field((4000, 3), RNG(1))
    assert slow[1].std() == pytest.approx(0.5, rel=0.15)
    assert np.corrcoef(slow[1, 1:, 0], slow[1, :-1, 0])[0, 1] == pytest.approx(np.exp(-0.2), abs=0.05)


def test_fly_back_bends_the_left_side_only() -> None:
    field = Flyback(3.0, 10.0).field((10, 100), RNG(1))
    assert field[1, :, 0] == pytest.approx(3.0)
    assert np.abs(field[1, :, 60:]).max() < 0.01
    assert (field[0] == 0).all()


def test_slips_stay() -> None:
    field = Slips(0.02, 2.0).field((300, 4), RNG(3))[1, :, 0]
    steps = np.flatnonzero(np.diff(field))
    assert 1 <= len(steps) <= 15


def test_the_mains_sway_lines_by_their_cycles() -> None:
    field = MainsSway(0.0, 0.5, 0.125).field((64, 8), RNG(2))
    assert np.abs(np.fft.rfft(field[1].mean(1))).argmax() == 8
    assert (field[0] == 0).all()


@pytest.mark.parametrize("scan", [*TRAINING_SCANS.values(), *BENCHMARK_SCANS.values()], ids=lambda s: s.name)
def test_an_even_picture_stays_even_but_for_the_lines_brightness(scan: Scan) -> None:
    out = Scan(scan.name, scan.displacements)(np.full((2, 40, 40), 3.0), RNG(4))
    np.testing.assert_allclose(out, 3.0, rtol=1e-6)
    bright = scan(np.full((40, 40), 3.0), RNG(4))
    assert bright.mean() == pytest.approx(3.0, rel=1e-6)
    assert np.ptp(bright, axis=1).max() < 1e-6


def test_a_steady_scan_shows_the_picture_as_it_is() -> None:
    picture = RNG(1).random((32, 32))
    image, field = STEADY_SCAN.look(picture, 4, 24, STILL, RNG(1))
    np.testing.assert_allclose(image, picture[4:28, 4:28], atol=2e-3)
    assert (field == 0).all()


def test_the_field_says_where_each_pixel_was_scanned() -> None:
    side, margin, size = 96, 16, 64
    y, x = np.mgrid[:side, :side]
    scan = Scan("all", EVERY)
    image, field = scan.look(_waves(side, y, x), margin, size, np.array([1.0, -2.0]), RNG(7))
    rows, columns = np.mgrid[margin : margin + size, margin : margin + size]
    np.testing.assert_allclose(image, _waves(side, rows + field[0], columns + field[1]), atol=3e-4)


def test_a_scanned_line_is_as_bright_as_the_beam_was() -> None:
    scan = Scan("b", (), LineBrightness(0.1))
    image, _ = scan.look(np.full((60, 60), 2.0), 10, 40, STILL, RNG(3))
    assert np.ptp(image, axis=1).max() < 1e-6
    assert image.mean(1).std() > 0.05


def test_drift_during_the_frame_shears_it() -> None:
    field = drift_field((100, 50), np.array([3.0, -2.0]))
    assert field[0, 0, 0] == pytest.approx(1.5)
    assert field[0, -1, -1] == pytest.approx(-1.5, abs=0.05)
    assert field[1, -1, -1] == pytest.approx(1.0, abs=0.05)


def test_lines_brightness_has_mean_one_and_its_sigma() -> None:
    factors = LineBrightness(0.05, 2.0).factors(5000, RNG(1))
    assert factors.mean() == pytest.approx(1)
    assert factors.std() == pytest.approx(0.05, rel=0.1)


def test_training_and_benchmark_share_no_scan_and_no_setting() -> None:
    assert not set(TRAINING_SCANS) & set(BENCHMARK_SCANS)
    trained = [s.displacements for s in TRAINING_SCANS.values()]
    single = {d for displacements in trained for d in displacements}
    for scan in BENCHMARK_SCANS.values():
        assert scan.displacements not in trained
        assert not set(scan.displacements) & single
        assert scan.brightness not in [s.brightness for s in TRAINING_SCANS.values()]


def test_settings_are_plain_values() -> None:
    import json

    for scan in (*TRAINING_SCANS.values(), STEADY_SCAN):
        assert json.loads(json.dumps(scan.settings))["name"] == scan.name
