"""Extended defects in crystals: dislocations, stacking faults, twins, antiphase and grain boundaries."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np

from core.simulation.crystals import Array, Crystal
from core.simulation.errors import SpecimenError
from core.simulation.objects.atoms import Atoms, join, keep_apart, place, require, without_close_pairs
from core.simulation.objects.bulk import bulk_atoms
from core.simulation.objects.lattice import (
    Index,
    bond_length,
    index_cell,
    orientation,
    plane_normal,
    planes_along,
    translations,
)
from core.simulation.objects.shapes import is_hexagonal
from core.simulation.specimens import Specimen

_POISSON = 0.33
_CLOSEST = 0.72  # of a bond: atoms nearer than that across a boundary are one too many


def displaced_by_dislocation(
    points: Array, burgers: Array, at: tuple[float, float] = (0.0, 0.0), poisson: float = _POISSON
) -> Array:
    """Return points (n, 3) moved by the strain of a dislocation whose line runs along the beam.

    Isotropic elasticity (J. P. Hirth and J. Lothe, Theory of Dislocations, 2nd ed., eqs 3-2 and 3-45): with x along
    the Burgers vector's part across the beam, of length b, and theta = atan2(y, x),

    u_x = b / (2 pi) [theta + x y / (2 (1 - nu) r^2)],
    u_y = -b / (2 pi) [(1 - 2 nu) / (4 (1 - nu)) ln r^2 + (x^2 - y^2) / (4 (1 - nu) r^2)],
    u_z = b_z theta / (2 pi) for the part along the beam.

    The jump of theta lies on the half plane behind the line, along which the crystal has slipped by one whole vector.

    Parameters
    ----------
    burgers
        (3,) angstrom, a translation of the lattice, else the slip leaves a fault.
    at
        x and y of the line, angstrom.
    """
    length = math.hypot(burgers[0], burgers[1])
    angle = math.atan2(burgers[1], burgers[0])
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    x, y = turn @ (points[:, :2] - np.asarray(at)).T
    r2 = x * x + y * y + 0.25  # half an angstrom of core, where elasticity ends
    theta = np.arctan2(y, x)
    part = 1 / (4 * (1 - poisson))
    along = theta + 2 * part * x * y / r2
    up = -((1 - 2 * poisson) * part * np.log(r2) + part * (x * x - y * y) / r2)
    across = length / (2 * math.pi) * np.stack([along, up], 1) @ turn
    return np.asarray(points + np.column_stack([across, burgers[2] * theta / (2 * math.pi)]))


def _burgers(crystal: Crystal, rotation: Array, mixed: bool) -> Array:
    """Return the shortest translation (3,), in the image's axes, that lies across the beam (or at 30-60 degrees)."""
    every = translations(crystal) @ rotation.T
    length = np.linalg.norm(every, axis=1)
    along = np.abs(every[:, 2]) / length
    fitting = (along > 0.3) & (along < 0.95) if mixed else along < 0.05
    require(
        bool(fitting.any()),
        f"{crystal.name} has no short Burgers vector for this dislocation along this zone axis.",
        "Choose another zone axis, such as [001] or [110].",
    )
    chosen = every[fitting]
    return np.asarray(chosen[int(np.argmin(np.linalg.norm(chosen, axis=1)))])


def dislocation(
    rng: np.random.Generator,
    box: float,
    crystal: Crystal,
    zone: Index = (1, 1, 0),
    thickness: float = 40.0,
    *,
    mixed: bool = False,
    angle: float = 0.0,
    tilt: tuple[float, float] = (0.0, 0.0),
) -> Specimen:
    """Return a crystal with a dislocation along the beam near the middle: a pure edge, or `mixed` with a screw."""
    rotation = orientation(crystal, zone, None, angle, tilt)
    atoms = bulk_atoms(rng, box, crystal, zone, thickness, angle, tilt)
    line = (float(rng.uniform(-0.12, 0.12)) * box, float(rng.uniform(-0.12, 0.12)) * box)
    moved = displaced_by_dislocation(atoms.positions, _burgers(crystal, rotation, mixed), line)
    strained = without_close_pairs(Atoms(moved, atoms.elements), _CLOSEST * bond_length(crystal))
    return place("mixed dislocation" if mixed else "edge dislocation", strained, box)


def _joined(
    lower: Atoms, upper: Atoms, normal: Array, bond: float, spacing: float, shifts: list[Array] | None = None
) -> Atoms:
    """Join two grains at a plane across the image, near the middle.

    Of several places of the plane within one layer, and of several shifts of the upper grain along it, that is
    taken at which the fewest atoms come too near to each other: what relaxation would find in large steps.
    """
    best: tuple[float, Atoms] | None = None
    for offset in np.linspace(0, spacing, 6, endpoint=False):
        below = lower.where(lower.positions @ normal < offset)
        for shift in shifts or [np.zeros(3)]:
            above = upper.moved(shift)
            above = above.where(above.positions @ normal >= offset)
            kept = keep_apart(below, above, _CLOSEST * bond)
            lost = float(len(above) - len(kept)) + _gap(below, kept, normal, offset)
            if best is None or lost < best[0] - 1e-9:
                best = (lost, join(below, kept))
    return best[1] if best else join(lower, upper)


