"""Crystals: unit cells of common materials, cut and turned so that a zone axis lies along the beam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FCC = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5))
_QUARTERS = tuple((a, b, c) for a in (0.25, 0.75) for b in (0.25, 0.75) for c in (0.25, 0.75))


@dataclass(frozen=True)
class Crystal:
    """A unit cell: lattice vectors as rows (angstrom), and for each atom its element and fractional position.

    Attributes
    ----------
    chances
        Empty where every site is full. Else for each atom the place that it competes for, and the part of [0, 1) in
        which the draw of that place must fall for the atom to be there.
    seed
        Of these draws: each cell of the crystal has its own, the same wherever it is cut.
    """

    name: str
    cell: tuple[tuple[float, float, float], ...]
    elements: tuple[str, ...]
    positions: tuple[tuple[float, float, float], ...]
    chances: tuple[tuple[int, float, float], ...] = ()
    seed: int = 0


def _cubic(name: str, a: float, atoms: list[tuple[str, tuple[tuple[float, float, float], ...]]]) -> Crystal:
    elements = tuple(symbol for symbol, sites in atoms for _ in sites)
    positions = tuple(site for _, sites in atoms for site in sites)
    return Crystal(name, ((a, 0.0, 0.0), (0.0, a, 0.0), (0.0, 0.0, a)), elements, positions)


def _shifted(x: float, y: float, z: float) -> tuple[tuple[float, float, float], ...]:
    return tuple(((a + x) % 1.0, (b + y) % 1.0, (c + z) % 1.0) for a, b, c in _FCC)


def _hexagonal(
    name: str, a: float, c: float, atoms: list[tuple[str, tuple[tuple[float, float, float], ...]]]
) -> Crystal:
    """Hexagonal cells are written with the orthogonal double cell, so that every cell here is right-angled."""
    elements: list[str] = []
    positions: list[tuple[float, float, float]] = []
    for symbol, sites in atoms:
        for u, v, w in sites:
            # a1 = (1, 0), a2 = (-1/2, sqrt(3)/2): in the cell (a, sqrt(3) a) that is x = u - v/2, y = v/2.
            for du, dv in ((0, 0), (1, 1)):
                uu, vv = u + du, v + dv
                elements.append(symbol)
                positions.append(((uu - vv / 2) % 1.0, (vv / 2) % 1.0, w))
    return Crystal(name, ((a, 0.0, 0.0), (0.0, a * 3**0.5, 0.0), (0.0, 0.0, c)), tuple(elements), tuple(positions))


def _tetragonal_rutile() -> Crystal:
    u = 0.305
    oxygen = ((u, u, 0.0), (1 - u, 1 - u, 0.0), (0.5 + u, 0.5 - u, 0.5), (0.5 - u, 0.5 + u, 0.5))
    elements = ("Ti", "Ti", "O", "O", "O", "O")
    positions = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), *oxygen)
    return Crystal("TiO2", ((4.594, 0.0, 0.0), (0.0, 4.594, 0.0), (0.0, 0.0, 2.959)), elements, positions)


def _perovskite(name: str, a: float, big: str, small: str) -> Crystal:
    oxygen = ((0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5))
    return _cubic(name, a, [(big, ((0.0, 0.0, 0.0),)), (small, ((0.5, 0.5, 0.5),)), ("O", oxygen)])


def _build_catalogue() -> dict[str, Crystal]:
    fcc = {"Pt": 3.924, "Au": 4.078, "Pd": 3.891, "Ag": 4.086, "Cu": 3.615, "Ni": 3.524, "Al": 4.050, "Rh": 3.803}
    bcc = {"Fe": 2.867, "W": 3.165, "Mo": 3.147}
    rocksalt = {"MgO": 4.212, "NiO": 4.177, "PbTe": 6.462, "TiN": 4.24}
    fluorite = {"CeO2": 5.411, "ZrO2": 5.11}
    zincblende = {"GaAs": 5.653, "CdSe": 6.05, "ZnS": 5.409, "InP": 5.869}
    diamond = {"Si": 5.431, "Ge": 5.658}
    pairs = {"PbTe": ("Pb", "Te"), "TiN": ("Ti", "N"), "GaAs": ("Ga", "As"), "CdSe": ("Cd", "Se")}
    pairs |= {"ZnS": ("Zn", "S"), "InP": ("In", "P"), "MgO": ("Mg", "O"), "NiO": ("Ni", "O")}
    out: dict[str, Crystal] = {}
    for name, a in fcc.items():
        out[name] = _cubic(name, a, [(name, _FCC)])
    for name, a in bcc.items():
        out[name] = _cubic(name, a, [(name, ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)))])
    for name, a in rocksalt.items():
        out[name] = _cubic(name, a, [(pairs[name][0], _FCC), (pairs[name][1], _shifted(0.5, 0.5, 0.5))])
    for name, a in fluorite.items():
        out[name] = _cubic(name, a, [(name[:2], _FCC), ("O", _QUARTERS)])
    for name, a in zincblende.items():
        out[name] = _cubic(name, a, [(pairs[name][0], _FCC), (pairs[name][1], _shifted(0.25, 0.25, 0.25))])
    for name, a in diamond.items():
        out[name] = _cubic(name, a, [(name, _FCC + _shifted(0.25, 0.25, 0.25))])
    out["SrTiO3"] = _perovskite("SrTiO3", 3.905, "Sr", "Ti")
    out["BaTiO3"] = _perovskite("BaTiO3", 4.01, "Ba", "Ti")
    out["TiO2"] = _tetragonal_rutile()
    third, two = 1 / 3, 2 / 3
    close = ((third, two, 0.0), (two, third, 0.5))
    lifted = tuple((u, v, (w + 0.382) % 1.0) for u, v, w in close)
    out["Ti"] = _hexagonal("Ti", 2.951, 4.684, [("Ti", close)])
    out["Co"] = _hexagonal("Co", 2.507, 4.069, [("Co", close)])
    out["ZnO"] = _hexagonal("ZnO", 3.25, 5.207, [("Zn", close), ("O", lifted)])
    out["GaN"] = _hexagonal("GaN", 3.189, 5.185, [("Ga", close), ("N", lifted)])
    sulphur = ((two, third, 0.372), (two, third, 0.628), (third, two, 0.872), (third, two, 0.128))
    out["MoS2"] = _hexagonal("MoS2", 3.16, 12.29, [("Mo", ((third, two, 0.5), (two, third, 0.0))), ("S", sulphur)])
    out["C"] = _hexagonal("C", 2.461, 6.708, [("C", ((0.0, 0.0, 0.0), (third, two, 0.0), (0.0, 0.0, 0.5)))])
    return out


CATALOGUE: dict[str, Crystal] = _build_catalogue()

ZONES: tuple[tuple[int, int, int], ...] = ((1, 1, 0), (1, 0, 0), (1, 1, 1), (0, 0, 1), (1, 1, 2), (0, 1, 0))


def zone_rotation(crystal: Crystal, zone: tuple[int, int, int]) -> Array:
    """Return the rotation (3, 3), rows = new axes, that turns the zone axis [uvw] of any cell onto z."""
    direction = np.asarray(zone, float) @ np.asarray(crystal.cell)
    z = direction / np.linalg.norm(direction)
    helper = np.array([0.0, 0.0, 1.0]) if abs(z[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    x = np.cross(helper, z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])


def small_tilt(tilt_x: float, tilt_y: float, in_plane: float) -> Array:
    """Return the rotation: first about z by `in_plane`, then the tilts about x and y (radians)."""
    cz, sz = np.cos(in_plane), np.sin(in_plane)
    cx, sx, cy, sy = np.cos(tilt_x), np.sin(tilt_x), np.cos(tilt_y), np.sin(tilt_y)
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1.0]])
    about_x = np.array([[1.0, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1.0, 0], [-sy, 0, cy]])
    return np.asarray(about_y @ about_x @ about_z)


def fill(crystal: Crystal, rotation: Array, radius: float, half_height: float) -> tuple[Array, NDArray[np.str_]]:
    """Return positions (n, 3) in angstrom and elements of every atom in a cylinder about the beam.

    The cylinder stands on the origin: |xy| <= radius, |z| <= half_height, after `rotation`. Cells may be oblique.
    """
    cell = np.asarray(crystal.cell)
    # Column i of the inverse gives the i-th fractional coordinate: its greatest value on the cylinder bounds the cells.
    fractional = np.linalg.inv(cell @ rotation.T)
    reach = radius * np.hypot(fractional[0], fractional[1]) + half_height * np.abs(fractional[2])
    axes = [np.arange(-n, n + 1) for n in np.ceil(reach).astype(int) + 1]
    numbers = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    corners = numbers @ cell @ rotation.T
    margin = float(np.linalg.norm(cell.sum(0)))
    near = (np.hypot(corners[:, 0], corners[:, 1]) < radius + margin) & (np.abs(corners[:, 2]) < half_height + margin)
    basis = np.asarray(crystal.positions) @ cell @ rotation.T
    atoms = (corners[near][:, None] + basis[None]).reshape(-1, 3)
    elements = np.tile(np.asarray(crystal.elements), int(near.sum()))
    inside = (np.hypot(atoms[:, 0], atoms[:, 1]) <= radius) & (np.abs(atoms[:, 2]) <= half_height)
    if crystal.chances:
        inside &= _occupied(crystal, numbers[near]).reshape(-1)
    return atoms[inside], elements[inside]


def _occupied(crystal: Crystal, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Draw which atoms of the cells with these numbers (n, 3) are there (n, atoms): a hash of cell, place and seed."""
    groups = np.array([group for group, _, _ in crystal.chances], np.uint64)
    low = np.array([low for _, low, _ in crystal.chances])
    high = np.array([high for _, _, high in crystal.chances])
    cells = numbers.astype(np.int64).view(np.uint64).reshape(-1, 3)
    with np.errstate(over="ignore"):
        mixed = np.full((len(cells), 1), crystal.seed, np.uint64)
        for part in (cells[:, 0:1], cells[:, 1:2], cells[:, 2:3], groups[None]):
            mixed = _mixed(mixed ^ _mixed(part))
    draw = (mixed >> np.uint64(11)).astype(float) / 2.0**53
    return np.asarray((draw >= low) & (draw < high))


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return splitmix64 of each number (G. L. Steele, D. Lea and C. H. Flood, OOPSLA 2014)."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
