"""What comes back after a restart."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.job_queue.run import RunState
from app.project_browser.row_model import Role
from app.viewer.picture import PictureKind
from tests.qt.conftest import Desk
from tests.qt.stand_ins import StandInReader


def close(desk: Desk) -> None:
    run = desk.window.workspace.runs.run
    if run is not None and run.active:
        desk.window.workspace.close()
        run.state = RunState.INTERRUPTED
    desk.window.close()


def test_movies_and_results_come_back(open_desk: Callable[[], Desk], qtbot: QtBot) -> None:
    first = open_desk()
    first.open("a.dm4", "b.dm4")
    first.press_denoise()
    first.engine.begin()
    first.engine.land(0)
    first.engine.finish(worst=3.3)
    close(first)
    second = open_desk()
    entries = second.window.library.entries
    qtbot.waitUntil(lambda: len(entries) == 2 and not any(entry.waiting for entry in entries))
    assert [entry.path for entry in entries] == ["/data/a.dm4", "/data/b.dm4"]
    assert [result.path for result in entries[0].results] == ["/data/a_denoised.tif"]
    assert entries[0].results[0].worst_local_mean == 3.3
    assert entries[0].results[0].model_title == "General HRTEM / STEM"
    second.settle()
    qtbot.waitUntil(lambda: second.window.viewer.denoised_pane.view.picture is not None)
    picture = second.window.viewer.denoised_pane.view.picture
    assert picture is not None
    assert picture.kind is PictureKind.RESULT


def test_an_interrupted_run_is_offered_and_goes_on(open_desk: Callable[[], Desk], qtbot: QtBot) -> None:
    first = open_desk()
    first.open("a.dm4")
    first.press_denoise()
    first.engine.begin()
    for frame in range(7):
        first.engine.land(frame)
    close(first)
    second = open_desk()
    qtbot.waitUntil(lambda: bool(second.window.notice_bar.rows))
    row = second.window.notice_bar.rows[0]
    assert "Denoising a.dm4 was interrupted. 7 frames are finished and kept." in row.message.text
    second.settle()
    row.buttons[0].click()
    _, job = second.engine.denoise_job()
    assert job.resume
    assert job.output == "/data/a_denoised.tif"
    assert job.scratch is not None
    second.engine.begin()
    second.engine.finish()
    close(second)
    third = open_desk()
    qtbot.waitUntil(lambda: len(third.window.library.entries) == 1)
    assert third.window.notice_bar.rows == []


def test_a_forgotten_run_is_not_offered_again(open_desk: Callable[[], Desk], qtbot: QtBot) -> None:
    first = open_desk()
    first.open("a.dm4")
    first.press_denoise()
    first.engine.begin()
    close(first)
    second = open_desk()
    qtbot.waitUntil(lambda: bool(second.window.notice_bar.rows))
    second.window.notice_bar.rows[0].buttons[2].click()
    close(second)
    third = open_desk()
    qtbot.waitUntil(lambda: len(third.window.library.entries) == 1)
    assert third.window.notice_bar.rows == []


def test_a_removed_movie_stays_away(open_desk: Callable[[], Desk]) -> None:
    first = open_desk()
    first.open("a.dm4", "b.dm4")
    first.window.workspace.remove_current()
    close(first)
    second = open_desk()
    assert [entry.path for entry in second.window.library.entries] == ["/data/b.dm4"]


def test_the_window_comes_back_where_it_was_if_a_screen_is_there(open_desk: Callable[[], Desk]) -> None:
    first = open_desk()
    first.window.resize(700, 620)
    close(first)
    second = open_desk()
    assert second.window.stored_geometry_taken
    close(second)
    far = open_desk()
    far.window.move(90_000, 90_000)
    close(far)
    back = open_desk()
    screens = QGuiApplication.screens()
    assert any(screen.availableGeometry().intersects(back.window.geometry()) for screen in screens)


def test_a_movie_that_is_gone_says_so(
    open_desk: Callable[[], Desk], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_desk()
    first.open("a.dm4")
    close(first)
    monkeypatch.setattr(StandInReader, "gone", {"/data/a.dm4"})
    second = open_desk()
    entry = second.window.library.entries[0]
    qtbot.waitUntil(lambda: entry.problem is not None)
    assert second.window.browser.rows.index(0).data(Role.DETAIL) == "This file is not there."
    assert "This file is not there." in second.window.viewer.raw_pane.view.message