def _gap(below: Atoms, above: Atoms, normal: Array, offset: float) -> float:
    """Return a cost for empty space at a boundary: the share of a layer that is missing, in atoms."""
    near = 3.0
    inside = (above.positions @ normal < offset + near).sum() + (below.positions @ normal > offset - near).sum()
    total = len(below) + len(above)
    extent = np.ptp(below.positions @ normal) + np.ptp(above.positions @ normal) if total else 1.0
    return float(max(0.0, total * 2 * near / max(extent, 1.0) - inside))


def _slip(crystal: Crystal, plane: Index, rotation: Array) -> Array:
    """Return the partial slip (3,), angstrom, in a close-packed plane: what makes ABC of ABAB, or back.

    a/6 <112> on {111} of cubic crystals, a/3 <1-100> on (0001) of hexagonal ones; else a third of a translation.
    """
    cell = index_cell(crystal)
    normal = plane_normal(crystal, plane)[0]
    if is_hexagonal(crystal):
        return np.asarray(rotation @ ((2 * cell[0] + cell[1]) / 3))
    a = float(np.linalg.norm(cell[0]))
    candidates = [np.roll(sign * np.array([1.0, 1.0, 2.0]), turn) * a / 6 for turn in range(3) for sign in _SIGNS]
    inside = [c for c in candidates if abs(c @ normal) < 1e-6 * a]
    if inside:
        # The one that is seen best: across the beam.
        return np.asarray(max((rotation @ c for c in inside), key=lambda c: float(np.hypot(c[0], c[1]))))
    every = translations(crystal)
    across = every[np.abs(every @ normal) < 0.05 * np.linalg.norm(every, axis=1)]
    require(len(across) > 0, f"{crystal.name} has no slip in the plane {plane}.", "Choose a plane with low indices.")
    return np.asarray(rotation @ across[0] / 3)


_SIGNS = np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)], float)


def boundary(
    rng: np.random.Generator,
    box: float,
    crystal: Crystal,
    kind: str,
    zone: Index = (1, 1, 0),
    plane: Index | None = None,
    thickness: float = 40.0,
    *,
    angle: float = 0.0,
    misorientation: float | None = None,
    tilt: tuple[float, float] = (0.0, 0.0),
) -> Specimen:
    """Return a crystal with a boundary, seen edge-on, near the middle of the box.

    Parameters
    ----------
    kind
        ``stacking fault``, ``twin boundary``, ``antiphase boundary``, ``tilt boundary`` (two grains turned about the
        beam against one another), or ``twist boundary`` (one above the other: a moire pattern).
    plane
        Of the boundary, which holds the zone axis; without one the widest-spaced such plane.
    angle
        Of the boundary's normal in the image, radians from x towards y.
    misorientation
        Radians, of tilt and twist boundaries; drawn between 4 and 45 degrees if not given.
    """
    makers: dict[str, Callable[[], Atoms]] = {
        "stacking fault": lambda: _fault(whole, crystal, chosen, rotation, normal),
        "twin boundary": lambda: _twin(whole, crystal, chosen, normal),
        "antiphase boundary": lambda: _antiphase(whole, crystal, chosen, rotation, normal),
        "tilt boundary": lambda: _tilt_boundary(rng, box, crystal, zone, thickness, angle, turn, tilt),
        "twist boundary": lambda: _twist_boundary(rng, box, crystal, zone, thickness, angle, turn, tilt),
    }
    require(kind in makers, f"There is no boundary called {kind!r}.", f"Choose one of: {', '.join(makers)}.")
    along = planes_along(crystal, zone)
    require(bool(along), f"No low-index plane of {crystal.name} holds {list(zone)}.", "Choose a simpler zone axis.")
    default = {"stacking fault": _close_packed, "twin boundary": _twinning}.get(kind, _widest)
    chosen = plane or default(crystal, along)
    turn = misorientation if misorientation is not None else math.radians(float(rng.uniform(4, 45)))
    rotation = orientation(crystal, zone, chosen, angle, tilt)
    normal = np.array([math.cos(angle), math.sin(angle), 0.0])
    whole = bulk_atoms(rng, box, crystal, zone, thickness, angle, tilt, chosen)
    return place(kind, makers[kind](), box)


def _close_packed(crystal: Crystal, along: list[Index]) -> Index:
    wanted = (0, 0, 1) if is_hexagonal(crystal) else (1, 1, 1)
    for plane in along:
        if tuple(sorted(abs(i) for i in plane)) == tuple(sorted(wanted)):
            return plane
    return along[0]


def _widest(_: Crystal, along: list[Index]) -> Index:
    return along[0]


