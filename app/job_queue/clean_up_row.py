"""What is done about the detector's defects in the run, in a few words; the dialog is a button away."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from app.elided_label import ElidedLabel
from app.project_browser.entries import MovieEntry
from app.theme.icons import icon
from core.protocol.clean_up import CleanUp


class CleanUpRow(QWidget):
    """A summary, and a button that asks for more."""

    wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.summary = ElidedLabel(self)
        self.button = QToolButton(self)
        self.button.setAccessibleName(self.tr("Dark and gain references, defects, X-ray hits"))
        self.button.setToolTip(self.tr("Choose dark and gain references, look for defects of the detector"))
        self.button.clicked.connect(self.wanted)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.summary, 1)
        layout.addWidget(self.button)
        self.refresh_icons()
        self.show_movie(None)

    def refresh_icons(self) -> None:
        """Draw icons from the palette."""
        self.button.setIcon(icon("mdi6.tune-variant"))

    def show_movie(self, movie: MovieEntry | None) -> None:
        """Say what is done in this movie's run."""
        there = movie is not None and movie.meta is not None
        self.button.setEnabled(there)
        self.summary.setEnabled(there)
        self.summary.set_full_text(self._text(movie.clean_up if movie is not None else CleanUp()))

    def _text(self, clean_up: CleanUp) -> str:
        parts = [
            words
            for there, words in (
                (clean_up.dark, self.tr("dark")),
                (clean_up.gain, self.tr("gain")),
                (clean_up.defects, self.tr("defects")),
                (clean_up.pattern, self.tr("pattern")),
                (clean_up.xrays, self.tr("X-ray hits")),
                (clean_up.lines, self.tr("line noise")),
            )
            if there
        ]
        return ", ".join(parts) if parts else self.tr("nothing is taken out")
