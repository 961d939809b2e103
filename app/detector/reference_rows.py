"""One line a reference: whether it is used, and which file it is."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFileDialog, QGridLayout, QLineEdit, QToolButton, QWidget

from app.theme.icons import icon


class ReferenceRow(QWidget):
    """A tick, a path and a button to choose it; the tick follows the path as it is chosen."""

    changed = Signal()

    def __init__(self, title: str, tip: str, pattern: str, grid: QGridLayout, row: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.hide()
        self._title, self._pattern = title, pattern
        self.use = QCheckBox(title, parent)
        self.use.setToolTip(tip)
        self.path = QLineEdit(parent)
        self.path.setAccessibleName(self.tr("{0}: file").format(title))
        self.path.setPlaceholderText(self.tr("none"))
        self.path.setToolTip(tip)
        self.browse = QToolButton(parent)
        self.browse.setAccessibleName(self.tr("{0}: choose a file").format(title))
        self.browse.setIcon(icon("mdi6.folder-open-outline"))
        grid.addWidget(self.use, row, 0)
        grid.addWidget(self.path, row, 1)
        grid.addWidget(self.browse, row, 2)
        self.use.toggled.connect(lambda _: self.changed.emit())
        self.path.textEdited.connect(self._on_edited)
        self.browse.clicked.connect(self._choose)

    def set_path(self, path: str | None, *, use: bool = True) -> None:
        """Show a file, ticked or not."""
        self.path.setText(path or "")
        self.use.setChecked(bool(path) and use)
        self.changed.emit()

    def value(self) -> str | None:
        """The file, if it is to be used."""
        path = self.path.text().strip()
        return path if path and self.use.isChecked() else None

    def _on_edited(self, text: str) -> None:
        self.use.setChecked(bool(text.strip()))
        self.changed.emit()

    def _choose(self) -> None:
        names = f"{self._pattern};;{self.tr('All files (*)')}"
        path, _ = QFileDialog.getOpenFileName(self.parentWidget(), self._title, self.path.text(), names)
        if path:
            self.set_path(path)
