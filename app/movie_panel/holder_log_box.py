"""The part of the movie's panel about its holder log: attach one, say how far its clock is off, remove it."""

from __future__ import annotations

from pathlib import PurePath

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.elided_label import ElidedLabel
from app.project_browser.entries import HolderLog
from app.theme.icons import icon

FARTHEST_S = 1e6


class HolderLogBox(QWidget):
    """`offset_changed` comes once typing ends."""

    attach_wanted = Signal()
    remove_wanted = Signal()
    offset_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        rule = QFrame(self)
        rule.setFrameShape(QFrame.Shape.HLine)
        rule.setForegroundRole(QPalette.ColorRole.Mid)
        heading = QLabel(self.tr("Holder log"), self)
        font = heading.font()
        font.setBold(True)
        heading.setFont(font)
        self.name = ElidedLabel(self)
        self.said = QLabel(self)
        self.said.setWordWrap(True)
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.said.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.attach = QPushButton(self.tr("Attach…"), self)
        self.attach.setToolTip(self.tr("Join a CSV log of temperature, gas or bias to the frames by time"))
        self.remove = QPushButton(self.tr("Remove"), self)
        self.remove.setToolTip(self.tr("Take the log from this movie; its file is not touched"))
        self.offset = QDoubleSpinBox(self)
        self.offset.setAccessibleName(self.tr("Seconds added to the log's time"))
        self.offset.setToolTip(self.tr("Added to the log's time, where its clock and the camera's differ"))
        self.offset.setRange(-FARTHEST_S, FARTHEST_S)
        self.offset.setDecimals(2)
        self.offset.setSuffix(self.tr(" s"))
        self.offset.setKeyboardTracking(False)
        self.offset_label = QLabel(self.tr("Clock difference"), self)
        self.offset_label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.offset_label.setBuddy(self.offset)
        offset = QHBoxLayout()
        offset.addWidget(self.offset_label)
        offset.addWidget(self.offset)
        offset.addStretch(1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.attach)
        buttons.addWidget(self.remove)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(5)
        for widget in (rule, heading, self.name):
            layout.addWidget(widget)
        layout.addWidget(self.said)
        layout.addLayout(offset)
        layout.addLayout(buttons)
        self.attach.clicked.connect(self.attach_wanted)
        self.remove.clicked.connect(self.remove_wanted)
        self.offset.valueChanged.connect(self.offset_changed)
        self.show_log(None)

    def refresh_icons(self) -> None:
        """Draw icons from the palette."""
        self.attach.setIcon(icon("mdi6.chart-line"))

    def show_log(self, log: HolderLog | None) -> None:
        """Show which log belongs to the movie."""
        there = log is not None
        self.name.setVisible(there)
        self.offset.setVisible(there)
        self.offset_label.setVisible(there)
        self.remove.setVisible(there)
        self.attach.setText(self.tr("Choose another…") if there else self.tr("Attach…"))
        if log is None:
            self.say(self.tr("None. A log is joined to the frames by time and shown under the movie."))
            return
        self.name.set_full_text(PurePath(log.path).name)
        with QSignalBlocker(self.offset):
            self.offset.setValue(log.offset_s)

    def say(self, text: str) -> None:
        """How the log was joined, or why not."""
        self.said.setText(text)
