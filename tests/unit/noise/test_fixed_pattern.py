"""A camera's fixed pattern is told from the specimen by the drift; a specimen at rest is never subtracted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage

from core.motion.drift import estimate_drift
from core.noise.fixed_pattern import FixedPattern, measure_pattern
from core.noise.sampling import choose_frames
from core.protocol.denoise_parts import FrameRange
from core.protocol.movie import MovieMeta, Segment
from tests.unit.noise.cameras import moved

SIDE, FRAMES, DOSE = 128, 48, 20.0


def specimen(seed: int = 0) -> np.ndarray:
    """Something irregular with detail of 3 px and more, mean 1."""
    noise = np.random.default_rng(seed).normal(0, 1, (SIDE, SIDE))
    fine = ndimage.gaussian_filter(noise, 1.0, mode="wrap")
    coarse = ndimage.gaussian_filter(noise, 5.0, mode="wrap")
    return np.clip(1 + 0.25 * fine / fine.std() + 0.2 * coarse / coarse.std(), 0.1, None)


def path(length: float) -> np.ndarray:
    t = np.linspace(-0.5, 0.5, FRAMES)
    return np.stack([length * t, 0.7 * length * t], axis=1)


def movie(shifts: np.ndarray, pattern: np.ndarray | float, still: np.ndarray | float = 1.0) -> np.ndarray:
    clean = specimen()
    rng = np.random.default_rng(4)
    frames = [moved(clean, tuple(shift)) * still * (1 + pattern) * DOSE for shift in shifts]
    return np.stack([rng.poisson(np.maximum(frame, 0)) for frame in frames]).astype(np.float32)


def measured(frames: np.ndarray, shifts: np.ndarray) -> FixedPattern:
    return measure_pattern(lambda place: frames[place], shifts, lambda: None)


def white(strength: float) -> np.ndarray:
    return np.random.default_rng(8).normal(0, strength, (SIDE, SIDE))


@pytest.mark.parametrize("length", [0.0, 3.0, 9.0])
def test_drift_is_found_to_a_tenth_of_a_pixel(length: float) -> None:
    shifts = path(length)
    found = estimate_drift(movie(shifts, 0.0), lambda: None)
    assert found is not None
    assert found.certain
    assert np.abs(found.shifts - shifts).max() < 0.25
    assert found.extent == pytest.approx(0.8 * np.hypot(length, 0.7 * length), abs=0.2)


def test_drift_of_pure_noise_is_not_certain() -> None:
    noise = np.random.default_rng(0).poisson(5.0, (20, 64, 64)).astype(np.float32)
    found = estimate_drift(noise, lambda: None)
    assert found is not None
    assert not found.certain


def test_too_few_frames_tell_no_drift() -> None:
    assert estimate_drift(np.ones((5, 64, 64), np.float32), lambda: None) is None


@pytest.mark.parametrize("kind", ["pixels", "rows"])
def test_a_pattern_is_measured_and_what_it_is_subtracted_from_gets_better(kind: str) -> None:
    pattern = white(0.06)
    if kind == "rows":
        pattern = np.repeat(np.random.default_rng(8).normal(0, 0.06, (SIDE, 1)), SIDE, axis=1)
    shifts = path(9.0)
    frames = movie(shifts, pattern)
    found = measured(frames, shifts)
    assert found.verdict == "found"
    assert found.rms == pytest.approx(0.06 * DOSE, rel=0.25)
    inner = np.s_[30:-30, 30:-30]
    truth = (pattern * DOSE)[inner]
    assert np.corrcoef(found.image[inner].ravel(), truth.ravel())[0, 1] > 0.75
    assert np.std(truth - found.image[inner]) < 0.7 * np.std(truth)
    # None of the specimen is in it.
    assert abs(np.corrcoef(found.image[inner].ravel(), specimen()[inner].ravel())[0, 1]) < 0.06


def test_without_a_pattern_none_is_found_and_the_limit_is_told() -> None:
    shifts = path(9.0)
    found = measured(movie(shifts, 0.0), shifts)
    assert (found.verdict, found.rms, found.image) == ("nothing", 0.0, None)
    assert 0 < found.least < 0.02 * DOSE


def test_a_specimen_at_rest_tells_nothing() -> None:
    shifts = path(0.5)
    assert measured(movie(shifts, white(0.05)), shifts).verdict == "still"


@pytest.mark.parametrize("kind", ["whole", "film", "lattice", "particle"])
def test_a_specimen_that_rests_is_no_pattern_of_the_camera(kind: str) -> None:
    """Also if the drift was found wrong, or only a part of the specimen drifts."""
    shifts = path(9.0)
    y, x = np.mgrid[:SIDE, :SIDE]
    if kind == "whole":
        frames = movie(path(0.0), 0.0)
    elif kind == "film":
        frames = movie(shifts, 0.0, 0.3 * (specimen(5) - 1) + 1)
    elif kind == "lattice":
        frames = movie(shifts, 0.0, 1 + 0.1 * np.cos(2 * np.pi * x / 6) * np.cos(2 * np.pi * y / 6))
    else:
        frames = movie(shifts, 0.0, 1 + 0.3 * np.exp(-((x - 50) ** 2 + (y - 70) ** 2) / 60) * np.cos(2 * np.pi * x / 5))
    found = measured(frames, shifts)
    assert found.verdict != "found"
    assert found.image is None
    assert not found.rms


def meta(frames: int, *borders: int) -> MovieMeta:
    edges = [0, *borders, frames]
    segments = tuple(Segment(start=a, stop=b) for a, b in itertools.pairwise(edges)) if borders else ()
    facts = {"path": "a", "format": "a", "height": 8, "width": 8, "dtype": "uint8", "declared_frames": frames}
    return MovieMeta(frames=frames, segments=segments, **facts)


def test_a_long_movie_is_looked_at_in_pairs_spread_over_it() -> None:
    sample = choose_frames(meta(30_000), FrameRange(), 200)
    assert len(sample.frames) == 200
    assert len(sample.pairs) == 100
    assert all(sample.frames[k + 1] == sample.frames[k] + 1 for k in sample.pairs)
    assert sample.frames[0] == 0
    assert sample.frames[-1] == 29_999


def test_no_pair_crosses_a_segment() -> None:
    sample = choose_frames(meta(12, 5, 6), FrameRange(start=1, stop=11), 200)
    assert sample.frames == tuple(range(1, 11))
    assert [(sample.frames[k], sample.frames[k] + 1) for k in sample.pairs if sample.frames[k] in {4, 5}] == []
    assert len(sample.pairs) == 3 + 0 + 4
