from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.simulation.detectors.arrivals import (
    CoincidenceCounting,
    Counting,
    Photomultiplier,
    Scintillator,
    SecondaryElectrons,
    Spot,
)
from core.simulation.detectors.camera import Camera
from core.simulation.detectors.defects import DarkResidue, DeadPixels, GainResidue, Hits, HotPixels
from core.simulation.detectors.lines import Afterglow, Hum, LostLines
from core.simulation.detectors.presets import BENCHMARK_DETECTORS, IDEAL_COUNTER, TRAINING_DETECTORS, detector
from core.simulation.detectors.reading import DarkCurrent, LineNoise, ReadNoise
from core.simulation.detectors.storing import Digitise, EightBit, Jpeg, Scale
from core.simulation.detectors.transfer import Localisation, kernel, profile_transfer, spread

RNG = np.random.default_rng
ALL = {IDEAL_COUNTER.name: IDEAL_COUNTER} | TRAINING_DETECTORS | BENCHMARK_DETECTORS
TRACKS = Scintillator(
    (Spot(0.8, 1.0, ((0.9, 0.5), (0.1, 1.5))), Spot(0.2, 1.7, ((0.6, 1.0), (0.4, 2.5)))), fluctuation=0.4
)


def _scene(side: int = 48, seed: int = 0, peak: float = 3.0) -> np.ndarray:
    """A smooth, uneven scene with columns."""
    y, x = np.mgrid[:side, :side] / side
    lattice = 1 + np.cos(2 * np.pi * 7 * x) * np.cos(2 * np.pi * 6 * y)
    return peak * (0.2 + 0.4 * lattice * (x + 0.3)) * RNG(seed).uniform(0.9, 1.1)


