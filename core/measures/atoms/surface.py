"""The outermost columns of a particle, by an alpha shape, and whether they were found.

One added or missing surface atom hardly changes PSNR, but it changes the science: so surfaces have figures of their own
(arXiv:2010.12970).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay, QhullError

from core.measures.atoms.match import Matched, match

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Triangles up to this many times the typical circumscribed radius belong to the particle: a vacancy doesn't open it.
_REACH = 1.6


def alpha_radius(positions: npt.ArrayLike) -> float | None:
    """Return the radius of the alpha shape by columns (n, 2): 1.6 times the median circumradius, px; None: no area."""
    points = np.asarray(positions, float).reshape(-1, 2)
    if len(points) < 4:
        return None
    try:
        mesh = Delaunay(points)
    except QhullError:
        return None
    return _REACH * float(np.median(_circumradii(points[mesh.simplices])))


def surface_columns(positions: npt.ArrayLike, radius: float | None = None) -> Mask:
    """Say which columns (n, 2) lie on the outer boundary of their alpha shape (Edelsbrunner et al. 1983).

    Triangles of the Delaunay triangulation whose circumscribed circle has at most `radius` px make the particle; its
    outer boundary are the edges between it and what is connected to the outside. Holes inside are no surface. None: 1.6
    times the median radius. Fewer than four columns, or columns in a line, are all surface.
    """
    points = np.asarray(positions, float).reshape(-1, 2)
    everything = np.ones(len(points), dtype=np.bool_)
    if len(points) < 4:
        return everything
    try:
        mesh = Delaunay(points)
    except QhullError:
        return everything
    radii = _circumradii(points[mesh.simplices])
    limit = _REACH * float(np.median(radii)) if radius is None else radius
    solid = radii <= limit
    outside = _connected_to_outside(mesh, solid)
    on = np.zeros(len(points), dtype=np.bool_)
    for triangle in np.flatnonzero(solid):
        for corner, beyond in enumerate(mesh.neighbors[triangle]):
            # The edge opposite a corner is shared with the neighbour of that number; -1 is the outside itself.
            if beyond < 0 or outside[beyond]:
                on[np.delete(mesh.simplices[triangle], corner)] = True
    lonely = everything.copy()
    lonely[np.unique(mesh.simplices[solid])] = False
    return np.asarray(on | lonely)


def match_surfaces(
    true: npt.ArrayLike,
    found: npt.ArrayLike,
    radius: float,
    shape: tuple[int, int] | None = None,
    margin: float = 0.0,
    alpha: float | None = None,
) -> Matched:
    """Pair the surface columns of the truth with those of a result within `radius` px (10 in the published figures).

    With `shape`, columns within `margin` px of the frame's border are left out: there the frame ends, not the particle.
    `alpha` is the radius of `surface_columns`.
    """
    parts = []
    for one in (true, found):
        places = np.asarray(one, float).reshape(-1, 2)
        on = surface_columns(places, alpha)
        if shape is not None:
            inside = (places >= margin) & (places <= np.array(shape) - 1 - margin)
            on &= inside.all(axis=1)
        parts.append(places[on])
    return match(parts[0], parts[1], radius)


def _circumradii(triangles: Array) -> Array:
    """Radii (n,) of the circles through the corners (n, 3, 2): a b c / (4 area)."""
    sides = [np.linalg.norm(triangles[:, i] - triangles[:, j], axis=1) for i, j in ((0, 1), (1, 2), (2, 0))]
    one, two = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    area = 0.5 * np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0])
    return np.asarray(sides[0] * sides[1] * sides[2] / np.maximum(4 * area, 1e-300))


def _connected_to_outside(mesh: Delaunay, solid: Mask) -> Mask:
    """Which triangles that are not of the particle can be reached from outside."""
    outside = np.zeros(len(solid), dtype=np.bool_)
    waiting = [int(one) for one in np.flatnonzero(~solid & np.any(mesh.neighbors < 0, axis=1))]
    outside[waiting] = True
    while waiting:
        for beyond in mesh.neighbors[waiting.pop()]:
            if beyond >= 0 and not solid[beyond] and not outside[beyond]:
                outside[beyond] = True
                waiting.append(int(beyond))
    return outside
