"""What specimens are made of: one list for training, and one, with nothing in common, for the benchmark.

Lattice constants are the experimental ones at room temperature (Wyckoff, Crystal Structures; the CRC Handbook; the
Crystallography Open Database). A test compares the density of each with the tabulated one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.simulation.crystals import CATALOGUE, Crystal
from core.simulation.symmetry import Site, from_sites


@dataclass(frozen=True)
class Glass:
    """An amorphous solid.

    Attributes
    ----------
    name
        As it is listed, such as ``a-C``.
    elements, fractions
        Chemical symbols, and the share of the atoms that each has.
    density
        Atoms per cubic angstrom.
    distance
        The least distance between two atoms, angstrom.
    """

    name: str
    elements: tuple[str, ...]
    fractions: tuple[float, ...]
    density: float
    distance: float


@dataclass(frozen=True)
class Palette:
    """What random specimens may be made of: the materials, and the shapes and kinds of structure.

    Attributes
    ----------
    name
        ``training`` or ``benchmark``.
    materials
        Every crystal, by name.
    particles, supports
        Names of the materials of which particles, and what they sit on, are made.
    sheets
        Single layers of 2-D materials: the cell's third axis is the distance to the next layer.
    glasses
        Amorphous solids, for films.
    shapes
        Shapes of particles (`core.simulation.objects.shapes`).
    defects
        Defects and boundaries in crystals that fill the frame (`core.simulation.objects.defects`).
    biological
        Macromolecules and their assemblies (`core.simulation.objects.biological`).
    surfaces
        Kinds of surface for the scanning microscope (`core.simulation.objects.surfaces`).
    """

    name: str
    materials: Mapping[str, Crystal]
    particles: tuple[str, ...]
    supports: tuple[str, ...]
    sheets: Mapping[str, Crystal]
    glasses: Mapping[str, Glass]
    shapes: tuple[str, ...]
    defects: tuple[str, ...]
    biological: tuple[str, ...]
    surfaces: tuple[str, ...]
    names: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        every = (*self.materials, *self.sheets, *self.glasses, *self.shapes)
        every += (*self.defects, *self.biological, *self.surfaces)
        object.__setattr__(self, "names", frozenset(every))


def _cubic(name: str, a: float, group: str, *sites: Site) -> Crystal:
    return from_sites(name, (a, a, a, 90, 90, 90), group, sites)


def _hexagonal(name: str, a: float, c: float, group: str, *sites: Site) -> Crystal:
    return from_sites(name, (a, a, c, 90, 90, 120), group, sites)


def _tetragonal(name: str, a: float, c: float, group: str, *sites: Site) -> Crystal:
    return from_sites(name, (a, a, c, 90, 90, 90), group, sites)


_ORIGIN = (0.0, 0.0, 0.0)
_MIDDLE = (0.5, 0.5, 0.5)
_QUARTER = (0.25, 0.25, 0.25)
_CLOSE = (1 / 3, 2 / 3, 0.25)


def _metals() -> list[Crystal]:
    fcc = {"Ir": 3.839, "Pb": 4.951}
    bcc = {"Ta": 3.303, "Nb": 3.301, "Cr": 2.885}
    hcp = {"Ru": (2.706, 4.282), "Re": (2.761, 4.456), "Mg": (3.209, 5.211), "Zr": (3.232, 5.147)}
    out = [_cubic(name, a, "F m -3 m", (name, _ORIGIN)) for name, a in fcc.items()]
    out += [_cubic(name, a, "I m -3 m", (name, _ORIGIN)) for name, a in bcc.items()]
    out += [_hexagonal(name, a, c, "P 63/m m c", (name, _CLOSE)) for name, (a, c) in hcp.items()]
    out.append(_tetragonal("FePt", 2.724, 3.713, "P 4/m m m", ("Fe", _ORIGIN), ("Pt", _MIDDLE)))
    out.append(_cubic("Cu3Au", 3.750, "P m -3 m", ("Au", _ORIGIN), ("Cu", (0.0, 0.5, 0.5))))
    out.append(_cubic("NiAl", 2.887, "P m -3 m", ("Ni", _ORIGIN), ("Al", _MIDDLE)))
    return out


def _compounds() -> list[Crystal]:
    rocksalt = {"NaCl": ("Na", "Cl", 5.640), "PbS": ("Pb", "S", 5.936), "TaC": ("Ta", "C", 4.456)}
    fluorite = {"ThO2": ("Th", "O", 5.597), "CaF2": ("Ca", "F", 5.463), "UO2": ("U", "O", 5.471)}
    zincblende = {"CdTe": ("Cd", "Te", 6.482), "InAs": ("In", "As", 6.058), "SiC": ("Si", "C", 4.360)}
    zincblende |= {"GaP": ("Ga", "P", 5.451), "AlSb": ("Al", "Sb", 6.136)}
    wurtzite = {"AlN": ("Al", "N", 3.112, 4.982), "CdS": ("Cd", "S", 4.136, 6.714)}
    rutile = {"SnO2": ("Sn", 4.737, 3.186, 0.307), "RuO2": ("Ru", 4.492, 3.107, 0.306)}
    perovskite = {"LaAlO3": ("La", "Al", "O", 3.790), "KTaO3": ("K", "Ta", "O", 3.989)}
    perovskite |= {"CsPbBr3": ("Cs", "Pb", "Br", 5.874)}
    out = [_cubic(n, x, "F m -3 m", (a, _ORIGIN), (b, _MIDDLE)) for n, (a, b, x) in rocksalt.items()]
    out += [_cubic(n, x, "F m -3 m", (a, _ORIGIN), (b, _QUARTER)) for n, (a, b, x) in fluorite.items()]
    out += [_cubic(n, x, "F -4 3 m", (a, _ORIGIN), (b, _QUARTER)) for n, (a, b, x) in zincblende.items()]
    for n, (a, b, x, z) in wurtzite.items():
        out.append(_hexagonal(n, x, z, "P 63 m c", (a, (1 / 3, 2 / 3, 0.0)), (b, (1 / 3, 2 / 3, 0.382))))
    for n, (a, x, z, u) in rutile.items():
        out.append(_tetragonal(n, x, z, "P 42/m n m", (a, _ORIGIN), ("O", (u, u, 0.0))))
    for n, (a, b, c, x) in perovskite.items():
        out.append(_cubic(n, x, "P m -3 m", (a, _ORIGIN), (b, _MIDDLE), (c, (0.0, 0.5, 0.5))))
    return out


def _low_symmetry() -> list[Crystal]:
    hafnia = (5.117, 5.175, 5.291, 90, 99.22, 90)
    hafnium = (0.2759, 0.0404, 0.2082)
    oxygen = ((0.0743, 0.3322, 0.3466), (0.4489, 0.7577, 0.4803))
    ybco: list[Site] = [("Y", _MIDDLE), ("Ba", (0.5, 0.5, 0.1843)), ("Cu", _ORIGIN), ("Cu", (0.0, 0.0, 0.3556))]
    ybco += [("O", (0.0, 0.5, 0.0)), ("O", (0.5, 0.0, 0.3773)), ("O", (0.0, 0.5, 0.3789)), ("O", (0.0, 0.0, 0.1584))]
    magnetite: list[Site] = [("Fe", (0.125, 0.125, 0.125)), ("Fe", _MIDDLE), ("O", (0.2549, 0.2549, 0.2549))]
    return [
        from_sites("HfO2", hafnia, "P 1 21/c 1", [("Hf", hafnium), *(("O", site) for site in oxygen)]),
        _hexagonal("Al2O3", 4.759, 12.991, "R -3 c:H", ("Al", (0.0, 0.0, 0.3522)), ("O", (0.3063, 0.0, 0.25))),
        _hexagonal(
            "Bi2Te3", 4.386, 30.497, "R -3 m:H", ("Bi", (0.0, 0.0, 0.4)), ("Te", _ORIGIN), ("Te", (0, 0, 0.2097))
        ),
        from_sites("YBa2Cu3O7", (3.820, 3.886, 11.684, 90, 90, 90), "P m m m", ybco),
        _cubic("Fe3O4", 8.396, "F d -3 m:2", *magnetite),
    ]


def _layer(name: str, a: float, spacing: float, *sites: Site) -> Crystal:
    return from_sites(name, (a, a, spacing, 90, 90, 120), "P 1", sites)


def _layer_2h(metal: str, other: str, a: float, spacing: float, half: float) -> Crystal:
    """A trigonal-prismatic layer MX2; `half` is the height of X above M in angstrom."""
    z = half / spacing
    third = (1 / 3, 2 / 3)
    above, below = (other, (*third[::-1], z)), (other, (*third[::-1], 1 - z))
    return _layer(f"{metal}{other}2 layer", a, spacing, (metal, (*third, 0.0)), above, below)


def _layer_1t(metal: str, other: str, a: float, spacing: float, half: float) -> Crystal:
    """An octahedral layer MX2."""
    z = half / spacing
    sites: list[Site] = [(metal, _ORIGIN), (other, (1 / 3, 2 / 3, z)), (other, (2 / 3, 1 / 3, 1 - z))]
    return _layer(f"{metal}{other}2 layer", a, spacing, *sites)


def _graphene_like(name: str, a: float, spacing: float, first: str, second: str) -> Crystal:
    return _layer(name, a, spacing, (first, (1 / 3, 2 / 3, 0.0)), (second, (2 / 3, 1 / 3, 0.0)))


def _by_name(*crystals: Crystal) -> dict[str, Crystal]:
    return {crystal.name: crystal for crystal in crystals}


def _glasses(*glasses: Glass) -> dict[str, Glass]:
    return {glass.name: glass for glass in glasses}


TRAINING = Palette(
    name="training",
    materials=CATALOGUE,
    particles=("Pt", "Au", "Pd", "Ag", "Cu", "Ni", "Rh", "Co", "Fe", "W", "Al", "CeO2", "NiO", "CdSe", "PbTe", "ZnO"),
    supports=("CeO2", "TiO2", "ZrO2", "MgO", "SrTiO3", "Si", "ZnO", "GaN", "BaTiO3", "NiO"),
    sheets=_by_name(_graphene_like("graphene", 2.461, 3.354, "C", "C"), _layer_2h("Mo", "S", 3.160, 6.147, 1.565)),
    glasses=_glasses(
        Glass("a-C", ("C",), (1.0,), 0.100, 1.35),
        Glass("a-Si", ("Si",), (1.0,), 0.0496, 2.20),
    ),
    shapes=("random facets", "truncated octahedron", "cube", "sphere", "rod"),
    defects=("tilt boundary", "twin boundary"),
    biological=("globule", "filament", "membrane"),
    surfaces=("particles", "grains", "pores", "rough film"),
)

BENCHMARK = Palette(
    name="benchmark",
    materials=_by_name(*_metals(), *_compounds(), *_low_symmetry()),
    particles=("Ir", "Ru", "Re", "FePt", "Cu3Au", "Ta", "Pb", "Nb", "PbS", "CdTe", "SnO2", "RuO2", "Fe3O4", "CsPbBr3"),
    supports=("HfO2", "LaAlO3", "SnO2", "Al2O3", "ThO2", "KTaO3", "SiC", "AlN", "Fe3O4", "NiAl"),
    sheets=_by_name(
        _layer_2h("W", "S", 3.153, 6.162, 1.571),
        _layer_2h("W", "Se", 3.282, 6.480, 1.670),
        _layer_1t("Pt", "Se", 3.728, 5.081, 1.270),
        _graphene_like("BN layer", 2.504, 3.330, "B", "N"),
    ),
    glasses=_glasses(
        Glass("a-SiO2", ("Si", "O"), (1 / 3, 2 / 3), 0.0662, 1.60),
        Glass("a-Si3N4", ("Si", "N"), (3 / 7, 4 / 7), 0.0912, 1.70),
        Glass("a-Ge", ("Ge",), (1.0,), 0.0436, 2.35),
    ),
    shapes=("Wulff", "icosahedron", "decahedron", "cuboctahedron", "octahedron", "tetrahedron", "plate", "wire"),
    defects=("edge dislocation", "mixed dislocation", "stacking fault", "antiphase boundary", "twist boundary"),
    biological=("capsid", "barrel", "microtubule", "vesicle", "complex"),
    surfaces=("fracture", "fibres", "steps", "crystallites", "islands"),
)
