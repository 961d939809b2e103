"""Random specimens: faceted particles on supports, crystals with surfaces, boundaries, carbon films."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.simulation.crystals import CATALOGUE, ZONES, Array, Crystal, fill, small_tilt, zone_rotation

Atoms = tuple[Array, NDArray[np.str_]]
_METALS = ("Pt", "Au", "Pd", "Ag", "Cu", "Ni", "Rh", "Co", "Fe", "W", "Al")
_SUPPORTS = ("CeO2", "TiO2", "ZrO2", "MgO", "SrTiO3", "Si", "ZnO", "GaN", "BaTiO3", "NiO")


@dataclass(frozen=True)
class Specimen:
    """Atoms in a periodic box: positions (n, 3) in angstrom, x and y in [0, box), and their elements (n,).

    `facts` are what was drawn for it that the atoms don't tell at a glance, for the truth; each key names its unit.
    """

    kind: str
    positions: Array
    elements: NDArray[np.str_]
    box: float
    facts: Mapping[str, float] = field(default_factory=dict)


def _join(parts: list[Atoms]) -> Atoms:
    return np.concatenate([p for p, _ in parts]), np.concatenate([e for _, e in parts])


def _select(atoms: Atoms, keep: NDArray[np.bool_]) -> Atoms:
    return atoms[0][keep], atoms[1][keep]


def _grain(rng: np.random.Generator, crystal: Crystal, in_plane: float, radius: float, half_height: float) -> Atoms:
    """Fill a cylinder with a crystal seen along a random zone axis, tilted by up to four degrees."""
    zone = ZONES[int(rng.choice(len(ZONES), p=[0.45, 0.2, 0.1, 0.1, 0.08, 0.07]))]
    tilt = np.deg2rad(4) * rng.uniform() ** 2
    direction = rng.uniform(0, 2 * np.pi)
    turn = small_tilt(tilt * np.cos(direction), tilt * np.sin(direction), in_plane)
    positions, elements = fill(crystal, turn @ zone_rotation(crystal, zone), radius, half_height)
    return positions + rng.uniform(-1, 1, 3) * [0, 0, 1], elements


def _rough(rng: np.random.Generator, depth: Array) -> NDArray[np.bool_]:
    """Choose which atoms stay: all below the surface (`depth` > 0), some of the last layer, and few adatoms."""
    vacancies, adatoms = rng.choice([0.0, 0.1, 0.4]), rng.choice([0.0, 0.05, 0.3])
    chance = np.where(depth > 2.2, 1 - rng.choice([0.0, 0.0, 0.02]), np.where(depth > 0, 1 - vacancies, 0.0))
    chance = np.where((depth <= 0) & (depth > -2.2), adatoms, chance)
    # Whole columns come and go together, as in a real image of a surface: atoms of a column share their draw.
    return np.asarray(rng.uniform(size=depth.shape) < chance)


def _column_rough(rng: np.random.Generator, atoms: Atoms, depth: Array) -> Atoms:
    if rng.uniform() < 0.5:
        return _select(atoms, _rough(rng, depth))
    key = np.round(atoms[0][:, :2] / 0.8).astype(int)
    _, first, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
    return _select(atoms, _rough(rng, depth[first])[inverse.reshape(-1)])


def _faceted(rng: np.random.Generator, crystal: Crystal, radius: float, in_plane: float) -> Atoms:
    """Cut a particle with facets (random Wulff distances) from a crystal."""
    atoms = _grain(rng, crystal, in_plane, radius * 1.5, radius * 1.4)
    normals = rng.normal(size=(int(rng.integers(8, 26)), 3))
    flat = np.stack([np.cos(t := in_plane + np.arange(8) * np.pi / 4), np.sin(t), np.zeros(8)], 1)
    normals = np.concatenate([normals / np.linalg.norm(normals, axis=1, keepdims=True), flat[:: rng.integers(1, 3)]])
    distance = radius * rng.uniform(0.75, 1.1, len(normals))
    depth = (distance[:, None] - normals @ atoms[0].T).min(0)
    return _column_rough(rng, atoms, depth)


def _stepped_surface(rng: np.random.Generator, along: Array, unit: float) -> Array:
    """Return the surface height over positions along it: a staircase of few steps."""
    edges = np.sort(rng.uniform(-60, 60, int(rng.integers(0, 4))))
    heights = np.concatenate([[0.0], np.cumsum(rng.choice([-1, 1], len(edges)) * unit)])
    return np.asarray(heights[np.searchsorted(edges, along)])


def _half_crystal(
    rng: np.random.Generator, crystal: Crystal, box: float, angle: float, offset: float, thickness: float
) -> Atoms:
    """Cut a slab that ends at a surface seen edge-on; the surface's outward normal lies at `angle`."""
    in_plane = angle + rng.choice([0.0, np.pi / 4, np.pi / 2, rng.uniform(0, np.pi)])
    atoms = _grain(rng, crystal, in_plane, box * 0.75, thickness / 2)
    up = np.array([np.cos(angle), np.sin(angle)])
    height = atoms[0][:, :2] @ up
    along = atoms[0][:, :2] @ np.array([-up[1], up[0]])
    unit = crystal.cell[0][0] / rng.choice([1, 2])
    bevel = rng.choice([0.0, 0.0, 0.3]) * np.abs(atoms[0][:, 2])
    depth = offset + _stepped_surface(rng, along, unit) - bevel - height
    return _column_rough(rng, atoms, depth)


