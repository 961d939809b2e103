"""Movies: a scene rendered frame by frame along its course, then recorded by a detector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.simulation.detectors.camera import Camera, Exposure
from core.simulation.dynamics.course import Course
from core.simulation.dynamics.drift import Array
from core.simulation.dynamics.events import Cast
from core.simulation.dynamics.placing import moved, posed, turned
from core.simulation.scan.scan import Scan
from core.simulation.specimens import Specimen
from core.simulation.truth import Columns, project_columns

ImageOf = Callable[[Specimen, float], NDArray[Any]]


@dataclass(frozen=True)
class Rendered:
    """Clean frames and what is true of them.

    Attributes
    ----------
    images : (frames, size, size) float64
        Relative intensity, none negative, the beam's changes included.
    course
        As it was rendered.
    margin
        Px of the picture around the frame.
    specimens
        The atoms of each frame, turned and tilted, not yet moved; empty for pictures without atoms.
    fields : (frames, 2, size, size) float64 or None
        Where each px was really scanned: ``frame(y, x) = picture(y + field_y, x + field_x)``, drift left out.
    """

    images: Array
    course: Course
    margin: int
    pixel: float = 1.0
    specimens: tuple[Specimen, ...] = field(default=(), repr=False)
    fields: Array | None = None

    def columns(self, frame: int, **how: Any) -> Columns:
        """Return the columns of a frame in its own px, those outside left out; `how` goes to `project_columns`."""
        specimen = self.specimens[frame]
        return self.seen(frame, project_columns(specimen, self.pixel, round(specimen.box / self.pixel), **how))

    def seen(self, frame: int, whole: Columns) -> Columns:
        """Return columns of the whole box (px from its corner) in a frame's own px, those outside left out."""
        size = self.images.shape[-1]
        spots = self._placed(frame, whole.positions)
        seen = np.all((spots >= -0.5) & (spots < size - 0.5), axis=1)
        return Columns(spots, whole.heights, whole.atoms, whole.elements).select(seen)

    def place(self, frame: int, spot: tuple[float, float]) -> tuple[float, float]:
        """Return where a spot of the specimen (y, x in angstrom in its box, before it turns) lies in a frame's px.

        The specimen's tilt is left out; it may lie outside of the frame.
        """
        middle = (self.margin + self.images.shape[-1] / 2) * self.pixel
        angle = float(self.course.turns[frame])
        y, x = spot[0] - middle, spot[1] - middle
        turned_y, turned_x = np.sin(angle) * x + np.cos(angle) * y, np.cos(angle) * x - np.sin(angle) * y
        here = self._placed(frame, np.array([[turned_y + middle, turned_x + middle]]) / self.pixel)
        return float(here[0, 0]), float(here[0, 1])

    def _placed(self, frame: int, spots: Array) -> Array:
        """Return spots (n, 2) of the whole picture, px from its corner, in a frame's own px."""
        here = np.asarray(spots - self.margin + self.course.shifts[frame])
        return here if self.fields is None else _seen_at(here, self.fields[frame])


def _seen_at(spots: Array, displaced: Array) -> Array:
    """Solve place + field(place) = spot for the place, by iteration."""
    out = spots.copy()
    for _ in range(4):
        rows = np.clip(np.rint(out[:, 0]).astype(int), 0, displaced.shape[1] - 1)
        columns = np.clip(np.rint(out[:, 1]).astype(int), 0, displaced.shape[2] - 1)
        out = spots - displaced[:, rows, columns].T
    return out


