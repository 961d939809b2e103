"""A pane: an image, what it is, its value under the cursor and its contrast."""

from __future__ import annotations

from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.elided_label import ElidedLabel
from app.viewer.contrast_bar import ContrastBar
from app.viewer.image_view import Calibration, ImageView
from app.viewer.picture import Picture, PictureKind
from app.viewer.view_state import Contrast, PaneKind, ViewState
from app.words import length_text


class Pane(QWidget):
    """One place of the viewer. It shows the pictures of its kind, or while blinking those of the other."""

    def __init__(self, kind: PaneKind, state: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = kind
        self._state = state
        self._shown_kind = kind
        self._calibration: Calibration | None = None
        self._cursor: tuple[float, float] | None = None
        self.view = ImageView(state, self)
        self.caption = ElidedLabel(self)
        self.value = ElidedLabel(self)
        self.value.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.contrast_bar = ContrastBar(self)
        name = self.tr("Raw picture") if kind is PaneKind.RAW else self.tr("Denoised picture")
        self.view.setAccessibleName(name)
        self.contrast_bar.setAccessibleName(self.tr("Contrast: {0}").format(name))
        line = QHBoxLayout()
        line.setContentsMargins(8, 3, 8, 0)
        line.addWidget(self.caption, 1)
        value_line = QHBoxLayout()
        value_line.setContentsMargins(8, 0, 8, 0)
        value_line.addWidget(self.value, 1)
        contrast_line = QHBoxLayout()
        contrast_line.setContentsMargins(8, 0, 8, 4)
        contrast_line.addWidget(self.contrast_bar)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.view, 1)
        layout.addLayout(line)
        layout.addLayout(value_line)
        layout.addLayout(contrast_line)
        self.contrast_bar.contrast_chosen.connect(lambda contrast: state.set_contrast(self._shown_kind, contrast))
        self.contrast_bar.auto_wanted.connect(lambda: state.set_contrast(self._shown_kind, None))
        state.contrast_changed.connect(self._on_contrast)
        state.cursor_moved.connect(self._on_cursor)

    def show_controls(self, shown: bool) -> None:
        """Without a movie there is only the image area."""
        for widget in (self.caption, self.value, self.contrast_bar):
            widget.setVisible(shown)

    def set_calibration(self, calibration: Calibration | None) -> None:
        """The pixel size for the scale bar and the cursor's position."""
        self._calibration = calibration
        self.view.set_calibration(calibration)

    def show_picture(self, kind: PaneKind, picture: Picture | None) -> None:
        """Show a picture of a kind (its own, or the other's while blinking)."""
        self._shown_kind = kind
        contrast = self._state.contrast(kind)
        if picture is not None and (contrast is None or self._is_outdated(contrast, picture)):
            contrast = Contrast(picture.low, picture.high, auto=True)
            self._state.set_contrast(kind, contrast)
        self.view.show_picture(picture, contrast)
        self.contrast_bar.show_contrast(contrast if picture is not None else None)
        self.contrast_bar.show_picture(picture)
        draft = picture is not None and picture.kind is PictureKind.DRAFT
        self.view.set_badge(self._badge(kind, picture), strong=draft)
        self._show_value()

    def _is_outdated(self, contrast: Contrast, picture: Picture) -> bool:
        """Automatic contrast is locked over frames, but averaging narrows what is shown."""
        shown = self.view.picture
        return contrast.auto and (shown is None or shown.step != picture.step or shown.kind != picture.kind)

    def _badge(self, kind: PaneKind, picture: Picture | None) -> str:
        if picture is None:
            return ""
        if picture.kind is PictureKind.DRAFT:
            return self.tr("Draft")
        return self.tr("Raw") if kind is PaneKind.RAW else self.tr("Denoised")

    def _on_contrast(self, kind: PaneKind) -> None:
        if kind is not self._shown_kind:
            return
        contrast = self._state.contrast(kind)
        picture = self.view.picture
        if contrast is None and picture is not None:
            self._state.set_contrast(kind, Contrast(picture.low, picture.high, auto=True))
            return
        if contrast is not None:
            self.view.show_contrast(contrast)
        self.contrast_bar.show_contrast(contrast if picture is not None else None)
        self._show_value()

    def _on_cursor(self, point: tuple[float, float] | None) -> None:
        self._cursor = point
        self._show_value()

    def _show_value(self) -> None:
        picture = self.view.picture
        value = picture.value_at(*self._cursor) if picture is not None and self._cursor is not None else None
        if picture is None or value is None or self._cursor is None:
            contrast = self._state.contrast(self._shown_kind) if picture is not None else None
            told = self.tr("black {0:.4g}  ·  white {1:.4g}").format(contrast.low, contrast.high) if contrast else ""
            self.value.set_full_text(told)
            return
        x, y = self._cursor
        parts = [f"x {int(x)}, y {int(y)}"]
        if self._calibration is not None:
            size, unit = self._calibration.pixel_size, self._calibration.unit
            parts.append(f"{length_text(x * size, unit)}, {length_text(y * size, unit)}")
        parts.append(self.tr("value {0:.4g}").format(value))
        self.value.set_full_text("  ·  ".join(parts))
