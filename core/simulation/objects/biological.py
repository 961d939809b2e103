"""What biologists look at in ice: proteins and their assemblies, filaments, capsids, membranes; none from a database.

Invented structures with the sizes, symmetries and densities of real ones, so that no denoiser has seen them. Fields of
300-900 angstrom with several copies, each turned anyhow; the mean of the ice is left out (`phase_object`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.simulation.crystals import Array
from core.simulation.errors import SpecimenError
from core.simulation.objects.atoms import Atoms, join, nothing, place, require, require_fit
from core.simulation.objects.particle import random_rotation
from core.simulation.objects.protein import Envelope, fold, random_envelope
from core.simulation.specimens import Specimen


def _about_z(angle: float) -> Array:
    return np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1.0]])


def cyclic(unit: Atoms, fold_number: int, radius: float, flip: bool = False) -> Atoms:
    """Return `fold_number` copies of a subunit on a ring about z; with `flip` a second ring below, upside down."""
    out = unit.moved(np.array([radius, 0.0, 0.0]))
    ring = join(*(out.turned(_about_z(2 * math.pi * k / fold_number)) for k in range(fold_number)))
    if not flip:
        return ring
    height = float(-ring.positions[:, 2].min())
    upper = ring.moved(np.array([0, 0, height * 0.95]))
    return join(upper, upper.turned(np.diag([1.0, -1.0, -1.0])))


def icosahedral(unit: Atoms) -> Atoms:
    """Return the sixty copies of a subunit that icosahedral symmetry makes."""
    return join(*(unit.turned(turn) for turn in icosahedral_rotations()))


def icosahedral_rotations() -> Array:
    """Return the sixty rotations (60, 3, 3) of the icosahedron, made from a fivefold and a twofold one."""
    golden = (1 + math.sqrt(5)) / 2
    axis = np.array([0.0, 1.0, golden]) / math.hypot(1.0, golden)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    angle = 2 * math.pi / 5
    five = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    two = np.diag([-1.0, -1.0, 1.0])
    found = [np.eye(3)]
    for known in found:
        for step in (five, two):
            product = step @ known
            if not any(np.allclose(product, other, atol=1e-6) for other in found):
                found.append(product)
    return np.array(found)


def _globule(rng: np.random.Generator) -> Atoms:
    return fold(rng, random_envelope(rng, float(rng.uniform(22, 45)), int(rng.integers(3, 8))))


def _complex(rng: np.random.Generator) -> Atoms:
    """A ring of three to six equal subunits, as oligomers have it."""
    size = float(rng.uniform(18, 28))
    number = int(rng.integers(3, 7))
    unit = fold(rng, random_envelope(rng, size, 4))
    return cyclic(unit, number, max(size * 1.15, size * 0.95 / math.sin(math.pi / number)), bool(rng.uniform() < 0.4))


def _barrel(rng: np.random.Generator) -> Atoms:
    """Two rings of seven or eight, back to back, about a hole: as chaperonins and proteasomes are built."""
    size = float(rng.uniform(22, 30))
    number = int(rng.choice([6, 7, 8]))
    long = Envelope(np.array([[0, 0, -0.8], [0, 0, 0.0], [0.15, 0.2, 0.8]]) * size, np.array([0.8, 0.75, 0.8]) * size)
    return cyclic(fold(rng, long), number, size * 0.9 / math.sin(math.pi / number), flip=True)


def _capsid(rng: np.random.Generator) -> Atoms:
    """A virus shell of 60 subunits (or 60 threes), 200-320 angstrom across, hollow or full."""
    radius = float(rng.uniform(95, 155))
    # The area of a sixtieth of the sphere is covered by one lobe, and a smaller one outwards.
    lobe = radius * math.sqrt(4 / 60) * 1.05
    depth = float(rng.uniform(14, 20))
    tangent = rng.normal(size=3)
    seat = np.array([0.25, 0.36, 0.9]) / np.linalg.norm([0.25, 0.36, 0.9])
    tangent -= tangent @ seat * seat
    tangent /= np.linalg.norm(tangent)
    side = np.cross(seat, tangent)
    centres = [seat * radius + lobe * 0.55 * (math.cos(a) * tangent + math.sin(a) * side) for a in (0.0, 2.1, 4.2)]
    spike = seat * (radius + depth * float(rng.uniform(0.6, 1.4)))
    body = Envelope(np.array([*centres, spike]), np.array([depth] * 3 + [depth * 0.7]))
    shell = icosahedral(fold(rng, body))
    return join(shell, _genome(rng, radius - depth * 1.6)) if rng.uniform() < 0.6 else shell


def _genome(rng: np.random.Generator, radius: float) -> Atoms:
    """Nucleic acid at its density in a virus (about 0.5 g/cm^3): atoms at random, in shells 25 angstrom apart."""
    count = int(0.008 * 4 / 3 * math.pi * radius**3)
    points = rng.normal(size=(count, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    distance = radius * rng.uniform(size=count) ** (1 / 3)
    shells = np.round(distance / 25) * 25
    distance = np.clip(np.where(rng.uniform(size=count) < 0.6, shells + rng.normal(0, 4, count), distance), 0, radius)
    return Atoms(points * distance[:, None], rng.choice(["C", "N", "O", "P"], count, p=[0.45, 0.18, 0.32, 0.05]))


def _filament(rng: np.random.Generator, length: float) -> Atoms:
    """A helical filament like actin: subunits 27.5 angstrom apart, each turned by -166.6 degrees."""
    rise, twist = 27.5 * float(rng.uniform(0.95, 1.05)), math.radians(-166.6 + float(rng.uniform(-2, 2)))
    unit = fold(rng, random_envelope(rng, float(rng.uniform(27, 31)), 4)).moved(np.array([14.0, 0.0, 0.0]))
    count = int(length / rise)
    return _bent(
        rng,
        [unit.turned(_about_z(k * twist)).moved(np.array([0, 0, (k - count / 2) * rise])) for k in range(count)],
        length,
    )


def _microtubule(rng: np.random.Generator, length: float) -> Atoms:
    """A tube of 13 protofilaments, 250 angstrom across; monomers 41 angstrom apart on a three-start helix."""
    unit = fold(rng, random_envelope(rng, 25.0, 5, 0.5))
    count = int(length / 41) + 2
    parts = []
    for row in range(13):
        turn = _about_z(2 * math.pi * row / 13)
        for k in range(count):
            up = (k - count / 2) * 41.0 + row * 3 * 41.0 / 13
            parts.append(unit.moved(np.array([112.0, 0.0, up])).turned(turn))
    return _bent(rng, parts, length)


def _bent(rng: np.random.Generator, parts: list[Atoms], length: float) -> Atoms:
    """Lay what stands along z into the image plane (along x), gently curved."""
    lying = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    atoms = join(*parts).turned(lying)
    bend = rng.uniform(-0.6, 0.6) / max(length, 1.0)
    x = atoms.positions[:, 0]
    wave = rng.uniform(0, 4) * np.sin(2 * math.pi * x / (length * rng.uniform(0.5, 1.2)))
    return atoms.moved(np.stack([0 * x, bend * x * x + wave, 0 * x], 1))


# Of a lipid: element, angstrom from the middle of the membrane, spread of that, how many.
_LIPID = (("P", 19.0, 1.5, 1), ("N", 21.0, 2.0, 1), ("O", 18.0, 2.5, 8), ("C", 17.5, 2.5, 8))
# Of 32 carbons in the tails, which are less dense than protein (27 to 17 angstrom^3 an atom): so many contrast with
# water as much, if each displaces as much as an atom of protein does.
_TAIL = 21
_AREA = 65.0  # angstrom^2 a lipid


def bilayer(rng: np.random.Generator, points: Array, normals: Array) -> Atoms:
    """Return a lipid bilayer on a surface given by points (n, 3) and outward normals (n, 3), one point for two lipids.

    Each leaflet has its heads, 19 angstrom from the middle (phosphates), and tails that fill the inside: two dark lines
    with a paler one between, 38 angstrom from head to head.
    """
    parts = []
    for side in (-1.0, 1.0):
        for element, height, spread, count in (*_LIPID, ("C", 7.5, 0.0, _TAIL)):
            many = np.repeat(np.arange(len(points)), count)
            across = rng.normal(0, 2.5, (len(many), 3))
            across -= (across * normals[many]).sum(1, keepdims=True) * normals[many]
            up = rng.normal(height, spread, len(many)) if spread else rng.uniform(0, 2 * height, len(many))
            placed = points[many] + normals[many] * (side * up)[:, None] + across
            parts.append(Atoms(placed, np.full(len(many), element)))
    return join(*parts)


def _evenly(count: int) -> Array:
    """Return `count` unit vectors spread evenly (the Fibonacci sphere): lipids keep their distance as a liquid does."""
    number = np.arange(count) + 0.5
    z = 1 - 2 * number / count
    turn = math.pi * (1 + math.sqrt(5)) * number
    return np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], 1)


def _vesicle(rng: np.random.Generator, radius: float) -> Atoms:
    """A closed membrane, slightly out of round, with a few proteins across it."""
    normals = _evenly(int(4 * math.pi * radius**2 / _AREA))
    stretch = 1 + rng.uniform(-0.12, 0.12, 3)
    membrane = bilayer(rng, normals * radius * stretch, normals)
    proteins = []
    for direction in normals[rng.integers(0, len(normals), int(rng.integers(0, 9)))]:
        unit = fold(rng, random_envelope(rng, float(rng.uniform(20, 30)), 4)).turned(random_rotation(rng))
        proteins.append(unit.moved(direction * (radius * stretch + rng.uniform(5, 20))))
    return join(membrane, *proteins)


def _membrane(rng: np.random.Generator, box: float) -> Atoms:
    """A membrane seen from its edge that crosses the field, gently wavy, with proteins in it."""
    depth = float(rng.uniform(150, 300))
    step = math.sqrt(_AREA)
    x, z = (g.reshape(-1) for g in np.meshgrid(np.arange(-0.75 * box, 0.75 * box, step), np.arange(0, depth, step)))
    x, z = (g + rng.uniform(-0.3, 0.3, g.shape) * step for g in (x, z - depth / 2))
    height, length, phase = rng.uniform(3, 25), rng.uniform(0.6, 1.5) * box, rng.uniform(0, 6)
    slope = height * 2 * math.pi / length * np.cos(2 * math.pi * x / length + phase)
    normals = np.stack([-slope, np.ones_like(x), 0 * x], 1) / np.hypot(1.0, slope)[:, None]
    middle = height * np.sin(2 * math.pi * x / length + phase)
    out = [bilayer(rng, np.stack([x, middle, z], 1), normals)]
    for _ in range(int(rng.integers(1, 5))):
        at = rng.uniform(-0.45, 0.45) * box
        up = height * math.sin(2 * math.pi * at / length + phase) + rng.choice([-1, 1]) * rng.uniform(10, 28)
        unit = fold(rng, random_envelope(rng, float(rng.uniform(22, 34)), 4))
        out.append(unit.moved(np.array([at, up, rng.uniform(-0.3, 0.3) * depth])))
    return join(*out)


_SCATTERED: dict[str, tuple[float, Callable[[np.random.Generator], Atoms]]] = {
    "globule": (90.0, _globule),
    "complex": (130.0, _complex),
    "barrel": (160.0, _barrel),
    "capsid": (330.0, _capsid),
}
_CROSSING = ("filament", "microtubule", "membrane", "vesicle")
BIOLOGICAL: tuple[str, ...] = (*_SCATTERED, *_CROSSING)
SMALLEST_BOX = 200.0  # angstrom: below, less than one of these fits


def biological(rng: np.random.Generator, box: float, kind: str, thickness: float = 300.0, copies: int = 0) -> Specimen:
    """Return macromolecules for a layer of ice of `thickness` angstrom.

    Parameters
    ----------
    kind
        One of `BIOLOGICAL`.
    copies
        How many; 0 draws it by the room there is.
    """
    require(kind in BIOLOGICAL, f"There is no biological kind {kind!r}.", f"Choose one of: {', '.join(BIOLOGICAL)}.")
    require_fit("A field of macromolecules", SMALLEST_BOX, box)
    if kind in _SCATTERED:
        extent, make = _SCATTERED[kind]
        require_fit(f"A {kind}", extent, box)
        atoms = scattered(rng, box, thickness, make(rng), copies)
    elif kind == "vesicle":
        radius = float(rng.uniform(0.15, 0.32)) * min(box, 1200.0)
        atoms = _vesicle(rng, radius).turned(random_rotation(rng)).moved(np.append(rng.uniform(-0.1, 0.1, 2) * box, 0))
    elif kind == "membrane":
        atoms = _membrane(rng, box).turned(_about_z(rng.uniform(0, 2 * math.pi)))
    else:
        atoms = _crossing(rng, box, kind, copies or int(rng.integers(1, 4 if kind == "filament" else 2)))
    return place(kind, atoms, box)


def _crossing(rng: np.random.Generator, box: float, kind: str, copies: int) -> Atoms:
    out = []
    for number in range(copies):
        line = (_filament if kind == "filament" else _microtubule)(rng, box * 1.6)
        across = rng.uniform(-0.15, 0.15) if not number else rng.uniform(-0.5, 0.5)
        moved = line.moved(np.array([0.0, across * box, rng.uniform(-30, 30)]))
        out.append(moved.turned(_about_z(rng.uniform(0, 2 * math.pi))))
    return join(*out)


def scattered(rng: np.random.Generator, box: float, thickness: float, unit: Atoms, copies: int) -> Atoms:
    """Return copies of a macromolecule in a layer of ice, turned anyhow, none over another, one near the middle.

    `copies` 0 draws their number by the room there is.
    """
    centred = unit.moved(-unit.positions.mean(0))
    reach = float(np.quantile(np.linalg.norm(centred.positions, axis=1), 0.98))
    wanted = copies or int(np.clip(rng.poisson(0.35 * (box / (2 * reach)) ** 2), 1, 40))
    spots: list[Array] = []
    for _ in range(wanted * 20):
        spot = rng.uniform(-0.5, 0.5, 2) * box * (0.3 if not spots else 1.0)
        if len(spots) < wanted and all(np.linalg.norm(spot - other) > 1.9 * reach for other in spots):
            spots.append(spot)
    free = max(thickness / 2 - reach, 0.0)
    parts = [centred.turned(random_rotation(rng)).moved(np.array([*spot, rng.uniform(-1, 1) * free])) for spot in spots]
    return join(*parts) if parts else nothing()


def macromolecule_from_file(path: str | Path) -> Atoms:
    """Read the atoms (no hydrogens, no water) of a macromolecule from an mmCIF or PDB file, about their centre.

    Raises
    ------
    SpecimenError
        The file is missing, cannot be read, or holds no atoms.
    """
    import gemmi

    where = str(path)
    try:
        structure = gemmi.read_structure(where)
    except (OSError, ValueError, RuntimeError) as error:
        what = str(error).splitlines()[0].rstrip(".") if str(error) else "unknown format"
        raise SpecimenError.about(
            f"The structure could not be read: {what}.", "Choose an mmCIF or PDB file.", where, "unreadable"
        ) from None
    structure.remove_alternative_conformations()
    structure.remove_hydrogens()
    structure.remove_waters()
    models = list(structure)[:1]
    rows = [(a.pos.tolist(), a.element.name) for model in models for chain in model for res in chain for a in res]
    if not rows:
        raise SpecimenError.about("The file holds no atoms.", "Choose an mmCIF or PDB file.", where, "empty")
    positions = np.array([position for position, _ in rows], float)
    return Atoms(positions - positions.mean(0), np.array([name for _, name in rows]))
