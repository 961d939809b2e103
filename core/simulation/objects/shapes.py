"""Shapes of particles: facets cut from one crystal, and the five- and twentyfold twins of fcc metals.

A shape of one crystal is a list of facets, planes with distances from the centre: an atom lies inside if it is below
all of them. A multiple twin is built of strained tetrahedra that share an edge or a corner.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.simulation.crystals import Array, Crystal
from core.simulation.objects.atoms import Atoms, require, without_close_pairs
from core.simulation.objects.lattice import (
    Index,
    bond_length,
    family,
    index_cell,
    plane_normal,
    step_height,
    surface_energy,
)


@dataclass(frozen=True)
class Facets:
    """The facets of a particle in the crystal's own axes.

    Attributes
    ----------
    normals
        (n, 3) outward unit vectors.
    distances
        (n,) from the centre, angstrom.
    spacings
        (n,) of the planes parallel to each, angstrom: the height of a step on it.
    """

    normals: Array
    distances: Array
    spacings: Array

    def scaled(self, factor: float) -> Facets:
        """Return the same shape `factor` times as large."""
        return Facets(self.normals, self.distances * factor, self.spacings)

    def depth(self, points: Array) -> Array:
        """Return how far below the nearest facet points (n, 3) lie, angstrom; negative outside."""
        return np.asarray((self.distances[None] - points @ self.normals.T).min(1))

    def corners(self) -> Array:
        """Return the corners (n, 3) of the shape, angstrom."""
        from scipy.spatial import HalfspaceIntersection

        half_spaces = np.concatenate([self.normals, -self.distances[:, None]], 1)
        return np.asarray(HalfspaceIntersection(half_spaces, np.zeros(3)).intersections)

    def radius(self) -> float:
        """Return the distance of the farthest corner from the centre, angstrom."""
        return float(np.linalg.norm(self.corners(), axis=1).max())


def _facets(crystal: Crystal, families: list[tuple[Index, float]], members: bool = True) -> Facets:
    """Return the facets of plane families with relative distances; `members` False takes only the planes named."""
    planes = [(p, d) for plane, d in families for p in (_kindred(crystal, plane) if members else [plane])]
    rows = [plane_normal(crystal, plane) for plane, _ in planes]
    return Facets(
        np.array([normal for normal, _ in rows]),
        np.array([d for _, d in planes], float),
        np.array([step_height(crystal, plane) for plane, _ in planes]),
    )


def _kindred(crystal: Crystal, plane: Index) -> list[Index]:
    """Return the family of a plane; in cells that are not hexagonal as if they were cubic, so that shapes close."""
    if is_hexagonal(crystal):
        return family(crystal, plane)
    signs = itertools.product((-1, 1), repeat=3)
    turned = {(h * a, k * b, m * c) for a, b, c in signs for h, k, m in itertools.permutations(plane)}
    return sorted(turned)


def is_hexagonal(crystal: Crystal) -> bool:
    """Tell whether indices refer to a hexagonal cell."""
    cell = index_cell(crystal)
    a, b = np.linalg.norm(cell[0]), np.linalg.norm(cell[1])
    return bool(abs(a - b) < 1e-6 * a and abs(cell[0] @ cell[1] / (a * b) + 0.5) < 1e-6)


def is_fcc_metal(crystal: Crystal) -> bool:
    """Tell whether the crystal has one fcc atom a lattice point: what multiple twins are built of."""
    if len(crystal.positions) != 4 or len({*crystal.elements}) != 1:
        return False
    lengths = np.linalg.norm(crystal.cell, axis=1)
    return bool(np.ptp(lengths) < 1e-6 and abs(bond_length(crystal) * math.sqrt(2) - lengths[0]) < 1e-3)


@functools.lru_cache(maxsize=64)
def wulff(crystal: Crystal, largest: int = 3) -> Facets:
    """Return the equilibrium shape: each plane at a distance in proportion to its broken-bond energy (Wulff 1901).

    Planes with indices up to `largest`; those that the others cut off are left out.
    """
    span = range(-largest, largest + 1)
    planes = [p for p in itertools.product(span, span, span) if any(p) and math.gcd(*p) == 1]
    normals = np.array([plane_normal(crystal, plane)[0] for plane in planes])
    energy = surface_energy(crystal, normals)
    # Nearest neighbours alone leave planes with high indices just touching the edges: open planes cost a little more.
    steps = np.array([step_height(crystal, plane) for plane in planes])
    energy = energy * (1 + 0.05 * (steps.max() / steps - 1))
    found = _facets(crystal, [(plane, float(d)) for plane, d in zip(planes, energy, strict=True)], members=False)
    corners = found.corners()
    # A facet with an area has three corners or more.
    touching = (np.abs(found.distances[None] - corners @ found.normals.T) < 1e-6 * found.distances.max()).sum(0)
    keep = touching >= 3
    return Facets(found.normals[keep], found.distances[keep], found.spacings[keep])


def _truncated_octahedron(crystal: Crystal, _: np.random.Generator) -> Facets:
    if is_hexagonal(crystal):
        return _facets(crystal, [((0, 0, 1), 1.0), ((1, 0, 1), 1.1)])
    return _facets(crystal, [((1, 1, 1), 1.0), ((1, 0, 0), 2 / math.sqrt(3))])


def _cuboctahedron(crystal: Crystal, _: np.random.Generator) -> Facets:
    if is_hexagonal(crystal):
        return _facets(crystal, [((0, 0, 1), 1.0), ((1, 0, 1), 1.0), ((1, 0, 0), 1.05)])
    return _facets(crystal, [((1, 1, 1), 1.0), ((1, 0, 0), math.sqrt(3) / 2)])


def _octahedron(crystal: Crystal, _: np.random.Generator) -> Facets:
    # Real corners are never sharp to the atom: the last planes are missing.
    return _facets(
        crystal, [((1, 0, 1) if is_hexagonal(crystal) else (1, 1, 1), 1.0), ((1, 0, 0), 1.6), ((0, 0, 1), 1.6)]
    )


def _cube(crystal: Crystal, _: np.random.Generator) -> Facets:
    if is_hexagonal(crystal):
        return _facets(crystal, [((1, 0, 0), 1.0), ((0, 0, 1), 1.0)])
    return _facets(crystal, [((1, 0, 0), 1.0), ((0, 0, 1), 1.0), ((0, 1, 0), 1.0), ((1, 1, 1), 1.62)])


def _tetrahedron(crystal: Crystal, _: np.random.Generator) -> Facets:
    if is_hexagonal(crystal):
        # The pyramid on a basal plane, with every second one of the six sides.
        sides: list[tuple[Index, float]] = [((1, 0, 1), 1.0), ((-1, 1, 1), 1.0), ((0, -1, 1), 1.0), ((0, 0, 1), 2.2)]
        return _facets(crystal, [((0, 0, -1), 0.8), *sides], members=False)
    faces: list[tuple[Index, float]] = [((1, 1, 1), 1.0), ((1, -1, -1), 1.0), ((-1, 1, -1), 1.0), ((-1, -1, 1), 1.0)]
    blunt = [((-h, -k, -m), 2.4) for (h, k, m), _ in faces]
    return _facets(crystal, faces + blunt, members=False)


def _random_facets(crystal: Crystal, rng: np.random.Generator) -> Facets:
    low: list[tuple[Index, float]] = [((1, 1, 1), 1.0), ((1, 0, 0), 1.05), ((1, 1, 0), 1.08), ((0, 0, 1), 1.05)]
    found = _facets(crystal, low)
    return Facets(found.normals, found.distances * rng.uniform(0.75, 1.15, len(found.distances)), found.spacings)


def _sphere(crystal: Crystal, rng: np.random.Generator) -> Facets:
    # Many random planes: round, but with the small flats of a melt or a sputtered cluster.
    normals = rng.normal(size=(120, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Facets(normals, np.ones(120), np.full(120, bond_length(crystal)))


def _stretched(crystal: Crystal, along: Index, factor: float) -> Facets:
    """Return the Wulff shape with its facets moved outwards as they face along a direction: a rod, or a plate."""
    base = wulff(crystal)
    axis = np.asarray(along, float) @ index_cell(crystal)
    facing = np.abs(base.normals @ (axis / np.linalg.norm(axis)))
    half = base.distances * (facing * factor + np.sqrt(np.clip(1 - facing**2, 0, None)))
    return Facets(base.normals, half, base.spacings)


def _rod(crystal: Crystal, rng: np.random.Generator) -> Facets:
    return _stretched(crystal, (0, 0, 1), float(rng.uniform(2.0, 3.0)))


def _wire(crystal: Crystal, rng: np.random.Generator) -> Facets:
    along = (0, 0, 1) if is_hexagonal(crystal) else (1, 1, 0)
    return _stretched(crystal, along, float(rng.uniform(3.0, 5.0)))


def _plate(crystal: Crystal, rng: np.random.Generator) -> Facets:
    flat = (0, 0, 1) if is_hexagonal(crystal) else (1, 1, 1)
    opposite = (-flat[0], -flat[1], -flat[2])
    normal = plane_normal(crystal, flat)[0]
    base = _facets(crystal, [((1, 0, 0), 1.0), ((1, 0, 1) if is_hexagonal(crystal) else (1, 1, 1), 1.05)])
    sides = np.abs(base.normals @ normal) < 0.95
    thin = _facets(crystal, [(flat, 1.0), (opposite, 1.0)], members=False)
    return Facets(
        np.concatenate([base.normals[sides], thin.normals]),
        np.concatenate([base.distances[sides], thin.distances * float(rng.uniform(0.2, 0.4))]),
        np.concatenate([base.spacings[sides], thin.spacings]),
    )


_SINGLE: dict[str, Callable[[Crystal, np.random.Generator], Facets]] = {
    "Wulff": lambda crystal, _: wulff(crystal),
    "random facets": _random_facets,
    "truncated octahedron": _truncated_octahedron,
    "cuboctahedron": _cuboctahedron,
    "octahedron": _octahedron,
    "tetrahedron": _tetrahedron,
    "cube": _cube,
    "sphere": _sphere,
    "rod": _rod,
    "wire": _wire,
    "plate": _plate,
}
TWINS = ("icosahedron", "decahedron")
SHAPES: tuple[str, ...] = (*_SINGLE, *TWINS)


def facets(shape: str, crystal: Crystal, diameter: float, rng: np.random.Generator) -> Facets:
    """Return the facets of a single crystal's shape, scaled to the volume of a sphere of `diameter` angstrom."""
    require(
        shape in _SINGLE,
        f"There is no shape {shape!r} of a single crystal.",
        f"Choose one of: {', '.join(SHAPES)}.",
    )
    from scipy.spatial import ConvexHull

    unit = _SINGLE[shape](crystal, rng)
    volume = float(ConvexHull(unit.corners()).volume)
    return unit.scaled(float((math.pi / 6 * diameter**3 / volume) ** (1 / 3)))


