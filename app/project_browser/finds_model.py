"""What a survey found, as rows with a tick; ten thousand of them cost no more than the few that are seen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from app.words import bytes_text
from core.protocol.reader import Find

AnyIndex = QModelIndex | QPersistentModelIndex
NAME, WHAT, SIZE = range(3)
_FLAGS = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemNeverHasChildren
_FLAGS_OF_NAME = _FLAGS | Qt.ItemFlag.ItemIsUserCheckable


class FindsModel(QAbstractTableModel):
    """Name, what it is, size; everything is ticked to begin with."""

    ticks_changed = Signal()

    def __init__(self, finds: Sequence[Find], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._finds = tuple(finds)
        self._ticks = [True] * len(self._finds)
        self._top = _common_folder([find.path for find in self._finds])

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self._finds)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else 3

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return (self.tr("Movie"), self.tr("What it is"), self.tr("Size"))[section]
        return None

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        # The view asks for every row when it opens, so this has to cost nothing.
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return _FLAGS_OF_NAME if index.column() == NAME else _FLAGS

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        find, column = self._finds[index.row()], index.column()
        if role == Qt.ItemDataRole.CheckStateRole and column == NAME:
            return Qt.CheckState.Checked if self._ticks[index.row()] else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.DisplayRole:
            return (self._name(find), self._what(find), bytes_text(find.file_bytes) if find.file_bytes else "")[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return find.path if column == NAME else find.said
        if role == Qt.ItemDataRole.TextAlignmentRole and column == SIZE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def setData(self, index: AnyIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        if role != Qt.ItemDataRole.CheckStateRole or index.column() != NAME:
            return False
        self._ticks[index.row()] = Qt.CheckState(value) is Qt.CheckState.Checked
        self.dataChanged.emit(index, index, [role])
        self.ticks_changed.emit()
        return True

    def tick_all(self, *, ticked: bool) -> None:
        """Tick every row, or none."""
        self._ticks = [ticked] * len(self._finds)
        if self._finds:
            last = self.index(len(self._finds) - 1, NAME)
            self.dataChanged.emit(self.index(0, NAME), last, [Qt.ItemDataRole.CheckStateRole])
        self.ticks_changed.emit()

    def ticked(self) -> list[Find]:
        """What is ticked."""
        return [find for find, tick in zip(self._finds, self._ticks, strict=True) if tick]

    def _name(self, find: Find) -> str:
        return os.path.relpath(find.path, self._top) if self._top else PurePath(find.path).name

    def _what(self, find: Find) -> str:
        if find.said:
            return find.said
        suffix = PurePath(find.path).suffix.removeprefix(".").upper()
        return self.tr("{0} file").format(suffix) if suffix else self.tr("one movie")


def _common_folder(paths: list[str]) -> str:
    """The folder above all of them; empty if there is none, as on two drives."""
    try:
        return os.path.commonpath({os.path.dirname(path) for path in paths})  # noqa: PTH120 - ten thousand of them
    except ValueError:
        return ""
