"""Contrast of one kind of pane: a histogram of what is shown with two handles, black and white."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QLinearGradient, QMouseEvent, QPainter, QPaintEvent, QPalette, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.colours import accent
from app.viewer.picture import Picture
from app.viewer.view_state import Contrast

BINS = 96
MOST_SAMPLES = 65_536


class ContrastBar(QWidget):
    """Drag a handle, or the span between them; double-click chooses by percentiles again.

    Keys: left and right move both, with Ctrl only black, with Shift only white.
    """

    contrast_chosen = Signal(object)
    auto_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._contrast: Contrast | None = None
        self._range = (0.0, 1.0)
        self._counts = np.zeros(BINS)
        self._drag: str | None = None
        self._drag_from = 0.0
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(120, round(self.fontMetrics().height() * 1.7))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(60, self.sizeHint().height())

    def show_picture(self, picture: Picture | None) -> None:
        """Take the histogram of a picture (of at most 65,536 of its pixels)."""
        if picture is None:
            self._counts = np.zeros(BINS)
            self.update()
            return
        flat = picture.pixels.reshape(-1)
        sample = flat[:: max(1, flat.size // MOST_SAMPLES)]
        span = picture.high - picture.low or max(abs(picture.high), 1.0) * 1e-3
        low, high = picture.low - 0.4 * span, picture.high + 0.4 * span
        if self._contrast is not None:
            low, high = min(low, self._contrast.low), max(high, self._contrast.high)
        self._range = (low, high)
        self._counts = np.sqrt(np.histogram(sample, bins=BINS, range=self._range)[0].astype(float))
        self.update()

    def show_contrast(self, contrast: Contrast | None) -> None:
        """Show where black and white are."""
        self._contrast = contrast
        if contrast is not None:
            self._range = (min(self._range[0], contrast.low), max(self._range[1], contrast.high))
            kind = self.tr("chosen by percentiles") if contrast.auto else self.tr("set by hand")
            self.setToolTip(
                self.tr("Black {0:.4g}, white {1:.4g} ({2}). Drag the handles; double-click for Auto.").format(
                    contrast.low, contrast.high, kind
                )
            )
            self.setAccessibleDescription(self.toolTip())
        self.update()

    def _to_x(self, value: float) -> float:
        low, high = self._range
        return 6 + (value - low) / ((high - low) or 1.0) * (self.width() - 12)

    def _to_value(self, x: float) -> float:
        low, high = self._range
        return low + (x - 6) / max(1, self.width() - 12) * (high - low)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.palette()
        ground = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(accent() if self.hasFocus() else colours.color(QPalette.ColorRole.Mid))
        painter.setBrush(colours.color(QPalette.ColorRole.Base))
        painter.drawRoundedRect(ground, 3, 3)
        most = self._counts.max()
        if self._contrast is None or most <= 0:
            return
        self._paint_histogram(painter, most)
        self._paint_handles(painter, self._contrast)

    def _paint_histogram(self, painter: QPainter, most: float) -> None:
        bottom, height = self.height() - 5.0, self.height() - 9.0
        xs = np.linspace(6, self.width() - 6, BINS)
        points = [QPointF(6, bottom)]
        points += [QPointF(x, bottom - c / most * height) for x, c in zip(xs, self._counts, strict=True)]
        points.append(QPointF(self.width() - 6, bottom))
        fill = QColor(self.palette().color(QPalette.ColorRole.PlaceholderText))
        fill.setAlpha(130)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawPolygon(QPolygonF(points))

    def _paint_handles(self, painter: QPainter, contrast: Contrast) -> None:
        left, right = self._to_x(contrast.low), self._to_x(contrast.high)
        strip = QRectF(left, self.height() - 5.0, max(1.0, right - left), 3)
        gradient = QLinearGradient(strip.topLeft(), strip.topRight())
        gradient.setColorAt(0, QColor("black"))
        gradient.setColorAt(1, QColor("white"))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(gradient)
        painter.drawRect(strip)
        painter.setBrush(accent())
        for x in (left, right):
            painter.drawRoundedRect(QRectF(x - 2, 3, 4, self.height() - 6), 2, 2)

    def _handle_at(self, x: float) -> str | None:
        if self._contrast is None:
            return None
        left, right = self._to_x(self._contrast.low), self._to_x(self._contrast.high)
        if abs(x - left) < 8 or abs(x - right) < 8:
            return "low" if abs(x - left) <= abs(x - right) else "high"
        return "both" if left < x < right else None

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._drag = self._handle_at(event.position().x())
        self._drag_from = event.position().x()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        x = event.position().x()
        if self._drag is None:
            over = self._handle_at(x)
            split = over in ("low", "high")
            self.setCursor(Qt.CursorShape.SplitHCursor if split else Qt.CursorShape.ArrowCursor)
            return
        self._move(self._drag, self._to_value(x) - self._to_value(self._drag_from))
        self._drag_from = x

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._drag = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.auto_wanted.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        sign = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if sign is None:
            super().keyPressEvent(event)
            return
        modifiers = event.modifiers()
        which = "both"
        if modifiers & Qt.KeyboardModifier.ControlModifier:
            which = "low"
        elif modifiers & Qt.KeyboardModifier.ShiftModifier:
            which = "high"
        self._move(which, sign * (self._range[1] - self._range[0]) / 50)

    def _move(self, which: str, by: float) -> None:
        if self._contrast is None:
            return
        low = self._contrast.low + (by if which in ("low", "both") else 0)
        high = self._contrast.high + (by if which in ("high", "both") else 0)
        if high > low:
            self.contrast_chosen.emit(Contrast(low, high, auto=False))
