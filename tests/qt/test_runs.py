"""Runs: frames as they land, cancel, crash, and the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from app.job_queue import run_director
from app.job_queue.run import RunState
from app.viewer.picture import PictureKind
from core.protocol.base import ErrorInfo
from core.protocol.denoise import DenoiseRequest, Notice
from core.protocol.engine import DeviceInfo, EngineReady, JobNotice
from tests.qt import specimen
from tests.qt.conftest import Desk


def begin(desk: Desk, frames: int = 0) -> None:
    desk.open("a.dm4")
    desk.press_denoise()
    desk.engine.begin()
    for frame in range(frames):
        desk.engine.land(frame)
    desk.settle()


def test_each_frame_is_shown_as_it_lands(desk: Desk) -> None:
    begin(desk)
    for frame in (0, 1, 2):
        desk.engine.land(frame)
        desk.settle()
        picture = desk.window.viewer.denoised_pane.view.picture
        assert picture is not None
        assert (picture.kind, picture.frame) == (PictureKind.LANDED, frame)
        assert picture.value_at(100, 100) == pytest.approx(float(specimen.denoised(frame)[100, 100]))
        assert desk.window.viewer.state.frame == frame


def test_not_following_leaves_the_frame_to_the_user(desk: Desk) -> None:
    desk.parts.settings.change(follow_landing_frames=False)
    begin(desk, 3)
    assert desk.window.viewer.state.frame == 0
    desk.window.viewer.state.set_frame(200)
    desk.settle()
    assert "not denoised yet" in desk.window.viewer.denoised_pane.view.message


def test_frames_whose_slot_was_used_again_are_said_to_be_finished(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_director, "RING_BYTES", 4 * 512 * 512 * 4)
    begin(desk, 6)
    desk.window.viewer.state.set_frame(0)
    desk.settle()
    assert "It is shown again when the run has ended" in desk.window.viewer.denoised_pane.view.message
    desk.window.viewer.state.set_frame(4)
    desk.settle()
    assert desk.window.viewer.denoised_pane.view.picture is not None


def test_progress_tells_stage_frames_speed_and_time_left(desk: Desk) -> None:
    begin(desk, 60)
    progress = desk.window.progress
    assert progress.isVisible()
    assert progress.stage.full_text() == "Denoising"
    assert progress.figures.text() == "60 of 240  ·  1.25 frames/s"
    assert progress.left.text() == "2 min left"
    assert (progress.bar.value(), progress.bar.maximum()) == (60, 240)
    assert not desk.window.panel.button.isEnabled()


def test_cancel_is_shown_at_once_and_finished_frames_stay_to_be_seen(desk: Desk, qtbot: QtBot) -> None:
    begin(desk, 5)
    desk.window.progress.cancel.click()
    assert desk.window.progress.cancel.text() == "Cancelling…"
    assert not desk.window.progress.cancel.isEnabled()
    run = desk.window.workspace.runs.run
    assert run is not None
    qtbot.waitUntil(lambda: run.state is RunState.CANCELLED)
    assert desk.window.progress.stage.full_text() == "Cancelled. 5 frames kept."
    assert desk.window.viewer.denoised_pane.view.picture is not None
    assert desk.window.panel.button.isEnabled()


def test_an_engine_that_does_not_cancel_is_killed(desk: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.window.workspace.runs.grace_ms = 50
    desk.engine.answer_cancel = False
    begin(desk, 2)
    desk.window.progress.cancel.click()
    qtbot.waitUntil(lambda: desk.engine.stopped == 1)
    assert desk.window.workspace.runs.run is not None
    assert desk.window.workspace.runs.run.state is RunState.CANCELLED


def test_a_cancelled_run_goes_on_where_it_stopped(desk: Desk, qtbot: QtBot) -> None:
    begin(desk, 5)
    desk.window.progress.cancel.click()
    qtbot.waitUntil(desk.window.progress.again.isVisible)
    desk.window.progress.again.click()
    number, job = desk.engine.denoise_job()
    assert number == max(desk.engine.jobs)
    assert job.resume
    assert desk.window.progress.stage.full_text() == "Waiting for the engine…"


def test_a_crash_is_told_and_the_run_goes_on_by_itself(desk: Desk) -> None:
    begin(desk, 5)
    first, _ = desk.engine.denoise_job()
    desk.engine.crash()
    assert "goes on from frame 6" in desk.window.notice_bar.texts()[0]
    desk.engine.come_back()
    second, job = desk.engine.denoise_job()
    assert second != first
    assert job.resume
    desk.engine.begin()
    desk.engine.land(5)
    desk.settle()
    picture = desk.window.viewer.denoised_pane.view.picture
    assert picture is not None
    assert picture.frame == 5
    desk.engine.finish()
    assert desk.window.notice_bar.texts() == []


def test_an_engine_that_dies_twice_at_the_same_frame_fails_the_run(desk: Desk) -> None:
    begin(desk, 5)
    for _ in range(2):
        desk.engine.crash()
        desk.engine.come_back()
    run = desk.window.workspace.runs.run
    assert run is not None
    assert run.state is RunState.FAILED
    texts = desk.window.notice_bar.texts()
    assert any("stopped again at frame 6" in text and "Finished frames are kept" in text for text in texts)


def test_an_engine_that_does_not_stay_up_fails_the_run_and_can_be_started_again(desk: Desk) -> None:
    begin(desk, 5)
    desk.engine.crash()
    desk.engine.gave_up.emit("no such library")
    assert desk.window.workspace.runs.run is not None
    assert desk.window.workspace.runs.run.state is RunState.FAILED
    row = next(row for row in desk.window.notice_bar.rows if "does not stay up" in row.message.text)
    assert "no such library" in row.message.text
    desk.engine.running = False
    row.buttons[0].click()
    assert desk.engine.running


def test_a_silent_engine_offers_stop_and_the_banner_goes_when_it_speaks(desk: Desk) -> None:
    begin(desk, 2)
    desk.engine.silent.emit()
    row = desk.window.notice_bar.rows[0]
    assert "not answered" in row.message.text
    desk.engine.land(2)
    assert desk.window.notice_bar.rows == []
    desk.engine.silent.emit()
    desk.window.notice_bar.rows[0].buttons[0].click()
    assert desk.engine.stopped == 1


def test_out_of_memory_is_told_with_what_to_do_and_frames_are_kept(desk: Desk) -> None:
    begin(desk, 4)
    desk.engine.fail(ErrorInfo(code="out-of-memory", what="The device ran out of memory.", advice="Choose the CPU."), 4)
    assert desk.window.notice_bar.texts() == ["The device ran out of memory. Choose the CPU."]
    assert desk.window.progress.figures.text() == "The device ran out of memory. Choose the CPU."
    assert desk.window.viewer.denoised_pane.view.picture is not None
    assert desk.window.progress.again.isVisible()


def test_after_a_failure_on_a_gpu_the_cpu_is_offered(desk: Desk, qtbot: QtBot) -> None:
    gpu = DeviceInfo(kind="cuda", name="A card", memory_bytes=8 << 30)
    desk.engine.ready.emit(EngineReady(pid=1, version="0", devices=(gpu,)))
    begin(desk, 4)
    desk.engine.fail(ErrorInfo(code="out-of-memory", what="The card ran out of memory."), 4)
    row = desk.window.notice_bar.rows[-1]
    assert [button.text() for button in row.buttons] == ["Go on", "Go on with the CPU"]
    row.buttons[1].click()
    _, job = desk.engine.denoise_job()
    assert (job.device, job.resume) == ("cpu", True)


def test_notices_of_a_run_reach_the_user(desk: Desk) -> None:
    begin(desk)
    number, _ = desk.engine.denoise_job()
    notice = Notice(level="warning", code="smaller-tiles", text="Tiles of 256 px are used: the memory is short.")
    desk.engine.event_received.emit(JobNotice(id=number, notice=notice))
    assert desk.window.notice_bar.texts() == [notice.text]


def test_the_result_is_listed_shown_and_judged(desk: Desk) -> None:
    begin(desk, 3)
    desk.engine.finish(worst=2.1)
    desk.settle()
    assert desk.window.browser.rows.rowCount() == 2
    picture = desk.window.viewer.denoised_pane.view.picture
    assert picture is not None
    assert picture.kind is PictureKind.RESULT
    told = desk.window.progress.figures.text()
    assert "240 frames in 3 min" in told
    assert "Largest local mean error: 2.1 standard errors (frame 113)." in told
    assert "Counts are estimated" in told
    assert "biased" not in told
    assert desk.window.progress.stage.full_text() == "Finished"
    assert desk.window.panel.output.text().endswith("a_denoised_2.tif")


def test_a_bad_local_mean_is_flagged(desk: Desk) -> None:
    begin(desk)
    desk.engine.finish(worst=7.4)
    assert desk.window.progress.stage.full_text() == "Finished. Look at frame 113 before you measure."
    assert "Above 4 intensities there may be biased." in desk.window.progress.figures.text()


def test_show_in_folder_opens_the_folder_of_the_result(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(desk)
    desk.engine.finish()
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    desk.window.progress.folder.click()
    assert [Path(path) for path in opened] == [Path("/data")]


def test_another_movie_can_be_looked_at_during_a_run(desk: Desk) -> None:
    begin(desk, 3)
    other = desk.open("b.dm4")
    desk.window.browser.select(other)
    desk.settle()
    desk.engine.land(3)
    assert desk.window.viewer.state.frame == 0
    assert desk.window.viewer.denoised_pane.view.picture is None
    desk.window.browser.select(desk.window.library.entries[0])
    desk.engine.land(4)
    desk.settle()
    assert desk.window.viewer.state.frame == 4


def test_a_movie_in_a_run_cannot_be_removed(desk: Desk) -> None:
    begin(desk, 1)
    desk.window.workspace.remove_current()
    assert len(desk.window.library.entries) == 1
    assert "Cancel the run" in desk.window.notice_bar.texts()[0]


def test_closing_asks_only_if_a_run_is_under_way(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(_parent: object, title: str, *_: object) -> QMessageBox.StandardButton:
        asked.append(title)
        return QMessageBox.StandardButton.Cancel

    monkeypatch.setattr(QMessageBox, "question", answer)
    begin(desk, 1)
    desk.window.close()
    assert asked == ["A run is under way"]
    assert desk.window.isVisible()
    desk.engine.finish()
    desk.window.close()
    assert len(asked) == 1
    assert not desk.engine.running
    assert not desk.reader.running


def test_closing_removes_the_scratch_files(desk: Desk) -> None:
    begin(desk, 1)
    folder = desk.parts.folder.path
    assert any(folder.iterdir())
    desk.engine.finish()
    desk.window.close()
    assert not folder.exists()


def test_a_real_client_carries_a_run_over_a_crash_of_its_engine(
    fake_desk: Callable[..., Desk], qtbot: QtBot, tmp_path: Path
) -> None:
    desk = fake_desk(engine=f"--mode crash --at 4 --frames 8 --delay 0.01 --once {tmp_path / 'once'}")
    desk.window.open_paths([str(tmp_path / "a.dm4")])
    qtbot.waitUntil(desk.window.panel.button.isEnabled, timeout=20_000)
    desk.window.panel.all_frames.setChecked(True)
    desk.window.panel.button.click()
    run = desk.window.workspace.runs.run
    assert run is not None
    qtbot.waitUntil(lambda: run.state is RunState.DONE, timeout=30_000)
    assert run.crashes == 1
    assert run.result is not None
    assert run.result.resumed_frames == 4
    told = [message.text for message in desk.window.notices.history]
    assert any("The engine stopped unexpectedly" in text for text in told)


def test_scratch_of_the_run_is_sent_with_the_request(desk: Desk) -> None:
    begin(desk)
    _, job = desk.engine.denoise_job()
    assert isinstance(job, DenoiseRequest)
    assert job.scratch is not None
    assert job.scratch.slot_bytes == 512 * 512 * 4
    QApplication.processEvents()
