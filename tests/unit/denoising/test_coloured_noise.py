"""The lattice filter behind detectors whose noise is not white: told its spectrum, measured on the movie itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import ndimage

from core.denoising.arrays import ArrayMovie, denoise_array
from core.denoising.context import QuietContext
from core.denoising.methods.lattice_filter import LatticeFilterDenoiser
from core.denoising.tuning import coupled_looks, folded_looks, frame_looks, spectrum_of
from core.noise.spectrum import NoiseSpectrum, measure_spectrum

from .helpers import lattice

# A scintillator whose read noise is three times the counts' own.
CAMERA = NoiseSpectrum(0.1, 4.0, 0.15, 0.15, 2.0)
DOSE = 2.0


def seen(truth: np.ndarray, seed: int, spectrum: NoiseSpectrum = CAMERA) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(truth.shape).astype(np.float32)
    return (truth + spectrum.colour(noise * np.float32(DOSE**0.5))).astype(np.float32)


def error(result: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean((result - truth) ** 2))


def test_told_its_spectrum_the_filter_takes_more_of_the_noise_away():
    truth = lattice(96, 96, DOSE, 16.0)[None]
    noisy = seen(truth, 1)
    method = LatticeFilterDenoiser()
    told = method.prepare(ArrayMovie(noisy), QuietContext())
    assert told.parameters["spectrum"] is not None
    white = {**told.parameters, "spectrum": None}
    assert error(method.run(noisy, told.parameters), truth) < 0.7 * error(method.run(noisy, white), truth)


def test_what_was_measured_goes_through_a_plan_and_gives_the_same_bits():
    noisy = seen(np.concatenate([lattice(80, 80, DOSE, 12.0)[None]] * 2), 2)
    method = LatticeFilterDenoiser()
    state = method.prepare(ArrayMovie(noisy), QuietContext())
    kept = json.loads(json.dumps(state.parameters))
    again = LatticeFilterDenoiser().prepare(ArrayMovie(noisy[:, :50]), QuietContext(), kept)
    assert again.parameters == state.parameters
    assert np.array_equal(denoise_array(method, noisy, state=again), denoise_array(method, noisy, state=state))


def test_counts_have_no_spectrum_and_plans_without_one_stay_as_they_were():
    counts = np.random.default_rng(3).poisson(lattice(96, 96, 3.0, 12.0)[None]).astype(np.float32)
    method = LatticeFilterDenoiser()
    state = method.prepare(ArrayMovie(counts), QuietContext())
    assert state.parameters["spectrum"] is None
    old = {name: value for name, value in state.parameters.items() if name != "spectrum"}
    before = method.prepare(ArrayMovie(counts), QuietContext(), old)
    assert np.array_equal(denoise_array(method, counts, state=before), denoise_array(method, counts, state=state))


def test_the_spectrum_of_a_movie_is_that_between_its_frames_though_it_drifts():
    """A film's speckle, far stronger than the noise, moves by a fifth of a px a frame."""
    rng = np.random.default_rng(4)
    film = 30 * NoiseSpectrum(0.0, 1.0, 0.03, 0.03, 16.0).colour(rng.standard_normal((192, 192)).astype(np.float32))
    frequency = np.fft.fftfreq(192)
    moved = [np.fft.ifft2(np.fft.fft2(film) * np.exp(-0.4j * np.pi * k * frequency)).real for k in range(6)]
    movie = seen(DOSE + np.stack(moved).astype(np.float32), 5)
    found = spectrum_of(ArrayMovie(movie), None, QuietContext())
    for at in (0.08, 0.15, 0.3, 0.45):
        assert float(found.power(0, at)) == pytest.approx(float(CAMERA.power(0, at)), rel=0.25)
    assert spectrum_of(ArrayMovie(np.rint(movie)), 1.0, QuietContext()) is not None
    assert spectrum_of(ArrayMovie(np.maximum(np.rint(movie), 0)), None, QuietContext()) is None


def test_looks_add_noise_of_the_colour_that_the_frames_have():
    flat = np.full((1, 256, 256), DOSE, dtype=np.float32)
    one, other = coupled_looks(flat, DOSE, 6, spectrum=CAMERA)
    for look, sign in ((one, 1), (other, -1)):
        noise = sign * (look.given - flat)[0] / 0.25
        assert np.allclose(noise, -sign * (look.target - flat)[0] * 0.25, atol=1e-4)
        found = measure_spectrum([noise], False, DOSE)
        assert float(found.power(0.05, 0.05)) == pytest.approx(float(CAMERA.power(0.05, 0.05)), rel=0.25)
        assert float(found.power(0.3, 0.3)) == pytest.approx(float(CAMERA.power(0.3, 0.3)), rel=0.25)


def test_without_a_spectrum_looks_are_as_they_were():
    noisy = seen(np.full((1, 64, 64), DOSE), 7)
    for make in (frame_looks, lambda *given: folded_looks(*given[:3], 5, *given[3:])):
        white = make(noisy, None, 8)
        assert all(np.array_equal(a.given, b.given) for a, b in zip(white, make(noisy, None, 8, None), strict=True))
        assert not np.array_equal(white[0].given, make(noisy, None, 8, CAMERA)[0].given)


def test_hits_behind_an_mtf_are_not_taken_for_the_sharpest_structure():
    truth = lattice(96, 96, DOSE, 16.0)[None]
    noisy = seen(truth, 9)
    struck = noisy.copy()
    struck[0, 40:42, 50:52] += 150
    method = LatticeFilterDenoiser()
    state = method.prepare(ArrayMovie(struck), QuietContext())
    assert state.parameters["spike"] is not None
    clean, marred = (method.run(one, state.parameters) for one in (noisy, struck))
    assert float(np.abs(marred - clean).max()) < 0.5
    spared = {**state.parameters, "spike": None, "prior": [0.0] * 12}
    assert float(np.abs(method.run(struck, spared) - clean).max()) > 5


def test_bright_columns_of_a_scan_are_no_hits():
    columns = np.zeros((1, 96, 96), dtype=np.float32)
    columns[:, 8::12, 8::12] = 100
    scan = NoiseSpectrum(0.8, 0.6, 1e3, 0.2, 2.0)
    state = LatticeFilterDenoiser().prepare(ArrayMovie(seen(DOSE + columns, 10, scan)), QuietContext())
    assert state.parameters["spike"] is None


def test_soft_contrast_too_weak_to_be_seen_is_not_drawn_from_the_light_that_a_camera_spreads_far():
    """Macromolecules in ice behind a scintillator: long waves of its noise must not pass for structure."""
    glowing = NoiseSpectrum(0.3, 0.7, 0.15, 0.15, 2.0, glow=0.6)
    worse = []
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        soft = ndimage.gaussian_filter(rng.standard_normal((256, 256)), 10, mode="wrap")
        truth = (0.5 + 0.015 / soft.std() * soft).astype(np.float32)
        noise = glowing.colour(rng.standard_normal(truth.shape).astype(np.float32))
        noisy = (truth + noise * np.float32(0.5**0.5))[None]
        method = LatticeFilterDenoiser()
        result = method.run(noisy, method.prepare(ArrayMovie(noisy), QuietContext()).parameters)
        # 1 is what an even grey would have.
        worse.append(error(result, truth) / float(truth.var()))
    assert np.mean(worse) < 1.15
