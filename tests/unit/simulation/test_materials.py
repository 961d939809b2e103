from __future__ import annotations

import gemmi
import numpy as np
import pytest
from scipy.spatial import cKDTree

from core.simulation.crystals import CATALOGUE, Crystal, fill
from core.simulation.materials import BENCHMARK, TRAINING
from core.simulation.objects.biological import BIOLOGICAL
from core.simulation.objects.defects import DEFECTS
from core.simulation.objects.particle import random_rotation
from core.simulation.objects.shapes import SHAPES
from core.simulation.objects.surface import SURFACES

# Densities in g/cm3 as the CRC Handbook and mineral data list them (X-ray densities for the compounds).
_DENSITIES = {
    "Ir": 22.56, "Pb": 11.34, "Ta": 16.69, "Nb": 8.57, "Cr": 7.19, "Ru": 12.37, "Re": 21.02, "Mg": 1.74, "Zr": 6.51,
    "FePt": 15.1, "Cu3Au": 12.2, "NiAl": 5.90, "NaCl": 2.165, "PbS": 7.60, "TaC": 14.5, "ThO2": 10.0, "CaF2": 3.18,
    "UO2": 10.97, "CdTe": 5.85, "InAs": 5.67, "SiC": 3.21, "GaP": 4.14, "AlSb": 4.28, "AlN": 3.26, "CdS": 4.83,
    "SnO2": 6.99, "RuO2": 7.05, "LaAlO3": 6.52, "KTaO3": 7.01, "CsPbBr3": 4.75, "HfO2": 10.1, "Al2O3": 3.99,
    "Bi2Te3": 7.86, "YBa2Cu3O7": 6.38, "Fe3O4": 5.20,
}  # fmt: skip


def _density(crystal: Crystal) -> float:
    mass = sum(gemmi.Element(element).weight for element in crystal.elements)
    return float(mass / abs(np.linalg.det(np.asarray(crystal.cell))) * 1.66054)


def test_training_and_benchmark_have_nothing_in_common() -> None:
    assert not TRAINING.names & BENCHMARK.names


def test_training_may_use_every_material_of_the_shipped_recipe() -> None:
    assert set(CATALOGUE) == set(TRAINING.materials)


@pytest.mark.parametrize("palette", [TRAINING, BENCHMARK], ids=lambda p: p.name)
def test_palettes_name_only_what_can_be_made(palette) -> None:  # type: ignore[no-untyped-def]
    assert set(palette.particles) <= set(palette.materials)
    assert set(palette.supports) <= set(palette.materials)
    assert set(palette.shapes) <= set(SHAPES)
    assert set(palette.defects) <= set(DEFECTS)
    assert set(palette.biological) <= set(BIOLOGICAL)
    assert set(palette.surfaces) <= set(SURFACES)


def test_each_maker_serves_training_or_the_benchmark() -> None:
    every = TRAINING.names | BENCHMARK.names
    assert {*SHAPES, *DEFECTS, *BIOLOGICAL, *SURFACES} <= every


@pytest.mark.parametrize("name", sorted(BENCHMARK.materials))
def test_benchmark_crystals_have_the_density_of_the_tables(name: str) -> None:
    assert _density(BENCHMARK.materials[name]) == pytest.approx(_DENSITIES[name], rel=0.01)


@pytest.mark.parametrize("name", [*sorted(BENCHMARK.materials), *sorted(BENCHMARK.sheets)])
def test_no_two_atoms_of_a_benchmark_crystal_are_closer_than_a_bond(name: str) -> None:
    crystal = {**BENCHMARK.materials, **BENCHMARK.sheets}[name]
    positions, elements = fill(crystal, random_rotation(np.random.default_rng(1)), 8.0, 8.0)
    nearest = cKDTree(positions).query(positions, k=2)[0][:, 1]
    assert 1.4 < nearest.min() < 3.6
    assert set(elements) == set(crystal.elements)


@pytest.mark.parametrize("name", ["HfO2", "Al2O3", "Bi2Te3", "Ir", "Ru", "WS2 layer"])
def test_cells_of_any_angle_fill_space_at_their_density_however_they_are_turned(name: str) -> None:
    crystal = {**BENCHMARK.materials, **BENCHMARK.sheets}[name]
    rotation = random_rotation(np.random.default_rng(2))
    positions, _ = fill(crystal, rotation, 45.0, 10.0)
    volume = np.pi * 45.0**2 * 20.0
    expected = volume * len(crystal.positions) / abs(np.linalg.det(np.asarray(crystal.cell)))
    assert len(positions) == pytest.approx(expected, rel=0.02)


def test_glasses_have_the_density_of_the_solids() -> None:
    for name, density in {"a-SiO2": 2.2, "a-Si3N4": 3.03, "a-Ge": 5.26}.items():
        glass = BENCHMARK.glasses[name]
        mass = sum(f * gemmi.Element(e).weight for e, f in zip(glass.elements, glass.fractions, strict=True))
        assert glass.density * mass * 1.66054 == pytest.approx(density, rel=0.02)
