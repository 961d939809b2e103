"""What a recipe may ask for: optics, sizes, crystals and doses that can be simulated, checked before anything is made.

Every error names the key, in the recipe's own units.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.protocol.simulation import SceneRecipe, SimulateRecipe
from core.simulation.crystals import Crystal
from core.simulation.errors import SimulationError, SpecimenError
from core.simulation.generator import cifs_of, palette_for
from core.simulation.lenses import Bounds, keys_of, limits_of, range_of, semiangles, voltages
from core.simulation.materials import TRAINING
from core.simulation.multislice import wavelength
from core.simulation.scenes import check_size, field_of

# Detectors store 16 bits, and the brightest px have many times the mean.
_MOST_DOSE = 10_000.0
_ATOMIC = ("HRTEM", "HAADF", "ABF")
# Of frames of atoms: narrower ones show no lattice, and finer px only cost time.
_LEAST_FRAME_NM, _LEAST_PIXEL_NM = 1.0, 0.002
_FINEST_FRINGE = 2.0  # angstrom: what an HRTEM lens must not carry round the box
_LARGEST_PARTICLE, _PARTICLE_SHARE = 50.0, 0.55  # angstrom, and of the box: as `draw` makes them


def check_recipe(recipe: SimulateRecipe) -> None:
    """Refuse what can't be simulated, or would be nonsense.

    Raises
    ------
    SimulationError
        What it is, with its key and what can be.
    """
    if recipe.dose[1] > _MOST_DOSE:
        what = f"dose: {recipe.dose[1]:g} electrons a px fill every detector to its brim."
        raise SimulationError.about(what, f"Give at most {_MOST_DOSE:g}.")
    for number, scene in enumerate(recipe.scenes):
        place = f"scenes.{number}"
        _check_sizes(scene, recipe, place)
        _check_lens(scene, recipe, place)
        _check_crystals(scene, recipe, place)


def smallest_box(scene: SceneRecipe, recipe: SimulateRecipe) -> float:
    """Return the width of the smallest field that a scene may get, margin included, in angstrom."""
    return field_of(scene.pixel_nm[0] * 10, recipe.side, recipe.motion is not None).box


def _check_sizes(scene: SceneRecipe, recipe: SimulateRecipe, place: str) -> None:
    if scene.modality in _ATOMIC:
        pixel = scene.pixel_nm[0]
        least = max(_LEAST_PIXEL_NM, _LEAST_FRAME_NM / recipe.side)
        if pixel < least:
            frame = pixel * recipe.side
            what = f"{place}.pixel_nm: {recipe.side} px of {pixel:g} nm show {frame:.2g} nm: too little to see."
            advice = f"With side = {recipe.side}, give {least:.2g} nm or more (frames of {_LEAST_FRAME_NM:g} nm)."
            raise SpecimenError.about(what, advice)
    try:
        check_size(scene, recipe.side, recipe.motion is not None)
    except SpecimenError as error:
        raise SpecimenError.about(f"{place}.pixel_nm: {error.info.what}", error.info.advice) from error


def _check_lens(scene: SceneRecipe, recipe: SimulateRecipe, place: str) -> None:
    lens = scene.lens
    known = keys_of(scene.modality)
    for key in sorted(lens.model_fields_set, key=list(type(lens).model_fields).index):
        bounds: tuple[float, ...] | None = getattr(lens, key)
        if bounds is None:
            continue
        if key not in known:
            what = f"{place}.lens.{key}: {scene.modality} has no such key."
            raise SimulationError.about(what, f"Leave it out; {scene.modality} knows {', '.join(known)}.")
        low, high = limits_of(scene.modality, key)
        outside = [value for value in bounds if not low <= value <= high]
        if outside:
            what = f"{place}.lens.{key}: {outside[0]:g} {_unit(key)} can't be simulated."
            raise SimulationError.about(what, f"Give {low:g} to {high:g} {_unit(key)}.")
    if scene.modality in ("HAADF", "ABF"):
        _check_detector_angles(scene, place)
    if scene.modality in _ATOMIC:
        _check_spread(scene, smallest_box(scene, recipe), place)


def _check_detector_angles(scene: SceneRecipe, place: str) -> None:
    """Refuse annular detectors that may lie across the probe's cone, or end before they begin."""
    most = 0.0
    lens, probe = scene.lens, semiangles(scene.lens)
    inner, outer, cone = lens.inner_mrad, lens.outer_mrad, f"the probe's semiangle_mrad of {probe[0]:g} to {probe[1]:g}"
    if scene.modality == "HAADF":
        if inner is not None and inner[0] < probe[1]:
            what = f"{place}.lens.inner_mrad: {inner[0]:g} lies within {cone}: no dark field."
            raise SimulationError.about(what, f"Give {probe[1]:g} or more.")
        most = 3.5 * probe[1] if inner is None else inner[1]
    elif inner is not None or outer is not None:
        if outer is not None and outer[1] > probe[0]:
            what = f"{place}.lens.outer_mrad: {outer[1]:g} lies beyond {cone}: no bright field."
            raise SimulationError.about(what, f"Give {probe[0]:g} or less.")
        most = 0.6 * probe[1] if inner is None else inner[1]
        outer = outer or (0.9 * probe[0], probe[1])
    if outer is not None and outer[0] <= most:
        what = f"{place}.lens: a detector from {most:g} mrad would end at {outer[0]:g} mrad."
        raise SimulationError.about(what, "Give inner_mrad and outer_mrad all of inner below all of outer.")


