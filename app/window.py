"""The main window: arranges docks, menus and tool bar, takes drops, and closes. What happens is in `app.workspace`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, QRect, QSettings, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QIcon,
    QKeyEvent,
    QPalette,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDockWidget,
    QFileDialog,
    QLabel,
    QMainWindow,
    QMessageBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.actions.action_info import ActionId
from app.actions.registry import ActionRegistry
from app.messages.notice_bar import HistoryDialog, NoticeBar
from app.messages.notices import Notices
from app.settings.keeper import SettingsKeeper
from app.settings.settings import settings_path
from app.smoke import Smoke, smoke
from app.theme.colours import apply_scheme
from app.viewer.empty_page import DropHighlight, EmptyPage
from app.viewer.view_state import Layout
from core.protocol.models import ARCHIVE_ENDING

if TYPE_CHECKING:
    from app.interior import Interior
    from app.job_queue.denoise_panel import DenoisePanel
    from app.job_queue.progress_panel import ProgressPanel
    from app.job_queue.run import Run
    from app.parts import Parts
    from app.project_browser.browser import Browser
    from app.project_browser.library import MovieLibrary
    from app.viewer.viewer import Viewer
    from app.workspace import Workspace

STEP = 10
NARROW_CHARACTERS = 180
MOVIE_ENDINGS = (
    *(".dm3", ".dm4", ".dm5", ".ser", ".emi", ".emd", ".mrc", ".mrcs", ".st", ".ali", ".rec", ".map", ".eer"),
    *(".tif", ".tiff", ".btf", ".tf8", ".tvips", ".mib", ".hspy", ".h5", ".hdf5", ".nxs", ".mat", ".raw", ".png"),
)


class MainWindow(QMainWindow):
    """The window. `parts` are the processes, the project and the settings it works with."""

    closed = Signal()
    first_painted = Signal()
    moved_in = Signal()

    def __init__(self, settings: SettingsKeeper, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._parts: Parts | None = None
        self._interior: Interior | None = None
        self._painted = False
        self.setWindowTitle("Quietbeam")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(False)
        self.notices = Notices(self)
        self.notice_bar = NoticeBar(self.notices, self)
        self.registry = ActionRegistry(self._callbacks(), self)
        self._arrange()
        self._take_settings()
        self._restore_geometry()
        self._settings.changed.connect(self._take_settings)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._take_settings)
        self.set_engine_status(self.tr("Engine starting…"))

    def move_in(self, parts: Parts) -> None:
        """Build what the window holds, once it has been painted."""
        from app.interior import Interior

        self._parts = parts
        interior = self._interior = Interior(parts, self.notices, self)
        self.pages.addWidget(interior.viewer)
        self._movies_dock.setWidget(interior.browser)
        self._denoise_dock.setWidget(interior.side)
        offered = (ActionId.EXPORT, ActionId.DATASETS, ActionId.HOLDER_LOG, ActionId.LAYOUT, ActionId.LOOK_AGAIN)
        interior.browser.offer([self.registry[action] for action in (*offered, ActionId.REMOVE_MOVIE)])
        workspace = interior.workspace
        workspace.run_changed.connect(self._on_run_changed)
        interior.dialogs.status_changed.connect(self.statusBar().showMessage)
        interior.dialogs.marking_changed.connect(self.registry[ActionId.SHOW_DEFECTS].setChecked)
        workspace.engine_status_changed.connect(self.set_engine_status)
        workspace.movie_count_changed.connect(lambda count: self.pages.setCurrentIndex(1 if count else 0))
        interior.progress.cancel_wanted.connect(workspace.runs.cancel)
        interior.progress.again_wanted.connect(lambda: workspace.go_on())
        interior.progress.folder_wanted.connect(_show_in_folder)
        interior.viewer.state.layout_changed.connect(self._on_layout)
        self._on_layout(interior.viewer.state.layout)
        self._take_settings()

    @property
    def inside(self) -> Interior:
        """The rooms."""
        return self._inside

    @property
    def settings(self) -> SettingsKeeper:
        """What the user prefers."""
        return self._settings

    @property
    def _inside(self) -> Interior:
        if self._interior is None:
            raise RuntimeError("the window is empty before move_in")
        return self._interior

    @property
    def library(self) -> MovieLibrary:
        """The movies."""
        return self._inside.library

    @property
    def browser(self) -> Browser:
        """The list of movies."""
        return self._inside.browser

    @property
    def viewer(self) -> Viewer:
        """The panes."""
        return self._inside.viewer

    @property
    def panel(self) -> DenoisePanel:
        """The form of a job."""
        return self._inside.panel

    @property
    def progress(self) -> ProgressPanel:
        """How the run stands."""
        return self._inside.progress

    @property
    def workspace(self) -> Workspace:
        """What joins them."""
        return self._inside.workspace

    def _callbacks(self) -> dict[ActionId, Callable[..., None]]:
        return {
            ActionId.OPEN_FILES: self._choose_files,
            ActionId.OPEN_FOLDER: self._choose_folder,
            ActionId.REMOVE_MOVIE: lambda: self.workspace.remove_current(),
            ActionId.EXPORT: lambda: self._inside.dialogs.ask_export(),
            ActionId.LAYOUT: lambda: self._inside.dialogs.ask_layout(),
            ActionId.EJECT: lambda: self._inside.care.eject(self.workspace.runs.active),
            ActionId.QUIT: self._quit,
            ActionId.SHOW_DEFECTS: lambda on: self._inside.dialogs.set_marking(on),
            ActionId.DATASETS: lambda: self._inside.dialogs.ask_dataset(),
            ActionId.HOLDER_LOG: lambda: self._inside.dialogs.ask_holder_log(),
            ActionId.LOOK_AGAIN: lambda: self._inside.care.look_again(),
            ActionId.DETECTOR: lambda: self._inside.dialogs.ask_detector(),
            ActionId.MODELS: lambda: self._inside.dialogs.show_models(),
            ActionId.FIT: lambda: self.viewer.state.fit(),
            ActionId.FULL_SIZE: lambda: self.viewer.state.set_zoom(1.0),
            ActionId.ZOOM_IN: lambda: self.viewer.zoom_by(1.25),
            ActionId.ZOOM_OUT: lambda: self.viewer.zoom_by(0.8),
            ActionId.SHOW_RAW: lambda: self.viewer.state.set_layout(Layout.RAW),
            ActionId.SHOW_DENOISED: lambda: self.viewer.state.set_layout(Layout.DENOISED),
            ActionId.SIDE_BY_SIDE: lambda: self.viewer.state.set_layout(Layout.SIDE_BY_SIDE),
            ActionId.AUTO_CONTRAST: lambda: self.viewer.auto_contrast(),
            ActionId.PLAY: lambda: self.viewer.player.toggle(),
            ActionId.NEXT_FRAME: lambda: self._step(1),
            ActionId.PREVIOUS_FRAME: lambda: self._step(-1),
            ActionId.FORWARD: lambda: self._step(STEP),
            ActionId.BACK: lambda: self._step(-STEP),
            ActionId.FIRST_FRAME: lambda: self.viewer.state.set_frame(0),
            ActionId.LAST_FRAME: lambda: self.viewer.state.set_frame(self.viewer.state.frames - 1),
            ActionId.FOLLOW: lambda on: self._settings.change(follow_landing_frames=on),
            ActionId.DRAFT: lambda on: self.workspace.set_draft_follows(on),
            ActionId.DENOISE: lambda: self.panel.button.click(),
            ActionId.CANCEL: lambda: self.workspace.runs.cancel(),
            ActionId.THEME_SYSTEM: lambda: self._settings.change(theme="system"),
            ActionId.THEME_LIGHT: lambda: self._settings.change(theme="light"),
            ActionId.THEME_DARK: lambda: self._settings.change(theme="dark"),
            ActionId.MESSAGES: self._show_messages,
            ActionId.KEYS: self._show_keys,
            ActionId.ABOUT: self._show_about,
        }

    def _step(self, frames: int) -> None:
        state = self.viewer.state
        state.set_frame(state.frame + frames)

    def _arrange(self) -> None:
        self.empty_page = EmptyPage(self.registry[ActionId.OPEN_FILES], self.registry[ActionId.OPEN_FOLDER], self)
        self.pages = QStackedWidget(self)
        self.pages.addWidget(self.empty_page)
        centre = QWidget(self)
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.notice_bar)
        layout.addWidget(self.pages, 1)
        self.setCentralWidget(centre)
        self._movies_dock = self._add_dock("movies", self.tr("Movies"), Qt.DockWidgetArea.LeftDockWidgetArea)
        self._denoise_dock = self._add_dock("denoise", "", Qt.DockWidgetArea.RightDockWidgetArea)
        self.registry.fill_menus(self.menuBar())
        self.tool_bar = self.addToolBar(self.tr("Tools"))
        self.tool_bar.setObjectName("tools")
        self.tool_bar.setMovable(False)
        self.tool_bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.tool_bar.setIconSize(QSize(18, 18))
        self.registry.fill_tool_bar(self.tool_bar)
        self.engine_status = QLabel(self)
        self.engine_status.setContentsMargins(8, 0, 10, 2)
        self.engine_status.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.statusBar().addPermanentWidget(self.engine_status)
        self.statusBar().setSizeGripEnabled(False)
        self.drop_highlight = DropHighlight(self)
        self.registry[ActionId.CANCEL].setEnabled(False)

    def _add_dock(self, name: str, title: str, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(name)
        dock.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetMovable)
        room = QWidget(dock)
        room.setMinimumWidth(self.fontMetrics().averageCharWidth() * 40)
        dock.setWidget(room)
        if not title:
            # Its tabs are its title.
            dock.setTitleBarWidget(QWidget(dock))
            self.addDockWidget(area, dock)
            return dock
        label = QLabel(title, dock)
        label.setContentsMargins(12, 8, 12, 6)
        label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        font = label.font()
        font.setBold(True)
        label.setFont(font)
        dock.setTitleBarWidget(label)
        self.addDockWidget(area, dock)
        return dock

    def open_paths(self, paths: list[str]) -> None:
        """Add files and folders to the list; a model among them is installed."""
        models = [path for path in paths if path.lower().endswith(ARCHIVE_ENDING)]
        movies = [path for path in paths if path not in models]
        if models:
            self._inside.dialogs.show_models(models)
        if movies:
            self._inside.arrivals.open(movies)

    def set_engine_status(self, text: str) -> None:
        """Say at the lower right how the engine stands."""
        self.engine_status.setText(text)

    def _take_settings(self, *_: object) -> None:
        settings = self._settings.now
        application = QApplication.instance()
        if isinstance(application, QApplication):
            apply_scheme(application, settings.theme)
            self._refresh_colours()
        self.registry[ActionId.FOLLOW].setChecked(settings.follow_landing_frames)
        theme = {"system": ActionId.THEME_SYSTEM, "light": ActionId.THEME_LIGHT, "dark": ActionId.THEME_DARK}
        self.registry[theme[settings.theme]].setChecked(True)
        if self._interior is not None:
            self.viewer.player.set_speed(settings.frames_per_s)
            if settings.device != self.panel.device:
                self.panel.set_device(settings.device)

    def _on_layout(self, layout: Layout) -> None:
        shown = {
            Layout.RAW: ActionId.SHOW_RAW,
            Layout.DENOISED: ActionId.SHOW_DENOISED,
            Layout.SIDE_BY_SIDE: ActionId.SIDE_BY_SIDE,
        }
        self.registry[shown[layout]].setChecked(True)

    def _on_run_changed(self, run: Run) -> None:
        self.progress.show_run(run)
        self.registry[ActionId.CANCEL].setEnabled(run.active)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow() and self._interior is not None:
            # Whoever comes back from the camera's program wants to see what it has written meanwhile.
            self._interior.care.growth.look_now()
        if event.type() == QEvent.Type.ApplicationPaletteChange and hasattr(self, "empty_page"):
            self._refresh_colours()

    def _refresh_colours(self) -> None:
        """Icons and the accented button take their colours from the palette when they are made: make them again."""
        self.registry.refresh_icons()
        self.empty_page.refresh_icons()
        self.notice_bar.refresh_icons()
        if self._interior is not None:
            self._interior.refresh_colours()

    def event(self, event: QEvent) -> bool:
        """Tell of the first paint; let a focused button or box have the space bar, which otherwise plays."""
        if event.type() == QEvent.Type.Paint and not self._painted:
            self._painted = True
            QTimer.singleShot(0, self, self.first_painted.emit)
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            focused = QApplication.focusWidget()
            if event.key() == Qt.Key.Key_Space and isinstance(focused, QAbstractButton | QComboBox):
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_B and not event.isAutoRepeat() and self._interior is not None:
            self.viewer.state.blink(True)
        super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_B and not event.isAutoRepeat() and self._interior is not None:
            self.viewer.state.blink(False)
        super().keyReleaseEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        urls = [url for url in event.mimeData().urls() if url.isLocalFile()]
        if urls:
            self.show_drop_highlight(all(url.path().lower().endswith(ARCHIVE_ENDING) for url in urls))
            event.acceptProposedAction()

    def show_drop_highlight(self, models: bool = False) -> None:
        """Say where a drop goes."""
        movies = self.tr("Drop to add to the list of movies")
        self.drop_highlight.show_over(self.tr("Drop to install the model") if models else movies)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802
        self.drop_highlight.hide()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        self.drop_highlight.hide()
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.open_paths(paths)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._share_width(event.oldSize().width(), event.size().width())
        if self.drop_highlight.isVisible():
            self.drop_highlight.setGeometry(self.rect())

    def _share_width(self, before: int, now: int) -> None:
        """In a narrow window the lists give way to the pictures; what the user drags stays until that is crossed."""
        narrow = self.fontMetrics().averageCharWidth() * NARROW_CHARACTERS
        if (before < narrow) != (now < narrow) or before <= 0:
            side = 30 if now < narrow else 42
            docks = [self._movies_dock, self._denoise_dock]
            widths = [self.fontMetrics().averageCharWidth() * wanted for wanted in (side, 44)]
            self.resizeDocks(docks, widths, Qt.Orientation.Horizontal)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        if self._interior is not None and self.workspace.runs.active and not self._may_stop_run():
            event.ignore()
            return
        geometry = QSettings("quietbeam", "quietbeam")
        geometry.setValue("window/geometry", self.saveGeometry())
        geometry.setValue("window/state", self.saveState())
        if self._interior is not None and self._parts is not None:
            self._interior.close()
            self._parts.close()
        self.closed.emit()
        super().closeEvent(event)

    def _may_stop_run(self) -> bool:
        answer = QMessageBox.question(
            self,
            self.tr("A run is under way"),
            self.tr("Stop denoising and close? Finished frames are kept, and the run can go on next time."),
            QMessageBox.StandardButton.Close | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Cancel,
        )
        return answer == QMessageBox.StandardButton.Close

    def _restore_geometry(self) -> None:
        stored = QSettings("quietbeam", "quietbeam")
        self.stored_geometry_taken = False
        geometry, state = stored.value("window/geometry"), stored.value("window/state")
        if isinstance(geometry, QByteArray) and self.restoreGeometry(geometry) and self._is_on_a_screen():
            self.stored_geometry_taken = True
            if isinstance(state, QByteArray):
                self.restoreState(state)
            return
        available = self.screen().availableGeometry()
        width, height = min(1280, available.width()), min(800, available.height())
        self.setGeometry(QRect(0, 0, width, height))
        self.move(available.center() - self.rect().center())

    def _is_on_a_screen(self) -> bool:
        screens = QGuiApplication.screens()
        return any(s.availableGeometry().intersected(self.geometry()).width() > 100 for s in screens)

    def _quit(self) -> None:
        self.close()

    def _choose_files(self) -> None:
        names = self.tr("Movies ({0});;All files (*)").format(" ".join(f"*{ending}" for ending in MOVIE_ENDINGS))
        paths, _ = QFileDialog.getOpenFileNames(self, self.tr("Open movies"), "", names)
        self.open_paths(paths)

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, self.tr("Open a folder of movies"))
        if path:
            self.open_paths([path])

    def _show_messages(self) -> None:
        dialog = HistoryDialog(self.notices, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _show_keys(self) -> None:
        rows = [*self.registry.keys_table(), ("B", self.tr("Hold: swap raw and denoised in place"))]
        cells = "".join(f"<tr><td><b>{keys}</b>&nbsp;&nbsp;</td><td>{what}</td></tr>" for keys, what in rows)
        self._tell(self.tr("Keys"), f"<table cellspacing='4'>{cells}</table>")

    def _show_about(self) -> None:
        self._tell(
            self.tr("About Quietbeam"),
            self.tr(
                "<p><b>Quietbeam</b> denoises movies from the electron microscope.</p>"
                "<p>BSD-3-Clause. It uses Qt (LGPL-3.0) through PySide6, pyqtgraph, numpy, PyTorch and others; "
                "see NOTICE.</p><p>A denoised picture is an estimate. Measure in the raw movie.</p>"
            ),
        )

    def _tell(self, title: str, text: str) -> None:
        box = QMessageBox(QMessageBox.Icon.NoIcon, title, text, QMessageBox.StandardButton.Close, self)
        box.setTextFormat(Qt.TextFormat.RichText)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()


def _show_in_folder(path: str) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(path).parent)))


def run(paths: list[str]) -> int:
    """Show the window, with these files in its list. Returns the exit code."""
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    application.setApplicationName("Quietbeam")
    application.setOrganizationName("quietbeam")
    application.setStyle("Fusion")
    application.setWindowIcon(QIcon(str(resources.files("resources") / "icons" / "quietbeam.png")))
    window = MainWindow(SettingsKeeper(settings_path()))
    watcher = smoke(window)
    if watcher is not None:
        watcher.expect("ready", window.moved_in)
    window.first_painted.connect(lambda: _begin(window, paths, watcher))
    window.show()
    return application.exec()


def _begin(window: MainWindow, paths: list[str], watcher: Smoke | None) -> None:
    from app.parts import Parts

    parts = Parts.real(window.settings)
    window.move_in(parts)
    if watcher is not None:
        watcher.expect("engine", parts.engine.ready)
        if paths:
            watcher.expect("picture", window.viewer.picture_shown)
    window.moved_in.emit()
    parts.start()
    window.workspace.restore()
    window.open_paths(paths)