def _twinning(crystal: Crystal, along: list[Index]) -> Index:
    """Return the widest-spaced plane that is no mirror of the lattice: across a mirror there is no twin."""
    every = translations(crystal)
    for plane in along:
        normal = plane_normal(crystal, plane)[0]
        mirrored = every - 2 * np.outer(every @ normal, normal)
        nearest = np.linalg.norm(mirrored[:, None] - every[None], axis=-1).min(1)
        # Only the shortest: the mirror image of the longest in the list may be just beyond its end.
        if nearest[: len(nearest) // 2].max() > 0.1:
            return plane
    raise SpecimenError.about(
        f"Every low-index plane of {crystal.name} that holds this zone axis is a mirror: no twin can be seen along it.",
        "Choose another zone axis, such as [110].",
    )


def _fault(whole: Atoms, crystal: Crystal, plane: Index, rotation: Array, normal: Array) -> Atoms:
    spacing = plane_normal(crystal, plane)[1]
    shift = _slip(crystal, plane, rotation)
    return _joined(whole, whole, normal, bond_length(crystal), spacing, [shift, -shift])


def _twin(whole: Atoms, crystal: Crystal, plane: Index, normal: Array) -> Atoms:
    spacing = plane_normal(crystal, plane)[1]
    height = whole.positions @ normal
    # Mirrored at a layer of atoms, which both halves then share.
    middle = float(height[int(np.argmin(np.abs(height)))]) if len(whole) else 0.0
    mirrored = Atoms(whole.positions - 2 * np.outer(height - middle, normal), whole.elements)
    below = whole.where(height <= middle + 0.05)
    above = mirrored.where(mirrored.positions @ normal > middle + 0.05)
    kept = keep_apart(below, above, _CLOSEST * bond_length(crystal))
    if len(above) - len(kept) < 0.02 * len(above):
        return join(below, kept)
    return _joined(whole, mirrored, normal, bond_length(crystal), spacing)


_ANIONS = frozenset({"C", "N", "O", "F", "P", "S", "Cl", "As", "Se", "Br", "Sb", "Te", "I"})


def antiphase_shifts(crystal: Crystal) -> Array:
    """Return the half translations (n, 3), angstrom, that exchange the metals of an ordered crystal for one another.

    Each metal atom lands on the site of a metal atom, and not all on one of their own kind: 1/2 [110] in Cu3Au,
    1/2 [111] in NiAl and in perovskites. None in crystals that are not ordered so.
    """
    names = np.asarray(crystal.elements)
    metal = np.array([str(name) not in _ANIONS for name in names])
    places = np.asarray(crystal.positions, float)
    found = []
    for half in (h for h in itertools.product((0.0, 0.5), repeat=3) if any(h)):
        apart = (places[metal] + half)[:, None] - places[metal][None]
        apart -= np.round(apart)
        landed = (np.abs(apart) < 1e-3).all(-1)
        own = names[metal][:, None] == names[metal][None]
        if landed.any(1).all() and not (landed & own).any(1).all():
            found.append(np.asarray(half) @ np.asarray(crystal.cell, float))
    return np.array(found).reshape(-1, 3)


def _antiphase(whole: Atoms, crystal: Crystal, plane: Index, rotation: Array, normal: Array) -> Atoms:
    shifts = [rotation @ shift for shift in antiphase_shifts(crystal)]
    require(
        bool(shifts),
        f"{crystal.name} has no two kinds of metal sites, so its domains cannot be out of phase.",
        "Choose an ordered alloy, such as Cu3Au, or a perovskite.",
    )
    return _joined(whole, whole, normal, bond_length(crystal), plane_normal(crystal, plane)[1], shifts)


def _tilt_boundary(
    rng: np.random.Generator,
    box: float,
    crystal: Crystal,
    zone: Index,
    thickness: float,
    angle: float,
    turn: float,
    tilt: tuple[float, float],
) -> Atoms:
    # Both grains are turned by half of it from a low-index plane: a symmetric boundary.
    plane = planes_along(crystal, zone)[0]
    lower = bulk_atoms(rng, box, crystal, zone, thickness, angle + turn / 2, tilt, plane)
    upper = bulk_atoms(rng, box, crystal, zone, thickness, angle - turn / 2, tilt, plane)
    normal = np.array([math.cos(angle), math.sin(angle), 0.0])
    across = np.array([-normal[1], normal[0], 0.0])
    bond = bond_length(crystal)
    shifts = [across * step * bond / 3 for step in range(3)]
    return _joined(lower, upper, normal, bond, bond, shifts)


def _twist_boundary(
    rng: np.random.Generator,
    box: float,
    crystal: Crystal,
    zone: Index,
    thickness: float,
    angle: float,
    turn: float,
    tilt: tuple[float, float],
) -> Atoms:
    lower = bulk_atoms(rng, box, crystal, zone, thickness / 2, angle, tilt)
    upper = bulk_atoms(rng, box, crystal, zone, thickness / 2, angle + turn, tilt)
    bond = bond_length(crystal)
    gap = float(lower.positions[:, 2].max() - upper.positions[:, 2].min()) + 0.85 * bond
    return join(lower, keep_apart(lower, upper.moved(np.array([0, 0, gap])), _CLOSEST * bond)).moved(
        np.array([0, 0, -gap / 2])
    )


DEFECTS: tuple[str, ...] = (
    "edge dislocation",
    "mixed dislocation",
    "stacking fault",
    "twin boundary",
    "antiphase boundary",
    "tilt boundary",
    "twist boundary",
)
