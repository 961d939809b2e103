"""The spectrum of the noise: flat where it is white, damped behind an MTF, whatever the picture is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import ndimage

from core.noise.spectrum import NoiseSpectrum, measure_spectrum

SIDE = 256
DAMPED = NoiseSpectrum(0.1, 1.2, 0.2, 0.2, 1.0)
FLAT = NoiseSpectrum(1.0, 0.0, 0.2, 0.2, 1.0)
ALONG_LINES = NoiseSpectrum(0.8, 0.6, 1e3, 0.2, 2.0)
LOW, MIDDLE, HIGH = 0.05, 0.2, 0.45


def white(seed: int, variance: float = 4.0, side: int = SIDE) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((side, side)) * variance**0.5).astype(np.float32)


def lattice(side: int = SIDE, shift: float = 0.0) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return np.cos(2 * np.pi * (rows + shift) / 11.3) * np.cos(2 * np.pi * columns / 9.1)


def film(seed: int, side: int = SIDE) -> np.ndarray:
    """Speckle of 3 px, deviation 1."""
    speckle = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((side, side)), 3, mode="wrap")
    return speckle / speckle.std()


def powers(spectrum: NoiseSpectrum) -> np.ndarray:
    """Along the columns' frequencies at three of them, then along the rows'."""
    at = np.array([LOW, MIDDLE, HIGH])
    return np.concatenate([spectrum.power(0.0, at), spectrum.power(at, 0.0)])


@pytest.mark.parametrize("variance", [None, 4.0])
def test_white_noise_is_white(variance):
    found = measure_spectrum([4 + white(1)], False, variance)
    assert np.allclose(powers(found), 1, atol=0.1)
    assert found.level() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("true", [DAMPED, ALONG_LINES])
def test_what_a_detector_damps_is_found_beneath_a_lattice(true):
    noisy = (4 + 2 * lattice() + true.colour(white(2))).astype(np.float32)
    assert np.allclose(powers(measure_spectrum([noisy], False)), powers(true), rtol=0.2)


def test_speckle_within_a_frame_hardly_counts_and_between_frames_not_at_all():
    pictures = [4 + 3 * ndimage.shift(film(3), (0.2 * k, 0), order=1, mode="wrap") for k in range(2)]
    frames = [(picture + DAMPED.colour(white(4 + k))).astype(np.float32) for k, picture in enumerate(pictures)]
    true = powers(DAMPED)
    assert np.allclose(powers(measure_spectrum(frames, True)), true, rtol=0.25)
    within = powers(measure_spectrum(frames[:1], False))
    assert np.allclose(within[[1, 2, 4, 5]], true[[1, 2, 4, 5]], rtol=0.35)
    # The speckle itself has hundreds of times the noise's power there.
    assert np.all(within[[0, 3]] < 2 * true[0])


def test_stronger_noise_than_counting_says_so():
    rng = np.random.default_rng(5)
    electrons = (rng.poisson(2.0, (SIDE, SIDE)) + white(6, 3.0)).astype(np.float32)
    assert measure_spectrum([electrons], False).level() == pytest.approx(2.5, rel=0.08)


def test_counting_noise_is_never_below_the_counts_where_nothing_is_damped():
    """At high frequencies an MTF leaves hardly any; what is lower can't have lost electrons."""
    found = measure_spectrum([4 + NoiseSpectrum(0.01, 0.99, 0.12, 0.12, 1.0).colour(white(7))], False)
    assert float(found.power(0, 0)) >= 0.99


@pytest.mark.parametrize("binning", [1, 2, 4])
def test_sums_have_the_power_that_is_told(binning):
    noise = np.stack([DAMPED.colour(white(10 + k)) for k in range(8)])
    side = SIDE // binning
    sums = noise.reshape(8, side, binning, side, binning).sum(axis=(2, 4))
    power = np.mean(np.abs(np.fft.rfft2(sums)) ** 2, axis=0) / (side**2 * 4.0 * binning**2)
    told = DAMPED.of_sums(side, binning)
    assert np.mean(power / told) == pytest.approx(1, abs=0.02)
    assert np.allclose((power / told)[:8, :8].mean(), 1, atol=0.15)
    assert np.var(sums) / (4.0 * binning**2) == pytest.approx(DAMPED.level(binning), rel=0.05)


def test_white_sums_are_white():
    for binning in (1, 2, 4, 8):
        assert np.allclose(FLAT.of_sums(32, binning), 1)
        assert FLAT.level(binning) == pytest.approx(1)


def test_whitened_noise_is_white_and_keeps_its_mean():
    coloured = 7 + DAMPED.colour(white(20))
    out = DAMPED.whiten(coloured)
    assert float(out.mean()) == pytest.approx(float(coloured.mean()), rel=1e-5)
    assert np.allclose(powers(measure_spectrum([out], False, 4.0)), 1, atol=0.12)


def test_it_comes_back_from_json_as_it_was():
    found = measure_spectrum([4 + DAMPED.colour(white(21))], False)
    assert NoiseSpectrum.of(json.loads(json.dumps(found.as_parameters()))) == found
    assert NoiseSpectrum.of(None) is None


@pytest.mark.parametrize("frame", [np.zeros((SIDE, SIDE)), np.full((SIDE, SIDE), 3.0), np.ones((32, 300))])
def test_nothing_is_told_of_what_cannot_be_measured(frame):
    assert measure_spectrum([frame.astype(np.float32)], False) is None


# Behind a scintillator that spreads a little of its light very far.
GLOWING = NoiseSpectrum(0.3, 0.8, 0.15, 0.15, 2.0, glow=0.45)


def test_light_that_is_spread_far_is_found_within_a_frame_though_a_particle_is_in_it():
    noisy = 4 + GLOWING.colour(white(30, side=512))
    noisy[100:300, 150:400] += 40 * ndimage.gaussian_filter(white(31, side=512), 4)[100:300, 150:400]
    noisy[:, :100] += 2 * lattice(512)[:, :100]
    found = measure_spectrum([noisy.astype(np.float32)], False)
    assert np.allclose(found.power(0.0, [0.01, 0.02, 0.04]), GLOWING.power(0.0, [0.01, 0.02, 0.04]), rtol=0.2)
    again = NoiseSpectrum.of(json.loads(json.dumps(found.as_parameters())))
    assert again == found
    # Plans of before say nothing of it.
    before = {name: value for name, value in found.as_parameters().items() if name != "glow"}
    assert NoiseSpectrum.of(before).glow == 0


def test_only_a_camera_that_blurs_glows_and_a_film_is_not_taken_for_light():
    sharp = [4 + one.colour(white(32 + k)) + film(40 + k) for k, one in enumerate((ALONG_LINES, FLAT))]
    for noisy in sharp:
        assert measure_spectrum([noisy.astype(np.float32)], False).glow == 0
    blurred = 4 + DAMPED.colour(white(34))
    # The rest of the curve is fitted above, and may be a little low there.
    assert float(measure_spectrum([blurred], False).power(0.02, 0)) < 1.25 * float(DAMPED.power(0.02, 0))
    found = measure_spectrum([(blurred + 5 * film(35)).astype(np.float32)], False)
    assert 0 < found.glow <= 0.61 * (found.floor + found.excess)
