"""Export: what is offered, what is asked of the engine, how it goes on and ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.actions.action_info import ActionId
from app.exporting.export_dialog import ExportDialog
from app.exporting.export_kinds import ENDINGS, What
from core.protocol.base import ErrorInfo
from core.protocol.clean_up import DetectorRequest
from core.protocol.denoise_parts import FrameRange, Notice, Region
from core.protocol.export import ExportRequest
from tests.qt.conftest import Desk
from tests.qt.stand_ins import meta


def dialog_of(desk: Desk, ending: str = ".tif", what: What = What.RAW, *, done: bool = True) -> ExportDialog:
    desk.reader.metas["/data/a.dm4"] = meta("/data/a.dm4")
    desk.open("a.dm4")
    if done:
        desk.press_denoise()
        desk.engine.begin()
        desk.engine.finish()
        desk.settle()
    desk.window.registry[ActionId.EXPORT].trigger()
    dialog = desk.window.findChild(ExportDialog)
    assert dialog is not None
    choose(dialog, ending, what)
    return dialog


def choose(dialog: ExportDialog, ending: str, what: What = What.RAW) -> None:
    dialog.form.format.setCurrentIndex(ENDINGS.index(ending))
    dialog.form.what.setCurrentIndex(dialog.form.what.findData(what))


def asked(dialog: ExportDialog) -> ExportRequest:
    request = dialog.form.request()
    assert request is not None
    return request


def test_a_stack_asks_for_numbers_and_a_film_for_contrast_and_speed(desk: Desk) -> None:
    form = dialog_of(desk).form
    assert form.form.isRowVisible(form.numbers)
    assert not form.form.isRowVisible(form.contrast)
    form.format.setCurrentIndex(ENDINGS.index(".mp4"))
    assert not form.form.isRowVisible(form.numbers)
    assert form.form.isRowVisible(form.contrast)
    assert form.form.isRowVisible(form.fps)
    form.format.setCurrentIndex(ENDINGS.index(".png"))
    assert not form.form.isRowVisible(form.fps)
    assert form.form.isRowVisible(form.this_frame)


def test_a_raw_stack_keeps_its_numbers_and_takes_what_was_typed(desk: Desk) -> None:
    dialog = dialog_of(desk)
    entry = desk.window.library.entries[0]
    desk.window.library.set_entered(entry, entry.entered.model_copy(update={"voltage_kv": 80.0}))
    request = asked(dialog)
    assert (request.source, request.output, request.dtype) == ("/data/a.dm4", "/data/a_raw_export.tif", "same")
    assert request.entered is not None
    assert request.entered.voltage_kv == 80
    assert request.levels is None


def test_a_film_has_the_contrast_that_is_seen_and_both_movies_side_by_side(desk: Desk) -> None:
    request = asked(dialog_of(desk, ".mp4", What.BESIDE))
    assert request.source == "/data/a.dm4"
    assert request.beside == "/data/a_denoised.tif"
    assert request.levels is not None
    assert request.beside_levels is not None
    assert request.levels != request.beside_levels
    assert request.labels == ("raw", "denoised")
    assert request.overlay.scale_bar
    assert request.overlay.time_stamp


def test_side_by_side_is_offered_only_where_frames_and_pixels_are_the_same(desk: Desk) -> None:
    desk.open("a.dm4")
    desk.window.panel.some_frames.setChecked(True)
    desk.window.panel.first.setValue(11)
    desk.press_denoise()
    desk.engine.begin()
    desk.engine.finish()
    desk.settle()
    desk.window.registry[ActionId.EXPORT].trigger()
    form = desk.window.findChild(ExportDialog).form
    form.format.setCurrentIndex(ENDINGS.index(".mp4"))
    assert [form.what.itemData(row) for row in range(form.what.count())] == [What.RAW, What.DENOISED]


def test_without_a_result_only_the_raw_movie_is_offered(desk: Desk) -> None:
    form = dialog_of(desk, ".mp4", done=False).form
    assert form.what.count() == 1


def test_whoever_selected_a_result_exports_the_result(desk: Desk) -> None:
    dialog_of(desk).reject()
    entry = desk.window.library.entries[0]
    desk.window.browser.select(entry, entry.results[0])
    dialog = desk.window.inside.dialogs.ask_export()
    assert dialog is not None
    assert asked(dialog).source == "/data/a_denoised.tif"


def test_a_picture_is_of_the_frame_that_is_shown(desk: Desk) -> None:
    desk.open("a.dm4")
    desk.window.viewer.state.set_frame(41)
    desk.window.registry[ActionId.EXPORT].trigger()
    dialog = desk.window.findChild(ExportDialog)
    choose(dialog, ".png")
    request = asked(dialog)
    assert request.frames == FrameRange(start=41, stop=42)
    assert request.output == "/data/a_raw_frame-0042.png"
    assert dialog.form.frames_wanted() == 1


def test_only_what_is_seen_is_written_if_asked(desk: Desk) -> None:
    desk.open("a.dm4")
    desk.window.viewer.state.set_zoom(4.0)
    desk.window.registry[ActionId.EXPORT].trigger()
    dialog = desk.window.findChild(ExportDialog)
    dialog.form.visible.setChecked(True)
    region = asked(dialog).region
    assert isinstance(region, Region)
    assert region.x1 - region.x0 < 512


def test_a_range_that_ends_before_it_begins_cannot_be_exported(desk: Desk) -> None:
    dialog = dialog_of(desk)
    dialog.form.some_frames.setChecked(True)
    dialog.form.first.setValue(50)
    dialog.form.last.setValue(40)
    assert not dialog.start.isEnabled()
    assert "ends before it begins" in dialog.progress.text.text()
    dialog.form.last.setValue(59)
    dialog.form.every.setValue(4)
    assert dialog.form.frames_wanted() == 3
    assert asked(dialog).frames == FrameRange(start=49, stop=59)


def test_a_name_without_a_known_ending_is_asked_for(desk: Desk) -> None:
    dialog = dialog_of(desk)
    dialog.form.path.setText("/data/x.docx")
    dialog.form.path.textEdited.emit("/data/x.docx")
    assert not dialog.start.isEnabled()
    assert "no format" in dialog.progress.text.text()
    dialog.form.path.setText("/data/x.gif")
    dialog.form.path.textEdited.emit("/data/x.gif")
    assert dialog.form.chosen_format.ending == ".gif"
    assert asked(dialog).output == "/data/x.gif"


def test_what_cannot_be_drawn_cannot_be_ticked_and_says_why(desk: Desk) -> None:
    desk.open("uncalibrated.tif")
    desk.window.registry[ActionId.EXPORT].trigger()
    form = desk.window.findChild(ExportDialog).form
    for box in (form.scale_bar, form.time, form.dose, form.log):
        assert not box.isEnabled()
        assert not box.isChecked()
        assert box.toolTip()


def test_a_holder_log_is_drawn_with_its_clock_difference(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4")
    desk.window.inside.care.set_holder_log("/data/log.csv")
    desk.window.inside.movie_panel.holder.offset.setValue(3.0)
    desk.window.registry[ActionId.EXPORT].trigger()
    dialog = desk.window.findChild(ExportDialog)
    choose(dialog, ".mp4")
    overlay = asked(dialog).overlay
    assert (overlay.holder_log, overlay.holder_offset_s) == ("/data/log.csv", 3.0)


def test_an_export_shows_how_it_goes_and_what_was_written(desk: Desk) -> None:
    dialog = dialog_of(desk)
    dialog.start.click()
    desk.engine.progress_side("Writing frames", 93, 240, 12.0)
    assert dialog.progress.bar.value() == 93
    assert "Writing frames" in dialog.progress.text.text()
    assert not dialog.form.isEnabled()
    assert desk.window.statusBar().currentMessage() == "Exporting a_raw_export.tif: 39 %"
    desk.engine.finish_export((Notice(level="warning", code="clipped", text="12 pixels were clipped."),))
    assert "Written: a_raw_export.tif" in dialog.progress.text.text()
    assert "12 pixels were clipped." in dialog.progress.text.text()
    assert not dialog.folder.isHidden()
    assert desk.window.statusBar().currentMessage() == ""


def test_an_export_goes_on_when_its_dialog_is_closed_and_ends_in_a_message(desk: Desk) -> None:
    dialog = dialog_of(desk)
    dialog.start.click()
    dialog.reject()
    desk.engine.finish_export()
    assert "Exported a_raw_export.tif" in desk.window.notice_bar.texts()[-1]
    assert desk.window.notice_bar.rows[-1].buttons[0].text() == "Show in folder"


def test_a_stopped_export_says_so_at_once(desk: Desk, qtbot: QtBot) -> None:
    dialog = dialog_of(desk)
    dialog.start.click()
    dialog.progress.cancel.click()
    assert "Stopping…" in dialog.progress.text.text()
    qtbot.waitUntil(lambda: "Stopped" in dialog.progress.text.text())
    assert dialog.form.isEnabled()


def test_an_existing_file_is_replaced_only_when_asked_again(desk: Desk) -> None:
    dialog = dialog_of(desk)
    assert not asked(dialog).overwrite
    dialog.start.click()
    desk.engine.fail_side(ErrorInfo(code="output-exists", what="It exists."))
    assert dialog.start.text() == "Replace it"
    dialog.start.click()
    assert desk.engine.side_job()[1].overwrite
    desk.engine.finish_export()
    dialog.form.every.setValue(2)
    assert not asked(dialog).overwrite


def test_an_engine_that_dies_over_an_export_is_told(desk: Desk) -> None:
    dialog = dialog_of(desk)
    dialog.start.click()
    desk.engine.crash()
    assert "The engine stopped." in dialog.progress.text.text()
    assert dialog.start.isEnabled()


def test_the_real_client_exports_and_stops_with_a_fake_engine(
    fake_desk: Callable[..., Desk], qtbot: QtBot, tmp_path: Path
) -> None:
    desk = fake_desk(engine="--delay 0.02")
    desk.window.open_paths([str(tmp_path / "a.dm4")])
    qtbot.waitUntil(lambda: desk.window.viewer.meta is not None)
    desk.window.registry[ActionId.EXPORT].trigger()
    dialog = desk.window.findChild(ExportDialog)
    dialog.start.click()
    qtbot.waitUntil(lambda: "Written" in dialog.progress.text.text())
    assert (tmp_path / "a_raw_export.tif").exists()
    job = desk.window.inside.dialogs.detector
    with qtbot.waitSignal(job.stopped):
        job.start(DetectorRequest(source=str(tmp_path / "a.dm4")))
        job.cancel()
