"""Where a result goes and how it is written: name, format, kind of numbers."""

from __future__ import annotations

from pathlib import Path, PurePath

from PySide6.QtCore import QT_TRANSLATE_NOOP, QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLineEdit, QToolButton, QVBoxLayout, QWidget

from app.job_queue.output_name import RESULT_ENDINGS, default_output, ending_of, with_ending
from app.project_browser.entries import MovieEntry
from app.theme.icons import icon

FORMATS = {
    ".tif": QT_TRANSLATE_NOOP("OutputChoice", "TIFF (Fiji)"),
    ".ome.tif": QT_TRANSLATE_NOOP("OutputChoice", "OME-TIFF"),
    ".mrc": QT_TRANSLATE_NOOP("OutputChoice", "MRC"),
    ".ome.zarr": QT_TRANSLATE_NOOP("OutputChoice", "OME-Zarr"),
}
MRC = ".mrc"


class OutputChoice(QWidget):
    """The name is made by itself, beside the movie, until somebody types one."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._movie: MovieEntry | None = None
        self._taken: set[str] = set()
        self._folder: Path | None = None
        self.is_automatic = True
        self.path = QLineEdit(self)
        self.path.setAccessibleName(self.tr("File to write"))
        self.browse = QToolButton(self)
        self.browse.setAccessibleName(self.tr("Choose the file to write"))
        self.browse.setToolTip(self.tr("Choose where the result goes"))
        self.format = QComboBox(self)
        self.format.setAccessibleName(self.tr("Format of the result"))
        self.format.view().setAccessibleName(self.tr("Formats to choose from"))
        for ending, words in FORMATS.items():
            self.format.addItem(self.tr(str(words)), ending)
        self.numbers = QComboBox(self)
        self.numbers.setAccessibleName(self.tr("Kind of numbers in the result"))
        self.numbers.view().setAccessibleName(self.tr("Kinds of numbers to choose from"))
        self.numbers.addItem(self.tr("32 bit"), "float32")
        self.numbers.addItem(self.tr("16 bit"), "uint16")
        self.numbers.setToolTip(
            self.tr("32 bit real numbers, or 16 bit whole numbers with a scale stored in the file: half the size.")
        )
        for combo in (self.format, self.numbers):
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.setMinimumContentsLength(6)
        name = QHBoxLayout()
        name.addWidget(self.path, 1)
        name.addWidget(self.browse)
        kind = QHBoxLayout()
        kind.addWidget(self.format, 3)
        kind.addWidget(self.numbers, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(name)
        layout.addLayout(kind)
        self.path.textEdited.connect(self._on_edited)
        self.browse.clicked.connect(self._browse)
        self.format.currentIndexChanged.connect(self._on_format)
        self.numbers.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.refresh_icons()

    def refresh_icons(self) -> None:
        """Draw icons from the palette."""
        self.browse.setIcon(icon("mdi6.folder-open-outline"))

    @property
    def text(self) -> str:
        """The file to write."""
        return self.path.text().strip()

    @property
    def dtype(self) -> str:
        """``float32`` or ``uint16``."""
        return str(self.numbers.currentData())

    @property
    def ending(self) -> str:
        """The chosen format, as the end of a name."""
        return str(self.format.currentData())

    def set_movie(self, movie: MovieEntry | None, taken: set[str], *, anew: bool) -> None:
        """Name the result of a movie; `anew`: forget what was typed for another."""
        self._movie, self._taken = movie, taken
        if anew:
            self.is_automatic, self._folder = True, None
        self.choose()

    def mark_taken(self, path: str) -> bool:
        """The disk has such a file; returns whether an automatic name moved on."""
        self._taken.add(path)
        if self.is_automatic:
            self.choose()
        return self.is_automatic

    def go_home(self) -> str | None:
        """The movie's folder may not be written to: write into the user's own. The new name; None if that was it."""
        if self._folder is not None or not self.is_automatic or self._movie is None:
            return None
        self._folder = Path.home()
        self.choose()
        return self.text

    def choose(self) -> None:
        """Make the name by itself, if nobody typed one."""
        movie = self._movie
        if movie is None:
            self.path.clear()
        elif self.is_automatic:
            several = len(movie.movie_datasets) > 1 or (movie.dataset or "").startswith("raw:")
            part = movie.dataset if several else None
            self.path.setText(default_output(movie.path, part, self._taken, self.ending, self._folder))
            self.path.setCursorPosition(len(self.path.text()))
        self.path.setToolTip(self.path.text())

    def _on_edited(self, text: str) -> None:
        self.is_automatic = not text.strip()
        self._show_format_of(text)
        self.path.setToolTip(text)
        self.changed.emit()

    def _show_format_of(self, path: str) -> None:
        place = self.format.findData(ending_of(path))
        if place >= 0 and place != self.format.currentIndex():
            with QSignalBlocker(self.format):
                self.format.setCurrentIndex(place)

    def _on_format(self, _index: int) -> None:
        if self.is_automatic:
            self.choose()
        elif self.text:
            self.path.setText(with_ending(self.text, self.ending))
        self.changed.emit()

    def _browse(self) -> None:
        names = [f"{self.format.itemText(place)} (*{ending})" for place, ending in enumerate(FORMATS)]
        path, chosen = QFileDialog.getSaveFileName(
            self, self.tr("Write the result to"), self.text, ";;".join(names), names[self.format.currentIndex()]
        )
        if not path:
            return
        if ending_of(path) is None:
            path += RESULT_ENDINGS[names.index(chosen)] if chosen in names else self.ending
        self.path.setText(str(PurePath(path)))
        self._on_edited(path)