def _icosahedron_corners() -> Array:
    golden = (1 + math.sqrt(5)) / 2
    base = [(0.0, a, b * golden) for a in (-1, 1) for b in (-1, 1)]
    out = np.array([np.roll(point, turn) for turn in range(3) for point in base])
    return np.asarray(out / np.linalg.norm(out[0]))


def icosahedron(crystal: Crystal, diameter: float) -> Atoms:
    """Return an fcc metal's icosahedron (A. L. Mackay, Acta Cryst. 15 (1962) 916) of `diameter` between its corners.

    Twenty tetrahedra, each bounded by (111) planes, share the centre. Their edges along the corners are as long as the
    bonds of the crystal less 2.5 %, those around them longer by as much: the twin's strain, shared.
    """
    _require_metal(crystal, "An icosahedron")
    corners = _icosahedron_corners()
    bond = bond_length(crystal) * 0.975
    shells = max(1, round(diameter / 2 / bond))
    near = np.linalg.norm(corners[:, None] - corners[None], axis=-1) < 1.1
    faces = [
        f for f in itertools.combinations(range(12), 3) if all(near[a, b] for a, b in itertools.combinations(f, 2))
    ]
    span = np.arange(shells + 1)
    steps = np.stack(np.meshgrid(span, span, span, indexing="ij"), -1).reshape(-1, 3)
    steps = steps[steps.sum(1) <= shells]
    points = np.concatenate([steps @ corners[list(face)] for face in faces]) * bond
    return _twin(crystal, points)