def _carbon(rng: np.random.Generator, box: float, angle: float | None, offset: float) -> Atoms:
    """Scatter the atoms of an amorphous film; with an `angle` it ends at a wavy edge."""
    thickness = rng.uniform(10, 60)
    element = str(rng.choice(["C", "C", "C", "Si"]))
    density = 0.1 if element == "C" else 0.05
    positions = rng.uniform(-0.5, 0.5, (int(density * box * box * thickness), 3)) * [box, box, thickness]
    if angle is not None:
        up = np.array([np.cos(angle), np.sin(angle)])
        along = positions[:, :2] @ np.array([-up[1], up[0]])
        wave = rng.uniform(0, 4) * np.sin(2 * np.pi * along / rng.uniform(20, 60) + rng.uniform(0, 6))
        positions = positions[positions[:, :2] @ up < offset + wave]
    return positions, np.full(len(positions), element)


def _pick(rng: np.random.Generator, names: tuple[str, ...]) -> Crystal:
    return CATALOGUE[str(rng.choice(names))]


def _supported_particle(rng: np.random.Generator, box: float) -> Atoms:
    angle = rng.uniform(0, 2 * np.pi)
    up = np.array([np.cos(angle), np.sin(angle), 0.0])
    known = rng.uniform() < 0.35
    support = CATALOGUE["CeO2"] if known else _pick(rng, _SUPPORTS)
    metal = CATALOGUE["Pt"] if known else _pick(rng, _METALS)
    radius = rng.uniform(8, max(8.0, min(22.0, box * 0.3)))
    level = rng.uniform(-0.3, 0.05) * box
    base = _half_crystal(rng, support, box, angle, level, rng.uniform(20, 60))
    in_plane = angle + rng.choice([0.0, np.pi / 4, np.pi / 2, rng.uniform(0, np.pi)])
    particle = _faceted(rng, metal, radius, in_plane)
    centre = up * (level + radius * rng.uniform(0.2, 0.85)) + np.append(rng.uniform(-0.12, 0.12, 2) * box, 0)
    moved = particle[0] + centre
    keep = moved @ up > level + 0.8
    return _join([base, (moved[keep], particle[1][keep])])


def _particle_on_carbon(rng: np.random.Generator, box: float) -> Atoms:
    angle = rng.uniform(0, 2 * np.pi)
    film = _carbon(rng, box, angle if rng.uniform() < 0.6 else None, rng.uniform(-0.3, 0.2) * box)
    return _join([film, *_loose(rng, box)])


def _loose(rng: np.random.Generator, box: float) -> list[Atoms]:
    parts = []
    for _ in range(int(rng.integers(1, 4))):
        radius = rng.uniform(5, 20)
        positions, elements = _faceted(rng, _pick(rng, tuple(CATALOGUE)), radius, rng.uniform(0, np.pi))
        parts.append((positions + np.append(rng.uniform(-0.3, 0.3, 2) * box, 0), elements))
    return parts


def _surface(rng: np.random.Generator, box: float) -> Atoms:
    crystal = _pick(rng, tuple(CATALOGUE))
    offset = rng.uniform(-0.25, 0.3) * box
    return _half_crystal(rng, crystal, box, rng.uniform(0, 2 * np.pi), offset, rng.uniform(15, 60))


def _bulk(rng: np.random.Generator, box: float) -> Atoms:
    """A crystal that fills the frame; half of the time two grains meet at a boundary."""
    thickness = rng.uniform(15, 60)
    crystal = _pick(rng, tuple(CATALOGUE))
    turn = rng.uniform(0, np.pi)
    atoms = _grain(rng, crystal, turn, box * 0.75, thickness / 2)
    if rng.uniform() < 0.5:
        return atoms
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.2, 0.2) * box
    up = np.array([np.cos(angle), np.sin(angle)])
    twin = 2 * angle - turn + (np.pi if rng.uniform() < 0.5 else rng.uniform(0, np.pi))
    other = _grain(rng, crystal, twin, box * 0.75, thickness / 2)
    lower = atoms[0][:, :2] @ up < offset
    upper = other[0][:, :2] @ up > offset + 0.8
    return _join([_select(atoms, lower), _select(other, upper)])


def _particles(rng: np.random.Generator, box: float) -> Atoms:
    return _join(_loose(rng, box))


def _film(rng: np.random.Generator, box: float) -> Atoms:
    edge = rng.uniform(0, 2 * np.pi) if rng.uniform() < 0.5 else None
    return _carbon(rng, box, edge, rng.uniform(-0.3, 0.3) * box)


_KINDS: dict[str, tuple[float, Callable[[np.random.Generator, float], Atoms]]] = {
    "supported particle": (0.46, _supported_particle),
    "particle on carbon": (0.10, _particle_on_carbon),
    "surface": (0.17, _surface),
    "bulk": (0.12, _bulk),
    "particles": (0.07, _particles),
    "film": (0.08, _film),
}


def random_specimen(rng: np.random.Generator, box: float) -> Specimen:
    """Draw a specimen for a periodic box of `box` angstrom; the same generator state gives the same atoms."""
    kinds = list(_KINDS)
    kind = str(rng.choice(kinds, p=np.array([_KINDS[k][0] for k in kinds])))
    positions, elements = _KINDS[kind][1](rng, box)
    half = box / 2
    inside = (np.abs(positions[:, 0]) < half) & (np.abs(positions[:, 1]) < half)
    return Specimen(kind, positions[inside] + [half, half, 0.0], elements[inside], box)
