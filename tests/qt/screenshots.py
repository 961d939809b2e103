"""Pictures of the window in every state, theme and size, to be looked at: ``python -m tests.qt.screenshots FOLDER``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtGui import QPixmap
    from PySide6.QtWidgets import QWidget

STATES = (
    "empty",
    "drop",
    "movie",
    "broken",
    "draft",
    "filter",
    "zoom",
    "run",
    "crash",
    "done",
    "failed",
    "silent",
    "interrupted",
    "panel",
    "unknown",
    "broken_panel",
    "tags",
    "no_tags",
    "survey",
    "datasets",
    "layout",
    "holder",
    "growing",
    "read_only",
    "export",
    "exporting",
    "exported",
    "detector",
    "found",
    "defects",
    "models",
    "bad_model",
    "fits",
    "misfit",
)
SIZES = {
    "small": (1280, 800, 1.0),
    "small200": (1280, 800, 2.0),
    "4k": (3840, 2160, 1.0),
    "4k200": (1920, 1080, 2.0),
    "narrow": (924, 700, 1.0),
}


def settle(application: object, done: Callable[[], bool] = lambda: False, turns: int = 60) -> None:
    """Let the event loop turn until nothing is awaited."""
    from PySide6.QtCore import QEventLoop
    from PySide6.QtTest import QTest

    for _ in range(turns):
        QTest.qWait(10)
        if done():
            break
    application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents)  # type: ignore[attr-defined]


def _picture(window: QWidget) -> QPixmap:
    """The window with its dialogs on top of it, as a desktop would show them."""
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QColor, QPainter
    from PySide6.QtWidgets import QDialog

    shown = window.grab()
    for dialog in window.findChildren(QDialog, options=Qt.FindChildOption.FindDirectChildrenOnly):
        if dialog.isVisible():
            picture = dialog.grab()
            painter = QPainter(shown)
            place = window.rect().center() - dialog.rect().center()
            painter.fillRect(dialog.rect().translated(place).adjusted(-1, -1, 1, 1), QColor("#707880"))
            painter.drawPixmap(place, picture)
            painter.end()
    return shown


def take(folder: Path, states: list[str], theme: str, size: str) -> None:
    """Take the pictures of one theme and size (a process each: the scale factor is fixed at the start)."""
    from PySide6.QtCore import QSettings
    from PySide6.QtWidgets import QApplication

    from tests.qt import stories

    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    application.setStyle("Fusion")
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, tempfile.mkdtemp())
    width, height, _ = SIZES[size]
    for state in states:
        with tempfile.TemporaryDirectory() as work:
            window, parts = stories.make_window(Path(work), theme=theme)
            window.resize(width, height)
            window.show()
            parts.start()
            window.workspace.restore()
            settle(application, turns=5)
            getattr(stories, f"tell_{state}")(window, parts, lambda: settle(application, turns=50))
            settle(application, turns=20)
            _picture(window).save(str(folder / f"{state}-{theme}-{size}.png"))
            window.workspace.runs.run = None
            window.close()
            window.deleteLater()
            settle(application, turns=2)


def main() -> None:
    """Take all pictures, or those asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--states", nargs="*", default=list(STATES))
    parser.add_argument("--themes", nargs="*", default=["light", "dark"])
    parser.add_argument("--sizes", nargs="*", default=list(SIZES))
    parser.add_argument("--child", action="store_true")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.child:
        take(arguments.folder, arguments.states, arguments.themes[0], arguments.sizes[0])
        return
    for theme in arguments.themes:
        for size in arguments.sizes:
            environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": str(SIZES[size][2])}
            command = [sys.executable, "-m", "tests.qt.screenshots", str(arguments.folder), "--child"]
            command += ["--themes", theme, "--sizes", size, "--states", *arguments.states]
            subprocess.run(command, check=True, env=environment)


if __name__ == "__main__":
    main()
