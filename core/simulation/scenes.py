"""Which scenes there are: what each modality images, and how its structures are drawn."""

from __future__ import annotations

import numpy as np

from core.protocol.simulation import SceneRecipe
from core.simulation.hrtem_scene import HrtemScene
from core.simulation.ice_scene import IceScene
from core.simulation.materials import TRAINING, Palette
from core.simulation.scene import Field, Scene
from core.simulation.specimens import random_specimen

# Sizes of a px that are usual for a modality.
PIXELS_NM = {
    "HRTEM": (0.008, 0.035),
    "HAADF": (0.008, 0.035),
    "ABF": (0.006, 0.02),
    "SEM": (0.8, 15.0),
    "TEM": (0.08, 0.2),
}
# Around the frame: crystals don't wrap round the box, and movies drift into the margin.
_MARGIN_SHARE, _MARGIN_ANGSTROM = 0.08, 10.0
_ATOMIC = ("supported particle", "particle on carbon", "surface", "bulk", "particles", "film")


def kinds_of(modality: str) -> tuple[str, ...]:
    """Kinds of structure that a modality images, of the training list."""
    if modality == "TEM":
        return TRAINING.biological
    if modality == "SEM":
        return TRAINING.surfaces
    return _ATOMIC


def draw_scene(rng: np.random.Generator, recipe: SceneRecipe, side: int, palette: Palette) -> Scene:
    """Draw the structure of a scene, for frames of `side` px.

    Raises
    ------
    SimulationError
        It can't be made, such as a particle larger than its box.
    """
    pixel = float(np.exp(rng.uniform(*np.log(recipe.pixel_nm)))) * 10
    margin = int(np.ceil(max(_MARGIN_SHARE * side, _MARGIN_ANGSTROM / pixel)))
    field = Field(pixel, side, margin)
    if recipe.modality == "TEM":
        return _ice_scene(rng, recipe, field, palette)
    specimen = random_specimen(rng, field.box)
    return HrtemScene(recipe, specimen.kind, specimen.kind != "film", field, {}, specimen)


def _ice_scene(rng: np.random.Generator, recipe: SceneRecipe, field: Field, palette: Palette) -> IceScene:
    from core.simulation.objects.biological import biological

    kind = str(rng.choice(recipe.kinds or palette.biological))
    thickness = float(rng.uniform(200, 600))
    specimen = biological(rng, field.box, kind, thickness)
    return IceScene(recipe, kind, False, field, {}, specimen, thickness)
