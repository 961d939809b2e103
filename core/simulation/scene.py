"""A scene: a structure with a way to image it, from which frames are shot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.protocol.simulation import MotionRecipe, SceneRecipe
from core.simulation.courses import Movement, draw_movement
from core.simulation.dynamics.course import Course
from core.simulation.movie import ImageOf, Rendered, render
from core.simulation.scan.scan import Scan
from core.simulation.specimens import Specimen
from core.simulation.truth import Columns

Array = NDArray[np.float64]
# Raises whatever is to end the work.
Check = Callable[[], None]


def no_check() -> None:
    """Go on."""


@dataclass(frozen=True)
class Field:
    """What is simulated around a frame.

    Attributes
    ----------
    pixel
        In angstrom.
    side, margin
        Of the frames in px, and what lies around them on each side.
    reach
        How far into the margin a movie may drift, px: at the box's edge crystals are cut, and the wave wraps round.
    """

    pixel: float
    side: int
    margin: int
    reach: int

    @property
    def grid(self) -> int:
        """Px a side of all that is simulated."""
        return self.side + 2 * self.margin

    @property
    def box(self) -> float:
        """The same in angstrom."""
        return self.grid * self.pixel


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
    """A structure with a way to image it; `settings` are what was drawn for the structure, plain values."""

    recipe: SceneRecipe
    kind: str
    periodic: bool
    field: Field
    settings: dict[str, Any]

    def shoot(
        self, rng: np.random.Generator, motion: MotionRecipe | None, scan: Scan | None, check: Check = no_check
    ) -> Shot:
        """Image the structure with a lens and a movement drawn for this shot; `check` is called between frames."""
        return self._shot(draw_movement(rng, motion, self.field.reach), scan, rng, check)

    @abstractmethod
    def _shot(self, movement: Movement, scan: Scan | None, rng: np.random.Generator, check: Check) -> Shot: ...


@dataclass
class AtomScene(Scene):
    """A scene of atoms, whatever they are imaged with.

    Attributes
    ----------
    ordered
        Elements that stand in columns; those of amorphous films don't.
    """

    specimen: Specimen
    ordered: frozenset[str]

    @abstractmethod
    def lens(self, rng: np.random.Generator) -> tuple[ImageOf, dict[str, Any]]:
        """Draw a lens: it gives the image (grid, grid) of a specimen's whole box for a change of defocus, angstrom."""

    def _shot(self, movement: Movement, scan: Scan | None, rng: np.random.Generator, check: Check) -> Shot:
        lens, settings = self.lens(rng)

        def image_of(specimen: Specimen, defocus: float) -> NDArray[Any]:
            check()
            return lens(specimen, defocus)

        cast = movement.events.play(self.specimen, len(movement.course), rng)
        rendered = render(cast, movement.course, image_of, self.field.side, self.field.pixel, scan, rng)
        settings = {**settings, **movement.settings, "events": [asdict(event) for event in cast.events]}
        return Shot(rendered.images, movement.course, self._columns(rendered), settings)

    def _columns(self, rendered: Rendered) -> tuple[Columns, ...]:
        """Columns of every frame, if there is a lattice."""
        if not self.periodic:
            return ()
        return tuple(rendered.columns(t, only=self.ordered) for t in range(len(rendered.images)))
