"""Directions and planes of a crystal: zone axes, plane normals, the families that symmetry makes of one, bonds."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

from core.simulation.crystals import Array, Crystal, fill, small_tilt, zone_rotation
from core.simulation.objects.atoms import Atoms, require

Index = tuple[int, int, int]


def index_cell(crystal: Crystal) -> Array:
    """Return the lattice vectors (3, 3, rows, angstrom) that indices refer to.

    The crystal's own; for a hexagonal lattice written with its right-angled double cell, the hexagonal ones.
    """
    cell = np.asarray(crystal.cell, float)
    a, b = np.linalg.norm(cell[0]), np.linalg.norm(cell[1])
    right = abs(cell[0] @ cell[1]) < 1e-6 * a * b
    if right and abs(b / a - math.sqrt(3)) < 1e-6:
        return np.array([cell[0], (cell[1] - cell[0]) / 2, cell[2]])
    return cell


def plane_normal(crystal: Crystal, plane: Index) -> tuple[Array, float]:
    """Return the unit normal (3,) of the plane (hkl), in the crystal's own axes, and the spacing in angstrom."""
    require(any(plane), "The plane (000) has no direction.", "Name a plane with at least one index that is not 0.")
    wave = np.linalg.inv(index_cell(crystal)) @ np.asarray(plane, float)
    length = float(np.linalg.norm(wave))
    return wave / length, 1 / length


def step_height(crystal: Crystal, plane: Index) -> float:
    """Return the height of a step on a plane, angstrom: that at which its atom layers, or its lattice, repeat."""
    normal, spacing = plane_normal(crystal, plane)
    inside = np.asarray(crystal.positions) @ np.asarray(crystal.cell) @ np.linalg.inv(index_cell(crystal))
    heights = np.unique(np.round(inside @ np.asarray(plane, float), 3) % 1.0)
    gaps = np.diff(np.append(heights, heights[0] + 1))
    if np.ptp(gaps) < 0.01:
        return spacing / len(heights)
    # Layers at uneven heights, as in oxides: a step is then the lowest translation of the lattice out of the plane.
    climbs = np.abs(translations(crystal) @ normal)
    return float(min(climbs[climbs > 0.3].min(initial=spacing), spacing))


@functools.lru_cache(maxsize=128)
def translations(crystal: Crystal) -> Array:
    """Return the shortest translations of the lattice (n, 3), angstrom, in the crystal's own axes, shortest first."""
    cell = np.asarray(crystal.cell, float)
    places = np.asarray(crystal.positions, float)
    names = np.asarray(crystal.elements)
    inner = [shift for shift in places - places[0] if _repeats(places, names, shift)]
    whole = np.array(list(itertools.product((-1, 0, 1), repeat=3)), float)
    every = (whole[:, None] + np.asarray(inner)[None]).reshape(-1, 3) @ cell
    length = np.linalg.norm(every, axis=1)
    order = np.argsort(length, kind="stable")
    return np.asarray(every[order][length[order] > 0.1][:24])


def _repeats(places: Array, names: np.ndarray, shift: Array) -> bool:
    """Tell whether a shift (fractional) puts every atom on one of its kind."""
    apart = (places + shift)[:, None] - places[None]
    apart -= np.round(apart)
    same = (np.abs(apart) < 1e-3).all(-1) & (names[:, None] == names[None])
    return bool(same.any(1).all())


@functools.lru_cache(maxsize=64)
def _lattice_symmetry(cell_bytes: bytes) -> Array:
    """Return the integer matrices (n, 3, 3) that turn the lattice into itself: those that keep its metric."""
    cell = np.frombuffer(cell_bytes).reshape(3, 3)
    metric = cell @ cell.T
    entries = np.array(list(itertools.product((-1, 0, 1), repeat=9))).reshape(-1, 3, 3)
    entries = entries[np.abs(np.round(np.linalg.det(entries))) == 1]
    changed = entries @ metric @ entries.transpose(0, 2, 1) - metric
    return np.asarray(entries[np.abs(changed).max((1, 2)) < 1e-4 * metric.max()], float)


def family(crystal: Crystal, plane: Index) -> list[Index]:
    """Return the planes {hkl}: all that the symmetry of the lattice makes of one."""
    turns = _lattice_symmetry(np.ascontiguousarray(index_cell(crystal)).tobytes())
    # Rows of the cell turn as a' = M a, so indices do as h' = M h.
    images = {tuple(round(i) for i in turn @ np.asarray(plane, float)) for turn in turns}
    return sorted((h, k, m) for h, k, m in images)


