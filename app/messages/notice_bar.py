"""The banner that shows notices, quietly, without taking the keyboard."""

from __future__ import annotations

import time

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.messages.notices import Message, Notices
from app.theme.colours import level_colour
from app.theme.icons import LEVEL_ICONS, icon

MOST_SHOWN = 3
SHOWN_MS = 9000


class NoticeRow(QWidget):
    """One notice: a coloured edge, an icon, the words, its buttons and Close."""

    def __init__(self, message: Message, parent: NoticeBar) -> None:
        super().__init__(parent)
        self.message = message
        self._bar = parent
        self.setAccessibleName(message.text)
        self._icon = QLabel(self)
        self.text = QLabel(message.text, self)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.text.setSizePolicy(policy)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 6, 8, 6)
        layout.setSpacing(10)
        layout.addWidget(self._icon)
        layout.addWidget(self.text, 1)
        self.buttons: list[QPushButton] = []
        for choice in message.choices:
            button = QPushButton(choice.text, self)
            button.clicked.connect(choice.do)
            button.clicked.connect(lambda: parent.dismiss(self))
            layout.addWidget(button)
            self.buttons.append(button)
        self._close = QToolButton(self)
        self._close.setAutoRaise(True)
        self._close.setAccessibleName(self.tr("Close this message"))
        self._close.setToolTip(self.tr("Close. The message stays in the list under Help > Messages."))
        self._close.clicked.connect(lambda: parent.dismiss(self))
        layout.addWidget(self._close)
        self.refresh_icons()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(lambda: parent.dismiss(self))
        if not message.sticky and message.level == "info":
            self._timer.start(SHOWN_MS)

    def refresh_icons(self) -> None:
        """Draw the icons in the palette's colours."""
        level = self.message.level
        size = self.fontMetrics().height() + 4
        self._icon.setPixmap(icon(LEVEL_ICONS[level], level_colour(level)).pixmap(size, size))
        self._close.setIcon(icon("mdi6.close"))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = level_colour(self.message.level)
        ground = QColor(colour)
        ground.setAlpha(26)
        area = QRectF(self.rect()).adjusted(4.5, 1.5, -4.5, -1.5)
        painter.setPen(self.palette().color(QPalette.ColorRole.Mid))
        painter.setBrush(ground)
        painter.drawRoundedRect(area, 5, 5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(area.left(), area.top(), 4, area.height()), 2, 2)


class NoticeBar(QWidget):
    """Shows the newest notices above the viewer; nothing when there are none."""

    def __init__(self, notices: Notices, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[NoticeRow] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(2, 2, 2, 2)
        self._layout.setSpacing(1)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.hide()
        notices.posted.connect(self._on_posted)
        notices.reworded.connect(self._on_reworded)
        notices.withdrawn.connect(self._on_withdrawn)

    @property
    def rows(self) -> list[NoticeRow]:
        """What is shown, oldest first."""
        return list(self._rows)

    def texts(self) -> list[str]:
        """The words shown, oldest first."""
        return [row.text.text() for row in self._rows]

    def refresh_icons(self) -> None:
        """Draw the icons in the palette's colours."""
        for row in self._rows:
            row.refresh_icons()

    def dismiss(self, row: NoticeRow) -> None:
        """Take a notice from the bar."""
        if row in self._rows:
            self._rows.remove(row)
            self._layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.setVisible(bool(self._rows))

    def _on_posted(self, message: Message) -> None:
        same = [r for r in self._rows if (message.key and r.message.key == message.key) or r.message == message]
        for row in same:
            self.dismiss(row)
        passing = [r for r in self._rows if not r.message.choices] or self._rows
        if len(self._rows) >= MOST_SHOWN:
            self.dismiss(passing[0])
        row = NoticeRow(message, self)
        self._rows.append(row)
        self._layout.addWidget(row)
        self.show()

    def _on_reworded(self, key: str, text: str) -> None:
        for row in self._rows:
            if row.message.key == key:
                row.text.setText(text)
                row.setAccessibleName(text)

    def _on_withdrawn(self, key: str) -> None:
        for row in [r for r in self._rows if r.message.key == key]:
            self.dismiss(row)


class HistoryDialog(QDialog):
    """Everything that was told in this session, newest first."""

    def __init__(self, notices: Notices, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Messages"))
        self.list = QListWidget(self)
        self.list.setAccessibleName(self.tr("Messages"))
        self.list.setWordWrap(True)
        self.list.setAlternatingRowColors(True)
        for message in reversed(notices.history):
            when = time.strftime("%H:%M:%S", time.localtime(message.time))
            row = QListWidgetItem(f"{when}  {message.text}")
            row.setIcon(icon(LEVEL_ICONS[message.level], level_colour(message.level)))
            self.list.addItem(row)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.list)
        layout.addWidget(buttons)
        self.resize(640, 360)
