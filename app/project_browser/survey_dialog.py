"""What is in a dropped folder, in a sentence and a list; the user says what of it is added."""

from __future__ import annotations

import os
from pathlib import PurePath

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.words import bytes_text, count_text
from core.protocol.reader import Find, Surveyed


class SurveyDialog(QDialog):
    """Everything is ticked to begin with; `chosen` carries what stays ticked."""

    chosen = Signal(list)

    def __init__(self, surveyed: Surveyed, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Add movies"))
        self._finds = surveyed.finds
        self.sentence = QLabel(surveyed.said, self)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setWordWrap(True)
        font = self.sentence.font()
        font.setPointSizeF(font.pointSizeF() * 1.15)
        self.sentence.setFont(font)
        self.list = self._make_list()
        self.rest = QLabel(self._rest(surveyed), self)
        self.rest.setWordWrap(True)
        self.rest.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.rest.setVisible(bool(self.rest.text()))
        buttons = QDialogButtonBox(self)
        self.all = self._button(buttons, self.tr("Tick all"), QDialogButtonBox.ButtonRole.ResetRole)
        self.none = self._button(buttons, self.tr("Tick none"), QDialogButtonBox.ButtonRole.ResetRole)
        self.cancel = buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.accept_button = self._button(buttons, "", QDialogButtonBox.ButtonRole.AcceptRole)
        self.accept_button.setDefault(True)
        self.all.clicked.connect(lambda: self._tick_all(Qt.CheckState.Checked))
        self.none.clicked.connect(lambda: self._tick_all(Qt.CheckState.Unchecked))
        for widget in (self.all, self.none):
            widget.setVisible(len(self._finds) > 1)
        buttons.accepted.connect(self._on_accepted)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        for part in (self.sentence, self.list, self.rest, buttons):
            layout.addWidget(part)
        self.resize(self.fontMetrics().averageCharWidth() * 120, self.fontMetrics().height() * 26)
        self._show_count()

    def _button(self, box: QDialogButtonBox, text: str, role: QDialogButtonBox.ButtonRole) -> QPushButton:
        button: QPushButton = box.addButton(text, role)
        return button

    def _make_list(self) -> QTreeWidget:
        made = QTreeWidget(self)
        made.setAccessibleName(self.tr("Movies that were found"))
        made.setHeaderLabels([self.tr("Movie"), self.tr("What it is"), self.tr("Size")])
        made.setRootIsDecorated(False)
        made.setUniformRowHeights(True)
        made.setAlternatingRowColors(True)
        made.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        made.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        top = _common_folder([find.path for find in self._finds])
        items = []
        for find in self._finds:
            name = os.path.relpath(find.path, top) if top else PurePath(find.path).name
            size = bytes_text(find.file_bytes) if find.file_bytes else ""
            item = QTreeWidgetItem([name, find.said or self._plain(find), size])
            item.setCheckState(0, Qt.CheckState.Checked)
            item.setToolTip(0, find.path)
            item.setToolTip(1, find.said)
            item.setTextAlignment(2, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            items.append(item)
        made.addTopLevelItems(items)
        header = made.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(0, self.fontMetrics().averageCharWidth() * 40)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        made.itemChanged.connect(self._show_count)
        return made

    def _rest(self, surveyed: Surveyed) -> str:
        if surveyed.more:
            return self.tr("There is more: the list was cut here. Open a folder further down for the rest.")
        return ""

    def _plain(self, find: Find) -> str:
        suffix = PurePath(find.path).suffix.removeprefix(".").upper()
        return self.tr("{0} file").format(suffix) if suffix else self.tr("one movie")

    def ticked(self) -> list[Find]:
        """What is ticked now."""
        states = (self.list.topLevelItem(row).checkState(0) for row in range(self.list.topLevelItemCount()))
        return [find for find, state in zip(self._finds, states, strict=True) if state is Qt.CheckState.Checked]

    def _tick_all(self, state: Qt.CheckState) -> None:
        with QSignalBlocker(self.list):
            for row in range(self.list.topLevelItemCount()):
                self.list.topLevelItem(row).setCheckState(0, state)
        self.list.viewport().update()
        self._show_count()

    def _show_count(self, *_: object) -> None:
        count = len(self.ticked())
        text = self.tr("Add 1 movie") if count == 1 else self.tr("Add {0} movies").format(count_text(count))
        self.accept_button.setText(text)
        self.accept_button.setEnabled(count > 0)

    def _on_accepted(self) -> None:
        finds = self.ticked()
        self.accept()
        self.chosen.emit(finds)


def _common_folder(paths: list[str]) -> str:
    """The folder above all of them; empty if there is none, as on two drives."""
    try:
        return os.path.dirname(os.path.commonpath([*paths, paths[0]])) if len(paths) == 1 else os.path.commonpath(paths)  # noqa: PTH120
    except ValueError:
        return ""
