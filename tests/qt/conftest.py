"""Windows for the tests: on stand-ins in this process, or on real clients with fake children. Each checks for leaks."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QSettings, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.parts import Parts
from app.processes import EngineClient, ReaderClient
from app.project_browser.entries import MovieEntry
from app.project_browser.memory import Memory
from app.scratch import ScratchFolder
from app.settings.keeper import SettingsKeeper
from app.window import MainWindow
from core.projects import open_or_begin
from tests.qt import stories
from tests.qt.stand_ins import StandInEngine, StandInReader

FAKES = Path(__file__).parents[1] / "fakes"


@dataclass
class Desk:
    """A window and what it works with."""

    window: MainWindow
    parts: Parts
    qtbot: QtBot

    @property
    def reader(self) -> StandInReader:
        return self.parts.reader

    @property
    def engine(self) -> StandInEngine:
        return self.parts.engine

    def open(self, *names: str) -> MovieEntry:
        """Open files and wait until the first is shown; returns its entry."""
        before = len(self.window.library.entries)
        self.window.open_paths([f"/data/{name}" for name in names])
        entries = self.window.library.entries
        self.qtbot.waitUntil(lambda: len(entries) >= before + len(names) and not any(e.waiting for e in entries))
        self.settle()
        return entries[before]

    def settle(self) -> None:
        """Wait until the viewer shows what it wants to show."""
        viewer = self.window.viewer
        self.qtbot.waitUntil(
            lambda: viewer.is_settled() and (viewer.meta is None or viewer.raw_pane.view.picture is not None)
        )

    def press_denoise(self) -> None:
        """Press the button once it can be pressed."""
        self.qtbot.waitUntil(self.window.panel.button.isEnabled)
        self.window.panel.button.click()


@pytest.fixture(autouse=True)
def _no_stored_geometry(tmp_path: Path) -> None:
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(tmp_path / "geometry"))


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no failure: wait longer than pytest-qt's 5 s unless a test says how long."""
    original = QtBot.waitUntil

    def wait_until(bot: QtBot, callback: Callable[[], object], *, timeout: int = 30_000) -> None:
        original(bot, callback, timeout=timeout)

    monkeypatch.setattr(QtBot, "waitUntil", wait_until)


@pytest.fixture(scope="session")
def small_heap(qapp: QApplication) -> Iterator[None]:
    """What was imported is set aside, so that looking for leaks looks at the tests' objects alone."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def _flush() -> None:
    gc.collect()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def _live_timers() -> int:
    # Not isinstance: it asks each object for its class, and some of torch's warn when asked anything.
    found = [thing for thing in gc.get_objects() if issubclass(type(thing), QTimer)]
    return sum(1 for timer in found if shiboken6.isValid(timer) and timer.isActive())


@pytest.fixture
def no_leaks(qapp: QApplication, small_heap: None) -> Iterator[None]:
    """No widget and no running timer outlives the test."""
    _flush()
    widgets, timers = set(qapp.allWidgets()), _live_timers()
    yield
    _flush()
    left = [widget for widget in qapp.allWidgets() if widget not in widgets]
    assert not left, f"widgets left: {left[:5]}"
    assert _live_timers() <= timers, "a timer still runs"


@pytest.fixture
def close_windows(no_leaks: None, qtbot: QtBot) -> Iterator[list[MainWindow]]:
    windows: list[MainWindow] = []
    yield windows
    for window in windows:
        if shiboken6.isValid(window):
            run = window.workspace.runs.run
            if run is not None and run.active:
                window.workspace.close()
                window.workspace.runs.run = None
            window.close()
            shiboken6.delete(window)
    windows.clear()


def _shown(window: MainWindow, parts: Parts, qtbot: QtBot) -> Desk:
    window.resize(1280, 800)
    with qtbot.waitExposed(window, timeout=30_000):
        window.show()
    parts.start()
    window.workspace.restore()
    qtbot.waitUntil(lambda: window.panel.models.current_name() != "")
    return Desk(window, parts, qtbot)


@pytest.fixture
def open_desk(close_windows: list[MainWindow], qtbot: QtBot, tmp_path: Path) -> Callable[[], Desk]:
    """Opens windows on stand-ins; all of one test share a project and settings."""

    def open_one() -> Desk:
        window, parts = stories.make_window(tmp_path)
        close_windows.append(window)
        return _shown(window, parts, qtbot)

    return open_one


@pytest.fixture
def desk(open_desk: Callable[[], Desk]) -> Desk:
    """A window on stand-ins."""
    return open_desk()


@pytest.fixture
def fake_desk(close_windows: list[MainWindow], qtbot: QtBot, tmp_path: Path) -> Callable[..., Desk]:
    """Opens a window on the real clients with the fakes as children."""

    def command(name: str, arguments: list[str]) -> list[str]:
        return [sys.executable, str(FAKES / name), *arguments]

    def open_one(reader: str = "", engine: str = "", silence_s: float = 30.0, timeout_s: float = 20.0) -> Desk:
        parts = Parts(
            reader=ReaderClient(command("fake_reader.py", reader.split()), timeout_s=timeout_s),
            engine=EngineClient(command("fake_engine.py", engine.split()), silence_s=silence_s),
            folder=ScratchFolder(),
            memory=Memory(open_or_begin(tmp_path / "fakes.qbproj")),
            settings=SettingsKeeper(tmp_path / "settings.json"),
        )
        window = MainWindow(parts.settings)
        window.move_in(parts)
        close_windows.append(window)
        return _shown(window, parts, qtbot)

    return open_one