@given(
    sigmas=st.tuples(st.floats(0, 6), st.floats(0, 30)),
    share=st.floats(0.05, 0.95),
    shape=st.tuples(st.integers(3, 40), st.integers(3, 40)),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_spreading_conserves_electrons_and_never_makes_negative_ones(
    sigmas: tuple[float, float], share: float, shape: tuple[int, int], seed: int
) -> None:
    electrons = RNG(seed).exponential(1.0, (2, *shape))
    out = spread(electrons, ((share, sigmas[0]), (1 - share, sigmas[1])))
    np.testing.assert_allclose(out.sum((-2, -1)), electrons.sum((-2, -1)), rtol=1e-9)
    assert out.min() > -1e-12


def test_a_spread_delta_is_its_kernel() -> None:
    electrons = np.zeros((21, 21))
    electrons[10, 10] = 1
    half = kernel(1.2)
    out = spread(electrons, ((1.0, 1.2),))
    np.testing.assert_allclose(out[10, 10:16] / out[10, 10], half[:6] / half[0], atol=1e-9)


def test_the_noise_of_placed_counts_stays_white_while_the_picture_is_blurred() -> None:
    camera = Camera("c", "TEM", (Localisation(((1.0, 0.8),)), Counting()))
    flat = camera(np.full((64, 64, 64), 2.0), RNG(1)).astype(float)
    assert flat.var() / flat.mean() == pytest.approx(1, abs=0.02)
    assert abs(np.corrcoef(flat[..., 1:].ravel(), flat[..., :-1].ravel())[0, 1]) < 0.01
    dot = np.zeros((9, 9))
    dot[4, 4] = 100.0
    assert camera.expected(dot)[4, 4] < 40


def test_light_passes_the_noise_through_its_own_transfer() -> None:
    """Measured on flat frames: NPS as stated, MTF squared falls faster."""
    flat = TRACKS(np.full((150, 64, 64), 5.0), RNG(2)) - 5.0
    spectrum = (np.abs(np.fft.fft2(flat)) ** 2).mean(0) / 64**2 / 5.0
    along = spectrum[0, 1:32]
    frequency = np.arange(1, 32) / 64
    assert np.median(along / TRACKS.nps(frequency)) == pytest.approx(1, abs=0.03)
    mtf = TRACKS.mtf(frequency) / np.sinc(frequency)
    dqe = mtf**2 / TRACKS.nps(frequency)
    assert dqe[-1] < 0.9 * dqe[0]
    assert np.all(mtf**2 < TRACKS.nps(frequency))


def test_the_signal_passes_through_the_mtf() -> None:
    columns = np.arange(64)
    frequency = 10 / 64
    wave = 1 + 0.5 * np.cos(2 * np.pi * frequency * (columns + 0.5))[None] * np.ones((64, 1))
    out = TRACKS.expected(wave)
    strength = np.abs(np.fft.rfft(out[32]))[10] / np.abs(np.fft.rfft(wave[32]))[10]
    assert strength == pytest.approx(float(TRACKS.mtf(np.array([frequency]))[0] / np.sinc(frequency)), abs=0.01)


@pytest.mark.parametrize("rate", [0.005, 0.03])
def test_coincidence_loses_as_many_counts_as_said(rate: float) -> None:
    effect = CoincidenceCounting(rate)
    scene = np.full((60, 32, 32), 3.0)
    scene[:, 8:24, 8:24] = 6.0
    counts = effect(scene, RNG(3))
    expected = effect.expected(scene)
    inner = (slice(None), slice(10, 22), slice(10, 22))
    assert counts.mean() == pytest.approx(expected.mean(), rel=0.007)
    assert counts[inner].mean() == pytest.approx(expected[inner].mean(), rel=0.02)
    # Sub-frames of twice the mean rate here; touching electrons are lost: about 4.5 times the rate.
    here = rate * 6 / scene.mean()
    assert 2.5 * here < 1 - expected[inner].mean() / 6.0 < 4.6 * here


def test_coincidence_leaves_counts_below_poisson_and_neighbours_against_each_other() -> None:
    counts = CoincidenceCounting(0.03)(np.full((200, 32, 32), 2.0), RNG(3))
    assert counts.var(0).mean() / counts.mean() < 0.99
    # Sums over areas vary much less.
    sums = counts.reshape(200, 8, 4, 8, 4).sum((2, 4))
    assert sums.var(0).mean() / sums.mean() < 0.86
    beside = np.corrcoef(counts[..., 1:].ravel(), counts[..., :-1].ravel())[0, 1]
    assert -0.1 < beside < -0.01


def test_photomultipliers_and_secondary_electrons_have_their_excess_noise() -> None:
    flat = np.full((40, 64, 64), 3.0)
    pulses = Photomultiplier(0.6)(flat, RNG(4))
    assert pulses.mean() == pytest.approx(3, rel=0.01)
    assert pulses.var() / 3 == pytest.approx(1 + 0.36, rel=0.03)
    secondaries = SecondaryElectrons(0.5, 0.0)(flat, RNG(5))
    assert secondaries.mean() == pytest.approx(3, rel=0.01)
    assert secondaries.var() / 3 == pytest.approx(1.5, rel=0.03)


@pytest.mark.parametrize("effect", [ReadNoise(0.7), DarkCurrent(9.0, 4.0), LineNoise(0.4, 0.6)], ids=lambda e: str(e))
def test_reading_adds_noise_without_a_bias(effect: ReadNoise | DarkCurrent | LineNoise) -> None:
    scene = np.tile(_scene(), (100, 1, 1))
    added = effect(scene, RNG(6)) - scene
    assert abs(added.mean()) < 0.03
    variances = {ReadNoise: 0.49, DarkCurrent: 9 / 16, LineNoise: 0.52}
    assert added.var() == pytest.approx(variances[type(effect)], rel=0.06)


def test_line_noise_is_shared_along_rows() -> None:
    added = LineNoise(rows=1.0)(np.zeros((3, 20, 30)), RNG(7))
    assert np.ptp(added, axis=2).max() < 1e-12
    assert added.std() > 0.5


def test_a_camera_has_its_defects_where_its_serial_number_says() -> None:
    scene = np.full((3, 200, 200), 10.0)
    dead = DeadPixels(0.001, columns=0.01, serial=4)
    mask = dead.mask((200, 200))
    assert 0 < mask.sum() < 2000
    for seed in (1, 2):
        out = dead(scene, RNG(seed))
        assert (out[:, mask] == 0).all()
        assert (out[:, ~mask] == 10).all()
    assert (DeadPixels(0.001, columns=0.01, serial=5).mask((200, 200)) != mask).any()
    hot = HotPixels(0.002, 20.0, unstable=0.0, serial=4)
    leaky = hot.mean_excess((200, 200))
    many = hot(np.zeros((400, 200, 200)), RNG(3)).mean(0)
    np.testing.assert_allclose(many, leaky, atol=1.5)
    assert np.count_nonzero(leaky) > 30


def test_an_unstable_pixel_leaks_now_and_then() -> None:
    out = HotPixels(0.01, 1000.0, unstable=1.0)(np.zeros((60, 50, 50)), RNG(1))
    leaks = (out > 0).mean(0)[out.max(0) > 50]
    assert len(leaks) > 10
    assert 0.2 < leaks.mean() < 0.4


def test_the_gain_residue_is_a_fixed_pattern_of_mean_one() -> None:
    residue = GainResidue(0.02, smooth=0.01, columns=0.01, serial=2)
    pattern = residue.pattern((64, 80))
    assert pattern.mean() == pytest.approx(1, abs=1e-9)
    assert 0.015 < pattern.std() < 0.035
    scene = RNG(1).uniform(1, 2, (2, 64, 80))
    np.testing.assert_allclose(residue(scene, RNG(5)) / scene, np.broadcast_to(pattern, scene.shape))


def test_the_dark_residue_is_a_fixed_pattern_of_columns_and_banks() -> None:
    residue = DarkResidue(0.0, columns=1.0, banks=0.5, bank_rows=32, serial=3)
    pattern = residue.pattern((256, 400))
    assert abs(pattern.mean()) < 1e-9
    columns = pattern.mean(0)
    assert columns.std() == pytest.approx(1.0, rel=0.15)
    assert np.corrcoef(columns[1:], columns[:-1])[0, 1] == pytest.approx(0.55, abs=0.12)
    assert np.abs(np.diff(pattern[:32], axis=0)).max() < 1e-12
    assert np.ptp(np.diff(pattern, axis=0)[31]) < 1e-12
    scene = RNG(1).uniform(1, 2, (2, 256, 400))
    np.testing.assert_allclose(residue(scene, RNG(5)) - scene, np.broadcast_to(pattern, scene.shape), atol=1e-9)


def test_hits_are_rare_bright_and_in_one_frame() -> None:
    out = Hits(rate=40.0, electrons=50.0, tracks=0.1)(np.zeros((50, 128, 128)), RNG(8))
    struck = [np.count_nonzero(frame) for frame in out]
    total = Hits(rate=40.0, wide=0.0, tracks=0.0)(np.zeros((50, 128, 128)), RNG(8))
    assert 10 < np.count_nonzero(total) < 60
    assert max(struck) >= 4
    assert out.max() > 50
    assert np.median(struck) <= 2


@given(decay=st.floats(0.05, 20), level=st.floats(0.1, 50))
@settings(max_examples=30, deadline=None)
def test_afterglow_keeps_an_even_picture_even(decay: float, level: float) -> None:
    np.testing.assert_allclose(Afterglow(decay).expected(np.full((3, 4, 50), level)), level, rtol=1e-9)


def test_afterglow_goes_to_the_right_only_and_conserves_the_signal() -> None:
    electrons = np.zeros((1, 80))
    electrons[0, 20] = 10
    out = Afterglow(2.0).expected(electrons)
    assert (out[0, :20] == 0).all()
    assert out.sum() == pytest.approx(10, rel=1e-6)
    assert out[0, 21] / out[0, 20] == pytest.approx(np.exp(-0.5))


def test_hum_is_a_wave_over_lines() -> None:
    out = Hum(0.5, 0.25)(np.zeros((5, 40, 30)), RNG(9))
    assert abs(out.mean()) < 1e-9
    spectrum = np.abs(np.fft.rfft(out[0].mean(1)))
    assert spectrum.argmax() == 10


def test_lost_lines_repeat_the_last_stored_one_noise_and_all() -> None:
    frames = RNG(1).random((4, 100, 8))
    out = LostLines(repeated=0.3, blank=0.05)(frames, RNG(2))
    blank = (out == 0).all(-1)
    assert 5 < blank.sum() < 50
    for frame, source in zip(out, frames, strict=True):
        for line in range(100):
            if (frame[line] == 0).all():
                continue
            origin = np.flatnonzero((source == frame[line]).all(-1))
            assert len(origin) == 1
            assert origin[0] <= line
    assert 70 < (out != frames).any(-1).sum() < 160


def test_storing_rounds_and_clips() -> None:
    values, scale = Digitise(10.0, 100.0, "uint16", high=140.0)(np.array([[-20.0, 0.04, 1.26, 9.0]]))
    np.testing.assert_array_equal(values, [[0, 100, 113, 140]])
    assert scale == Scale(10.0, 100.0)
    assert values.dtype == np.uint16


def test_a_scanning_detector_turns_its_gain_down_for_a_bright_scene() -> None:
    bright = np.linspace(0, 100, 10000).reshape(100, 100)
    values, scale = Digitise(6.0, 10.0, "uint8", fill=0.8)(bright)
    assert scale.gain < 2.1
    assert 200 < values.max() <= 255
    assert (values == 255).mean() < 0.001
    assert Digitise(6.0, 10.0, "uint8", fill=0.8)(bright / 100)[1].gain == 6.0


def test_eight_bits_and_jpeg_keep_the_scale_known() -> None:
    camera = Camera("c", "TEM", (), Digitise(20.0, 100.0), (EightBit(0.0, 1.0), Jpeg(95)))
    scene = np.tile(_scene(), (2, 1, 1))
    exposure = camera.expose(scene, RNG(1))
    assert exposure.values.dtype == np.uint8
    back = (exposure.values - exposure.offset) / exposure.gain
    assert np.abs(back - scene).mean() < 0.03
    assert np.unique(exposure.values[0] != camera.store(scene)[0][0]).any()


def test_jpeg_refuses_more_than_eight_bits() -> None:
    with pytest.raises(ValueError, match="8-bit"):
        Jpeg(80)(np.zeros((8, 8), np.uint16), Scale(1, 0))


@pytest.mark.parametrize("name", list(ALL))
def test_the_mean_of_what_a_preset_stores_is_what_it_says_is_expected(name: str) -> None:
    camera = ALL[name]
    scene = np.tile(_scene(32, peak=2.0), (60, 1, 1))
    exposure = camera.expose(scene, RNG(11))
    assert exposure.values.shape == exposure.expected.shape == scene.shape
    stored = (exposure.values.astype(float) - exposure.offset) / exposure.gain
    # Fixed patterns of a few per cent, dead and hot pixels are no part of what is expected.
    miss = np.median(np.abs(stored.mean(0) - exposure.expected.mean(0)) / exposure.expected.mean())
    assert miss < 0.2
    assert np.median(stored.mean((1, 2))) == pytest.approx(exposure.expected.mean(), rel=0.03)
    correlation = np.corrcoef(stored.mean(0).ravel(), exposure.expected.mean(0).ravel())[0, 1]
    assert correlation > 0.7


@pytest.mark.parametrize("name", list(ALL))
def test_a_preset_is_seeded(name: str) -> None:
    scene = _scene(24)
    first, again, other = (ALL[name](scene, RNG(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("name", [n for n, c in ALL.items() if c.counts])
def test_counting_presets_give_poisson_counts_of_what_is_expected(name: str) -> None:
    exposure = ALL[name].expose(np.tile(_scene(32), (80, 1, 1)), RNG(3))
    assert exposure.gain == 1
    assert exposure.offset == 0
    dispersion = ((exposure.values - exposure.expected) ** 2 / exposure.expected).mean()
    assert dispersion == pytest.approx(1, abs=0.02)


def test_training_and_benchmark_share_no_detector_and_no_setting() -> None:
    assert not set(TRAINING_DETECTORS) & set(BENCHMARK_DETECTORS)
    trained = [(c.steps, c.store, c.conversions) for c in TRAINING_DETECTORS.values()]
    for camera in BENCHMARK_DETECTORS.values():
        assert (camera.steps, camera.store, camera.conversions) not in trained
    for family in ("TEM", "STEM", "SEM"):
        assert any(c.family == family for c in TRAINING_DETECTORS.values())
        assert any(c.family == family for c in BENCHMARK_DETECTORS.values())
    # The effects that shape the noise differ too, not only the chains.
    for kind in (
        Localisation,
        CoincidenceCounting,
        Scintillator,
        Photomultiplier,
        SecondaryElectrons,
        GainResidue,
        DarkResidue,
    ):
        used = [
            {step for camera in cameras.values() for step in camera.steps if isinstance(step, kind)}
            for cameras in (TRAINING_DETECTORS, BENCHMARK_DETECTORS)
        ]
        assert not used[0] & used[1], kind


def test_another_copy_of_a_camera_has_its_defects_elsewhere() -> None:
    camera = detector("ceta-like")
    scene = np.full((64, 64), 50.0)
    assert (camera.numbered(3)(scene, RNG(1)) != camera.numbered(4)(scene, RNG(1))).any()
    np.testing.assert_array_equal(camera.numbered(3)(scene, RNG(1)), camera.numbered(3)(scene, RNG(1)))
    assert camera.numbered(3).name == camera.name


@pytest.mark.parametrize("electrons", [np.full((4, 4), -1.0), np.full((4, 4), np.nan), np.zeros(4)], ids=str)
def test_a_camera_refuses_what_cannot_arrive(electrons: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected electrons"):
        IDEAL_COUNTER(electrons, RNG(0))


def test_impossible_settings_are_refused() -> None:
    for make in (
        lambda: Localisation(((0.5, 1.0),)),
        lambda: CoincidenceCounting(0.0),
        lambda: ReadNoise(-1),
        lambda: Digitise(gain=0),
        lambda: Digitise(dtype="complex64"),
        lambda: Scintillator((Spot(0.5, 1.0, ((1.0, 1.0),)),)),
        lambda: DeadPixels(2.0),
        lambda: Hits(1.0, wide=0.8, tracks=0.5),
        lambda: EightBit(0.9, 0.1),
        lambda: Jpeg(0),
        lambda: Afterglow(0),
    ):
        with pytest.raises(ValueError, match="impossible"):
            make()


def test_profiles_transfer_all_of_an_even_picture() -> None:
    assert profile_transfer(((0.3, 0.4), (0.7, 5.0)), np.array([0.0]))[0] == pytest.approx(1)
