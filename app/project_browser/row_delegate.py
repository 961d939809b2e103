"""Paints a row: picture, name, what it is; a sign where something is wrong."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QIcon, QPainter, QPainterPath, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.project_browser.row_model import Role, Row
from app.theme.colours import IMAGE_GROUND, level_colour
from app.theme.icons import icon

PICTURE_PX = 52
PAD = 8
INDENT = 26
BADGE_PX = 20
# On the picture's dark ground in both themes; the shapes differ too.
BADGE_COLOURS = {"error": "#ff8f85", "warning": "#f0b95c", "info": "#8fd0ea"}
BADGE_ICONS = {"error": "mdi6.alert-circle", "warning": "mdi6.alert", "info": "mdi6.information-variant"}


class RowDelegate(QStyledItemDelegate):
    """Two kinds of row: a movie with its picture, a result indented under it."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802
        row: Row = index.data(Role.ROW)
        line = QFontMetrics(option.font).height()
        if row.result is not None:
            return QSize(160, 2 * line + PAD + 4)
        return QSize(160, max(PICTURE_PX, 3 * line + 4) + 2 * PAD)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        row: Row = index.data(Role.ROW)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        self._paint_ground(painter, option, selected=selected)
        area = option.rect.adjusted(PAD, PAD, -PAD, -PAD)
        if row.result is not None:
            area = option.rect.adjusted(PAD + INDENT, 2, -PAD, -2)
            left = self._paint_result_icon(painter, area, option, row, selected=selected)
        else:
            left = self._paint_picture(painter, area, option, row)
        self._paint_words(painter, area.adjusted(left, 0, 0, 0), option, index, selected=selected)
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem, *, selected: bool) -> None:
        box = QRectF(option.rect).adjusted(3, 1, -3, -1)
        if selected:
            painter.setBrush(option.palette.color(QPalette.ColorRole.Highlight))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            hover = QColor(option.palette.color(QPalette.ColorRole.Highlight))
            hover.setAlpha(30)
            painter.setBrush(hover)
        else:
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawRoundedRect(box, 5, 5)

    def _paint_picture(self, painter: QPainter, area: QRect, option: QStyleOptionViewItem, row: Row) -> int:
        box = QRectF(area.left(), area.top() + (area.height() - PICTURE_PX) / 2, PICTURE_PX, PICTURE_PX)
        path = QPainterPath()
        path.addRoundedRect(box, 4, 4)
        painter.fillPath(path, QColor(IMAGE_GROUND))
        image = row.movie.thumbnail
        if image is not None and row.movie.problem is None:
            painter.save()
            painter.setClipPath(path)
            scale = max(PICTURE_PX / image.width(), PICTURE_PX / image.height())
            width, height = image.width() * scale, image.height() * scale
            centre = box.center()
            painter.drawImage(QRectF(centre.x() - width / 2, centre.y() - height / 2, width, height), image)
            painter.restore()
        else:
            broken = row.movie.problem is not None
            described = "mdi6.image-outline" if row.movie.meta is not None else "mdi6.timer-sand"
            name = "mdi6.image-broken-variant" if broken else described
            inner = box.adjusted(14, 14, -14, -14).toRect()
            icon(name, QColor("#e5796f" if broken else "#9aa1a9")).paint(painter, inner)
        self._paint_badge(painter, box, row)
        return PICTURE_PX + 10

    def _paint_badge(self, painter: QPainter, box: QRectF, row: Row) -> None:
        """A sign in the picture's corner where something should be known; its shape says how bad it is."""
        issues = row.movie.issues
        if row.movie.growing:
            name, colour = "mdi6.record-circle-outline", BADGE_COLOURS["info"]
        elif issues:
            name, colour = BADGE_ICONS[issues[0].level], BADGE_COLOURS[issues[0].level]
        else:
            return
        corner = QRect(int(box.right()) - BADGE_PX, int(box.bottom()) - BADGE_PX, BADGE_PX, BADGE_PX)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 190))
        painter.drawEllipse(corner)
        icon(name, QColor(colour)).paint(painter, corner.adjusted(2, 2, -2, -2))

    def _paint_result_icon(
        self, painter: QPainter, area: QRect, option: QStyleOptionViewItem, row: Row, *, selected: bool
    ) -> int:
        size = QFontMetrics(option.font).height() + 2
        box = QRect(area.left(), area.top() + (area.height() - size) // 2, size, size)
        role = QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.PlaceholderText
        drawn: QIcon
        if row.result is not None and row.result.problem is not None:
            drawn = icon("mdi6.alert-circle-outline", level_colour("error"))
        else:
            drawn = icon("mdi6.arrow-right-bottom", option.palette.color(role))
        drawn.paint(painter, box)
        return size + 8

    def _paint_words(
        self,
        painter: QPainter,
        area: QRect,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
        *,
        selected: bool,
    ) -> None:
        row: Row = index.data(Role.ROW)
        name_font = QFont(option.font)
        if row.result is None:
            name_font.setWeight(QFont.Weight.DemiBold)
        lines = [(str(index.data(Qt.ItemDataRole.DisplayRole)), name_font)]
        lines += [(text, option.font) for text in (index.data(Role.DETAIL), index.data(Role.SECOND_DETAIL)) if text]
        height = QFontMetrics(option.font).height()
        spacing = 2
        top = area.top() + (area.height() - len(lines) * height - (len(lines) - 1) * spacing) // 2
        broken = row.movie.problem is not None if row.result is None else row.result.problem is not None
        for place, (text, font) in enumerate(lines):
            if selected:
                colour = option.palette.color(QPalette.ColorRole.HighlightedText)
            elif place == 0:
                colour = option.palette.color(QPalette.ColorRole.Text)
            elif broken and place == 1:
                colour = level_colour("error")
            else:
                colour = option.palette.color(QPalette.ColorRole.PlaceholderText)
            painter.setPen(colour)
            painter.setFont(font)
            mode = Qt.TextElideMode.ElideMiddle if place == 0 else Qt.TextElideMode.ElideRight
            shown = QFontMetrics(font).elidedText(text, mode, area.width())
            line = QRect(area.left(), top + place * (height + spacing), area.width(), height)
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
