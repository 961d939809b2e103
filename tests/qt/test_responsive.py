"""The window answers while its children work, are killed, hang, run out of memory or talk rubbish."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.actions.action_info import ActionId
from app.job_queue.run import RunState
from app.project_browser.survey_dialog import SurveyDialog
from app.viewer.defects import Defects
from core.protocol.reader import Find, HolderLogJoined, LogColumn, Surveyed, TagRow, Tags
from tests.qt.conftest import Desk
from tests.qt.stand_ins import meta
from tests.qt.watchdog import Watchdog

ENDED = (RunState.DONE, RunState.FAILED, RunState.CANCELLED)


def open_movie(desk: Desk, qtbot: QtBot, folder: Path) -> None:
    desk.window.open_paths([str(folder / "a.dm4")])
    qtbot.waitUntil(desk.window.panel.button.isEnabled, timeout=20_000)
    desk.settle()


def use(desk: Desk, qtbot: QtBot) -> None:
    """What a user does meanwhile: scrub, zoom, pan, resize, change the contrast, swap the panes."""
    state = desk.window.viewer.state
    for turn in range(12):
        state.set_frame(turn * 17)
        state.zoom_about(200, 240, 1.3 if turn % 3 else 0.5, desk.window.viewer.raw_pane.view.zoom())
        state.pan(6, -4, desk.window.viewer.raw_pane.view.zoom())
        desk.window.resize(1280 + turn * 9, 800 - turn * 5)
        desk.window.registry[ActionId.AUTO_CONTRAST].trigger()
        qtbot.wait(15)
    state.fit()


@pytest.mark.parametrize(
    "engine",
    [
        "--mode ok --frames 60 --delay 0.01",
        "--mode slow --frames 6 --delay 0.2",
        "--mode crash --frames 30 --at 5 --delay 0.01",
        "--mode garbage --frames 30 --at 5 --delay 0.01",
        "--mode oom --frames 30 --at 5 --delay 0.01",
    ],
)
def test_the_window_answers_whatever_the_engine_does(
    fake_desk: Callable[..., Desk], qtbot: QtBot, tmp_path: Path, engine: str
) -> None:
    desk = fake_desk(engine=engine)
    open_movie(desk, qtbot, tmp_path)
    with Watchdog():
        desk.window.panel.button.click()
        run = desk.window.workspace.runs.run
        assert run is not None
        use(desk, qtbot)
        qtbot.waitUntil(lambda: run.state in ENDED, timeout=40_000)
    assert run.done > 0
    assert desk.window.viewer.denoised_pane.view.picture is not None or run.landed is not None


def test_the_window_answers_while_the_engine_hangs_and_stop_helps(
    fake_desk: Callable[..., Desk], qtbot: QtBot, tmp_path: Path
) -> None:
    once = tmp_path / "once"
    desk = fake_desk(engine=f"--mode hang --frames 12 --at 5 --delay 0.01 --once {once}", silence_s=0.8)
    open_movie(desk, qtbot, tmp_path)
    with Watchdog():
        desk.window.panel.button.click()
        run = desk.window.workspace.runs.run
        assert run is not None
        use(desk, qtbot)
        qtbot.waitUntil(lambda: any(row.buttons for row in desk.window.notice_bar.rows), timeout=20_000)
        next(row for row in desk.window.notice_bar.rows if row.buttons).buttons[0].click()
        qtbot.waitUntil(lambda: run.state is RunState.DONE, timeout=40_000)


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_the_window_answers_while_the_engine_is_killed(
    fake_desk: Callable[..., Desk], qtbot: QtBot, tmp_path: Path
) -> None:
    desk = fake_desk(engine="--mode ok --frames 40 --delay 0.03")
    open_movie(desk, qtbot, tmp_path)
    with Watchdog():
        desk.window.panel.button.click()
        run = desk.window.workspace.runs.run
        assert run is not None
        qtbot.waitUntil(lambda: run.done >= 5, timeout=20_000)
        os.kill(desk.parts.engine.pid, signal.SIGKILL)
        use(desk, qtbot)
        qtbot.waitUntil(lambda: run.state is RunState.DONE, timeout=40_000)
    assert run.result is not None
    assert run.result.resumed_frames >= 5


@pytest.mark.parametrize("mode", ["hang", "crash", "garbage", "slow"])
def test_the_window_answers_whatever_the_reader_does(
    fake_desk: Callable[..., Desk], qtbot: QtBot, tmp_path: Path, mode: str
) -> None:
    desk = fake_desk(reader=f"--mode {mode} --name evil --delay 0.2", timeout_s=1.0)
    open_movie(desk, qtbot, tmp_path)
    with Watchdog():
        desk.window.open_paths([str(tmp_path / "evil.dm4"), str(tmp_path / "good.dm4")])
        use(desk, qtbot)
        entries = desk.window.library.entries
        qtbot.waitUntil(lambda: len(entries) == 3 and not any(entry.waiting for entry in entries), timeout=40_000)
        use(desk, qtbot)
    assert (entries[1].problem is not None) == (mode != "slow")
    assert entries[2].problem is None


def test_the_watchdog_bites(desk: Desk, qtbot: QtBot) -> None:
    import time

    from PySide6.QtCore import QTimer

    def work() -> None:
        end = time.thread_time() + 0.15
        while time.thread_time() < end:
            pass

    def be_watched() -> None:
        with Watchdog():
            desk.window.resize(900, 700)
            QTimer.singleShot(5, desk.window, work)
            qtbot.wait(60)
            desk.window.resize(1000, 700)
            qtbot.wait(60)

    with pytest.raises(AssertionError, match="ms of CPU"):
        be_watched()


def test_the_window_answers_while_much_is_told_at_once(desk: Desk, qtbot: QtBot) -> None:
    """A folder of 10,000 movies, a movie of 36,000 frames with times and log, 2,000 tags, a mask of 4096 columns."""
    frames, path = 36_000, "/data/long.dm4"
    times = tuple(frame * 0.0025 for frame in range(frames))
    desk.reader.metas[path] = meta(path, frames=frames, declared_frames=frames, times=times, frame_interval_s=None)
    window = desk.window
    desk.open("long.dm4")
    window.inside.side.setCurrentIndex(2)
    qtbot.waitUntil(lambda: window.inside.tags.count.text() == "7 tags")
    finds = tuple(Find(path=f"/data/s/{n:05d}.dm4", file_bytes=n, said="a DM4 file") for n in range(10_000))
    column = LogColumn(name="T", unit="°C", values=times)
    joined = HolderLogJoined(id=0, columns=(column,), frames_covered=frames, said="Joined.")
    rows = tuple(TagRow(name=f"Tags.Group {n % 40}.Tag {n}", value=str(n)) for n in range(2_000))
    mask = np.zeros((256, 4096), np.float32)
    mask[::5, ::50] = 2
    with Watchdog():
        window.inside.arrivals.choice_wanted.emit(Surveyed(id=0, finds=finds, folders=1, said="10,000 movies."))
        qtbot.wait(50)
        window.findChild(SurveyDialog).none.click()
        qtbot.wait(50)
        window.findChild(SurveyDialog).reject()
        qtbot.wait(50)
        window.inside.tags.show_tags(Tags(id=0, rows=rows, total=50_000))
        qtbot.wait(50)
        window.viewer.trace.show_columns(joined.columns)
        window.viewer.set_defects(Defects.of_mask(mask))
        for frame in (5, 20_000, 35_999):
            window.viewer.state.set_frame(frame)
            qtbot.wait(30)
        window.inside.side.setCurrentIndex(1)
        qtbot.wait(50)
        for interval in ("1 ms", "2 ms"):
            row = window.inside.movie_panel.rows["frame_interval_s"]
            row.edit.setText(interval)
            row.edit.setModified(True)
            row.edit.editingFinished.emit()
            qtbot.wait(50)
