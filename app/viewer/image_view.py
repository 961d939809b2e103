"""One image under a ViewState: pyqtgraph's ImageItem in a ViewBox, with the overlays drawn on top."""

from __future__ import annotations

from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from app.theme.colours import IMAGE_GROUND, IMAGE_TEXT, accent
from app.viewer.defects import NO_DEFECTS, DefectKind, Defects, draw_mark
from app.viewer.picture import Picture
from app.viewer.scale_bar import scale_bar
from app.viewer.view_state import Contrast, ViewState, averaging_step, fit_zoom
from app.words import count_text
from core.protocol.denoise import Region

MARGIN = 0.15
WHEEL_FACTOR = 1.25


@dataclass(frozen=True)
class Calibration:
    """Size of a pixel along x in `unit`."""

    pixel_size: float
    unit: str


class ImageView(pg.GraphicsView):
    """Renders a ViewState and a picture. It keeps no geometry of its own."""

    resized = Signal()

    def __init__(self, state: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=IMAGE_GROUND)
        self._state = state
        self._picture: Picture | None = None
        self._calibration: Calibration | None = None
        self._badge = ""
        self._badge_strong = False
        self._message = ""
        self._defects = NO_DEFECTS
        self._cursor: tuple[float, float] | None = None
        self._drag_from: QPointF | None = None
        self._box = pg.ViewBox(enableMenu=False, enableMouse=False, invertY=True, border=None, defaultPadding=0.0)
        self._image = pg.ImageItem(axisOrder="row-major")
        self._box.addItem(self._image, ignoreBounds=True)
        self.setCentralItem(self._box)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(160, 160)
        self.viewport().setCursor(Qt.CursorShape.CrossCursor)
        state.geometry_changed.connect(self._render_geometry)
        state.cursor_moved.connect(self._on_cursor)

    @property
    def picture(self) -> Picture | None:
        """What is shown."""
        return self._picture

    @property
    def message(self) -> str:
        """The sentence in the middle."""
        return self._message

    @property
    def calibration(self) -> Calibration | None:
        """The pixel size, if it is known."""
        return self._calibration

    def badges(self) -> tuple[str, ...]:
        """The words in the upper left corner."""
        step = self._picture.step if self._picture is not None else 1
        averaged = self.tr("averaged {0} × {0} for display").format(step) if step > 1 else ""
        return tuple(text for text in (self._badge, averaged) if text)

    def zoom(self) -> float:
        """Physical screen pixels an image pixel."""
        zoom = self._state.geometry.zoom
        if zoom is not None:
            return zoom
        height, width = self._state.size
        ratio = self.devicePixelRatioF()
        return fit_zoom(height, width, self.height() * ratio, self.width() * ratio)

    def visible_rect(self) -> QRectF:
        """The rectangle of the image plane that the view covers, in image px."""
        scale = self.zoom() / self.devicePixelRatioF()
        geometry = self._state.geometry
        width, height = self.width() / scale, self.height() / scale
        return QRectF(geometry.x - width / 2, geometry.y - height / 2, width, height)

    def wanted_region(self, margin: float = MARGIN) -> tuple[Region, int] | None:
        """The part of the image to fetch (visible, a margin around it, cut at its edges) and its averaging step."""
        rect = self.visible_rect()
        rect.adjust(-rect.width() * margin, -rect.height() * margin, rect.width() * margin, rect.height() * margin)
        height, width = self._state.size
        step = averaging_step(self.zoom())
        y0, x0 = _down(rect.top(), step), _down(rect.left(), step)
        y1, x1 = min(height, _up(rect.bottom(), step)), min(width, _up(rect.right(), step))
        if y1 <= y0 or x1 <= x0:
            return None
        return Region(y0=y0, y1=y1, x0=x0, x1=x1), step

    def show_picture(self, picture: Picture | None, contrast: Contrast | None) -> None:
        """Show a picture with a contrast, or nothing."""
        self._picture = picture
        if picture is None or contrast is None:
            self._image.clear()
            self.viewport().update()
            return
        self._image.setImage(picture.pixels, autoLevels=False, levels=contrast.levels())
        self._image.setRect(QRectF(*picture.rect))
        self.viewport().update()

    def show_contrast(self, contrast: Contrast) -> None:
        """Show the same picture with another contrast."""
        if self._picture is not None:
            self._image.setLevels(contrast.levels())

    def set_calibration(self, calibration: Calibration | None) -> None:
        """The pixel size for the scale bar."""
        self._calibration = calibration
        self.viewport().update()

    def set_badge(self, text: str, *, strong: bool = False) -> None:
        """A word in the upper left corner, such as Draft; `strong` draws it in the accent colour."""
        self._badge, self._badge_strong = text, strong
        self.viewport().update()

    def set_message(self, text: str) -> None:
        """A sentence in the middle, where there is no picture."""
        self._message = text
        self.viewport().update()

    def set_defects(self, defects: Defects) -> None:
        """Bad pixels of the detector, marked over the picture."""
        self._defects = defects
        self.viewport().update()

    @property
    def defects(self) -> Defects:
        """What is marked."""
        return self._defects

    def _render_geometry(self) -> None:
        if self.width() > 0 and self.height() > 0:
            self._box.setRange(self.visible_rect(), padding=0, disableAutoRange=True)
            self.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.zoom() < 2)
            self.viewport().update()

    def _on_cursor(self, point: tuple[float, float] | None) -> None:
        self._cursor = point
        self.viewport().update()

    def image_point(self, position: QPointF) -> tuple[float, float]:
        """The image point (x, y) under a point of the view."""
        scale = self.zoom() / self.devicePixelRatioF()
        rect = self.visible_rect()
        return rect.left() + position.x() / scale, rect.top() + position.y() / scale

    def _screen_point(self, x: float, y: float) -> QPointF:
        scale = self.zoom() / self.devicePixelRatioF()
        rect = self.visible_rect()
        return QPointF((x - rect.left()) * scale, (y - rect.top()) * scale)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - a name of Qt
        super().resizeEvent(event)
        if hasattr(self, "_box"):
            self._render_geometry()
            self.resized.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        steps = event.angleDelta().y() / 120
        if steps and self._state.frames:
            self._state.zoom_about(*self.image_point(event.position()), WHEEL_FACTOR**steps, self.zoom())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._drag_from = event.position()
            self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._drag_from is not None and self._state.frames:
            moved = event.position() - self._drag_from
            self._drag_from = event.position()
            scale = self.zoom() / self.devicePixelRatioF()
            self._state.pan(-moved.x() / scale, -moved.y() / scale, self.zoom())
        self._state.point_at(self.image_point(event.position()) if self._state.frames else None)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._drag_from = None
        self.viewport().setCursor(Qt.CursorShape.CrossCursor)
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._state.fit()
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        self._state.point_at(None)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        event.ignore()

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:  # noqa: N802
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._message:
            self._draw_message(painter)
        if self._picture is not None:
            self._draw_defects(painter)
            self._draw_scale_bar(painter)
            self._draw_cursor(painter)
        self._draw_badges(painter)
        painter.restore()

    def _draw_message(self, painter: QPainter) -> None:
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 1.1)
        painter.setFont(font)
        painter.setPen(QColor(IMAGE_TEXT))
        area = QRectF(self.rect()).adjusted(24, 24, -24, -24)
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._message)

    def _draw_defects(self, painter: QPainter) -> None:
        if not len(self._defects):
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        scale = self.zoom() / self.devicePixelRatioF()
        size = max(3.5, scale * 0.5 + 1.5)
        seen = self._defects.within(self.visible_rect())
        for row, column, kind in zip(seen.rows, seen.columns, seen.kinds, strict=True):
            draw_mark(painter, self._screen_point(float(column) + 0.5, float(row) + 0.5), int(kind), size)
        self._draw_legend(painter)

    def legend(self) -> list[tuple[DefectKind, str]]:
        """What the marks mean, and how many there are of each; empty without marks."""
        names = {
            DefectKind.DEAD: self.tr("{0} dead"),
            DefectKind.HOT: self.tr("{0} hot"),
            DefectKind.UNSTABLE: self.tr("{0} unstable"),
        }
        counts = {kind: self._defects.count(kind) for kind in names}
        return [(kind, names[kind].format(count_text(count))) for kind, count in counts.items() if count]

    def _draw_legend(self, painter: QPainter) -> None:
        """At the lower left, line by line: three in a row would not fit a narrow pane."""
        lines = self.legend()
        if not lines:
            return
        metrics = QFontMetricsF(self.font())
        height = metrics.height() + 2
        width = max(metrics.horizontalAdvance(text) for _, text in lines) + height + 18
        box = QRectF(10, self.height() - height * len(lines) - 20, width, height * len(lines) + 10)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 150))
        painter.drawRoundedRect(box, 4, 4)
        painter.setFont(self.font())
        for place, (kind, text) in enumerate(lines):
            line = QRectF(box.left() + 8, box.top() + 5 + place * height, width - 16, height)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            draw_mark(painter, QPointF(line.left() + 5, line.center().y()), int(kind), 3.5)
            painter.setPen(QColor("white"))
            words = line.adjusted(height, 0, 0, 0)
            painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)

    def _draw_scale_bar(self, painter: QPainter) -> None:
        if self._calibration is None:
            return
        scale = self.zoom() / self.devicePixelRatioF()
        bar = scale_bar(self._calibration.pixel_size, self._calibration.unit, scale, self.width())
        if bar is None:
            return
        metrics = QFontMetricsF(self.font())
        text_width = metrics.horizontalAdvance(bar.text)
        box_width = max(bar.pixels, text_width) + 16
        box_height = metrics.height() + 14
        box = QRectF(self.width() - box_width - 10, self.height() - box_height - 10, box_width, box_height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 140))
        painter.drawRoundedRect(box, 4, 4)
        painter.setBrush(QColor("white"))
        painter.drawRect(QRectF(box.center().x() - bar.pixels / 2, box.bottom() - 9, bar.pixels, 3))
        painter.setPen(QColor("white"))
        painter.setFont(self.font())
        painter.drawText(
            QRectF(box.left(), box.top() + 3, box.width(), metrics.height()), Qt.AlignmentFlag.AlignCenter, bar.text
        )

    def _draw_cursor(self, painter: QPainter) -> None:
        if self._cursor is None or self.underMouse():
            return
        point = self._screen_point(*self._cursor)
        for colour, width in ((QColor(0, 0, 0, 160), 3.0), (QColor(255, 255, 255, 230), 1.2)):
            painter.setPen(QPen(colour, width))
            painter.drawLine(point - QPointF(8, 0), point + QPointF(8, 0))
            painter.drawLine(point - QPointF(0, 8), point + QPointF(0, 8))

    def _draw_badges(self, painter: QPainter) -> None:
        left, top = 10.0, 10.0
        metrics = QFontMetricsF(self.font())
        for text in self.badges():
            if left > 10 and left + metrics.horizontalAdvance(text) + 26 > self.width():
                left, top = 10.0, top + metrics.height() + 10
            self._draw_pill(painter, left, top, text, strong=self._badge_strong and text == self._badge)
            left += metrics.horizontalAdvance(text) + 22

    def _draw_pill(self, painter: QPainter, left: float, top: float, text: str, *, strong: bool) -> None:
        metrics = QFontMetricsF(self.font())
        width, height = min(metrics.horizontalAdvance(text) + 16, self.width() - 2 * left), metrics.height() + 6
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(accent() if strong else QColor(0, 0, 0, 150))
        painter.drawRoundedRect(QRectF(left, top, width, height), height / 2, height / 2)
        painter.setPen(QColor("white"))
        painter.setFont(self.font())
        painter.drawText(QRectF(left, top, width, height), Qt.AlignmentFlag.AlignCenter, text)


def _down(value: float, step: int) -> int:
    return max(0, int(value // step) * step)


def _up(value: float, step: int) -> int:
    return int(-(-value // step)) * step