def planes_along(crystal: Crystal, zone: Index, largest: int = 2) -> list[Index]:
    """Return the low-index planes that hold the zone axis (hu + kv + lw = 0), those with the highest steps first."""
    # Zone axes are given in the crystal's own cell; the planes in the cell of indices.
    direction = np.asarray(zone, float) @ np.asarray(crystal.cell)
    local = direction @ np.linalg.inv(index_cell(crystal))
    span = range(-largest, largest + 1)
    found = []
    for plane in itertools.product(span, span, span):
        if not any(plane) or math.gcd(*plane) != 1 or abs(np.dot(plane, local)) > 1e-6:
            continue
        found.append((-round(step_height(crystal, plane), 6), plane))
    return [plane for _, plane in sorted(found)]


def orientation(
    crystal: Crystal,
    zone: Index,
    plane: Index | None = None,
    angle: float = 0.0,
    tilt: tuple[float, float] = (0.0, 0.0),
) -> Array:
    """Return the rotation (3, 3) that puts a zone axis along the beam and a plane's normal at `angle` in the image.

    Parameters
    ----------
    plane
        (hkl) that holds the zone axis; without one the crystal is only turned by `angle`.
    angle
        Radians from x towards y.
    tilt
        About x and y, radians, off the zone axis.
    """
    require(
        any(zone), "The zone axis [000] has no direction.", "Name a zone axis with at least one index that is not 0."
    )
    turn = zone_rotation(crystal, zone)
    if plane is None:
        return small_tilt(tilt[0], tilt[1], angle) @ turn
    normal = turn @ plane_normal(crystal, plane)[0]
    require(
        abs(normal[2]) < 1e-3,
        f"The plane {plane} of {crystal.name} does not hold the zone axis {list(zone)}.",
        "Choose a plane (hkl) and a zone axis [uvw] with hu + kv + lw = 0.",
    )
    return small_tilt(tilt[0], tilt[1], angle - math.atan2(normal[1], normal[0])) @ turn


def grown(crystal: Crystal, rotation: Array, radius: float, half_height: float, centre: Array | None = None) -> Atoms:
    """Return the atoms of a crystal in a cylinder about the beam, a fractional `centre` of its cell in the middle."""
    if centre is None:
        return Atoms(*fill(crystal, rotation, radius, half_height))
    offset = rotation @ (np.asarray(centre, float) @ np.asarray(crystal.cell))
    extra = float(np.linalg.norm(offset))
    positions, elements = fill(crystal, rotation, radius + extra, half_height + extra)
    positions = positions - offset
    inside = (np.hypot(positions[:, 0], positions[:, 1]) <= radius) & (np.abs(positions[:, 2]) <= half_height)
    return Atoms(positions[inside], elements[inside])


@functools.lru_cache(maxsize=128)
def bond_vectors(crystal: Crystal, slack: float = 1.15) -> Array:
    """Return every bond of one cell's atoms (n, 3), angstrom: pairs within `slack` times each one's nearest."""
    from scipy.spatial import cKDTree

    cell = np.asarray(crystal.cell, float)
    here = np.asarray(crystal.positions, float) @ cell
    reach = max(1, math.ceil(4.0 / float(np.linalg.norm(cell, axis=1).min())))
    span = range(-reach, reach + 1)
    shifts = np.array(list(itertools.product(span, span, span)), float) @ cell
    every = (here[None] + shifts[:, None]).reshape(-1, 3)
    # Sites that exclude one another (partial occupancy) are no bonds.
    length, index = cKDTree(every).query(here, k=min(25, len(every)))
    bonds = np.where(length > 0.6, length, np.inf)
    chosen = bonds < slack * bonds.min(1, keepdims=True)
    return np.asarray((every[index] - here[:, None])[chosen])


def bond_length(crystal: Crystal) -> float:
    """Return the shortest distance between two atoms, angstrom."""
    return float(np.linalg.norm(bond_vectors(crystal), axis=1).min())


def surface_energy(crystal: Crystal, normals: Array) -> Array:
    """Return the broken-bond energy (n,) of surfaces with unit normals (n, 3), in bonds per square angstrom.

    gamma(n) = sum |n . b| / (4 V) over the bonds b of one cell of volume V, each counted from both its ends: nearest
    neighbours only (Mackenzie, Moore and Nicholas, J. Phys. Chem. Solids 23 (1962) 185).
    """
    volume = abs(np.linalg.det(np.asarray(crystal.cell, float)))
    return np.asarray(np.abs(normals @ bond_vectors(crystal).T).sum(1) / (4 * volume))
