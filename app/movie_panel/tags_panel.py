"""The file's own tags as a tree that can be searched."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import (
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPalette,
    QShowEvent,
    QStandardItem,
    QStandardItemModel,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QLineEdit, QTreeView, QVBoxLayout, QWidget

from app.words import count_text
from core.protocol.reader import TagRow, Tags

SEARCH_DELAY_MS = 250
MOST_TAGS = 2000
MOST_OPENED = 400
LONGEST_SHOWN = 300


class TagTree(QTreeView):
    """Ctrl+C copies name and value of what is selected."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.matches(QKeySequence.StandardKey.Copy) and self.currentIndex().isValid():
            QGuiApplication.clipboard().setText(copied_text(self.currentIndex()))
            event.accept()
            return
        super().keyPressEvent(event)


def copied_text(index: QModelIndex) -> str:
    """``name = value`` of a row, with the whole name and the whole value."""
    name = index.siblingAtColumn(0).data(Qt.ItemDataRole.UserRole) or index.siblingAtColumn(0).data()
    value = index.siblingAtColumn(1).data(Qt.ItemDataRole.UserRole)
    return f"{name} = {value}" if value is not None else str(name)


class TagsPanel(QWidget):
    """Asks (`search_wanted`) while it is seen; the answer comes by `show_tags`."""

    search_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(self.tr("Search names and values"))
        self.search.setAccessibleName(self.tr("Search the tags"))
        self.search.setClearButtonEnabled(True)
        self.count = QLabel(self)
        self.count.setWordWrap(True)
        self.count.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._model = QStandardItemModel(0, 2, self)
        self._model.setHorizontalHeaderLabels([self.tr("Tag"), self.tr("Value")])
        self.tree = TagTree(self)
        self.tree.setAccessibleName(self.tr("The file's own tags"))
        self.tree.setModel(self._model)
        self.tree.setUniformRowHeights(True)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.setAlternatingRowColors(True)
        self.tree.setIndentation(self.fontMetrics().averageCharWidth() * 2)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.tree.header().setStretchLastSection(True)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(SEARCH_DELAY_MS)
        self._later.timeout.connect(self._ask)
        self._stale = True
        self._there = False
        self.search.textChanged.connect(self._on_typed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 10, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.search)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.count)
        self.show_movie(there=False)

    def show_movie(self, *, there: bool) -> None:
        """Another movie is shown (or none): what is listed is not its."""
        self._there, self._stale = there, True
        self._model.removeRows(0, self._model.rowCount())
        self.search.setEnabled(there)
        self.count.setText("" if there else self.tr("Choose a movie to see its file's tags."))
        if there and self.isVisible():
            self._later.start(0)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        if self._there and self._stale:
            self._later.start(0)

    def _on_typed(self) -> None:
        self._stale = True
        self._later.start(SEARCH_DELAY_MS)

    def _ask(self) -> None:
        if self._there and self.isVisible():
            self._stale = False
            self.count.setText(self.tr("Looking…"))
            self.search_wanted.emit(self.search.text().strip())

    def show_failed(self, text: str) -> None:
        """Why there are no tags."""
        self._model.removeRows(0, self._model.rowCount())
        self.count.setText(text)

    def show_tags(self, tags: Tags) -> None:
        """Show what was found."""
        self.tree.setUpdatesEnabled(False)
        self._model.removeRows(0, self._model.rowCount())
        fill(self._model.invisibleRootItem(), tags.rows)
        if len(tags.rows) <= MOST_OPENED:
            self.tree.expandAll()
        else:
            self.tree.expandToDepth(0)
        if tags.rows:
            self.tree.resizeColumnToContents(0)
            widest = max(80, round(self.tree.viewport().width() * 0.6))
            self.tree.setColumnWidth(0, min(self.tree.columnWidth(0), widest))
        self.tree.setUpdatesEnabled(True)
        self.count.setText(self._count(tags))

    def _count(self, tags: Tags) -> str:
        shown, total = len(tags.rows), tags.total
        if total == 0:
            searched = self.search.text().strip()
            return self.tr("No tag holds “{0}”.").format(searched) if searched else self.tr("The file has no tags.")
        if shown < total:
            told = self.tr("The first {0} of {1} tags. Type to narrow them down.")
            return told.format(count_text(shown), count_text(total))
        return self.tr("1 tag") if total == 1 else self.tr("{0} tags").format(count_text(total))


def fill(root: QStandardItem, rows: tuple[TagRow, ...]) -> None:
    """Dotted names become branches; what shares a beginning shares a branch."""
    branches: dict[tuple[str, ...], QStandardItem] = {(): root}
    for row in rows:
        words = tuple(row.name.split("."))
        parent = root
        for depth in range(1, len(words)):
            path = words[:depth]
            if path not in branches:
                branches[path] = _item(words[depth - 1], ".".join(path))
                parent.appendRow([branches[path], QStandardItem()])
            parent = branches[path]
        name, value = _item(words[-1], row.name), _item(row.value, row.value)
        # A tag that has both a value and tags under it keeps one branch.
        branches.setdefault(words, name)
        parent.appendRow([name, value])


def _item(text: str, whole: str) -> QStandardItem:
    item = QStandardItem(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")
    item.setData(whole, Qt.ItemDataRole.UserRole)
    item.setToolTip(whole[:LONGEST_SHOWN])
    return item
