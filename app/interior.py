"""The rooms of the window, built once it has been painted: importing and making them takes longer than showing it."""

from __future__ import annotations

from PySide6.QtWidgets import QMainWindow, QTabWidget, QVBoxLayout, QWidget

from app.dialogs import Dialogs
from app.job_queue.denoise_panel import DenoisePanel
from app.job_queue.progress_panel import ProgressPanel
from app.messages.notices import Notices
from app.movie_care import MovieCare
from app.movie_panel.movie_panel import MoviePanel
from app.movie_panel.tags_panel import TagsPanel
from app.parts import Parts
from app.project_browser.arrivals import Arrivals
from app.project_browser.browser import Browser
from app.project_browser.library import MovieLibrary
from app.upright_scroll import scrolled
from app.viewer.viewer import Viewer
from app.workspace import Workspace


class Interior:
    """Browser, viewer, forms and dialogs, and what joins them."""

    def __init__(self, parts: Parts, notices: Notices, window: QMainWindow) -> None:
        self.library = MovieLibrary(parts.reader, parts.folder, window)
        self.browser = Browser(self.library, window)
        self.viewer = Viewer(parts.reader, parts.folder, window)
        self.panel = DenoisePanel(window)
        self.progress = ProgressPanel(window)
        self.movie_panel = MoviePanel(window)
        self.tags = TagsPanel(window)
        self.arrivals = Arrivals(parts.reader, self.library, notices, window)
        self.workspace = Workspace(
            self.library,
            self.browser,
            self.viewer,
            self.panel,
            self.arrivals,
            parts.engine,
            parts.folder,
            parts.memory,
            parts.settings,
            notices,
            window,
        )
        self.care = MovieCare(
            parts.reader, self.library, parts.memory, self.viewer, self.movie_panel, self.tags, notices, window
        )
        self.dialogs = Dialogs(
            parts.reader,
            parts.engine,
            parts.folder,
            self.library,
            self.browser,
            self.viewer,
            self.arrivals,
            self.care,
            notices,
            window,
        )
        self.side = self._make_side(window)
        self._connect()

    def _connect(self) -> None:
        self.workspace.shown_changed.connect(self.care.show)
        self.workspace.selection_changed.connect(self.dialogs.show_movie)
        self.care.clean_up_changed.connect(self.workspace.take_clean_up)
        self.panel.clean_up.wanted.connect(self.dialogs.ask_detector)
        self.movie_panel.datasets_wanted.connect(lambda: self.dialogs.ask_dataset())
        self.movie_panel.layout_wanted.connect(lambda: self.dialogs.ask_layout())
        self.movie_panel.holder.attach_wanted.connect(self.dialogs.ask_holder_log)

    def close(self) -> None:
        """Ask for nothing more."""
        self.care.close()
        self.workspace.close()
        self.viewer.shut()

    def refresh_colours(self) -> None:
        """Take icons and colours from the palette."""
        self.viewer.frame_bar.refresh_icons()
        self.panel.refresh_colours()
        self.movie_panel.refresh_icons()

    def _make_side(self, window: QMainWindow) -> QTabWidget:
        run = QWidget(window)
        layout = QVBoxLayout(run)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.panel)
        layout.addWidget(self.progress)
        layout.addStretch(1)
        tabs = QTabWidget(window)
        tabs.setDocumentMode(True)
        tabs.tabBar().setAccessibleName(window.tr("Denoise, movie, tags"))
        tabs.tabBar().setExpanding(True)
        tabs.addTab(scrolled(run, window), window.tr("Denoise"))
        tabs.addTab(scrolled(self.movie_panel, window), window.tr("Movie"))
        tabs.addTab(self.tags, window.tr("Tags"))
        return tabs
