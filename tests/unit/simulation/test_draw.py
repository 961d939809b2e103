"""Random specimens and surfaces: of every kind, in their boxes, and always the same."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.simulation.errors import SpecimenError
from core.simulation.materials import BENCHMARK, TRAINING, Palette
from core.simulation.objects.draw import KINDS, draw, draw_surface, is_periodic
from core.simulation.objects.surface import SURFACES, fractal, surface
from core.simulation.specimens import random_specimen

_ATOMIC = tuple(kind for kind in KINDS if kind != "biological")


@given(
    seed=st.integers(0, 2**31 - 1),
    box=st.floats(18.0, 34.0),
    kind=st.sampled_from(_ATOMIC),
    palette=st.sampled_from([TRAINING, BENCHMARK]),
)
@settings(max_examples=12, deadline=None)
def test_the_same_generator_state_gives_the_same_atoms_of_the_palette_in_the_box(
    seed: int, box: float, kind: str, palette: Palette
) -> None:
    first = draw(np.random.default_rng(seed), box, palette, kind)
    again = draw(np.random.default_rng(seed), box, palette, kind)
    np.testing.assert_array_equal(first.specimen.positions, again.specimen.positions)
    np.testing.assert_array_equal(first.specimen.elements, again.specimen.elements)
    assert first.kind == kind
    assert first.made_of == again.made_of
    assert set(first.made_of) <= palette.names
    positions = first.specimen.positions
    assert np.isfinite(positions).all()
    assert ((positions[:, :2] >= 0) & (positions[:, :2] < box)).all()
    assert len(positions) == len(first.specimen.elements)


def test_kinds_come_by_chance_and_macromolecules_only_when_asked_for() -> None:
    drawn = [draw(np.random.default_rng(seed), 18.0, TRAINING).kind for seed in range(40)]
    assert len(set(drawn)) >= 6
    assert "biological" not in drawn
    asked = draw(np.random.default_rng(1), 260.0, TRAINING, "biological")
    assert not asked.periodic
    assert is_periodic("bulk")
    assert not is_periodic("film")


@pytest.mark.parametrize(
    ("box", "kind", "says"),
    [
        (8.0, None, "no specimen fits"),
        (0.0, None, "0 Å wide"),
        (float("nan"), None, "nan Å wide"),
        (60.0, "biological", "do not fit"),
        (60.0, "planet", r"no kind 'planet'.*supported particle"),
    ],
)
def test_what_cannot_be_drawn_is_refused(box: float, kind: str | None, says: str) -> None:
    with pytest.raises(SpecimenError, match=says):
        draw(np.random.default_rng(0), box, TRAINING, kind)


def test_the_shipped_recipes_specimens_are_what_they_were() -> None:
    # The shipped model names its recipe and seed: another draw would make its training another one.
    digests = []
    for seed in (0, 2, 5, 9):
        specimen = random_specimen(np.random.default_rng(seed), 40.0 + seed)
        rounded = np.round(specimen.positions, 3) + 0.0
        digests.append(hashlib.sha256(rounded.tobytes() + "".join(specimen.elements).encode()).hexdigest()[:8])
    assert digests == ["34f46d87", "4bf8e4a5", "86865385", "91087aa4"]


@pytest.mark.parametrize("kind", SURFACES)
def test_a_surface_has_heights_materials_and_comes_out_the_same_again(kind: str) -> None:
    first = surface(np.random.default_rng(3), 96, 2.0, kind)
    again = surface(np.random.default_rng(3), 96, 2.0, kind)
    np.testing.assert_array_equal(first.height, again.height)
    np.testing.assert_array_equal(first.material, again.material)
    assert first.height.shape == first.material.shape == (96, 96)
    assert first.height.dtype == np.float32
    assert np.isfinite(first.height).all()
    assert 0.2 < np.ptp(first.height) < 2 * 96 * 2.0
    assert first.material.max() < len(first.materials)


def test_heights_grow_with_the_pixel_as_lengths_do() -> None:
    small, large = (surface(np.random.default_rng(4), 64, pixel, "islands") for pixel in (1.0, 5.0))
    np.testing.assert_allclose(large.height, 5 * small.height, rtol=1e-5)


def test_a_fracture_is_self_affine_with_its_exponent() -> None:
    # Height differences over a distance r grow as r^H.
    steps = np.array([2, 4, 8])
    rms = np.zeros(3)
    for seed in range(12):
        field = fractal(np.random.default_rng(seed), 256, 0.8)
        rms += [np.mean((field - np.roll(field, int(step), 0)) ** 2) for step in steps]
    slope = np.polyfit(np.log(steps), np.log(rms) / 2, 1)[0]
    assert slope == pytest.approx(0.8, abs=0.08)


def test_benchmark_surfaces_are_of_kinds_that_training_lacks() -> None:
    kinds = {draw_surface(np.random.default_rng(seed), 24, 1.0, BENCHMARK).kind for seed in range(30)}
    assert kinds <= set(BENCHMARK.surfaces)
    assert not kinds & set(TRAINING.surfaces)


@pytest.mark.parametrize(("size", "pixel", "kind"), [(8, 1.0, "steps"), (64, 0.0, "steps"), (64, 1.0, "sea")])
def test_surfaces_that_cannot_be_made_are_refused(size: int, pixel: float, kind: str) -> None:
    with pytest.raises(SpecimenError):
        surface(np.random.default_rng(0), size, pixel, kind)


def test_a_supported_particle_tells_what_was_drawn_for_it() -> None:
    facts = [
        draw(np.random.default_rng(seed), 40.0, TRAINING, "supported particle").specimen.facts for seed in range(9)
    ]
    told = [one for one in facts if one]
    # Particles that lie on their support are seen along no zone of their own.
    assert len(told) >= 5
    assert all(0 <= one["tilt_deg"] <= 4 and 1.2 <= one["thickness_nm"] <= 7 for one in told)
    assert len({one["tilt_deg"] for one in told}) == len(told)
