"""Movies come into the list and say what they are."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.project_browser.row_model import Role
from tests.qt.conftest import Desk


def drop(desk: Desk, paths: list[str]) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(path) for path in paths])
    middle = desk.window.rect().center()
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(middle), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(desk.window, enter)
    assert enter.isAccepted()
    assert desk.window.drop_highlight.isVisible()
    event = QDropEvent(QPointF(middle), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(desk.window, event)
    assert event.isAccepted()


def test_dropped_files_are_listed_described_and_the_first_is_shown(desk: Desk, qtbot: QtBot) -> None:
    drop(desk, ["/data/a.dm4", "/data/b.dm4"])
    assert not desk.window.drop_highlight.isVisible()
    entries = desk.window.library.entries
    qtbot.waitUntil(lambda: len(entries) == 2 and all(entry.thumbnail is not None for entry in entries))
    assert desk.window.pages.currentWidget() is desk.window.viewer
    row = desk.window.browser.rows.index(0)
    assert row.data(Role.DETAIL) == "240 × 512 × 512 · uint16"
    assert row.data(Role.SECOND_DETAIL) == "0.02 nm/px"
    desk.settle()
    assert desk.window.viewer.meta is not None
    assert desk.window.viewer.meta.path == "/data/a.dm4"


def test_a_drag_without_files_is_not_taken(desk: Desk) -> None:
    data = QMimeData()
    data.setText("words")
    event = QDragEnterEvent(
        QPoint(9, 9), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    event.ignore()
    QApplication.sendEvent(desk.window, event)
    assert not desk.window.drop_highlight.isVisible()


def test_broken_movie_says_what_is_wrong_and_what_to_do(desk: Desk) -> None:
    desk.open("broken.tif")
    row = desk.window.browser.rows.index(0)
    assert row.data(Role.DETAIL) == "This is not a movie: it begins like a text file."
    assert row.data(Role.SECOND_DETAIL) == "Export it again from the microscope's program."
    assert "This is not a movie" in desk.window.viewer.raw_pane.view.message
    assert not desk.window.panel.button.isEnabled()
    assert desk.window.panel.cost.text() == "This movie cannot be read."


def test_truncated_movie_says_how_many_frames_are_there(desk: Desk) -> None:
    desk.open("truncated.ser")
    assert desk.window.browser.rows.index(0).data(Role.SECOND_DETAIL) == "100 of 240 frames are there"


def test_the_same_file_is_listed_once(desk: Desk) -> None:
    desk.open("a.dm4")
    desk.window.open_paths(["/data/a.dm4"])
    desk.open("b.dm4")
    assert [entry.name for entry in desk.window.library.entries] == ["a.dm4", "b.dm4"]


def test_removing_a_movie_shows_the_next_and_lets_go_of_the_file(desk: Desk) -> None:
    first = desk.open("a.dm4", "b.dm4")
    desk.window.workspace.remove_current()
    desk.settle()
    assert desk.reader.forgotten == [first.path]
    assert desk.window.viewer.meta is not None
    assert desk.window.viewer.meta.path == "/data/b.dm4"
    desk.window.workspace.remove_current()
    assert desk.window.viewer.meta is None
    assert desk.window.pages.currentWidget() is desk.window.empty_page


def test_rows_keep_the_law_of_models(desk: Desk) -> None:
    tester = QAbstractItemModelTester(desk.window.browser.rows, QAbstractItemModelTester.FailureReportingMode.Fatal)
    desk.open("a.dm4", "b.dm4", "broken.tif")
    desk.press_denoise()
    desk.engine.begin()
    desk.engine.finish()
    assert desk.window.browser.rows.rowCount() == 4
    desk.window.workspace.remove_current()
    assert desk.window.browser.rows.rowCount() == 2
    tester.deleteLater()


def test_a_reader_that_dies_over_one_file_leaves_the_others(fake_desk: Callable[..., Desk], qtbot: QtBot) -> None:
    desk = fake_desk(reader="--mode crash --name evil")
    desk.window.open_paths(["/data/evil.dm4", "/data/good.dm4"])
    entries = desk.window.library.entries
    qtbot.waitUntil(lambda: len(entries) == 2 and not any(entry.waiting for entry in entries), timeout=20_000)
    assert entries[0].problem is not None
    assert entries[0].problem.code == "crash"
    qtbot.waitUntil(lambda: entries[1].thumbnail is not None, timeout=20_000)
