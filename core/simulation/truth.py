"""The truth of an atomic image: where its columns stand, how strong they are, and of how many atoms."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from core.simulation.errors import SpecimenError
from core.simulation.specimens import Specimen

Array = NDArray[np.float64]
Pairs = NDArray[np.intp]

HEIGHT_EXPONENT = 1.7  # of Z, for the strength of a column: between Rutherford's 2 and screened thin-film values


@dataclass(frozen=True)
class Columns:
    """Atomic columns seen along the beam.

    Attributes
    ----------
    positions : (n, 2) float64
        y, x in px; the first pixel's centre is 0, pixel centres lie at integer coordinates.
    heights : (n,) float64
        Strength of each column: what it adds to a dark-field image, summed over the image. `project_columns` gives
        the sum of Z^1.7 over the atoms; `stem_columns` the sum in its image's own units.
    atoms : (n,) int64
        Number of atoms in each column.
    elements : tuple of str
        Elements of each column, joined by "+" in alphabetical order ("Pt", "Mg+O").
    """

    positions: Array
    heights: Array
    atoms: NDArray[np.int64]
    elements: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.heights)

    def select(self, keep: NDArray[np.bool_]) -> Columns:
        """Return the columns where `keep` (n,) is true."""
        elements = tuple(e for e, kept in zip(self.elements, keep, strict=True) if kept)
        return Columns(self.positions[keep], self.heights[keep], self.atoms[keep], elements)


def atomic_numbers(elements: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return Z (n,) of chemical symbols (n,)."""
    names, inverse = np.unique(elements, return_inverse=True)
    known = np.array([gemmi.Element(str(name)).atomic_number for name in names], np.int64)
    if not known.all():
        unknown = str(names[int(np.argmin(known))])
        raise SpecimenError.about(f"No element is called {unknown}.", "Give chemical symbols: Pt, O, C.")
    return np.asarray(known[inverse.reshape(-1)])


def project_columns(
    specimen: Specimen,
    pixel: float,
    size: int,
    tolerance: float = 0.5,
    *,
    reach: float = 7.5,
    only: Collection[str] | None = None,
    weights: Array | None = None,
) -> Columns:
    """Group a specimen's atoms into columns along the beam.

    Atoms of one element belong together when they are linked by steps of at most `tolerance` sideways and `reach`
    along the beam: so the columns of a tilted crystal stay whole. Columns of several elements that lie on each other
    within `tolerance` become one. A column's position is the mean of its atoms by weight, its height the weights' sum.

    Parameters
    ----------
    specimen
        Atoms in their periodic box.
    pixel, size
        Angstrom a pixel, and px a side of the square image that starts at the box's corner.
    tolerance, reach
        In angstrom. `reach` spans one period of the crystal along the beam.
    only
        Elements to be seen as columns, for instance without the carbon of an amorphous film; None takes all.
    weights
        (n,) strength of each atom; None takes Z^1.7.
    """
    chosen = np.ones(len(specimen.elements), bool) if only is None else np.isin(specimen.elements, list(only))
    positions, elements = specimen.positions[chosen], specimen.elements[chosen]
    if len(positions) == 0:
        return Columns(np.zeros((0, 2)), np.zeros(0), np.zeros(0, np.int64), ())
    if weights is None:
        weights = np.asarray(atomic_numbers(specimen.elements) ** HEIGHT_EXPONENT, np.float64)
    weights = weights[chosen]
    labels = _components(len(positions), _linked(positions, elements, specimen.box, tolerance, reach))
    labels = _absorbed(positions, weights, labels, specimen.box, tolerance)
    centres, heights = _centres(positions, weights, labels, specimen.box)
    atoms = np.bincount(labels).astype(np.int64)
    symbols = _symbols(elements, labels)
    # The image repeats with the box: a column beside its far edge may lie within half a pixel of the first pixel.
    spots = (centres[:, ::-1] / pixel + 0.5) % (specimen.box / pixel) - 0.5
    seen = np.all(spots < size - 0.5, axis=1)
    return Columns(spots, heights, atoms, symbols).select(seen)


def column_labels(specimen: Specimen, tolerance: float = 0.5, *, reach: float = 7.5) -> NDArray[np.intp]:
    """Return which column each atom belongs to (n,), numbered from 0, by the rules of `project_columns`."""
    if len(specimen.positions) == 0:
        return np.zeros(0, np.intp)
    weights = np.asarray(atomic_numbers(specimen.elements) ** HEIGHT_EXPONENT, np.float64)
    pairs = _linked(specimen.positions, specimen.elements, specimen.box, tolerance, reach)
    labels = _components(len(weights), pairs)
    return _absorbed(specimen.positions, weights, labels, specimen.box, tolerance)


def _linked(positions: Array, elements: NDArray[np.str_], box: float, tolerance: float, reach: float) -> Pairs:
    """Return the pairs (m, 2) of atoms of one element that stand above one another."""
    from scipy.spatial import cKDTree

    pairs = [np.zeros((0, 2), np.intp)]
    for element in np.unique(elements):
        index = np.flatnonzero(elements == element)
        xy = np.mod(positions[index, :2], box) / tolerance
        z = (positions[index, 2] - positions[index, 2].min()) / reach
        side = box / tolerance
        xy[xy >= side] = 0.0  # np.mod of a tiny negative number gives the box itself
        tree = cKDTree(np.column_stack([xy, z]), boxsize=[side, side, 0.0])
        near = tree.query_pairs(1.0, p=np.inf, output_type="ndarray")
        offset = _wrapped(positions[index[near[:, 0]], :2] - positions[index[near[:, 1]], :2], box)
        pairs.append(index[near[np.hypot(*offset.T) <= tolerance]])
    return np.concatenate(pairs)


def _wrapped(offset: Array, box: float) -> Array:
    return np.asarray(offset - box * np.round(offset / box))


def _components(count: int, pairs: Pairs) -> NDArray[np.intp]:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], np.intp)


def _absorbed(
    positions: Array, weights: Array, labels: NDArray[np.intp], box: float, tolerance: float
) -> NDArray[np.intp]:
    """Give weak columns to a stronger one that they lie on: the strongest first, without chains."""
    from scipy.spatial import cKDTree

    centres, heights = _centres(positions, weights, labels, box)
    centres[centres >= box] = 0.0
    tree = cKDTree(centres, boxsize=box)
    around = tree.query_ball_point(centres, tolerance)
    owner = np.full(len(centres), -1, np.intp)
    for number in np.argsort(-heights, kind="stable"):
        if owner[number] < 0:
            near = np.array(around[number], np.intp)
            owner[near[owner[near] < 0]] = number
    return np.unique(owner[labels], return_inverse=True)[1].reshape(-1)


def _centres(positions: Array, weights: Array, labels: NDArray[np.intp], box: float) -> tuple[Array, Array]:
    """Return the weighted mean x, y (n, 2) within the box, and the sum of the weights (n,)."""
    first = np.unique(labels, return_index=True)[1]
    heights = np.bincount(labels, weights).astype(np.float64)
    offset = _wrapped(positions[:, :2] - positions[first[labels], :2], box)
    mean = np.stack([np.bincount(labels, weights * offset[:, k]) for k in (0, 1)], 1) / heights[:, None]
    return np.mod(positions[first, :2] + mean, box), heights


def _symbols(elements: NDArray[np.str_], labels: NDArray[np.intp]) -> tuple[str, ...]:
    names = np.unique(elements)
    present = np.stack([np.bincount(labels, elements == name) > 0 for name in names], 1)
    return tuple("+".join(names[row].tolist()) for row in present)
