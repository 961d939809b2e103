"""From a space group and an asymmetric unit to every atom of a unit cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import gemmi
import numpy as np

from core.simulation.crystals import Array, Crystal

Site = tuple[str, tuple[float, float, float]]

_SAME = 0.05  # angstrom: two images of one site nearer than this are one atom on a special position


def cell_vectors(a: float, b: float, c: float, alpha: float, beta: float, gamma: float) -> Array:
    """Return the lattice vectors as rows (3, 3), angstrom: a along x, b in the x-y plane; angles in degrees."""
    return np.array(gemmi.UnitCell(a, b, c, alpha, beta, gamma).orth.mat.tolist(), float).T


def orbit(operations: Iterable[gemmi.Op], site: Sequence[float], cell: Array, same: float = _SAME) -> Array:
    """Return the fractional positions (n, 3), in [0, 1), of every image of a site in one cell.

    Images nearer than `same` angstrom to an earlier one (also across the cell's faces) are that one again.
    """
    images = np.array([op.apply_to_xyz(list(site)) for op in operations], float) % 1.0
    kept: list[Array] = []
    for image in images:
        apart = np.asarray(kept).reshape(-1, 3) - image
        apart -= np.round(apart)
        if not kept or np.linalg.norm(apart @ cell, axis=1).min() > same:
            kept.append(image)
    # A coordinate a rounding error below 1 is 0: the same atom, told the same way on every machine.
    out = np.asarray(kept)
    return np.where(out > 1 - 1e-9, 0.0, out)


def from_sites(
    name: str,
    cell: tuple[float, float, float, float, float, float],
    group: str,
    sites: Sequence[Site],
) -> Crystal:
    """Return the crystal of a space group (Hermann-Mauguin symbol, with its setting) and its symmetry-free sites.

    `cell` is a, b, c (angstrom), alpha, beta, gamma (degrees).
    """
    vectors = cell_vectors(*cell)
    operations = list(gemmi.SpaceGroup(group).operations())
    elements: list[str] = []
    positions: list[tuple[float, float, float]] = []
    for element, site in sites:
        for x, y, z in orbit(operations, site, vectors):
            elements.append(element)
            positions.append((float(x), float(y), float(z)))
    rows = tuple((float(x), float(y), float(z)) for x, y, z in vectors)
    return Crystal(name, rows, tuple(elements), tuple(positions))
