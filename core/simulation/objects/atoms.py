"""Clouds of atoms: joined, thinned, kept apart, and put into their box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.simulation.crystals import Array
from core.simulation.errors import SpecimenError
from core.simulation.specimens import Specimen

Names = NDArray[np.str_]


@dataclass(frozen=True)
class Atoms:
    """Positions (n, 3) in angstrom, x, y across and z along the beam, about the origin; elements (n,)."""

    positions: Array
    elements: Names

    def __len__(self) -> int:
        return len(self.positions)

    def where(self, keep: NDArray[np.bool_]) -> Atoms:
        """Return the atoms that a mask (n,) keeps."""
        return Atoms(self.positions[keep], self.elements[keep])

    def where_first(self, count: int) -> Atoms:
        """Return the first `count` atoms."""
        return Atoms(self.positions[:count], self.elements[:count])

    def moved(self, by: Array) -> Atoms:
        """Return the atoms moved by a vector (3,) or by one for each (n, 3)."""
        return Atoms(self.positions + by, self.elements)

    def where_bound(self, bond: float) -> Atoms:
        """Return the atoms that have two neighbours or more within 1.3 bonds (angstrom): no atom floats."""
        return self.where(coordination(self, 1.3 * bond) >= 2)

    def turned(self, rotation: Array) -> Atoms:
        """Return the atoms turned about the origin by a rotation (3, 3)."""
        return Atoms(self.positions @ rotation.T, self.elements)


def nothing() -> Atoms:
    """Return no atoms."""
    return Atoms(np.zeros((0, 3)), np.zeros(0, "<U2"))


def join(*parts: Atoms) -> Atoms:
    """Return the atoms of all parts, in their order."""
    if not parts:
        return nothing()
    return Atoms(np.concatenate([p.positions for p in parts]), np.concatenate([p.elements for p in parts]))


def keep_apart(first: Atoms, second: Atoms, distance: float) -> Atoms:
    """Return the atoms of `second` that are at least `distance` angstrom from every atom of `first`."""
    from scipy.spatial import cKDTree

    if not len(first) or not len(second):
        return second
    near, _ = cKDTree(first.positions).query(second.positions, distance_upper_bound=distance)
    return second.where(~np.isfinite(near))


def without_close_pairs(atoms: Atoms, distance: float) -> Atoms:
    """Return the atoms without the later one of every pair that is nearer than `distance` angstrom."""
    from scipy.spatial import cKDTree

    if len(atoms) < 2:
        return atoms
    pairs = cKDTree(atoms.positions).query_pairs(distance, output_type="ndarray")
    keep = np.ones(len(atoms), bool)
    # In order, so that of three in a row only the middle one goes.
    for first, second in pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]:
        if keep[first] and keep[second]:
            keep[max(first, second)] = False
    return atoms.where(keep)


def coordination(atoms: Atoms, distance: float) -> NDArray[np.int64]:
    """Return how many other atoms lie within `distance` angstrom of each (n,)."""
    from scipy.spatial import cKDTree

    count = np.zeros(len(atoms), np.int64)
    if len(atoms) < 2:
        return count
    pairs = cKDTree(atoms.positions).query_pairs(distance, output_type="ndarray")
    np.add.at(count, pairs.reshape(-1), 1)
    return count


def column_index(atoms: Atoms, tolerance: float = 0.7) -> NDArray[np.int64]:
    """Return for each atom (n,) the number of the column along the beam that it belongs to.

    Atoms whose projections are nearer than `tolerance` angstrom to one another are one column.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    flat = atoms.positions[:, :2]
    if not len(atoms):
        return np.zeros(0, np.int64)
    # The same place is one node: a thick crystal would else have all pairs of each column.
    _, node, inverse = np.unique(np.round(flat / (tolerance / 4)), axis=0, return_index=True, return_inverse=True)
    pairs = cKDTree(flat[node]).query_pairs(tolerance, output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(node), len(node)))
    _, label = connected_components(links, directed=False)
    return np.asarray(label[inverse.reshape(-1)], np.int64)


def place(kind: str, atoms: Atoms, box: float) -> Specimen:
    """Return the specimen with the origin in the middle of the box; atoms outside of it are cut off."""
    positions = atoms.positions + np.array([box / 2, box / 2, 0.0])
    inside = ((positions[:, :2] >= 0) & (positions[:, :2] < box)).all(1)
    return Specimen(kind, positions[inside], atoms.elements[inside], box)


def require_fit(what: str, extent: float, box: float) -> None:
    """Refuse a thing of `extent` angstrom across that is larger than its box."""
    if not np.isfinite(box) or box <= 0:
        raise SpecimenError.about(f"The box is {box:g} Å wide.", "Give a box wider than 0 Å.")
    if extent > box:
        raise SpecimenError.about(
            f"{what} is {extent / 10:.3g} nm wide and does not fit into a box of {box / 10:.3g} nm.",
            f"Make the box at least {extent / 10:.3g} nm wide (more px or coarser ones), or the specimen smaller.",
        )


def require(condition: bool, what: str, advice: str) -> None:
    """Refuse what cannot be made, saying what and what to do."""
    if not condition:
        raise SpecimenError.about(what, advice)