def _check_spread(scene: SceneRecipe, box: float, place: str) -> None:
    """Refuse lenses that spread what they image over more than the field: it would come round on the other side.

    A ray at angle a off the axis lands |C10| a + |C12| a + |C30| a^3 from its point, at most.
    """
    lens = scene.lens
    if scene.modality == "HRTEM":
        angle = wavelength(min(voltages(lens))) / _FINEST_FRINGE
    else:
        angle = 1e-3 * semiangles(lens)[1]
    lands = {
        key: unit * _farthest(lens_range)
        for key, unit, lens_range in (
            ("defocus_nm", 10 * angle, lens.defocus_nm),
            ("astigmatism_nm", 10 * angle, lens.astigmatism_nm),
            ("spherical_um", 1e4 * angle**3, _spherical(scene)),
        )
    }
    if sum(lands.values()) > box / 2:
        key = max(lands, key=lambda one: lands[one])
        what = f"{place}.lens.{key}: at {_farthest(getattr(lens, key)):g} {_unit(key)} the lens spreads the image over"
        what = f"{what} {0.2 * sum(lands.values()):.3g} nm, more than the field of {box / 10:.3g} nm."
        raise SimulationError.about(what, "Give a smaller range, or a larger field (side, pixel_nm).")


def _unit(key: str) -> str:
    return "kV" if key == "kilovolt" else key.rsplit("_", 1)[1].replace("um", "µm")


def _spherical(scene: SceneRecipe) -> Bounds | None:
    return range_of(scene.lens, "HRTEM", "spherical_um") if scene.modality == "HRTEM" else scene.lens.spherical_um


def _farthest(bounds: Bounds | None) -> float:
    return 0.0 if bounds is None else max(abs(bounds[0]), abs(bounds[1]))


def _check_crystals(scene: SceneRecipe, recipe: SimulateRecipe, place: str) -> None:
    """Read every CIF, and refuse cells that don't fit into the field, or into a particle."""
    cifs = cifs_of(scene)
    try:
        palette = palette_for(scene, TRAINING)
    except SimulationError as error:
        file = f" {Path(error.info.path).name}:" if error.info.path else ""
        advice = error.info.advice.replace("Choose occupancy", f"Choose, in {place}, occupancy")
        raise SimulationError.about(f"{place}:{file} {error.info.what}", advice) from error
    box = smallest_box(scene, recipe)
    grains = not scene.kinds or any("particle" in kind for kind in scene.kinds)
    for name in cifs:
        crystal = palette.materials[name]
        particle = grains and name in (scene.particles or scene.materials)
        room = min(_LARGEST_PARTICLE, _PARTICLE_SHARE * box) if particle else box
        if widest(crystal) > room:
            _refuse_cell(crystal, room, particle, place)


def drawn_crystals(recipe: SimulateRecipe) -> tuple[str, ...]:
    """Return the names of the CIFs that leave it open who sits where, so that it is drawn."""
    names: dict[str, None] = {}
    for scene in recipe.scenes:
        palette = palette_for(scene, TRAINING)
        names |= {palette.materials[name].name: None for name in cifs_of(scene) if palette.materials[name].chances}
    return tuple(names)


def widest(crystal: Crystal) -> float:
    """Return the longest edge of a crystal's cell in angstrom."""
    return float(np.linalg.norm(np.asarray(crystal.cell), axis=1).max())


def _refuse_cell(crystal: Crystal, room: float, particle: bool, place: str) -> None:
    edge = widest(crystal)
    what = f"{place}: a cell of {crystal.name} is {edge / 10:.3g} nm long and does not fit into"
    if particle and edge > _LARGEST_PARTICLE:
        what = f"{what} particles, which are {_LARGEST_PARTICLE / 10:g} nm at most."
        raise SpecimenError.about(what, "Give it as materials with kinds = ['bulk'], or another crystal.")
    needed = edge / _PARTICLE_SHARE if particle else edge
    inside = f"particles of {room / 10:.3g} nm" if particle else f"the smallest field of {room / 10:.3g} nm"
    advice = f"Choose side and pixel_nm for fields of {needed / 10:.3g} nm or more (frame and margin)."
    raise SpecimenError.about(f"{what} {inside}.", advice)
