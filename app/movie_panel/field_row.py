"""A field of a movie that can be typed over: its name, its value, and whose word it is."""

from __future__ import annotations

from PySide6.QtCore import QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QAction, QFocusEvent, QKeyEvent, QPalette
from PySide6.QtWidgets import QGridLayout, QLabel, QLineEdit, QSizePolicy, QWidget

from app.movie_panel.fields import Field, NotUnderstoodError
from app.theme.colours import level_colour
from app.theme.icons import icon
from core.protocol.entered import Entered
from core.protocol.movie import MovieMeta


class ValueEdit(QLineEdit):
    """Return and leaving the box take what was typed; Escape takes it back."""

    given_up = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Escape and self.isModified():
            self.given_up.emit()
            event.accept()
            return
        super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.setCursorPosition(0)


class FieldRow(QObject):
    """The widgets of one field in a grid of three columns; `changed` carries what is typed altogether."""

    changed = Signal(object)

    def __init__(self, field: Field, grid: QGridLayout, row: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.field = field
        self._meta: MovieMeta | None = None
        self._entered = Entered()
        self.label = QLabel(field.label, parent)
        self.label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.edit = ValueEdit(parent)
        self.edit.setAccessibleName(field.label)
        self.edit.setPlaceholderText(self.tr("unknown"))
        self.edit.setMinimumWidth(parent.fontMetrics().averageCharWidth() * 10)
        self.label.setBuddy(self.edit)
        self.source = QLabel(parent)
        self.source.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.reset = QAction(self)
        self.reset.setToolTip(self.tr("Back to what the file says (or empty the box)"))
        self.reset.setVisible(False)
        self.edit.addAction(self.reset, QLineEdit.ActionPosition.TrailingPosition)
        self.problem = QLabel(parent)
        self.problem.setWordWrap(True)
        self.problem.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.problem.hide()
        grid.addWidget(self.label, row, 0)
        grid.addWidget(self.edit, row, 1)
        grid.addWidget(self.source, row, 2)
        grid.addWidget(self.problem, row + 1, 1, 1, 2)
        self.edit.editingFinished.connect(self._on_finished)
        self.edit.textEdited.connect(lambda: self.problem.hide())
        self.edit.given_up.connect(self._show)
        self.reset.triggered.connect(self._on_reset)
        self.refresh_icons()

    def refresh_icons(self) -> None:
        """Draw icons and colours from the palette."""
        self.reset.setIcon(icon("mdi6.undo-variant"))
        colours = QPalette()
        colours.setColor(QPalette.ColorRole.WindowText, level_colour("error"))
        self.problem.setPalette(colours)

    def show_movie(self, meta: MovieMeta | None, entered: Entered) -> None:
        """Show a movie's value."""
        if self.edit.isModified() and self.edit.hasFocus() and meta is not None and self._meta is not None:
            # Somebody is typing here while the file grows.
            self._entered = entered
            return
        self._meta, self._entered = meta, entered
        self._show()

    def _show(self) -> None:
        meta = self._meta
        text = "" if meta is None else self.field.show(meta)
        typed = meta is not None and self.field.is_typed(meta)
        with QSignalBlocker(self.edit):
            self.edit.setText(text)
        self.edit.setCursorPosition(0)
        self.edit.setModified(False)
        self.edit.setEnabled(meta is not None)
        self.edit.setToolTip(self.field.hint())
        self.problem.hide()
        self.reset.setVisible(typed)
        self.source.setText(self.tr("typed") if typed else self.tr("file") if text else "")
        where = self.tr("You typed this; it is kept in the project.") if typed else self.tr("The file says so.")
        self.source.setToolTip(where if text else "")
        self.edit.setAccessibleDescription(self.source.text())

    def _on_finished(self) -> None:
        if not self.edit.isModified() or self._meta is None:
            return
        try:
            entered = self.field.taken(self._entered, self.edit.text())
        except NotUnderstoodError as error:
            self.problem.setText(str(error))
            self.problem.show()
            self.edit.setAccessibleDescription(str(error))
            return
        self.edit.setModified(False)
        if entered == self._entered:
            self._show()
        else:
            self.changed.emit(entered)

    def _on_reset(self, *_: object) -> None:
        self.edit.setModified(False)
        self.changed.emit(self.field.taken(self._entered, ""))
