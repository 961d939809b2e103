"""What a file holds: its movies to choose from, and what else is in it with the reason why it is no movie."""

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
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.project_browser.entries import MovieEntry
from app.words import count_text
from core.protocol.movie import DatasetInfo


class DatasetDialog(QDialog):
    """One is chosen; `chosen` carries its key."""

    chosen = Signal(str)

    def __init__(self, entry: MovieEntry, listed: set[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Datasets of {0}").format(entry.name))
        self._infos = entry.datasets
        movies = len(entry.movie_datasets)
        text = self.tr("This file holds {0} datasets; {1} of them can be shown as a movie.")
        sentence = QLabel(text.format(count_text(len(self._infos)), count_text(movies)), self)
        sentence.setWordWrap(True)
        self.list = self._make_list(entry.open_dataset, listed)
        self.reason = QLabel(self)
        self.reason.setWordWrap(True)
        self.reason.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.reason.setMinimumHeight(self.fontMetrics().lineSpacing() * 2)
        self.reason.setAlignment(Qt.AlignmentFlag.AlignTop)
        buttons = QDialogButtonBox(self)
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.accept_button: QPushButton = buttons.addButton(
            self.tr("Show this one"), QDialogButtonBox.ButtonRole.AcceptRole
        )
        self.accept_button.setDefault(True)
        buttons.accepted.connect(self._on_accepted)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        for part in (sentence, self.list, self.reason, buttons):
            layout.addWidget(part)
        self.list.currentItemChanged.connect(self._on_current)
        self.list.itemDoubleClicked.connect(lambda *_: self._on_accepted())
        self.resize(self.fontMetrics().averageCharWidth() * 90, self.fontMetrics().height() * 24)
        self._on_current()

    def _make_list(self, shown: str, listed: set[str]) -> QTreeWidget:
        made = QTreeWidget(self)
        made.setAccessibleName(self.tr("Datasets of the file"))
        made.setHeaderLabels([self.tr("Dataset"), self.tr("Size"), self.tr("Type"), self.tr("State")])
        made.setRootIsDecorated(False)
        made.setUniformRowHeights(True)
        made.setAlternatingRowColors(True)
        made.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        current = None
        faint = self.palette().color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text)
        for info in self._infos:
            item = QTreeWidgetItem(
                [info.title or info.key, shape_of(info), info.dtype, self._where(info, shown, listed)]
            )
            item.setToolTip(0, info.key)
            if info.refusal is not None:
                item.setToolTip(3, info.refusal)
                for column in range(4):
                    item.setForeground(column, faint)
            made.addTopLevelItem(item)
            if info.key == shown or current is None:
                current = item
        made.setCurrentItem(current)
        header = made.header()
        header.setStretchLastSection(True)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        return made

    def _where(self, info: DatasetInfo, shown: str, listed: set[str]) -> str:
        if info.refusal is not None:
            return self.tr("no movie")
        if info.key == shown:
            return self.tr("shown now")
        return self.tr("in the list") if info.key in listed else ""

    def current(self) -> DatasetInfo | None:
        """What is selected."""
        place = self.list.indexOfTopLevelItem(self.list.currentItem()) if self.list.currentItem() else -1
        return self._infos[place] if place >= 0 else None

    def _on_current(self, *_: object) -> None:
        info = self.current()
        self.accept_button.setEnabled(info is not None and info.refusal is None)
        self.reason.setText("" if info is None else info.refusal or info.key)

    def _on_accepted(self) -> None:
        info = self.current()
        if info is not None and info.refusal is None:
            self.accept()
            self.chosen.emit(info.key)


def shape_of(info: DatasetInfo) -> str:
    """``240 × 512 × 512``."""
    return " × ".join(str(size) for size in info.shape)
