"""Scenes: a structure with a way to image it, from which frames are shot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.protocol.simulation import MotionRecipe, SceneRecipe
from core.simulation.courses import Movement, draw_movement
from core.simulation.dynamics.course import Course
from core.simulation.imaging import Optics, image
from core.simulation.materials import Palette
from core.simulation.movie import ImageOf, Rendered, render
from core.simulation.multislice import exit_wave
from core.simulation.scan.scan import Scan
from core.simulation.specimens import Specimen, random_specimen
from core.simulation.truth import Columns

Array = NDArray[np.float64]
# Cut from each side of the box: crystals don't wrap round it, and movies drift into it.
_MARGIN_SHARE, _MARGIN_ANGSTROM = 0.08, 10.0
_FINEST_WAVE, _LARGEST_WAVE = 0.1, 1024  # angstrom, px


@dataclass(frozen=True)
class Shot:
    """What a lens makes of a scene.

    Attributes
    ----------
    frames : (T, side, side)
        Relative intensity, none negative.
    course
        How the frames lie to each other.
    columns
        Those seen in each frame; empty where there are none.
    settings
        What was drawn, plain values.
    """

    frames: Array
    course: Course
    columns: tuple[Columns, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Scene(ABC):
    """A structure with a way to image it.

    Attributes
    ----------
    pixel
        In angstrom.
    side, margin
        Of the frames in px, and what is simulated around them.
    settings
        What was drawn for the structure, plain values.
    """

    recipe: SceneRecipe
    kind: str
    periodic: bool
    pixel: float
    side: int
    margin: int
    settings: dict[str, Any]

    @property
    def grid(self) -> int:
        """Px a side of all that is simulated."""
        return self.side + 2 * self.margin

    def shoot(self, rng: np.random.Generator, motion: MotionRecipe | None, scan: Scan | None) -> Shot:
        """Image the structure with a lens and a movement drawn for this shot."""
        return self._shot(draw_movement(rng, motion, self.margin), scan, rng)

    @abstractmethod
    def _shot(self, movement: Movement, scan: Scan | None, rng: np.random.Generator) -> Shot: ...


def kinds_of(modality: str) -> tuple[str, ...]:
    """Kinds of structure that a modality can image."""
    del modality
    return ("supported particle",)


def draw_scene(rng: np.random.Generator, recipe: SceneRecipe, side: int, palette: Palette) -> Scene:
    """Draw the structure of a scene, for frames of `side` px.

    Raises
    ------
    SimulationError
        It can't be made, such as a particle larger than its box.
    """
    pixel = float(np.exp(rng.uniform(*np.log(recipe.pixel_nm)))) * 10
    margin = int(np.ceil(max(_MARGIN_SHARE * side, _MARGIN_ANGSTROM / pixel)))
    specimen = random_specimen(rng, (side + 2 * margin) * pixel)
    return HrtemScene(recipe, specimen.kind, specimen.kind != "film", pixel, side, margin, {}, specimen)


@dataclass
class AtomScene(Scene):
    """A scene of atoms, whatever they are imaged with."""

    specimen: Specimen

    def _shot(self, movement: Movement, scan: Scan | None, rng: np.random.Generator) -> Shot:
        image_of, settings = self._lens(rng)
        cast = movement.events.play(self.specimen, len(movement.course), rng)
        rendered = render(cast, movement.course, image_of, self.side, self.pixel, scan, rng)
        settings = {**settings, **movement.settings, "events": [asdict(event) for event in cast.events]}
        columns = self._columns(rendered) if self.periodic else ()
        return Shot(rendered.images, movement.course, columns, settings)

    def _columns(self, rendered: Rendered) -> tuple[Columns, ...]:
        """Columns of every frame; a single atom in a film that happens to stand alone is no column."""
        return tuple(rendered.columns(t) for t in range(len(rendered.images)))

    @abstractmethod
    def _lens(self, rng: np.random.Generator) -> tuple[ImageOf, dict[str, Any]]: ...


@dataclass
class HrtemScene(AtomScene):
    """Atoms under a TEM, by multislice."""

    _waves: dict[float, tuple[Specimen, Tensor]] = field(default_factory=dict, repr=False)

    def _lens(self, rng: np.random.Generator) -> tuple[ImageOf, dict[str, Any]]:
        lens = self.recipe.lens
        optics = Optics(
            kilovolt=float(rng.choice(lens.kilovolt)),
            defocus=10 * float(rng.uniform(*lens.defocus_nm)),
            spherical=1e4 * float(rng.uniform(*lens.spherical_um)),
            astigmatism=10 * float(rng.uniform(*lens.astigmatism_nm)),
            astigmatism_angle=float(rng.uniform(0, np.pi)),
            focal_spread=10 * float(rng.uniform(*lens.focal_spread_nm)),
            blur=float(rng.uniform(0.05, 0.4)),
        )

        def image_of(specimen: Specimen, defocus: float) -> NDArray[Any]:
            wave = self._wave(specimen, optics.kilovolt)
            at = replace(optics, defocus=optics.defocus + defocus)
            return np.asarray(image(wave, specimen.box, at, self.grid).double().cpu().numpy())

        return image_of, asdict(optics)

    def _wave(self, specimen: Specimen, kilovolt: float) -> Tensor:
        """Return the exit wave; the last one is kept for each voltage, as only the lens changes with a view."""
        known = self._waves.get(kilovolt)
        if known is not None and _same_atoms(known[0], specimen):
            return known[1]
        wave = exit_wave(specimen.positions, specimen.elements, specimen.box, self._wave_size(), kilovolt)
        self._waves[kilovolt] = (specimen, wave)
        return wave

    def _wave_size(self) -> int:
        """As fine as the image, and fine enough for the lens."""
        box = self.grid * self.pixel
        wanted = max(256, self.grid, int(np.ceil(box / 0.25)))
        return min(wanted + wanted % 2, _LARGEST_WAVE)


def _same_atoms(one: Specimen, other: Specimen) -> bool:
    return one is other or (
        one.positions.shape == other.positions.shape and bool((one.positions == other.positions).all())
    )
