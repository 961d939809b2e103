"""A holder log under the movie: one of its quantities over the frames, and its value at the frame that is shown."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.theme.colours import level_colour
from app.viewer.view_state import ViewState
from app.words import number_text
from core.protocol.reader import LogColumn

PAD = 6


class TracePlot(QWidget):
    """A line over the frames, with gaps where the log is silent; a click goes to that frame."""

    def __init__(self, state: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._values = np.zeros(0)
        self._runs: list[tuple[np.ndarray, np.ndarray]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        state.frame_changed.connect(lambda _: self.update())

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(240, round(self.fontMetrics().height() * 4.4))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(80, self.sizeHint().height())

    def show_values(self, values: np.ndarray) -> None:
        """Show these, one a frame; NaN is a gap."""
        self._values = values
        self._runs = _runs(values)
        self.update()

    def _span(self) -> tuple[float, float]:
        finite = self._values[np.isfinite(self._values)]
        if not finite.size:
            return 0.0, 1.0
        low, high = float(finite.min()), float(finite.max())
        room = (high - low) * 0.06 or max(abs(high), 1.0) * 0.02
        return low - room, high + room

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(PAD, PAD, -PAD, -PAD)

    def _x(self, frames: np.ndarray | float) -> np.ndarray | float:
        area = self._area()
        return area.left() + np.asarray(frames) / max(1, len(self._values) - 1) * area.width()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.palette()
        painter.setPen(colours.color(QPalette.ColorRole.Mid))
        painter.setBrush(colours.color(QPalette.ColorRole.Base))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        if not len(self._values):
            return
        area, (low, high) = self._area(), self._span()
        painter.setPen(QPen(level_colour("info"), 1.6))
        for frames, values in self._runs:
            xs = np.atleast_1d(self._x(frames))
            ys = area.bottom() - (values - low) / (high - low) * area.height()
            points = QPolygonF([QPointF(x, y) for x, y in zip(xs, ys, strict=True)])
            if len(points) == 1:
                painter.drawEllipse(points[0], 1.5, 1.5)
            else:
                painter.drawPolyline(points)
        self._paint_frame(painter, area, low, high)
        self._paint_limits(painter, area)

    def _paint_frame(self, painter: QPainter, area: QRectF, low: float, high: float) -> None:
        frame = self._state.frame
        if frame >= len(self._values):
            return
        x = float(self._x(frame))
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Text), 1.0))
        painter.drawLine(QPointF(x, area.top() - 3), QPointF(x, area.bottom() + 3))
        value = self._values[frame]
        if np.isfinite(value):
            painter.setBrush(self.palette().color(QPalette.ColorRole.Text))
            painter.drawEllipse(QPointF(x, area.bottom() - (value - low) / (high - low) * area.height()), 3, 3)

    def _paint_limits(self, painter: QPainter, area: QRectF) -> None:
        """The largest and the smallest value in the corner, on a ground of their own: the line may pass there."""
        finite = self._values[np.isfinite(self._values)]
        if not finite.size:
            return
        ground = QColor(self.palette().color(QPalette.ColorRole.Base))
        ground.setAlpha(210)
        metrics = painter.fontMetrics()
        for value, top in ((float(finite.max()), True), (float(finite.min()), False)):
            text = number_text(value)
            width, height = metrics.horizontalAdvance(text) + 6, metrics.height()
            place = QRectF(area.left() - 2, area.top() - 3 if top else area.bottom() - height + 3, width, height)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawRoundedRect(place, 2, 2)
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)

    def _go_to(self, x: float) -> None:
        area = self._area()
        if len(self._values) > 1 and area.width() > 0:
            self._state.set_frame(round((x - area.left()) / area.width() * (len(self._values) - 1)))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._go_to(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go_to(event.position().x())


class TraceStrip(QWidget):
    """Choice of the quantity, its value at this frame, and its line."""

    def __init__(self, state: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._columns: tuple[LogColumn, ...] = ()
        self.choice = QComboBox(self)
        self.choice.setAccessibleName(self.tr("Quantity of the holder log"))
        self.choice.view().setAccessibleName(self.tr("Quantities of the holder log"))
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(12)
        self.value = QLabel(self)
        font = self.value.font()
        font.setPointSizeF(font.pointSizeF() * 1.25)
        self.value.setFont(font)
        self.plot = TracePlot(state, self)
        self.plot.setAccessibleName(self.tr("Holder log over the frames"))
        side = QVBoxLayout()
        side.setSpacing(4)
        side.addWidget(self.choice)
        side.addWidget(self.value)
        side.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 8)
        layout.setSpacing(8)
        layout.addLayout(side)
        layout.addWidget(self.plot, 1)
        self.choice.currentIndexChanged.connect(self._on_choice)
        state.frame_changed.connect(self._show_value)
        self.show_columns(())

    def show_columns(self, columns: tuple[LogColumn, ...]) -> None:
        """Show a log's quantities; the one that was chosen stays, if the new log has it."""
        chosen = self.choice.currentText()
        self._columns = columns
        self.choice.blockSignals(True)
        self.choice.clear()
        for column in columns:
            self.choice.addItem(column.name)
        self.choice.setCurrentIndex(max(0, self.choice.findText(chosen)) if columns else -1)
        self.choice.blockSignals(False)
        self.setVisible(bool(columns))
        self._on_choice()

    def value_text(self, frame: int) -> str:
        """The chosen quantity at a frame."""
        index = self.choice.currentIndex()
        if not 0 <= index < len(self._columns):
            return ""
        column = self._columns[index]
        value = column.values[frame] if frame < len(column.values) else None
        return self.tr("no value here") if value is None else f"{number_text(value)} {column.unit}".strip()

    def _on_choice(self, *_: object) -> None:
        index = self.choice.currentIndex()
        values = self._columns[index].values if 0 <= index < len(self._columns) else ()
        self.plot.show_values(np.array([np.nan if value is None else value for value in values], float))
        self._show_value()

    def _show_value(self, *_: object) -> None:
        text = self.value_text(self._state.frame)
        self.value.setText(text)
        self.plot.setAccessibleDescription(f"{self.choice.currentText()}: {text}")


def _runs(values: np.ndarray, most: int = 2000) -> list[tuple[np.ndarray, np.ndarray]]:
    """(frames, values) of each stretch without a gap; long ones thinned to their extremes."""
    good = np.isfinite(values)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    runs = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        frames, part = np.arange(start, stop), values[start:stop]
        if len(part) > most:
            pieces = np.array_split(np.arange(len(part)), most // 2)
            kept = np.unique(
                [i for piece in pieces for i in (piece[part[piece].argmin()], piece[part[piece].argmax()])]
            )
            frames, part = frames[kept], part[kept]
        runs.append((frames, part))
    return runs
