"""Sheets one to a few layers thick: vacancies, foreign atoms, adatoms, holes, ripples, layers turned to one another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.simulation.crystals import Array, Crystal, small_tilt
from core.simulation.objects.amorphous import wandering
from core.simulation.objects.atoms import Atoms, coordination, join, keep_apart, place, require
from core.simulation.objects.lattice import bond_length, grown
from core.simulation.specimens import Specimen


@dataclass(frozen=True)
class SheetDefects:
    """What is wrong with a sheet; shares are of its atoms.

    Attributes
    ----------
    vacancies
        Sites without an atom: of the outer element, where there are two, as the beam makes them.
    dopants, dopant
        Sites of the other element that are taken by a foreign one, and which.
    adatoms, adatom
        Atoms that sit on top, by themselves or in small groups, and which.
    holes
        How many holes the sheet has.
    ripple
        Rms height in angstrom of waves a third of the box long.
    dirt
        Share of the area under patches of adsorbed carbon.
    """

    vacancies: float = 0.0
    dopants: float = 0.0
    dopant: str = "W"
    adatoms: float = 0.0
    adatom: str = "Au"
    holes: int = 0
    ripple: float = 0.0
    dirt: float = 0.0

    def __post_init__(self) -> None:
        for name in ("vacancies", "dopants", "adatoms", "dirt"):
            share = getattr(self, name)
            require(0 <= share <= 1, f"The share of {name} is {share:g}.", "Give a share between 0 and 1.")


def random_sheet_defects(rng: np.random.Generator) -> SheetDefects:
    """Draw the defects of a sheet."""
    return SheetDefects(
        vacancies=float(rng.choice([0.0, 0.01, 0.04])),
        dopants=float(rng.choice([0.0, 0.01, 0.05])),
        dopant=str(rng.choice(["W", "Nb", "Re", "Se", "Si"])),
        adatoms=float(rng.choice([0.0, 0.003, 0.01])),
        adatom=str(rng.choice(["Au", "Cu", "Si", "Pt"])),
        holes=int(rng.choice([0, 0, 1, 2])),
        ripple=float(rng.uniform(0, 1.5)),
        dirt=float(rng.choice([0.0, 0.0, 0.1, 0.25])),
    )


def sheet(
    rng: np.random.Generator,
    box: float,
    layer: Crystal,
    layers: int = 1,
    *,
    angle: float = 0.0,
    twist: float = 0.0,
    tilt: tuple[float, float] = (0.0, 0.0),
    defects: SheetDefects | None = None,
) -> Specimen:
    """Return a sheet of `layers` layers across the box.

    Parameters
    ----------
    layer
        A single layer whose cell's third axis is the distance to the next (`materials.Palette.sheets`).
    angle, twist
        Radians: of the first layer in the image, and from one layer to the next.
    """
    require(layers >= 1, f"A sheet of {layers} layers is none.", "Give at least one layer.")
    defects = defects or SheetDefects()
    spacing = float(layer.cell[2][2])
    parts = []
    for number in range(layers):
        # Neighbouring layers of a stack face each other turned by 60 degrees and shifted, as in 2H crystals.
        turn = small_tilt(0.0, 0.0, angle + number * (twist or math.pi / 3))
        flat = _one_layer(layer, turn, box * 0.75)
        offset = np.append(rng.uniform(-2, 2, 2), number * spacing) if number else np.zeros(3)
        parts.append(_with_holes(rng, _spoiled(rng, flat.moved(offset), layer, defects), box, defects.holes))
    whole = join(*parts)
    bond = bond_length(layer)
    whole = join(whole, _adatoms(rng, whole, defects), _dirt(rng, whole, box, defects))
    wave = defects.ripple * wandering(rng, whole.positions[:, :2], box / 3)
    lifted = Atoms(whole.positions + np.stack([0 * wave, 0 * wave, wave], 1), whole.elements)
    return place("sheet", lifted.where(coordination(lifted, 2.2 * bond) > 0).turned(small_tilt(*tilt, 0.0)), box)


def _one_layer(layer: Crystal, turn: Array, radius: float) -> Atoms:
    """Return one layer about z = 0, whatever part of its cell it is written in."""
    spacing = float(layer.cell[2][2])
    atoms = grown(layer, turn, radius, 0.75 * spacing)
    return atoms.where(np.abs(atoms.positions[:, 2]) < 0.49 * spacing)


def _spoiled(rng: np.random.Generator, atoms: Atoms, layer: Crystal, defects: SheetDefects) -> Atoms:
    elements = atoms.elements.astype("<U2").copy()
    outer = elements == layer.elements[-1]
    inner = ~outer if len(set(layer.elements)) > 1 else np.ones_like(outer)
    elements[inner & (rng.uniform(size=len(atoms)) < defects.dopants)] = defects.dopant
    keep = ~(outer & (rng.uniform(size=len(atoms)) < defects.vacancies))
    return Atoms(atoms.positions, elements).where(keep)


def _with_holes(rng: np.random.Generator, atoms: Atoms, box: float, holes: int) -> Atoms:
    for _ in range(holes):
        centre = rng.uniform(-0.4, 0.4, 2) * box
        away = atoms.positions[:, :2] - centre
        angle = np.arctan2(away[:, 1], away[:, 0])
        radius = rng.uniform(0.04, 0.16) * box
        rim = radius * (1 + 0.25 * np.cos(rng.integers(2, 6) * angle + rng.uniform(0, 2 * math.pi)))
        atoms = atoms.where(np.hypot(away[:, 0], away[:, 1]) > rim)
    return atoms


def _adatoms(rng: np.random.Generator, base: Atoms, defects: SheetDefects) -> Atoms:
    count = int(rng.poisson(defects.adatoms * len(base)))
    if not count or not len(base):
        return Atoms(np.zeros((0, 3)), np.zeros(0, "<U2"))
    top = base.positions[base.positions[:, 2] > base.positions[:, 2].max() - 0.5]
    # Groups of one to four, a bond apart from one another.
    seeds = top[rng.integers(0, len(top), count)] + np.array([0.0, 0.0, 2.0])
    spots = [
        seed + np.append(rng.uniform(-2.6, 2.6, 2), 0.0) * (i > 0) for seed in seeds for i in range(rng.integers(1, 5))
    ]
    apart: list[Array] = []
    for spot in spots:
        if all(np.linalg.norm(spot - other) > 2.3 for other in apart):
            apart.append(spot)
    return Atoms(np.array(apart), np.full(len(apart), defects.adatom))


def _dirt(rng: np.random.Generator, base: Atoms, box: float, defects: SheetDefects) -> Atoms:
    if not defects.dirt or not len(base):
        return Atoms(np.zeros((0, 3)), np.zeros(0, "<U2"))
    height = float(rng.uniform(4, 10))
    points = rng.uniform(-0.5, 0.5, (int(0.08 * box * box * height), 3)) * [box, box, height]
    field = wandering(rng, points[:, :2], box / 5)
    # The share of a unit normal field above a level; patches are thin at their rims.
    level = float(np.quantile(field, 1 - defects.dirt))
    top = base.positions[:, 2].max() + 2.5
    depth = np.clip((field - level) * height, 0, height)
    points[:, 2] += height / 2
    kept = Atoms(points[points[:, 2] < depth] + np.array([0, 0, top]), np.full(int((points[:, 2] < depth).sum()), "C"))
    from core.simulation.objects.atoms import without_close_pairs

    return keep_apart(base, without_close_pairs(kept, 1.3), 1.5)
