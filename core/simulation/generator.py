"""Items by a recipe: a structure drawn from the training lists, then views of it, each with its own lens, dose,
detector and motion. Everything depends on the recipe's seed and the numbers of structure and view alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.protocol.simulation import SceneRecipe, SimulateRecipe
from core.simulation.cif import is_cif, with_crystals
from core.simulation.crystals import Crystal
from core.simulation.errors import SpecimenError
from core.simulation.item import Item
from core.simulation.materials import TRAINING, Palette
from core.simulation.recording import RECIPE_INSTRUMENTS, View, record
from core.simulation.scene import AtomScene, Check, Scene, no_check
from core.simulation.scenes import draw_scene

VERSION = "2"
_GOLDEN = 0.6180339887498949


def split_of(recipe: SimulateRecipe, index: int) -> str:
    """Return ``train``, ``validation`` or ``test``: every stretch of structures has its share of each."""
    place = (index + 1) * _GOLDEN % 1.0
    if place < recipe.split.test:
        return "test"
    return "validation" if place < recipe.split.test + recipe.split.validation else "train"


def name_of(recipe: SimulateRecipe, index: int, view: int) -> str:
    """Return the name of an item."""
    del recipe
    return f"{index:06d}-{view:02d}"


@dataclass(frozen=True)
class Structure:
    """One structure of a recipe, ready to be imaged (`draw_structure`)."""

    recipe: SimulateRecipe
    index: int
    scene: Scene

    def item(self, view: int, check: Check = no_check) -> Item:
        """Make a view of it: the same number gives the same item. `check` is called between frames."""
        rng = np.random.default_rng([self.recipe.seed, self.index, view + 1])
        low, high = np.log(self.recipe.dose)
        dose = float(np.exp(rng.uniform(low, high)))
        chosen = View(dose, bool(rng.uniform() < self.recipe.counted))
        item = record(self.scene, chosen, self.recipe.motion, rng, RECIPE_INSTRUMENTS, check)
        return replace(item, name=name_of(self.recipe, self.index, view), seed=self.recipe.seed)

    def clean_item(self, view: int) -> Item:
        """The same without a detector: clean frames with mean 1."""
        rng = np.random.default_rng([self.recipe.seed, self.index, view + 1])
        item = record(self.scene, View(1.0, True), None, rng, RECIPE_INSTRUMENTS)
        return replace(item, name=name_of(self.recipe, self.index, view), seed=self.recipe.seed)


def draw_structure(recipe: SimulateRecipe, index: int) -> Structure:
    """Draw structure `index` of a recipe.

    Raises
    ------
    SimulationError
        The recipe asks for what can't be made, such as a specimen larger than its box.
    """
    rng = np.random.default_rng([recipe.seed, index])
    shares = np.array([scene.share for scene in recipe.scenes])
    chosen = recipe.scenes[int(rng.choice(len(shares), p=shares / shares.sum()))]
    palette = palette_for(chosen, TRAINING)
    scene = draw_scene(rng, chosen, recipe.side, palette, recipe.motion is not None)
    crystals = {Path(name).name: palette.materials[name] for name in cifs_of(chosen)}
    _require_named(scene, index, crystals)
    drawn = [name for name in dict.fromkeys(scene.settings["made_of"]) if name in crystals and crystals[name].chances]
    if drawn:
        scene.settings["drawn_occupancies"] = drawn
    return Structure(recipe, index, scene)


def _require_named(scene: Scene, index: int, crystals: dict[str, Crystal]) -> None:
    """Refuse a structure that was to be made of a CIF's crystal, but holds no atom of it: its cell is too sparse."""
    for name in set(scene.settings["made_of"]) & crystals.keys():
        if isinstance(scene, AtomScene) and not set(scene.specimen.elements) & set(crystals[name].elements):
            what = f"Structure {index} would hold no atom of {name}: its cell is too large for what was drawn."
            raise SpecimenError.about(what, "Choose a larger side or pixel_nm, or kinds = ['bulk'].")


def cifs_of(scene: SceneRecipe) -> tuple[str, ...]:
    """Return the CIFs that a scene names, each once."""
    named = (*scene.materials, *scene.particles, *scene.supports)
    return tuple(dict.fromkeys(name for name in named if is_cif(name)))


def palette_for(scene: SceneRecipe, palette: Palette) -> Palette:
    """Restrict a palette to the materials that a scene names, and add those that it gives as CIFs.

    Raises
    ------
    CrystalFileError
        A CIF that can't be used.
    """
    named = (*scene.materials, *scene.particles, *scene.supports)
    palette = with_crystals(palette, named, occupancy=scene.occupancy)
    chosen = {name: palette.materials[name] for name in named} if scene.materials else palette.materials
    supports = scene.supports or scene.materials or palette.supports
    return replace(
        palette,
        materials=chosen,
        particles=scene.particles or scene.materials or palette.particles,
        supports=supports,
    )
