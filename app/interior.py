"""The rooms of the window, built once it has been painted: importing and making them takes longer than showing it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMainWindow, QScrollArea, QVBoxLayout, QWidget

from app.job_queue.denoise_panel import DenoisePanel
from app.job_queue.progress_panel import ProgressPanel
from app.messages.notices import Notices
from app.parts import Parts
from app.project_browser.browser import Browser
from app.project_browser.library import MovieLibrary
from app.viewer.viewer import Viewer
from app.workspace import Workspace


class Interior:
    """Browser, viewer and form, and the workspace that joins them."""

    def __init__(self, parts: Parts, notices: Notices, window: QMainWindow) -> None:
        self.library = MovieLibrary(parts.reader, parts.folder, window)
        self.browser = Browser(self.library, window)
        self.viewer = Viewer(parts.reader, parts.folder, window)
        self.panel = DenoisePanel(window)
        self.progress = ProgressPanel(window)
        self.workspace = Workspace(
            self.library,
            self.browser,
            self.viewer,
            self.panel,
            parts.engine,
            parts.folder,
            parts.memory,
            parts.settings,
            notices,
            window,
        )
        self.side = self._make_side(window)

    def _make_side(self, window: QMainWindow) -> QScrollArea:
        side = QWidget(window)
        layout = QVBoxLayout(side)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.panel)
        layout.addWidget(self.progress)
        layout.addStretch(1)
        scroll = QScrollArea(window)
        scroll.setWidget(side)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumWidth(window.fontMetrics().averageCharWidth() * 44)
        return scroll
