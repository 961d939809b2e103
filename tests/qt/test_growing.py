"""Files that the camera still writes, files that are let go of, and results that go where they may be written."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.actions.action_info import ActionId
from app.job_queue.output_name import default_output, ending_of, with_ending
from app.project_browser.growth_watch import STILL_LOOKS
from app.project_browser.row_model import Role
from core.protocol.base import ErrorInfo
from tests.qt.conftest import Desk
from tests.qt.stand_ins import meta

PATH = "/data/camera.dm4"


def grow(desk: Desk, frames: int) -> None:
    desk.reader.metas[PATH] = meta(PATH, frames=frames, declared_frames=frames, file_bytes=frames * 524_288)


def look(desk: Desk, qtbot: QtBot) -> None:
    """One look of the watch, answered."""
    growth = desk.window.inside.care.growth
    with qtbot.waitSignal(desk.window.library.polled):
        growth.look_now()


def test_a_growing_movie_is_said_and_its_new_frames_can_be_looked_at(desk: Desk, qtbot: QtBot) -> None:
    grow(desk, 100)
    entry = desk.open("camera.dm4")
    viewer = desk.window.viewer
    viewer.state.set_frame(40)
    grow(desk, 812)
    look(desk, qtbot)
    told = "camera.dm4 is still being written: 812 frames so far."
    assert any(text.startswith(told) for text in desk.window.notice_bar.texts())
    assert desk.window.browser.rows.index(0).data(Role.SECOND_DETAIL) == "still being written"
    assert (viewer.state.frames, viewer.state.frame) == (812, 40)
    assert desk.window.panel.last.value() == 812
    viewer.state.set_frame(811)
    qtbot.waitUntil(lambda: viewer.raw_pane.view.picture is not None and viewer.raw_pane.view.picture.frame == 811)
    assert entry.growing


def test_growth_is_said_once_and_so_is_its_end(desk: Desk, qtbot: QtBot) -> None:
    grow(desk, 100)
    entry = desk.open("camera.dm4")
    for frames in (200, 300, 400):
        grow(desk, frames)
        look(desk, qtbot)
        assert f"{frames} frames so far" in desk.window.notice_bar.texts()[-1]
    for _ in range(STILL_LOOKS):
        look(desk, qtbot)
    assert not entry.growing
    texts = [message.text for message in desk.window.notices.history]
    assert sum("still being written" in text for text in texts) == 1
    assert texts[-1] == "camera.dm4 has stopped growing: 400 frames."


def test_a_holder_log_is_joined_to_the_new_frames_when_growth_ends(desk: Desk, qtbot: QtBot) -> None:
    grow(desk, 100)
    desk.open("camera.dm4")
    desk.window.inside.care.set_holder_log("/data/log.csv")
    grow(desk, 200)
    for _ in range(STILL_LOOKS + 1):
        look(desk, qtbot)
    assert [kind for kind, _ in desk.reader.asked].count("holder_log") == 2


def test_a_movie_that_shrinks_says_so_and_shows_what_is_left(desk: Desk, qtbot: QtBot) -> None:
    grow(desk, 100)
    desk.open("camera.dm4")
    desk.window.viewer.state.set_frame(99)
    grow(desk, 60)
    look(desk, qtbot)
    assert "camera.dm4 has become shorter: 60 frames are left." in desk.window.notice_bar.texts()[-1]
    assert (desk.window.viewer.state.frames, desk.window.viewer.state.frame) == (60, 59)


def test_a_range_that_was_typed_stays_while_the_movie_grows(desk: Desk, qtbot: QtBot) -> None:
    grow(desk, 100)
    desk.open("camera.dm4")
    panel = desk.window.panel
    panel.some_frames.setChecked(True)
    panel.first.setValue(11)
    panel.last.setValue(50)
    grow(desk, 200)
    look(desk, qtbot)
    assert (panel.first.value(), panel.last.value(), panel.last.maximum()) == (11, 50, 200)


def test_a_file_that_vanishes_says_so(desk: Desk, qtbot: QtBot) -> None:
    grow(desk, 100)
    entry = desk.open("camera.dm4")
    grow(desk, 200)
    look(desk, qtbot)
    desk.reader.gone.add(PATH)
    try:
        desk.window.inside.care.growth.look_now()
        qtbot.waitUntil(lambda: entry.problem is not None)
    finally:
        desk.reader.gone.discard(PATH)
    assert entry.problem is not None
    assert entry.problem.code == "not-found"
    assert not entry.growing
    assert not any("still being written" in text for text in desk.window.notice_bar.texts())
    assert "This file is not there." in desk.window.viewer.raw_pane.view.message
    desk.window.registry[ActionId.LOOK_AGAIN].trigger()
    qtbot.waitUntil(lambda: entry.problem is None)


def test_closing_all_files_lets_go_of_movies_and_results_and_watches_no_more(desk: Desk) -> None:
    desk.open("a.dm4", "b.dm4")
    desk.press_denoise()
    desk.engine.begin()
    desk.engine.finish()
    desk.window.registry[ActionId.EJECT].trigger()
    assert desk.reader.forgotten[-3:] == ["/data/a.dm4", "/data/a_denoised.tif", "/data/b.dm4"]
    assert desk.window.inside.care.growth.entry is None
    assert "a disk can be ejected now" in desk.window.notice_bar.texts()[-1]
    assert len(desk.window.library.entries) == 2


def test_closing_all_files_warns_of_a_run_that_still_reads(desk: Desk) -> None:
    desk.open("a.dm4")
    desk.press_denoise()
    desk.window.registry[ActionId.EJECT].trigger()
    assert "the run under way still reads" in desk.window.notice_bar.texts()[-1]


def test_a_folder_that_may_not_be_written_to_sends_the_result_home_and_says_so(desk: Desk, qtbot: QtBot) -> None:
    error = ErrorInfo(code="no-permission", what="There is no permission to write here.", path="/data")
    desk.engine.estimate_error = error
    desk.open("a.dm4")
    home = str(Path.home() / "a_denoised.tif")
    qtbot.waitUntil(lambda: desk.window.panel.output.text() == home)
    assert any(f"The result goes to {home} instead." in text for text in desk.window.notice_bar.texts())
    # Where not even that can be written, the user is asked, once and for all.
    qtbot.waitUntil(lambda: "no permission" in desk.window.panel.cost.text())


def test_a_typed_place_that_may_not_be_written_to_is_left_to_the_user(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4")
    desk.engine.estimate_error = ErrorInfo(code="no-permission", what="There is no permission to write here.")
    output = desk.window.panel.output
    output.setText("/else/x.tif")
    output.textEdited.emit("/else/x.tif")
    qtbot.waitUntil(lambda: "no permission" in desk.window.panel.cost.text())
    assert output.text() == "/else/x.tif"


def test_format_and_numbers_go_into_the_request(desk: Desk) -> None:
    desk.open("a.dm4")
    where = desk.window.panel.where
    where.format.setCurrentIndex(where.format.findData(".ome.zarr"))
    where.numbers.setCurrentIndex(1)
    request = desk.window.panel.request()
    assert request is not None
    assert request.output == "/data/a_denoised.ome.zarr"
    assert request.dtype == "uint16"


def test_a_typed_name_chooses_the_format_and_a_chosen_format_mends_the_name(desk: Desk) -> None:
    desk.open("a.dm4")
    where = desk.window.panel.where
    where.path.setText("/else/x.mrc")
    where.path.textEdited.emit("/else/x.mrc")
    assert where.ending == ".mrc"
    where.format.setCurrentIndex(where.format.findData(".ome.tif"))
    assert where.text == "/else/x.ome.tif"


def test_a_chosen_file_without_an_ending_gets_the_formats(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.open("a.dm4")
    where = desk.window.panel.where
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("/else/x", "MRC (*.mrc)"))
    where.browse.click()
    assert where.text == "/else/x.mrc"


@pytest.mark.parametrize(
    ("path", "ending"),
    [("a.TIF", ".tif"), ("a.tiff", ".tif"), ("a.ome.tiff", ".ome.tif"), ("a.ome.zarr", ".ome.zarr"), ("a.png", None)],
)
def test_endings_are_known_however_they_are_spelt(path: str, ending: str | None) -> None:
    assert ending_of(path) == ending


def test_an_ending_takes_the_place_of_another() -> None:
    assert with_ending("/x/a.ome.tiff", ".mrc") == "/x/a.mrc"
    assert with_ending("/x/a.tif", ".ome.zarr") == "/x/a.ome.zarr"
    assert with_ending("/x/a", ".tif") == "/x/a.tif"


def test_a_layout_in_the_name_of_a_result_stays_short() -> None:
    output = default_output("/data/a.raw", "raw:1024x1024:uint16:offset=4096:gap=128:frames=1000", set())
    assert len(Path(output).name) < 64
    assert ":" not in Path(output).name