def decahedron(crystal: Crystal, diameter: float, elongation: float = 1.0, marks: float = 0.2) -> Atoms:
    """Return an fcc metal's decahedron of about `diameter` across, its fivefold axis along z.

    Five tetrahedra around a [110] axis, each opened from 70.53 to 72 degrees; (100) side facets and truncated edges
    (S. Ino, J. Phys. Soc. Jpn 21 (1966) 346), with re-entrant notches at the twin planes (L. D. Marks, Phil. Mag. A 49
    (1984) 81): `marks` is their depth as a share of the side. `elongation` lengthens the axis.
    """
    _require_metal(crystal, "A decahedron")
    bond = bond_length(crystal)
    # In a section across the axis the (111) rows are sqrt(3)/2 bonds apart, and every second atom is half a bond up.
    row = bond * math.sqrt(3) / 2
    reach = max(2, round(diameter / 2 / row))
    height = diameter / 2 * elongation
    points = []
    for sector in range(5):
        angles = 2 * math.pi * (sector + np.array([0.0, 1.0])) / 5
        sides = np.stack([np.cos(angles), np.sin(angles)], 1) * row
        for i, j in itertools.product(range(reach + 1), repeat=2):
            if i + j > reach or max(i, j) > reach * (1 - marks / 2) + 1e-9:
                continue
            x, y = np.array([i, j]) @ sides
            z = (np.arange(-reach * 3, reach * 3 + 1) + 0.5 * ((i + j) % 2)) * bond
            # The (111) caps fall by half a bond for each row.
            top = height - bond / 2 * (i + j)
            z = z[np.abs(z) <= max(top, bond * 0.6)]
            points.append(np.stack([np.full_like(z, x), np.full_like(z, y), z], 1))
    return _twin(crystal, np.concatenate(points))


def _require_metal(crystal: Crystal, what: str) -> None:
    require(
        is_fcc_metal(crystal),
        f"{what} is built of an fcc metal; {crystal.name} is none.",
        "Choose Pt, Au, Pd, Ag, Cu, Ni, Al, Rh, Ir or Pb, or another shape.",
    )


def _twin(crystal: Crystal, points: Array) -> Atoms:
    atoms = Atoms(points, np.full(len(points), crystal.elements[0]))
    return without_close_pairs(atoms, 0.2 * bond_length(crystal))
