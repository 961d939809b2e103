"""Nanoparticles: cut to shape, with steps, adatoms and vacancies, alone or on what carries them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.simulation.crystals import Array, Crystal, small_tilt
from core.simulation.materials import Glass
from core.simulation.objects.amorphous import film_atoms
from core.simulation.objects.atoms import (
    Atoms,
    column_index,
    coordination,
    join,
    keep_apart,
    place,
    require,
    require_fit,
)
from core.simulation.objects.lattice import Index, bond_length, grown, orientation, plane_normal, step_height
from core.simulation.objects.shapes import TWINS, Facets, decahedron, facets, icosahedron
from core.simulation.specimens import Specimen

_CONTACT = 2.1  # angstrom between the last layer of a support and the first of a particle (Pt-O, Au-O: 2.0-2.3)


@dataclass(frozen=True)
class Wear:
    """How far a surface is from ideal.

    Attributes
    ----------
    steps
        How many facets carry a terrace of one more layer that ends in a step.
    vacancies
        Share of the last layer that is missing.
    adatoms
        Share of the sites of the next layer that are taken.
    by_column
        Atoms that lie behind one another along the beam go and come together.
    inside
        Share of all atoms that are missing.
    """

    steps: int = 0
    vacancies: float = 0.0
    adatoms: float = 0.0
    by_column: bool = True
    inside: float = 0.0

    def __post_init__(self) -> None:
        for name in ("vacancies", "adatoms", "inside"):
            share = getattr(self, name)
            require(0 <= share <= 1, f"The share of {name} is {share:g}.", "Give a share between 0 and 1.")


def random_wear(rng: np.random.Generator) -> Wear:
    """Draw how worn a surface is: from perfect to strongly."""
    return Wear(
        steps=int(rng.integers(0, 4)),
        vacancies=float(rng.choice([0.0, 0.08, 0.25])),
        adatoms=float(rng.choice([0.0, 0.04, 0.15])),
        by_column=bool(rng.uniform() < 0.6),
        inside=float(rng.choice([0.0, 0.0, 0.005])),
    )


def weather(rng: np.random.Generator, atoms: Atoms, depth: Array, layer: float, wear: Wear, bond: float) -> Atoms:
    """Return the atoms below a surface, worn: `depth` (n,) is how far below it each lies, angstrom.

    `layer` is the height of the last layer; adatoms must touch three atoms that are there (two where few are).
    """
    candidates = depth > -layer
    atoms, depth = atoms.where(candidates), depth[candidates]
    chance = np.where(depth <= 0, wear.adatoms, np.where(depth < 0.8 * layer, 1 - wear.vacancies, 1.0))
    draw = rng.uniform(size=len(atoms))
    if wear.by_column:
        # One draw a column: rows behind one another are seen whole or not at all, as at the edge of a real facet.
        label = column_index(atoms)
        draw = rng.uniform(size=int(label.max(initial=0)) + 1)[label]
    keep = (draw < chance) & (rng.uniform(size=len(atoms)) >= wear.inside)
    there, buried = atoms.where(keep), depth[keep] > 0
    return there.where(buried | (coordination(there, 1.2 * bond) >= 3)).where_bound(bond)


def _terraces(rng: np.random.Generator, shape: Facets, points: Array, steps: int) -> Array:
    """Return the depth of points below facets of which `steps` carry a terrace over part of their area."""
    height = points @ shape.normals.T
    limit = np.broadcast_to(shape.distances, height.shape).copy()
    chosen = rng.choice(len(shape.distances), size=min(steps, len(shape.distances)), replace=False)
    for facet in chosen:
        across = np.cross(shape.normals[facet], rng.normal(size=3))
        across /= np.linalg.norm(across) + 1e-12
        edge = rng.uniform(-0.4, 0.4) * shape.distances[facet]
        limit[:, facet] += shape.spacings[facet] * rng.choice([-1, 1]) * (points @ across > edge)
    return np.asarray((limit - height).min(1))


def particle_atoms(
    rng: np.random.Generator,
    crystal: Crystal,
    shape: str,
    diameter: float,
    rotation: Array,
    wear: Wear | None = None,
) -> Atoms:
    """Return a particle about the origin.

    Parameters
    ----------
    diameter
        Angstrom: of the sphere of the same volume; of an icosahedron or decahedron, between corners.
    rotation
        (3, 3), from the crystal's own axes to the image's (`lattice.orientation`). The fivefold axis of a decahedron is
        its z, so that `np.eye(3)` shows its star.
    """
    require(diameter >= 5, f"A particle of {diameter:g} Å is no crystal.", "Give a diameter of at least 5 Å.")
    wear = wear or Wear()
    bond = bond_length(crystal)
    if shape in TWINS:
        atoms = icosahedron(crystal, diameter) if shape == "icosahedron" else _decahedron(rng, crystal, diameter)
        return _worn_twin(rng, atoms.turned(rotation), wear, bond)
    cut = facets(shape, crystal, diameter, rng)
    cut = Facets(cut.normals @ rotation.T, cut.distances, cut.spacings)
    reach = cut.radius() + float(cut.spacings.max())
    # The centre of a real particle is anywhere in the cell; on an atom it would always be the same.
    atoms = grown(crystal, rotation, reach, reach, rng.uniform(size=3))
    depth = _terraces(rng, cut, atoms.positions, wear.steps)
    return weather(rng, atoms, depth, float(np.median(cut.spacings)), wear, bond)


def _decahedron(rng: np.random.Generator, crystal: Crystal, diameter: float) -> Atoms:
    return decahedron(crystal, diameter, float(rng.uniform(0.7, 1.3)), float(rng.choice([0.0, 0.2, 0.4])))


def _worn_twin(rng: np.random.Generator, atoms: Atoms, wear: Wear, bond: float) -> Atoms:
    """Take atoms from the surface of a multiple twin: those with few neighbours first."""
    bare = coordination(atoms, 1.25 * bond) < 12
    label = column_index(atoms) if wear.by_column else np.arange(len(atoms))
    draw = rng.uniform(size=int(label.max(initial=0)) + 1)[label]
    keep = (~bare | (draw >= wear.vacancies)) & (rng.uniform(size=len(atoms)) >= wear.inside)
    return atoms.where(keep).where_bound(1.05 * bond)


def slab_atoms(
    rng: np.random.Generator,
    box: float,
    crystal: Crystal,
    zone: Index,
    plane: Index,
    angle: float,
    level: float,
    thickness: float,
    wear: Wear | None = None,
    tilt: tuple[float, float] = (0.0, 0.0),
) -> Atoms:
    """Return a crystal that fills the box up to a surface (hkl) seen edge-on.

    Parameters
    ----------
    angle, level
        Direction of the surface's outward normal in the image (radians from x towards y), and its height along it,
        angstrom from the middle of the box.
    thickness
        Along the beam, angstrom.
    wear
        Its `steps` are steps of the surface, each one layer up or down.
    """
    require(thickness > 0, f"The slab is {thickness:g} Å thick.", "Give a thickness above 0 Å.")
    wear = wear or Wear()
    rotation = orientation(crystal, zone, plane, angle, tilt)
    atoms = grown(crystal, rotation, box * 0.75, thickness / 2, rng.uniform(size=3))
    up = np.array([math.cos(angle), math.sin(angle)])
    across = np.array([-up[1], up[0]])
    flat = atoms.positions[:, :2]
    layer = step_height(crystal, plane)
    edges = np.sort(rng.uniform(-0.5, 0.5, wear.steps)) * box
    stairs = np.concatenate([[0.0], np.cumsum(rng.choice([-1, 1], wear.steps) * layer)])
    depth = level + stairs[np.searchsorted(edges, flat @ across)] - flat @ up
    return weather(rng, atoms, depth, max(layer, 1.5), wear, bond_length(crystal))


def supported_particle(
    rng: np.random.Generator,
    box: float,
    crystal: Crystal,
    shape: str,
    diameter: float,
    support: Crystal,
    *,
    zones: tuple[Index, Index] = ((1, 1, 0), (1, 1, 0)),
    planes: tuple[Index, Index] = ((1, -1, 1), (1, -1, 1)),
    angle: float = -math.pi / 2,
    level: float = 0.0,
    thickness: float = 40.0,
    wetting: float = 0.6,
    turn: float = 0.0,
    tilt: tuple[float, float] = (0.0, 0.0),
    wear: tuple[Wear, Wear] = (Wear(), Wear()),
) -> Specimen:
    """Return a particle on a crystal, the surface between them seen edge-on.

    Parameters
    ----------
    zones, planes
        Of the particle and of the support: the zone axis along the beam, and the plane that lies in the interface.
    wetting
        Height of the particle's centre above the interface, as a share of its radius: 1 touches, 0.3 wets.
    turn
        Radians in the image by which the particle is off the epitaxial orientation.
    """
    require_fit(f"The particle of {diameter / 10:.3g} nm", diameter, box)
    base = slab_atoms(rng, box, support, zones[1], planes[1], angle, level, thickness, wear[1], tilt)
    if shape in TWINS:
        rotation = small_tilt(*tilt, float(rng.uniform(0, 2 * math.pi)))
    else:
        rotation = orientation(crystal, zones[0], planes[0], angle + math.pi + turn, tilt)
    particle = particle_atoms(rng, crystal, shape, diameter, rotation, wear[0])
    up = np.array([math.cos(angle), math.sin(angle), 0.0])
    across = np.array([-up[1], up[0], 0.0])
    shift = across * rng.uniform(-0.1, 0.1) * box
    return place("supported particle", join(base, _seated(particle.moved(shift), base, up, wetting)), box)


def _seated(particle: Atoms, base: Atoms, up: Array, wetting: float) -> Atoms:
    """Cut the foot of a particle off and set it on a support, its first layer a bond above the last one below it."""
    height = particle.positions @ up
    radius = float(-height.min()) if len(height) else 0.0
    foot = particle.where(height > -wetting * radius)
    if not len(foot) or not len(base):
        return foot
    across = foot.positions - np.outer(foot.positions @ up, up)
    centre = across.mean(0)
    reach = float(np.linalg.norm(across - centre, axis=1).max())
    below = base.positions - np.outer(base.positions @ up, up) - centre
    under = base.where(np.linalg.norm(below, axis=1) < reach)
    top = _last_layer((under if len(under) else base).positions @ up)
    bottom = -_last_layer(-(foot.positions @ up))
    return keep_apart(base, foot.moved(up * (top + _CONTACT - bottom)), _CONTACT * 0.9)


def _last_layer(heights: Array) -> float:
    """Return the height of the last layer that is mostly there: steps and adatoms above it do not carry a particle."""
    highest = float(heights.max())
    counts, edges = np.histogram(heights, bins=np.arange(highest - 15.0, highest + 1.0, 0.75))
    # A layer of one of the elements alone, as of aluminium in LaAlO3, has a quarter of the atoms of the next one.
    full = np.flatnonzero(counts >= 0.2 * counts.max())
    last = edges[full[-1]]
    return float(heights[(heights >= last) & (heights <= last + 0.75)].max())


def particle_on_slab(
    rng: np.random.Generator,
    box: float,
    crystal: Crystal,
    shape: str,
    diameter: float,
    support: Crystal,
    plane: Index,
    thickness: float = 25.0,
    wetting: float = 0.6,
) -> Specimen:
    """Return a particle that lies on a crystal seen from above, its columns over those of the support."""
    require_fit(f"The particle of {diameter / 10:.3g} nm", diameter, box)
    normal = plane_normal(support, plane)[0]
    helper = np.eye(3)[int(np.argmin(np.abs(normal)))]
    x = np.cross(helper, normal)
    x /= np.linalg.norm(x)
    spin = rng.uniform(0, 2 * math.pi)
    turn = np.array([[math.cos(spin), -math.sin(spin), 0], [math.sin(spin), math.cos(spin), 0], [0, 0, 1.0]])
    base = grown(support, turn @ np.stack([x, np.cross(normal, x), normal]), box * 0.75, thickness / 2)
    rotation = orientation(crystal, (1, 1, 1) if rng.uniform() < 0.5 else (0, 0, 1), None, spin)
    particle = particle_atoms(rng, crystal, shape, diameter, rotation, random_wear(rng))
    seated = _seated(
        particle.moved(np.append(rng.uniform(-0.1, 0.1, 2) * box, 0)), base, np.array([0, 0, 1.0]), wetting
    )
    return place("supported particle", join(base, seated), box)


def particles(
    rng: np.random.Generator,
    box: float,
    crystal: Crystal,
    shapes: tuple[str, ...],
    diameter: float,
    count: int,
    rotation: Array | None = None,
    glass: Glass | None = None,
    edge: tuple[float, float] | None = None,
) -> Specimen:
    """Return several particles that do not overlap, of log-normal size about `diameter`, turned at random.

    With a `glass` they lie on a film (up to its `edge`), most of them above and some below it. `rotation` is that of
    the first particle; the others are anyhow.
    """
    require_fit(f"The particle of {diameter / 10:.3g} nm", diameter, box)
    thickness = float(rng.uniform(20, 80))
    parts = [film_atoms(rng, box, glass, thickness, edge)] if glass else []
    taken: list[tuple[Array, float]] = []
    for number in range(count):
        size = float(np.clip(diameter * math.exp(0.15 * rng.normal()), 6.0, box))
        turn = rotation if rotation is not None and number == 0 else random_rotation(rng)
        atoms = particle_atoms(rng, crystal, str(rng.choice(shapes)), size, turn, random_wear(rng))
        radius = float(np.linalg.norm(atoms.positions, axis=1).max(initial=0.0))
        spot = _free_place(rng, box, radius, taken)
        if spot is None or not len(atoms):
            continue
        taken.append((spot, radius))
        seat = 0.0
        if glass:
            side = 1 if rng.uniform() < 0.8 else -1
            face = thickness / 2 + rng.uniform(-3, 1)
            seat = side * face - float((side * atoms.positions[:, 2]).min()) * side
        parts.append(atoms.moved(np.array([spot[0], spot[1], seat])))
    if not parts:
        return place("particles", Atoms(np.zeros((0, 3)), np.zeros(0, "<U2")), box)
    if glass and len(parts) > 1:
        solid = join(*parts[1:])
        parts = [solid, keep_apart(solid, parts[0], 2.2)]
    return place("particle on film" if glass else "particles", join(*parts), box)


def _free_place(rng: np.random.Generator, box: float, radius: float, taken: list[tuple[Array, float]]) -> Array | None:
    """Find a place (2,) for a disc that overlaps no other; the first one is near the middle."""
    for _ in range(40):
        spread = 0.1 if not taken else 0.5
        spot = rng.uniform(-spread, spread, 2) * box
        if all(np.linalg.norm(spot - other) > radius + size + 2 for other, size in taken):
            return np.asarray(spot)
    return None


def random_rotation(rng: np.random.Generator) -> Array:
    """Draw a rotation (3, 3), all orientations being as likely (K. Shoemake, Graphics Gems III (1992) 124)."""
    q = rng.normal(size=4)
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
