"""What is in a dropped folder, in a sentence and a list; the user says what of it is added."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app.project_browser.finds_model import FindsModel
from app.words import count_text
from core.protocol.reader import Find, Surveyed


class SurveyDialog(QDialog):
    """Everything is ticked to begin with; `chosen` carries what stays ticked."""

    chosen = Signal(list)

    def __init__(self, surveyed: Surveyed, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Add movies"))
        self.model = FindsModel(surveyed.finds, self)
        self.model.ticks_changed.connect(self._show_count)
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
        self.all.clicked.connect(lambda: self.model.tick_all(ticked=True))
        self.none.clicked.connect(lambda: self.model.tick_all(ticked=False))
        for widget in (self.all, self.none):
            widget.setVisible(len(surveyed.finds) > 1)
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

    def _make_list(self) -> QTreeView:
        made = QTreeView(self)
        made.setAccessibleName(self.tr("Movies that were found"))
        made.setModel(self.model)
        made.setRootIsDecorated(False)
        made.setUniformRowHeights(True)
        made.setAlternatingRowColors(True)
        made.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        made.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = made.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(0, self.fontMetrics().averageCharWidth() * 40)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(2, self.fontMetrics().horizontalAdvance("9999.9 MB") + 14)
        return made

    def _rest(self, surveyed: Surveyed) -> str:
        if surveyed.more:
            return self.tr("There is more: the list was cut here. Open a folder further down for the rest.")
        return ""

    def ticked(self) -> list[Find]:
        """What is ticked now."""
        return self.model.ticked()

    def _show_count(self, *_: object) -> None:
        count = len(self.ticked())
        text = self.tr("Add 1 movie") if count == 1 else self.tr("Add {0} movies").format(count_text(count))
        self.accept_button.setText(text)
        self.accept_button.setEnabled(count > 0)

    def _on_accepted(self) -> None:
        finds = self.ticked()
        self.accept()
        self.chosen.emit(finds)
