"""Crystals that fill the frame: any zone axis, wedges, point defects, and skins that are amorphous."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.simulation.crystals import Array, Crystal
from core.simulation.materials import Glass
from core.simulation.objects.amorphous import amorphous, wandering
from core.simulation.objects.atoms import Atoms, column_index, join, keep_apart, place, require, without_close_pairs
from core.simulation.objects.lattice import Index, bond_length, grown, orientation
from core.simulation.specimens import Specimen


@dataclass(frozen=True)
class PointDefects:
    """Defects of single sites; each number is a share of all atoms (of all columns, for `columns`).

    Attributes
    ----------
    vacancies, interstitials
        Sites without an atom; atoms between sites.
    columns
        Columns along the beam of which half of the atoms are missing.
    dopants, dopant
        Sites taken by another element, and which; without a name a heavier or lighter one is drawn.
    """

    vacancies: float = 0.0
    interstitials: float = 0.0
    columns: float = 0.0
    dopants: float = 0.0
    dopant: str | None = None

    def __post_init__(self) -> None:
        for name in ("vacancies", "interstitials", "columns", "dopants"):
            share = getattr(self, name)
            require(0 <= share <= 1, f"The share of {name} is {share:g}.", "Give a share between 0 and 1.")


def random_point_defects(rng: np.random.Generator) -> PointDefects:
    """Draw point defects: rare ones, as in crystals that are looked at for them."""
    return PointDefects(
        vacancies=float(rng.choice([0.0, 0.004, 0.02])),
        interstitials=float(rng.choice([0.0, 0.001])),
        columns=float(rng.choice([0.0, 0.01, 0.03])),
        dopants=float(rng.choice([0.0, 0.005, 0.03])),
    )


def with_point_defects(rng: np.random.Generator, atoms: Atoms, defects: PointDefects, bond: float) -> Atoms:
    """Return the atoms with point defects; interstitials keep 0.7 `bond` (angstrom) from the others."""
    if not len(atoms):
        return atoms
    label = column_index(atoms)
    thinned = rng.uniform(size=int(label.max()) + 1) < defects.columns
    gone = (rng.uniform(size=len(atoms)) < defects.vacancies) | (thinned[label] & (rng.uniform(size=len(atoms)) < 0.5))
    elements = atoms.elements.astype("<U2").copy()
    swapped = rng.uniform(size=len(atoms)) < defects.dopants
    elements[swapped] = defects.dopant or str(rng.choice(["Si", "Ti", "Zr", "Sn", "La", "W", "Bi"]))
    host = Atoms(atoms.positions, elements).where(~gone)
    count = int(rng.poisson(defects.interstitials * len(atoms)))
    low, high = atoms.positions.min(0), atoms.positions.max(0)
    # Most random places are too near to a site: many are tried, and of those that are free few kept.
    tried = Atoms(rng.uniform(low, high, (count * 30, 3)), rng.choice(atoms.elements, count * 30))
    free = without_close_pairs(keep_apart(host, tried, 0.7 * bond), 0.7 * bond)
    return join(host, free.where_first(count))


def wedge_half_thickness(points: Array, thickness: float, slope: float, angle: float) -> Array:
    """Return half the thickness (n,) at points (n, 2): a wedge of `slope` (angstrom per angstrom) along `angle`."""
    along = points @ np.array([math.cos(angle), math.sin(angle)])
    return np.asarray((thickness + slope * along) / 2)


def bulk_atoms(
    rng: np.random.Generator,
    box: float,
    crystal: Crystal,
    zone: Index,
    thickness: float,
    angle: float = 0.0,
    tilt: tuple[float, float] = (0.0, 0.0),
    plane: Index | None = None,
) -> Atoms:
    """Return a plate of a crystal, `thickness` angstrom along the beam, that covers the box however it is turned."""
    require(thickness > 0, f"The crystal is {thickness:g} Å thick.", "Give a thickness above 0 Å.")
    return grown(
        crystal, orientation(crystal, zone, plane, angle, tilt), box * 0.75, thickness / 2, rng.uniform(size=3)
    )


def bulk(
    rng: np.random.Generator,
    box: float,
    crystal: Crystal,
    zone: Index = (1, 1, 0),
    thickness: float = 40.0,
    *,
    angle: float = 0.0,
    tilt: tuple[float, float] = (0.0, 0.0),
    slope: float = 0.0,
    roughness: float = 0.0,
    defects: PointDefects | None = None,
    skin: Glass | None = None,
) -> Specimen:
    """Return a crystal that fills the box, seen along a zone axis.

    Parameters
    ----------
    slope
        Of the wedge, angstrom of thickness per angstrom across.
    roughness
        Rms, angstrom, by which its two faces wander.
    skin
        An amorphous layer of 5 to 15 angstrom on both faces, as ion milling leaves it.
    """
    most = thickness + abs(slope) * box * 0.75 + 6 * roughness
    atoms = bulk_atoms(rng, box, crystal, zone, most, angle, tilt)
    flat = atoms.positions[:, :2]
    half = wedge_half_thickness(flat, thickness, slope, rng.uniform(0, 2 * math.pi))
    half = half + roughness * wandering(rng, flat, box / 5) / 2
    atoms = atoms.where(np.abs(atoms.positions[:, 2]) <= half)
    atoms = with_point_defects(rng, atoms, defects or PointDefects(), bond_length(crystal))
    if skin is not None:
        atoms = join(atoms, *_skins(rng, box, skin, thickness, atoms))
    return place("bulk", atoms, box)


def _skins(rng: np.random.Generator, box: float, glass: Glass, thickness: float, inside: Atoms) -> list[Atoms]:
    out = []
    for side in (-1, 1):
        depth = float(rng.uniform(5, 15))
        layer = amorphous(rng, glass, (box, box, depth))
        out.append(keep_apart(inside, layer.moved(np.array([0, 0, side * (thickness + depth) / 2])), 1.5))
    return out
