"""What is looked at: the one truth that every pane renders.

Zoom is in physical screen pixels per image pixel, so that 100 % shows each pixel of the camera once on any screen.
Coordinates are image pixels of the raw movie: x to the right, y down, pixel (0, 0) covers [0, 1) x [0, 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QObject, Signal

MIN_ZOOM = 1 / 64
MAX_ZOOM = 64.0


class PaneKind(Enum):
    """What a pane shows."""

    RAW = "raw"
    DENOISED = "denoised"


class Layout(Enum):
    """Which panes are seen."""

    RAW = "raw"
    DENOISED = "denoised"
    SIDE_BY_SIDE = "side by side"


@dataclass(frozen=True)
class Contrast:
    """The values shown as black and white. `auto`: by percentiles, and chosen again when the averaging changes."""

    low: float
    high: float
    auto: bool = True

    def levels(self) -> tuple[float, float]:
        """(low, high) with high above low, as a painter needs it."""
        return (self.low, self.high) if self.high > self.low else (self.low, self.low + max(abs(self.low) * 1e-6, 1e-6))


@dataclass(frozen=True)
class Geometry:
    """Where one looks. `zoom` None means: the whole image fits into the pane."""

    x: float
    y: float
    zoom: float | None


class ViewState(QObject):
    """Centre, zoom, frame, contrast and layout; changed only by its methods, which announce each change once."""

    geometry_changed = Signal()
    frame_changed = Signal(int)
    contrast_changed = Signal(object)
    layout_changed = Signal(object)
    movie_changed = Signal()
    cursor_moved = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._height = 0
        self._width = 0
        self._frames = 0
        self._frame = 0
        self._geometry = Geometry(0.0, 0.0, None)
        self._contrast: dict[PaneKind, Contrast | None] = {PaneKind.RAW: None, PaneKind.DENOISED: None}
        self._layout = Layout.SIDE_BY_SIDE
        self._blinking = False

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the movie's frames in px; (0, 0) without a movie."""
        return (self._height, self._width)

    @property
    def frames(self) -> int:
        """How many frames the movie has."""
        return self._frames

    @property
    def frame(self) -> int:
        """The frame looked at, in the raw movie's numbering from 0."""
        return self._frame

    @property
    def geometry(self) -> Geometry:
        """Centre and zoom."""
        return self._geometry

    @property
    def layout(self) -> Layout:
        """Which panes are seen."""
        return self._layout

    @property
    def blinking(self) -> bool:
        """Whether the panes show each other's picture."""
        return self._blinking

    def contrast(self, kind: PaneKind) -> Contrast | None:
        """The contrast of a kind of pane; None until its first picture came."""
        return self._contrast[kind]

    def show_movie(self, frames: int, height: int, width: int) -> None:
        """Begin with another movie: its first frame, as a whole, with fresh contrast. Zeros show none."""
        self._frames, self._height, self._width = frames, height, width
        self._frame = 0
        self._geometry = Geometry(width / 2, height / 2, None)
        self._contrast = dict.fromkeys(self._contrast)
        self.movie_changed.emit()
        self.geometry_changed.emit()
        self.frame_changed.emit(self._frame)

    def set_frames(self, frames: int) -> None:
        """The same movie has more frames, or fewer, than before; where one looks stays."""
        if frames != self._frames:
            self._frames = frames
            kept = max(0, min(self._frame, frames - 1))
            moved, self._frame = kept != self._frame, kept
            self.movie_changed.emit()
            if moved:
                self.frame_changed.emit(kept)

    def set_frame(self, frame: int) -> None:
        """Look at a frame; beyond the ends the nearest."""
        frame = max(0, min(frame, self._frames - 1))
        if frame != self._frame:
            self._frame = frame
            self.frame_changed.emit(frame)

    def fit(self) -> None:
        """Show the whole image."""
        self._set_geometry(Geometry(self._width / 2, self._height / 2, None))

    def set_zoom(self, zoom: float) -> None:
        """Zoom about the centre."""
        self._set_geometry(Geometry(self._geometry.x, self._geometry.y, _clamp(zoom, MIN_ZOOM, MAX_ZOOM)))

    def zoom_about(self, x: float, y: float, factor: float, current_zoom: float) -> None:
        """Zoom by `factor` so that the image point (x, y) stays where it is on the screen."""
        zoom = _clamp(current_zoom * factor, MIN_ZOOM, MAX_ZOOM)
        ratio = current_zoom / zoom
        centre = self._geometry
        self._set_geometry(Geometry(x + (centre.x - x) * ratio, y + (centre.y - y) * ratio, zoom))

    def pan(self, dx: float, dy: float, current_zoom: float) -> None:
        """Move the centre by image pixels; leaves the fitted view at the zoom it had."""
        centre = self._geometry
        self._set_geometry(Geometry(centre.x + dx, centre.y + dy, current_zoom))

    def _set_geometry(self, geometry: Geometry) -> None:
        kept = Geometry(_clamp(geometry.x, 0, self._width), _clamp(geometry.y, 0, self._height), geometry.zoom)
        if kept != self._geometry:
            self._geometry = kept
            self.geometry_changed.emit()

    def set_contrast(self, kind: PaneKind, contrast: Contrast | None) -> None:
        """Set a kind's contrast for all frames; None has it chosen again from the next picture."""
        if self._contrast[kind] != contrast:
            self._contrast[kind] = contrast
            self.contrast_changed.emit(kind)

    def set_layout(self, layout: Layout) -> None:
        """Show one pane or both."""
        if layout is not self._layout:
            self._layout = layout
            self.layout_changed.emit(layout)

    def blink(self, held: bool) -> None:
        """While held, each pane shows the other's picture in the same screen pixels, with nothing in between."""
        if held != self._blinking:
            self._blinking = held
            self.layout_changed.emit(self._layout)

    def point_at(self, point: tuple[float, float] | None) -> None:
        """The cursor's place (x, y) in the image, or None when it left; every pane shows its value there."""
        self.cursor_moved.emit(point)


def _clamp(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))


def fit_zoom(height: int, width: int, view_height: float, view_width: float) -> float:
    """The zoom at which an image fits a view of physical pixels; never above 16."""
    if height <= 0 or width <= 0 or view_height <= 0 or view_width <= 0:
        return 1.0
    return min(view_height / height, view_width / width, 16.0)


def averaging_step(zoom: float) -> int:
    """How many pixels a side are averaged for display: 1 from about 70 % up, about one screen pixel each below."""
    return max(1, round(1.0 / zoom)) if zoom > 0 else 1
