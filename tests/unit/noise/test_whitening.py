"""Coloured noise made that of counts, and back."""

from __future__ import annotations

import numpy as np
import pytest

from core.noise.spectrum import NoiseSpectrum, measure_spectrum
from core.noise.whitening import RADIUS, Whitening

CAMERA = NoiseSpectrum(0.2, 1.8, 0.2, 0.2, 2.0)
MEAN = 30.0


def recorded(seed: int = 1, side: int = 256) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((1, side, side)).astype(np.float32)
    return (MEAN + CAMERA.colour(noise * np.float32(MEAN**0.5))).astype(np.float32)


def test_noise_becomes_white_with_the_mean_for_its_variance():
    counts = Whitening.of(CAMERA, None, MEAN).counts(recorded())
    assert counts.mean() == pytest.approx(MEAN / 2.0, rel=0.01)
    assert counts.var() == pytest.approx(counts.mean(), rel=0.05)
    found = measure_spectrum([counts[0]], False)
    for at in (0.1, 0.25, 0.4):
        assert float(found.power(0, at)) == pytest.approx(1.0, abs=0.15)


def test_a_variance_takes_the_place_of_the_mean():
    white = NoiseSpectrum(1.0, 0.0, 0.2, 0.2, 2.0)
    noise = np.random.default_rng(2).normal(200.0, 3.0, (1, 128, 128)).astype(np.float32)
    counts = Whitening.of(white, 9.0, 200.0).counts(noise)
    assert counts.var() == pytest.approx(counts.mean(), rel=0.05)


def test_back_is_back():
    rows = np.arange(96)[:, None]
    smooth = (MEAN + 5 * np.cos(2 * np.pi * rows / 12) + 0 * rows.T).astype(np.float32)[None]
    whitening = Whitening.of(CAMERA, None, MEAN)
    assert np.allclose(whitening.electrons(whitening.counts(smooth)), smooth, atol=0.05)


def test_nothing_comes_back_below_zero():
    empty = np.zeros((1, 64, 64), np.float32)
    empty[0, 30, 30] = 50.0
    assert Whitening.of(CAMERA, None, MEAN).electrons(empty).min() >= 0


def test_a_part_with_its_surroundings_gives_what_the_whole_gives():
    frame, whitening = recorded(3), Whitening.of(CAMERA, None, MEAN)
    whole = whitening.counts(frame)[:, 100:140, 90:150]
    part = whitening.counts(frame[:, 100 - RADIUS : 140 + RADIUS, 90 - RADIUS : 150 + RADIUS])
    assert np.allclose(part[:, RADIUS:-RADIUS, RADIUS:-RADIUS], whole, atol=1e-3)


def test_white_counts_stay_as_they_are():
    frame = recorded(4)
    assert np.array_equal(Whitening.of(NoiseSpectrum(1.0, 0.0, 0.2, 0.2, 2.0), None, MEAN).counts(frame), frame)
