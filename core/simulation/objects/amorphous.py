"""Amorphous films: atoms at the right density that keep their distance, with thickness that wanders and wavy edges."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from core.simulation.crystals import Array
from core.simulation.materials import Glass
from core.simulation.objects.atoms import Atoms, Names, place, require, require_fit, without_close_pairs
from core.simulation.specimens import Specimen

_SWEEPS, _SEAM_SWEEPS = 12, 4
_PIECE, _LAYER = 56.0, 5.0  # angstrom


def amorphous(rng: np.random.Generator, glass: Glass, size: tuple[float, float, float]) -> Atoms:
    """Return the atoms of a block of glass, `size` angstrom along x, y, z, about the origin.

    Random points, then pushed apart, pair by pair, until none are nearer than the glass's least distance
    (the relaxation of a dense random packing: W. S. Jodrey and E. M. Tory, Phys. Rev. A 32 (1985) 2347). The pair
    distribution has the first peak and the hole before it of a real glass, and the power spectrum its ring; bond
    angles and rings of atoms are not modelled. Atoms repeat across the faces in x and y; z ends free.

    A wide block is laid out of parts of one piece, each from another place of it and turned anyhow, whose seams are
    then pushed apart too: no two places look alike, and a film of 40 nm takes seconds.
    """
    extent = np.asarray(size, float)
    require(bool((extent > 0).all()), f"A film of {size} Å has no volume.", "Give each side more than 0 Å.")
    if extent[:2].max() <= _PIECE:
        points, elements = _packed(rng, glass, extent)
    else:
        # A square turned anyhow fits into a piece that is sqrt(2) times as wide.
        tiles = math.ceil(float(extent[:2].max()) * math.sqrt(2) / _PIECE)
        side = float(extent[:2].max()) / tiles
        points, elements = _laid_out(rng, glass, side, tiles, float(extent[2]))
        inside = (points[:, 0] < extent[0]) & (points[:, 1] < extent[1])
        points, elements = points[inside], elements[inside]
        points = _pushed_apart(points, extent, glass.distance, _SEAM_SWEEPS)
    return without_close_pairs(Atoms(points - extent / 2, elements), glass.distance)


def _packed(rng: np.random.Generator, glass: Glass, extent: Array) -> tuple[Array, Names]:
    """Return points (n, 3) in a box and their elements, random and pushed apart."""
    count = round(glass.density * float(extent.prod()))
    points = rng.uniform(size=(count, 3)) * extent
    elements = rng.choice(np.asarray(glass.elements), size=count, p=np.asarray(glass.fractions))
    return _pushed_apart(points, extent, glass.distance, _SWEEPS), elements.astype("<U2")


def _laid_out(rng: np.random.Generator, glass: Glass, side: float, tiles: int, height: float) -> tuple[Array, Names]:
    """Return the points of tiles x tiles squares of `side` angstrom and their elements.

    The squares lie elsewhere in each layer of the height: seams above one another would be seen as straight lines.
    """
    piece, elements = _packed(rng, glass, np.array([_PIECE, _PIECE, height]))
    layers = max(1, round(height / _LAYER))
    layer = np.minimum((piece[:, 2] / height * layers).astype(int), layers - 1)
    points, names = [], []
    for number in range(layers):
        here, known = piece[layer == number], elements[layer == number]
        corner = rng.uniform(0, side, 2)
        for column, row in itertools.product(range(tiles), repeat=2):
            flat = (here[:, :2] + rng.uniform(0, _PIECE, 2)) % _PIECE - _PIECE / 2
            angle = rng.uniform(0, 2 * math.pi)
            x = flat[:, 0] * math.cos(angle) - flat[:, 1] * math.sin(angle)
            y = (flat[:, 0] * math.sin(angle) + flat[:, 1] * math.cos(angle)) * rng.choice([-1, 1])
            inside = (np.abs(x) < side / 2) & (np.abs(y) < side / 2)
            place = np.stack([x + (column + 0.5) * side, y + (row + 0.5) * side], 1) + corner
            points.append(np.column_stack([place % (tiles * side), here[:, 2]])[inside])
            names.append(known[inside])
    return np.concatenate(points), np.concatenate(names)


def _pushed_apart(points: Array, extent: Array, distance: float, sweeps: int) -> Array:
    """Return points (n, 3) in [0, extent), periodic in x and y, moved until few pairs are nearer than `distance`."""
    from scipy.spatial import cKDTree

    # A tree that is periodic along z too would push the two faces apart: so the box is taller than the film.
    period = np.array([extent[0], extent[1], extent[2] + 4 * distance])
    target = distance * 1.06  # a little more than is asked for: the last sweeps leave pairs just below it
    count = len(points)
    for _ in range(sweeps if count > 1 else 0):
        points = np.column_stack([points[:, :2] % period[:2], np.clip(points[:, 2], 0, extent[2])])
        # Rounding may give the period itself, which the tree refuses.
        points[:, :2] = np.where(points[:, :2] >= period[:2], 0.0, points[:, :2])
        pairs = cKDTree(points, boxsize=period).query_pairs(target, output_type="ndarray")
        if not len(pairs):
            break
        apart = points[pairs[:, 1]] - points[pairs[:, 0]]
        apart -= period * np.round(apart / period)
        length = np.linalg.norm(apart, axis=1) + 1e-9
        # A little farther than needed: over-relaxation halves the number of sweeps.
        push = apart * ((target - length) / (1.6 * length))[:, None]
        for axis in range(3):
            points[:, axis] += np.bincount(pairs[:, 1], push[:, axis], count)
            points[:, axis] -= np.bincount(pairs[:, 0], push[:, axis], count)
    return np.column_stack([points[:, :2] % period[:2], np.clip(points[:, 2], 0, extent[2])])


def wandering(rng: np.random.Generator, points: Array, length: float, waves: int = 12) -> NDArray[np.float64]:
    """Return a smooth random field (n,) of unit variance at points (n, d): waves longer than `length` angstrom."""
    dimensions = points.shape[1]
    direction = rng.normal(size=(waves, dimensions))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    wave = direction * (2 * math.pi / (length * rng.uniform(1, 4, waves)))[:, None]
    phase = rng.uniform(0, 2 * math.pi, waves)
    return np.asarray(np.cos(points @ wave.T + phase).sum(1) * math.sqrt(2 / waves))


def film_atoms(
    rng: np.random.Generator,
    box: float,
    glass: Glass,
    thickness: float,
    edge: tuple[float, float] | None = None,
    roughness: float = 2.0,
) -> Atoms:
    """Return a film across a box, about z = 0, its thickness wandering by `roughness` angstrom rms.

    With an `edge` (angle in radians of its outward normal, its distance from the middle in angstrom) it ends there,
    thinner towards a wavy rim.
    """
    atoms = amorphous(rng, glass, (box, box, thickness + 4 * roughness))
    flat = atoms.positions[:, :2]
    half = thickness / 2 + roughness * wandering(rng, flat, box / 6)
    if edge is not None:
        up = np.array([math.cos(edge[0]), math.sin(edge[0])])
        along = flat @ np.array([-up[1], up[0]])
        rim = edge[1] + rng.uniform(1, 5) * wandering(rng, along[:, None], 15.0) - flat @ up
        taper = rng.uniform(0.3, 1.5) * thickness
        half = np.where(rim > 0, half * np.clip(0.25 + 0.75 * rim / taper, 0, 1), -1.0)
    return atoms.where(np.abs(atoms.positions[:, 2]) <= half)


def film(
    rng: np.random.Generator,
    box: float,
    glass: Glass,
    thickness: float = 50.0,
    edge: tuple[float, float] | None = None,
) -> Specimen:
    """Return an amorphous film of `thickness` angstrom over the box, or up to an edge."""
    require(thickness > 0, f"The film is {thickness:g} Å thick.", "Give a thickness above 0 Å.")
    require_fit("The film", 0.0, box)
    return place("film", film_atoms(rng, box, glass, thickness, edge), box)
