"""A scene: a structure with a way to image it, from which frames are shot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.protocol.simulation import MotionRecipe, SceneRecipe
from core.simulation.courses import Movement, draw_movement
from core.simulation.dynamics.course import Course
from core.simulation.dynamics.events import Event
from core.simulation.movie import ImageOf, Rendered, render
from core.simulation.scan.scan import Scan
from core.simulation.specimens import Specimen
from core.simulation.truth import Columns, project_columns

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


def _seen(event: Event, rendered: Rendered) -> dict[str, Any]:
    """An event as plain values: `old` and `new` are y, x in the px of the frame in which it begins."""
    at = {key: getattr(event, key) for key in ("old", "new")}
    here = {
        key: None if spot is None else [round(value, 3) for value in rendered.place(event.start, spot)]
        for key, spot in at.items()
    }
    return {"what": event.what, "start": event.start, "stop": event.stop, **here}


@dataclass(frozen=True)
class Lens:
    """How atoms are imaged.

    Attributes
    ----------
    image_of
        Gives the image (grid, grid) of a specimen's whole box for a change of defocus in angstrom.
    settings
        What was drawn, plain values.
    columns_of
        Gives the columns of the whole box, px from its corner, with their strengths in these images; None: by the atoms
        alone.
    """

    image_of: ImageOf
    settings: dict[str, Any]
    columns_of: Callable[[Specimen], Columns] | None = None


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
    def lens(self, rng: np.random.Generator) -> Lens:
        """Draw a lens."""

    def _shot(self, movement: Movement, scan: Scan | None, rng: np.random.Generator, check: Check) -> Shot:
        lens = self.lens(rng)

        def image_of(specimen: Specimen, defocus: float) -> NDArray[Any]:
            check()
            return lens.image_of(specimen, defocus)

        cast = movement.events.play(self.specimen, len(movement.course), rng)
        rendered = render(cast, movement.course, image_of, self.field.side, self.field.pixel, scan, rng)
        settings = {**lens.settings, **movement.settings, "events": [_seen(event, rendered) for event in cast.events]}
        columns = self._columns(rendered, lens.columns_of or self._projected)
        return Shot(rendered.images, movement.course, columns, settings)

    def _columns(self, rendered: Rendered, columns_of: Callable[[Specimen], Columns]) -> tuple[Columns, ...]:
        """Columns of every frame, if there is a lattice."""
        if not self.periodic:
            return ()
        out: list[Columns] = []
        last: tuple[Specimen, Columns] | None = None
        for frame, specimen in enumerate(rendered.specimens):
            if last is None or last[0] is not specimen:
                last = (specimen, columns_of(specimen))
            out.append(rendered.seen(frame, last[1]))
        return tuple(out)

    def _projected(self, specimen: Specimen) -> Columns:
        return project_columns(specimen, self.field.pixel, self.field.grid, only=self.ordered)
