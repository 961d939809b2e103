"""Random specimens of every kind, made of what a palette lists: the same generator state, the same atoms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from core.simulation.crystals import Crystal
from core.simulation.materials import Palette
from core.simulation.objects.amorphous import film
from core.simulation.objects.atoms import place, require
from core.simulation.objects.biological import SMALLEST_BOX, biological
from core.simulation.objects.bulk import bulk, random_point_defects
from core.simulation.objects.defects import antiphase_shifts, boundary, dislocation
from core.simulation.objects.lattice import Index, orientation, planes_along
from core.simulation.objects.particle import (
    particle_on_slab,
    particles,
    random_wear,
    slab_atoms,
    supported_particle,
)
from core.simulation.objects.shapes import TWINS, is_fcc_metal, is_hexagonal
from core.simulation.objects.sheet import random_sheet_defects, sheet
from core.simulation.objects.surface import Surface, surface
from core.simulation.specimens import Specimen


@dataclass(frozen=True)
class Drawn:
    """A random specimen and what it was made of.

    Attributes
    ----------
    specimen
        The atoms in their box.
    kind
        As in `KINDS`.
    made_of
        Names from the palette: materials, shapes, defects, biological kinds.
    """

    specimen: Specimen
    kind: str
    made_of: tuple[str, ...]

    @property
    def periodic(self) -> bool:
        """Whether a lattice is seen."""
        return is_periodic(self.kind)


_Maker = Callable[[np.random.Generator, float, Palette], tuple[Specimen, tuple[str, ...]]]


def _name(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    return names[int(rng.integers(len(names)))]


def _zone(rng: np.random.Generator, crystal: Crystal) -> Index:
    """Draw a zone axis that is looked along: the low ones, whose columns stand apart."""
    if is_hexagonal(crystal):
        choices: tuple[Index, ...] = ((1, 0, 0), (0, 0, 1), (1, 1, 0), (2, 1, 0))
        return choices[int(rng.choice(4, p=[0.3, 0.3, 0.2, 0.2]))]
    choices = ((1, 1, 0), (1, 0, 0), (0, 0, 1), (1, 1, 1), (0, 1, 1), (1, 1, 2))
    return choices[int(rng.choice(6, p=[0.4, 0.15, 0.15, 0.12, 0.12, 0.06]))]


def _tilt(rng: np.random.Generator) -> tuple[float, float]:
    """Draw a tilt off the zone axis: mostly below one degree, at most four."""
    size, angle = math.radians(4) * rng.uniform() ** 2.5, rng.uniform(0, 2 * math.pi)
    return float(size * math.cos(angle)), float(size * math.sin(angle))


def _thickness(rng: np.random.Generator, most: float = 90.0) -> float:
    """Draw a thickness in angstrom, log-uniform."""
    return float(math.exp(rng.uniform(math.log(12), math.log(most))))


def _shape(rng: np.random.Generator, palette: Palette, crystal: Crystal) -> str:
    """Draw a shape that the crystal can have."""
    fitting = tuple(s for s in palette.shapes if s not in TWINS or is_fcc_metal(crystal))
    # Particles of fcc metals are often twinned, and twins are what few data sets show.
    if any(s in TWINS for s in fitting) and rng.uniform() < 0.4:
        fitting = tuple(s for s in fitting if s in TWINS)
    return _name(rng, fitting)


def _diameter(rng: np.random.Generator, box: float) -> float:
    return float(rng.uniform(min(12.0, 0.4 * box), min(50.0, 0.55 * box)))


def _surface_plane(rng: np.random.Generator, crystal: Crystal, zone: Index) -> Index:
    """Draw the plane of a surface seen edge-on: the closest-packed ones more often."""
    along = planes_along(crystal, zone)
    require(bool(along), f"No low-index plane of {crystal.name} holds {list(zone)}.", "Choose a simpler zone axis.")
    return along[min(int(rng.geometric(0.35)) - 1, len(along) - 1, 7)]


def _supported(rng: np.random.Generator, box: float, palette: Palette) -> tuple[Specimen, tuple[str, ...]]:
    metal = palette.materials[_name(rng, palette.particles)]
    support = palette.materials[_name(rng, palette.supports)]
    shape = _shape(rng, palette, metal)
    made_of = (metal.name, support.name, shape)
    if rng.uniform() < 0.2:
        plane = planes_along(support, _zone(rng, support))[0]
        lying = particle_on_slab(
            rng, box, metal, shape, _diameter(rng, box), support, plane, _thickness(rng, 50.0), rng.uniform(0.3, 0.9)
        )
        return lying, made_of
    zones = (_zone(rng, metal), _zone(rng, support))
    planes = (_surface_plane(rng, metal, zones[0]), _surface_plane(rng, support, zones[1]))
    diameter = _diameter(rng, box)
    angle, level = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(-0.3, 0.05)) * box
    thickness, wetting = _thickness(rng, 70.0), float(rng.uniform(0.25, 0.95))
    turn = float(rng.choice([0.0, 0.0, rng.normal(0, 0.08), rng.uniform(0, math.pi)]))
    tilt, wear = _tilt(rng), (random_wear(rng), random_wear(rng))
    made = supported_particle(
        rng,
        box,
        metal,
        shape,
        diameter,
        support,
        zones=zones,
        planes=planes,
        angle=angle,
        level=level,
        thickness=thickness,
        wetting=wetting,
        turn=turn,
        tilt=tilt,
        wear=wear,
    )
    facts = {"diameter_nm": diameter / 10, "thickness_nm": thickness / 10, "tilt_deg": math.degrees(math.hypot(*tilt))}
    worn = {"steps": wear[0].steps, "vacancies": wear[0].vacancies, "adatoms": wear[0].adatoms}
    return replace(made, facts=facts | worn), made_of


def _several(rng: np.random.Generator, box: float, palette: Palette, on_film: bool) -> tuple[Specimen, tuple[str, ...]]:
    crystal = palette.materials[_name(rng, palette.particles)]
    shape = _shape(rng, palette, crystal)
    glass = palette.glasses[_name(rng, tuple(palette.glasses))] if on_film else None
    edge = (float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(-0.15, 0.3)) * box) if rng.uniform() < 0.4 else None
    rotation = None
    if rng.uniform() < 0.6:
        # The first of them shows a lattice: it is the one that is photographed.
        zone = (0, 0, 1) if shape in TWINS else _zone(rng, crystal)
        rotation = orientation(crystal, zone, None, float(rng.uniform(0, 2 * math.pi)), _tilt(rng))
    made = particles(rng, box, crystal, (shape,), _diameter(rng, box), int(rng.integers(1, 6)), rotation, glass, edge)
    return made, (crystal.name, shape, *((glass.name,) if glass else ()))


def _on_film(rng: np.random.Generator, box: float, palette: Palette) -> tuple[Specimen, tuple[str, ...]]:
    return _several(rng, box, palette, True)


def _free(rng: np.random.Generator, box: float, palette: Palette) -> tuple[Specimen, tuple[str, ...]]:
    return _several(rng, box, palette, False)


def _bulk(rng: np.random.Generator, box: float, palette: Palette) -> tuple[Specimen, tuple[str, ...]]:
    crystal = palette.materials[_name(rng, tuple(palette.materials))]
    thickness = _thickness(rng)
    glass = palette.glasses[_name(rng, tuple(palette.glasses))] if rng.uniform() < 0.25 else None
    made = bulk(
        rng,
        box,
        crystal,
        _zone(rng, crystal),
        thickness,
        angle=float(rng.uniform(0, 2 * math.pi)),
        tilt=_tilt(rng),
        slope=float(rng.choice([0.0, 0.0, rng.uniform(0, 1.5)])) * thickness / box,
        roughness=float(rng.choice([0.0, rng.uniform(0, 3)])),
        defects=random_point_defects(rng),
        skin=glass,
    )
    return made, (crystal.name, *((glass.name,) if glass else ()))


def _defect(rng: np.random.Generator, box: float, palette: Palette) -> tuple[Specimen, tuple[str, ...]]:
    kind = _name(rng, palette.defects)
    simple = [c for c in palette.materials.values() if _can_have(c, kind)]
    crystal = simple[int(rng.integers(len(simple)))]
    angle, tilt, thickness = float(rng.uniform(0, 2 * math.pi)), _tilt(rng), _thickness(rng, 60.0)
    if kind.endswith("dislocation"):
        mixed = kind == "mixed dislocation"
        zone: Index = (1, 1, 0) if mixed or rng.uniform() < 0.3 else (0, 0, 1)
        made = dislocation(rng, box, crystal, zone, thickness, mixed=mixed, angle=angle, tilt=tilt)
    else:
        zone = (1, 1, 0) if kind in ("stacking fault", "twin boundary") or rng.uniform() < 0.3 else (0, 0, 1)
        made = boundary(rng, box, crystal, kind, zone, None, thickness, angle=angle, tilt=tilt)
    return made, (crystal.name, kind)


def _can_have(crystal: Crystal, kind: str) -> bool:
    """Tell whether a defect of this kind is known along the zone axes that `_defect` takes."""
    if kind == "antiphase boundary":
        return len(antiphase_shifts(crystal)) > 0
    lengths = np.linalg.norm(crystal.cell, axis=1)
    gram = np.asarray(crystal.cell) @ np.asarray(crystal.cell).T
    return bool(np.ptp(lengths) < 1e-6 and np.abs(gram - np.diag(np.diag(gram))).max() < 1e-6)


def _slab(rng: np.random.Generator, box: float, palette: Palette) -> tuple[Specimen, tuple[str, ...]]:
    crystal = palette.materials[_name(rng, tuple(palette.materials))]
    zone = _zone(rng, crystal)
    atoms = slab_atoms(
        rng,
        box,
        crystal,
        zone,
        _surface_plane(rng, crystal, zone),
        float(rng.uniform(0, 2 * math.pi)),
        float(rng.uniform(-0.25, 0.3)) * box,
        _thickness(rng),
        random_wear(rng),
        _tilt(rng),
    )
    return place("surface", atoms, box), (crystal.name,)


def _sheet(rng: np.random.Generator, box: float, palette: Palette) -> tuple[Specimen, tuple[str, ...]]:
    layer = palette.sheets[_name(rng, tuple(palette.sheets))]
    made = sheet(
        rng,
        box,
        layer,
        int(rng.choice([1, 1, 1, 2, 3])),
        angle=float(rng.uniform(0, 2 * math.pi)),
        twist=float(rng.choice([0.0, rng.uniform(0, math.pi / 3)])),
        tilt=_tilt(rng),
        defects=random_sheet_defects(rng),
    )
    return made, (layer.name,)


def _film(rng: np.random.Generator, box: float, palette: Palette) -> tuple[Specimen, tuple[str, ...]]:
    glass = palette.glasses[_name(rng, tuple(palette.glasses))]
    edge = (float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(-0.3, 0.3)) * box) if rng.uniform() < 0.5 else None
    return film(rng, box, glass, _thickness(rng, 70.0), edge), (glass.name,)


def _biological(rng: np.random.Generator, box: float, palette: Palette) -> tuple[Specimen, tuple[str, ...]]:
    fitting = tuple(k for k in palette.biological if k != "capsid" or box >= 330.0)
    kind = _name(rng, fitting)
    return biological(rng, box, kind, float(rng.uniform(200, 600))), (kind,)


_MAKERS: dict[str, tuple[float, _Maker]] = {
    "supported particle": (0.28, _supported),
    "particle on film": (0.13, _on_film),
    "particles": (0.06, _free),
    "bulk": (0.13, _bulk),
    "defect": (0.14, _defect),
    "surface": (0.12, _slab),
    "sheet": (0.09, _sheet),
    "film": (0.05, _film),
    "biological": (0.0, _biological),
}
KINDS: tuple[str, ...] = tuple(_MAKERS)
_WITHOUT_LATTICE = ("film", "biological")


def is_periodic(kind: str) -> bool:
    """Tell whether specimens of this kind show a lattice."""
    return kind not in _WITHOUT_LATTICE


def draw(rng: np.random.Generator, box: float, palette: Palette, kind: str | None = None) -> Drawn:
    """Draw a specimen for a box of `box` angstrom.

    Parameters
    ----------
    kind
        One of `KINDS`; without one it is drawn too, all but ``biological``, which needs a box of 200 angstrom and is
        seen at other doses and defoci.

    Notes
    -----
    Crystals end at the box's faces, where the periodic wave meets their other end: give a box wider than the image by
    a margin on each side.
    """
    require(math.isfinite(box) and box > 0, f"The box is {box:g} Å wide.", "Give a box wider than 0 Å.")
    require(
        box >= 16.0,
        f"The box is {box / 10:.2g} nm wide, in which no specimen fits.",
        "Make it at least 1.6 nm wide: more px or coarser ones.",
    )
    require(kind is None or kind in _MAKERS, f"There is no kind {kind!r}.", f"Choose one of: {', '.join(KINDS)}.")
    weights = np.array([weight for weight, _ in _MAKERS.values()])
    chosen = kind or KINDS[int(rng.choice(len(KINDS), p=weights / weights.sum()))]
    if chosen == "biological":
        require(
            box >= SMALLEST_BOX,
            f"Macromolecules do not fit into a box of {box / 10:.3g} nm.",
            f"Make it at least {SMALLEST_BOX / 10:.0f} nm wide, with px of 0.05 to 0.3 nm.",
        )
    specimen, made_of = _MAKERS[chosen][1](rng, box, palette)
    return Drawn(specimen, chosen, made_of)


def draw_surface(
    rng: np.random.Generator, size: int, pixel_nm: float, palette: Palette, kind: str | None = None
) -> Surface:
    """Draw a surface of `size` x `size` px of `pixel_nm` nanometres, of a kind that the palette lists."""
    return surface(rng, size, pixel_nm, kind or _name(rng, palette.surfaces))
