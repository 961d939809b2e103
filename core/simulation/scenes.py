"""Which scenes there are: what each modality images, and how its structures are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.protocol.simulation import SceneRecipe
from core.simulation.errors import SpecimenError
from core.simulation.hrtem_scene import HrtemScene
from core.simulation.ice_scene import IceScene
from core.simulation.materials import TRAINING, Palette
from core.simulation.objects.biological import SMALLEST_BOX, biological
from core.simulation.objects.draw import KINDS, Drawn, draw, draw_surface
from core.simulation.scene import Field, Scene
from core.simulation.sem_scene import SemScene
from core.simulation.stem_scene import StemScene

# Sizes of a px that are usual for a modality.
PIXELS_NM = {
    "HRTEM": (0.008, 0.035),
    "HAADF": (0.008, 0.035),
    "ABF": (0.006, 0.02),
    "SEM": (0.8, 15.0),
    "TEM": (0.08, 0.2),
}
# Around the frame: crystals don't wrap round the box, and scans look a few px beyond it; movies drift by a share.
_EDGE_ANGSTROM, _EDGE_PX, _DRIFT_SHARE = 8.0, 6, 0.08
# Smallest and largest box in angstrom: specimens must fit, and every atom of them is placed.
_BOXES = {
    "HRTEM": (16.0, 500.0),
    "HAADF": (16.0, 500.0),
    "ABF": (16.0, 500.0),
    "SEM": (100.0, 1e8),
    "TEM": (SMALLEST_BOX, 3000.0),
}
_SMALLEST_CAPSID = 330.0  # angstrom: the box that holds one


def kinds_of(modality: str, palette: Palette = TRAINING) -> tuple[str, ...]:
    """Kinds of structure that a modality images."""
    if modality == "TEM":
        return palette.biological
    if modality == "SEM":
        return palette.surfaces
    return tuple(kind for kind in KINDS if kind != "biological")


def draw_scene(rng: np.random.Generator, recipe: SceneRecipe, side: int, palette: Palette, moves: bool) -> Scene:
    """Draw the structure of a scene, for frames of `side` px; with room around them if it `moves`.

    Raises
    ------
    SimulationError
        It can't be made, such as a particle larger than its box.
    """
    check_size(recipe, side, moves)
    field = field_of(float(np.exp(rng.uniform(*np.log(recipe.pixel_nm)))) * 10, side, moves)
    if recipe.modality == "SEM":
        return _sem_scene(rng, recipe, field, palette)
    if recipe.modality == "TEM":
        return _ice_scene(rng, recipe, field, palette)
    drawn = draw(rng, field.box, palette, _one_of(rng, recipe.kinds))
    ordered = _ordered(drawn, palette)
    made = HrtemScene if recipe.modality == "HRTEM" else StemScene
    settings: dict[str, Any] = {"made_of": list(drawn.made_of)}
    if drawn.specimen.facts:
        settings["specimen"] = dict(drawn.specimen.facts)
    return made(
        recipe,
        drawn.kind,
        drawn.periodic and bool(ordered),
        field,
        settings,
        drawn.specimen,
        ordered,
    )


def check_size(recipe: SceneRecipe, side: int, moves: bool) -> None:
    """Refuse px of which some would make a field that is too small or too large for what is imaged.

    Raises
    ------
    SpecimenError
        With the sizes that can be.
    """
    least, most = _BOXES[recipe.modality]
    for pixel in recipe.pixel_nm:
        box = field_of(pixel * 10, side, moves).box
        if not least <= box <= most:
            what = f"A field of {box / 10:.3g} nm ({side} px of {pixel:g} nm and a margin) can't be simulated here"
            limits = f"{least / 10:g} to {most / 10:g} nm"
            raise SpecimenError.about(f"{what} ({recipe.modality}).", f"Choose side and pixel_nm for {limits}.")


def field_of(pixel: float, side: int, moves: bool) -> Field:
    """Return what is simulated around frames of `side` px of `pixel` angstrom, with room to drift if they move."""
    reach = int(np.ceil(_DRIFT_SHARE * side)) if moves else 0
    return Field(pixel, side, reach + int(np.ceil(_EDGE_ANGSTROM / pixel)) + _EDGE_PX, reach)


def _one_of(rng: np.random.Generator, names: tuple[str, ...]) -> str | None:
    return names[int(rng.integers(len(names)))] if names else None


def _ordered(drawn: Drawn, palette: Palette) -> frozenset[str]:
    """Elements that stand in columns: not those of a glass, and of a sheet only its own."""
    here = {str(element) for element in np.unique(drawn.specimen.elements)}
    for name in drawn.made_of:
        if name in palette.glasses:
            here -= set(palette.glasses[name].elements)
        if name in palette.sheets:
            here &= set(palette.sheets[name].elements)
    return frozenset(here)


def _sem_scene(rng: np.random.Generator, recipe: SceneRecipe, field: Field, palette: Palette) -> SemScene:
    surface = draw_surface(rng, field.grid, field.pixel / 10, palette, _one_of(rng, recipe.kinds))
    return SemScene(recipe, surface.kind, False, field, {"made_of": [surface.kind, *surface.materials]}, surface)


def _ice_scene(rng: np.random.Generator, recipe: SceneRecipe, field: Field, palette: Palette) -> IceScene:
    wanted = recipe.kinds or palette.biological
    fitting = tuple(kind for kind in wanted if kind != "capsid" or field.box >= _SMALLEST_CAPSID)
    kind = _one_of(rng, fitting or wanted) or ""
    thickness = float(rng.uniform(200, 600))
    specimen = biological(rng, field.box, kind, thickness)
    return IceScene(recipe, kind, False, field, {"made_of": [kind]}, specimen, frozenset(), thickness)
