"""The list of movies at the window's left."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QAction, QPalette
from PySide6.QtWidgets import QAbstractItemView, QListView, QVBoxLayout, QWidget

from app.project_browser.entries import MovieEntry, ResultEntry
from app.project_browser.library import MovieLibrary
from app.project_browser.row_delegate import RowDelegate
from app.project_browser.row_model import Row, RowModel


class Browser(QWidget):
    """Shows the library; says which row is selected."""

    selected = Signal(object)

    def __init__(self, library: MovieLibrary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self.rows = RowModel(library, self)
        self.list = QListView(self)
        self.list.setAccessibleName(self.tr("Movies and their results"))
        self.list.setModel(self.rows)
        self.list.setItemDelegate(RowDelegate(self.list))
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setResizeMode(QListView.ResizeMode.Adjust)
        self.list.setMouseTracking(True)
        self.list.viewport().setBackgroundRole(QPalette.ColorRole.AlternateBase)
        self.list.setFrameShape(QListView.Shape.NoFrame)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        self.list.selectionModel().currentChanged.connect(self._on_current)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(self.fontMetrics().averageCharWidth() * 42, 400)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(self.fontMetrics().averageCharWidth() * 26, 120)

    def offer(self, actions: list[QAction]) -> None:
        """The context menu's actions."""
        self.list.addActions(actions)

    def current(self) -> Row | None:
        """What is selected."""
        return self.rows.row(self.list.currentIndex())

    def select(self, movie: MovieEntry, result: ResultEntry | None = None) -> None:
        """Select a movie or one of its results."""
        index = self.rows.index_of(movie, result)
        if index.isValid():
            self.list.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            self.list.scrollTo(index)

    def _on_current(self, current: QModelIndex, _before: QModelIndex) -> None:
        self.selected.emit(self.rows.row(current))
