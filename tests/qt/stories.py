"""States of the window, told to stand-ins: for pictures and for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.actions.action_info import ActionId
from app.parts import Parts
from app.project_browser.memory import Memory
from app.scratch import ScratchFolder
from app.settings.keeper import SettingsKeeper
from app.window import MainWindow
from core.projects import open_or_begin
from core.protocol.base import ErrorInfo
from tests.qt.stand_ins import StandInEngine, StandInReader

Wait = Callable[[], None]
MOVIE = "/data/session 12/NiO particle 300 kV 0001.dm4"


def make_window(folder: Path, theme: str = "light") -> tuple[MainWindow, Parts]:
    """A window on stand-ins, a project and settings in a folder of the test."""
    parts = Parts(
        reader=StandInReader(),
        engine=StandInEngine(),
        folder=ScratchFolder(),
        memory=Memory(open_or_begin(folder / "test.qbproj")),
        settings=SettingsKeeper(folder / "settings.json"),
    )
    parts.settings.change(theme=theme)
    window = MainWindow(parts.settings)
    window.move_in(parts)
    return window, parts


def tell_empty(window: MainWindow, parts: Parts, wait: Wait) -> None:
    wait()


def tell_drop(window: MainWindow, parts: Parts, wait: Wait) -> None:
    wait()
    window.show_drop_highlight()


def tell_movie(window: MainWindow, parts: Parts, wait: Wait) -> None:
    window.open_paths(
        [
            MOVIE,
            "/data/session 12/CeO2 in vacuum truncated.ser",
            "/data/session 12/notes broken.tif",
            "/data/session 12/uncalibrated stack with a rather long name of its own.tif",
        ]
    )
    wait()


def tell_broken(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_movie(window, parts, wait)
    window.browser.select(window.library.entries[2])
    wait()


def tell_draft(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_movie(window, parts, wait)
    window.viewer.state.set_zoom(2.0)
    wait()
    window.registry[ActionId.DRAFT].setChecked(True)
    wait()


def tell_zoom(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_done(window, parts, wait)
    window.viewer.state.zoom_about(300, 240, 4.0, 1.0)
    window.viewer.state.point_at((290.5, 250.5))
    wait()


def tell_run(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_movie(window, parts, wait)
    window.panel.button.click()
    parts.engine.begin()
    for frame in range(57):
        parts.engine.land(frame)
    wait()


def tell_crash(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_run(window, parts, wait)
    parts.engine.crash()
    wait()


def tell_done(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_run(window, parts, wait)
    parts.engine.finish()
    wait()
    window.viewer.state.set_frame(112)
    wait()


def tell_failed(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_run(window, parts, wait)
    parts.engine.fail(
        ErrorInfo(
            code="disk-full",
            what="The disk is full: 190 MB more are needed.",
            path="/data/session 12",
            advice="Free some space and press Go on, or choose another place.",
        ),
        57,
    )
    wait()


def tell_silent(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_run(window, parts, wait)
    parts.engine.silent.emit()
    wait()


def tell_interrupted(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_run(window, parts, wait)
    record = window.workspace.runs.run.record
    from core.projects import JobState

    parts.memory.job_ended(record, JobState.INTERRUPTED)
    window.workspace.runs.run = None
    window.progress.show_run(None)
    window.panel.set_running(False)
    window.workspace.restore()
    wait()