def render(
    cast: Cast,
    course: Course,
    image_of: ImageOf,
    size: int,
    pixel: float,
    scan: Scan | None = None,
    rng: np.random.Generator | None = None,
) -> Rendered:
    """Render a movie of atoms.

    Turns, tilts and atoms that come and go are projected anew; drift moves the periodic image of the whole box by the
    phase of its spectrum: the same as atoms that moved, as far as the image's own grid resolves it. The image
    of a frame is used again as long as nothing but the drift changes.

    Parameters
    ----------
    image_of
        Gives the image (grid, grid) of a specimen's whole box for a change of defocus in angstrom.
    size, pixel
        Px a side of the frames, cut from the middle of the box; angstrom a px.
    scan
        Scan distortions, which need `rng`; the drift during a frame then bends it instead of smearing it.

    Raises
    ------
    ValueError
        The drift leaves the box: its margin must be at least `course.reach` px.
    """
    if len(cast.alive) < len(course):
        raise ValueError(f"{len(course)} frames are to be rendered, but the atoms are known for {len(cast.alive)}")
    specimens: list[Specimen] = []
    pictures = _Pictures(cast, course, image_of, specimens)
    grid = round(cast.specimen.box / pixel)
    return _rendered(pictures, course, grid, size, pixel, specimens, scan, rng)


def render_picture(
    picture: Array, course: Course, size: int, scan: Scan | None = None, rng: np.random.Generator | None = None
) -> Rendered:
    """Render a movie of a picture (grid, grid) without atoms, such as a surface in a SEM: it drifts and turns."""
    last: dict[float, Array] = {}

    def picture_of(frame: int) -> Array:
        angle = float(course.turns[frame])
        if angle not in last:
            last.clear()
            last[angle] = turned(np.asarray(picture, dtype=np.float64), angle)
        return last[angle]

    return _rendered(picture_of, course, len(picture), size, 1.0, [], scan, rng)


class _Pictures:
    """The image of the whole box for each frame, computed anew only if something but the drift changed."""

    def __init__(self, cast: Cast, course: Course, image_of: ImageOf, specimens: list[Specimen]) -> None:
        self._cast = cast
        self._course = course
        self._image_of = image_of
        self._specimens = specimens
        self._pose: tuple[Any, ...] | None = None
        self._focus: float | None = None
        self._picture = np.zeros((0, 0))

    def __call__(self, frame: int) -> Array:
        course = self._course
        turn, tilt, focus = float(course.turns[frame]), course.tilts[frame], float(course.defocus[frame])
        pose = (turn, *tilt.tolist(), self._cast.alive[frame].tobytes())
        same = pose == self._pose
        specimen = self._specimens[-1] if same else posed(self._cast.at(frame), turn, tilt)
        self._specimens.append(specimen)
        if not same or focus != self._focus:
            self._picture = np.asarray(self._image_of(specimen, focus), dtype=np.float64)
        self._pose, self._focus = pose, focus
        return self._picture


def _rendered(
    picture_of: Callable[[int], Array],
    course: Course,
    grid: int,
    size: int,
    pixel: float,
    specimens: list[Specimen],
    scan: Scan | None,
    rng: np.random.Generator | None,
) -> Rendered:
    margin = (grid - size) // 2
    if margin < 0 or (course.reach > margin and len(course) > 1):
        raise ValueError(
            f"the picture of {grid} px leaves a margin of {margin} px around frames of {size} px; "
            f"the drift needs {course.reach:.1f} px"
        )
    if scan is not None and rng is None:
        raise ValueError("scan distortions are drawn: they need a generator")
    images = np.empty((len(course), size, size))
    fields = None if scan is None else np.empty((len(course), 2, size, size))
    for frame in range(len(course)):
        picture = picture_of(frame)
        if scan is None or rng is None or fields is None:
            whole = moved(picture, course.shifts[frame], course.smears[frame])
            images[frame] = whole[margin : margin + size, margin : margin + size]
        else:
            whole = moved(picture, course.shifts[frame])
            images[frame], fields[frame] = scan.look(whole, margin, size, course.smears[frame], rng)
    images = np.maximum(images, 0.0) * course.beam[:, None, None]
    return Rendered(images, course, margin, pixel, tuple(specimens), fields)


def record(rendered: Rendered, dose: float, camera: Camera, rng: np.random.Generator) -> Exposure:
    """Record a movie with a detector; `dose` is the mean of the electrons a px and frame before it."""
    if not dose > 0:
        raise ValueError(f"a dose of {dose} electrons a px")
    mean = float(rendered.images.mean())
    return camera.expose(rendered.images * (dose / max(mean, 1e-12)), rng)
