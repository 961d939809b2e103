"""A holder log under the movie, joined by time."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.viewer.trace_strip import _runs
from tests.qt.conftest import Desk


def attach(desk: Desk, qtbot: QtBot, path: str = "/data/heating.csv") -> None:
    desk.open("a.dm4")
    desk.window.inside.care.set_holder_log(path)
    qtbot.waitUntil(lambda: "Joining" not in desk.window.inside.movie_panel.holder.said.text())


def test_a_log_is_shown_with_its_value_at_each_frame(desk: Desk, qtbot: QtBot) -> None:
    attach(desk, qtbot)
    trace = desk.window.viewer.trace
    assert not trace.isHidden()
    assert [trace.choice.itemText(row) for row in range(2)] == ["Temperature", "Pressure"]
    desk.window.viewer.state.set_frame(96)
    assert trace.value.text().endswith("°C")
    trace.choice.setCurrentIndex(1)
    assert trace.value.text() == "13.46 mbar"
    desk.window.viewer.state.set_frame(150)
    assert trace.value.text() == "no value here"
    assert trace.plot.accessibleDescription() == "Pressure: no value here"
    assert "240 of 240 frames" in desk.window.inside.movie_panel.holder.said.text()


def test_a_click_into_the_line_goes_to_that_frame(desk: Desk, qtbot: QtBot) -> None:
    attach(desk, qtbot)
    plot = desk.window.viewer.trace.plot
    QTest.mouseClick(plot, Qt.MouseButton.LeftButton, pos=QPoint(plot.width() // 2, 10))
    assert abs(desk.window.viewer.state.frame - 120) <= 1


def test_a_clock_difference_joins_the_log_anew_and_is_kept(desk: Desk, qtbot: QtBot) -> None:
    attach(desk, qtbot)
    desk.window.inside.movie_panel.holder.offset.setValue(-2.5)
    asked = [values for kind, values in desk.reader.asked if kind == "holder_log"]
    assert asked[-1]["offset_s"] == -2.5
    assert desk.parts.memory.movies()[0].holder_log.offset_s == -2.5


def test_a_typed_interval_joins_the_log_anew_but_a_typed_voltage_does_not(desk: Desk, qtbot: QtBot) -> None:
    attach(desk, qtbot)
    rows = desk.window.inside.movie_panel.rows
    for name, text in (("voltage_kv", "80"), ("frame_interval_s", "0.1 s")):
        rows[name].edit.setText(text)
        rows[name].edit.setModified(True)
        rows[name].edit.editingFinished.emit()
    asked = [values for kind, values in desk.reader.asked if kind == "holder_log"]
    assert len(asked) == 2
    assert asked[-1]["entered"].frame_interval_s == 0.1


def test_a_log_that_cannot_be_read_says_why_and_shows_no_line(desk: Desk, qtbot: QtBot) -> None:
    attach(desk, qtbot, "/data/broken.csv")
    assert "No table of times" in desk.window.inside.movie_panel.holder.said.text()
    assert desk.window.viewer.trace.isHidden()


def test_a_removed_log_takes_its_line_along(desk: Desk, qtbot: QtBot) -> None:
    attach(desk, qtbot)
    desk.window.inside.movie_panel.holder.remove.click()
    assert desk.window.viewer.trace.isHidden()
    assert desk.parts.memory.movies()[0].holder_log is None


def test_another_movie_does_not_show_the_log(desk: Desk, qtbot: QtBot) -> None:
    attach(desk, qtbot)
    desk.open("b.dm4")
    desk.window.browser.select(desk.window.library.entries[1])
    assert desk.window.viewer.trace.isHidden()
    desk.window.browser.select(desk.window.library.entries[0])
    qtbot.waitUntil(lambda: not desk.window.viewer.trace.isHidden())


def test_the_file_is_asked_for_and_cancelling_attaches_nothing(
    desk: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = desk.open("a.dm4")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    desk.window.inside.dialogs.ask_holder_log()
    assert entry.holder_log is None
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/data/log.csv", ""))
    desk.window.inside.movie_panel.holder.attach.click()
    assert entry.holder_log is not None


def test_gaps_part_the_line_and_long_stretches_keep_their_extremes() -> None:
    values = np.array([1.0, np.nan, 2.0, 3.0, np.nan])
    assert [list(frames) for frames, _ in _runs(values)] == [[0], [2, 3]]
    long = np.zeros(36_000)
    long[17_123] = 9.0
    ((frames, kept),) = _runs(long)
    assert len(frames) <= 2000
    assert kept.max() == 9.0
    assert _runs(np.zeros(0)) == []
