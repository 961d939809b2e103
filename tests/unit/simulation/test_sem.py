from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from core.simulation.errors import OpticsError
from core.simulation.objects.surface import SURFACES, Surface, surface
from core.simulation.sem import SemOptics, backscatter_coefficient, electron_range, secondary_yield, sem_image

_PLAIN = SemOptics(asymmetry=0.0, tail=0.0)


def _surface(height: np.ndarray, material: np.ndarray | None = None) -> Surface:
    labels = np.zeros(height.shape, np.uint8) if material is None else material.astype(np.uint8)
    return Surface("test", height.astype(np.float32), labels, ("Si", "Au"), 2.0)


def _ball(size: int = 128) -> np.ndarray:
    y, x = np.indices((size, size)) - size / 2
    return np.sqrt(np.clip(80.0**2 - (2 * np.hypot(y, x)) ** 2, 0, None))


def test_a_flat_surface_is_one_everywhere() -> None:
    np.testing.assert_allclose(sem_image(_surface(np.zeros((64, 48))), SemOptics()), 1.0, rtol=1e-5)


def test_an_inclined_surface_is_brighter() -> None:
    slope = np.tile(np.arange(96) * 2.0, (96, 1))
    images = [sem_image(_surface(slope * tangent), _PLAIN)[40:56, 40:56].mean() for tangent in (0.0, 0.5, 1.5)]
    assert images[0] < images[1] < images[2]


def test_the_rim_of_a_ball_is_brighter_than_its_top_and_its_foot_is_darker_than_the_plane() -> None:
    image = sem_image(_surface(_ball()), _PLAIN)
    assert image[64, 64 + 38] > 1.1 * image[64, 64]
    assert image[64, 64 + 43] < 0.95 * image[5, 5]


def test_a_step_is_bright_above_and_dark_below() -> None:
    height = np.where(np.arange(128) < 64, 100.0, 0.0)[None].repeat(64, 0)
    line = sem_image(_surface(height), _PLAIN)[32]
    assert line[60] > 1.05 * line[10]
    assert line[70] < 0.97 * line[120]


def test_a_pit_is_dark_and_the_darker_the_more_shadows_count() -> None:
    y, x = np.indices((96, 96)) - 48
    pit = _surface(np.where(np.hypot(y, x) < 10, -80.0, 0.0))
    levels = [sem_image(pit, replace(_PLAIN, shadowing=share))[48, 48] for share in (0.0, 0.5, 1.0)]
    assert levels[0] > levels[1] > levels[2] >= 0
    assert levels[1] < 0.8 * sem_image(pit, _PLAIN)[2, 2]


def test_faces_towards_the_detector_are_brighter() -> None:
    image = sem_image(_surface(_ball()), SemOptics(asymmetry=0.8, detector_angle=0.0))
    assert image[64, 64 + 25] > 1.1 * image[64, 64 - 25]


def test_a_heavy_material_is_brighter_than_a_light_one() -> None:
    material = np.zeros((64, 64), int)
    material[:, 32:] = 1
    image = sem_image(_surface(np.zeros((64, 64)), material), SemOptics())
    assert image[:, 60].mean() > 1.2 * image[:, 4].mean()


def test_a_turned_surface_gives_the_turned_image() -> None:
    height = _ball() + np.linspace(0, 20, 128)[None]
    image = sem_image(_surface(height), _PLAIN)
    turned = sem_image(_surface(np.rot90(height)), _PLAIN)
    np.testing.assert_allclose(turned, np.rot90(image), rtol=1e-3, atol=1e-3)


def test_ranges_and_yields_are_the_tabulated_ones() -> None:
    assert electron_range("Si", 10.0) == pytest.approx(1.5e3, rel=0.1)
    assert electron_range("Au", 20.0) == pytest.approx(860, rel=0.1)
    assert backscatter_coefficient("Au") == pytest.approx(0.5, abs=0.02)
    assert backscatter_coefficient("C") == pytest.approx(0.06, abs=0.02)
    # Slow electrons set free the more, down to some hundred volts.
    assert 1 < secondary_yield("Au", 0.6) < 2
    assert secondary_yield("Au", 20.0) < 0.3


@pytest.mark.parametrize("kind", SURFACES)
def test_every_kind_of_surface_gives_a_positive_image_of_its_shape(kind: str) -> None:
    image = sem_image(surface(np.random.default_rng(1), 96, 4.0, kind), SemOptics())
    assert image.shape == (96, 96)
    assert image.dtype == np.float32
    assert np.isfinite(image).all()
    assert 0 < image.min() < image.max() < 15


@pytest.mark.parametrize(
    "wrong", [{"kilovolt": 0.0}, {"probe": -1.0}, {"shadowing": 1.5}, {"tilt": 1.5}, {"escape": math.nan}]
)
def test_impossible_optics_are_refused_in_words(wrong: dict[str, float]) -> None:
    with pytest.raises(OpticsError) as refusal:
        SemOptics(**wrong)
    assert refusal.value.info.advice


def test_a_surface_without_finite_heights_is_refused() -> None:
    with pytest.raises(OpticsError, match="finite"):
        sem_image(_surface(np.full((8, 8), np.nan)), SemOptics())
