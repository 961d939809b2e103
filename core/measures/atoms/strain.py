"""Strain from column positions: how each column's neighbourhood is stretched, sheared and turned.

For each column, the vectors to its neighbours are held against the reference lattice's; the displacement gradient that
fits them best (least squares over all neighbours) is split into strain and rotation. This is the peak-pair way of
measuring strain in real space (Galindo et al., Ultramicroscopy 107, 2007), with all neighbours instead of two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

Array = npt.NDArray[np.float64]

# Vectors up to this many nearest distances are looked at; one belongs to the lattice if so many columns have it.
_REACH = 2.3
_COMMON = 0.55
# Neighbours may be off the reference by this share of the nearest distance: strains up to about 15 %.
_TOLERANCE = 0.22
_FEWEST = 3


@dataclass(frozen=True)
class Strain:
    """Strain at each column; axis y runs down the rows, x along the columns.

    Attributes
    ----------
    yy, xx, yx : (n,)
        Components of the small-strain tensor, without unit; NaN where a column has too few neighbours.
    rotation : (n,)
        Of the lattice, in radians, counted from y towards x.
    """

    yy: Array
    xx: Array
    yx: Array
    rotation: Array

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Where it could be measured."""
        return np.isfinite(self.yy)


def lattice_vectors(positions: npt.ArrayLike) -> Array:
    """Return the vectors (k, 2) between neighbours that most columns share: those of the lattice, in px.

    Vectors within a motif (the two columns of a dumbbell) belong to some columns only and are left out. Empty where
    there is no lattice.
    """
    points = np.asarray(positions, float).reshape(-1, 2)
    if len(points) < 6:
        return np.zeros((0, 2))
    tree = cKDTree(points)
    nearest = float(np.median(tree.query(points, k=2)[0][:, 1]))
    pairs = tree.query_pairs(2 * _REACH * nearest, output_type="ndarray")
    if not len(pairs):
        return np.zeros((0, 2))
    apart = points[pairs[:, 1]] - points[pairs[:, 0]]
    vectors = np.concatenate([apart, -apart])
    near = cKDTree(vectors).query_ball_point(vectors, _TOLERANCE * nearest, return_length=True)
    found: list[Array] = []
    left = np.ones(len(vectors), dtype=np.bool_)
    # The commonest first; a column at the edge lacks half of its neighbours, so not all of them are asked for.
    for index in np.argsort(-near, kind="stable"):
        if near[index] < _COMMON * len(points):
            break
        if left[index]:
            members = np.linalg.norm(vectors - vectors[index], axis=1) <= _TOLERANCE * nearest
            found.append(vectors[members & left].mean(axis=0))
            left &= np.linalg.norm(vectors - vectors[index], axis=1) > 2 * _TOLERANCE * nearest
    return _shortest(np.array(found).reshape(-1, 2))


def _shortest(vectors: Array) -> Array:
    """Keep the vectors up to a little beyond the shortest that don't lie in a line with the shortest."""
    if len(vectors) < 4:
        return np.zeros((0, 2))
    lengths = np.linalg.norm(vectors, axis=1)
    order = np.argsort(lengths)
    vectors, lengths = vectors[order], lengths[order]
    turned = np.abs(vectors[:, 0] * vectors[0, 1] - vectors[:, 1] * vectors[0, 0]) / (lengths * lengths[0])
    aside = np.flatnonzero(turned > 0.3)
    if not len(aside):
        return np.zeros((0, 2))
    return np.asarray(vectors[lengths <= 1.1 * lengths[aside[0]]])


def strain(positions: npt.ArrayLike, reference: Array | None = None) -> Strain:
    """Measure the strain at each column (n, 2) against `reference` vectors (k, 2); None: the image's own mean lattice.

    F = argmin sum |d_i - F g_i|^2 over neighbours; strain (F + F^T) / 2 - 1, rotation (F - F^T) / 2.
    """
    points = np.asarray(positions, float).reshape(-1, 2)
    vectors = lattice_vectors(points) if reference is None else reference
    parts = np.full((len(points), 4), np.nan)
    if len(vectors) >= _FEWEST and len(points):
        tree = cKDTree(points)
        nearest = float(np.linalg.norm(vectors, axis=1).min())
        for index, point in enumerate(points):
            far, which = tree.query(point + vectors, distance_upper_bound=_TOLERANCE * nearest)
            there = np.isfinite(far) & (which != index)
            given = vectors[there]
            if len(given) < _FEWEST or np.linalg.matrix_rank(given, tol=0.2 * nearest) < 2:
                continue
            gradient = np.linalg.lstsq(given, points[which[there]] - point, rcond=None)[0].T
            parts[index] = (
                gradient[0, 0] - 1,
                gradient[1, 1] - 1,
                (gradient[0, 1] + gradient[1, 0]) / 2,
                (gradient[1, 0] - gradient[0, 1]) / 2,
            )
    return Strain(*parts.T)
