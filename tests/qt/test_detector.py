"""The detector's defects: looked for, marked over the picture, chosen for the runs of a movie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QRectF
from pytestqt.qtbot import QtBot

from app.actions.action_info import ActionId
from app.detector.detector_dialog import DetectorDialog
from app.detector.findings import findings_text
from app.viewer.defects import MOST_DRAWN, DefectKind, Defects
from core.protocol.base import ErrorInfo
from core.protocol.clean_up import CleanUp, DetectorRequest, DetectorResult
from tests.qt.conftest import Desk

MASK = "/data/a_defects.tif"


def dialog_of(desk: Desk) -> DetectorDialog:
    desk.open("a.dm4")
    desk.window.registry[ActionId.DETECTOR].trigger()
    dialog = desk.window.findChild(DetectorDialog)
    assert dialog is not None
    return dialog


def marked(desk: Desk) -> Defects:
    return desk.window.viewer.raw_pane.view.defects


def test_what_is_found_is_counted_marked_and_offered(desk: Desk, qtbot: QtBot) -> None:
    dialog = dialog_of(desk)
    dialog.gain.set_path("/data/gain.dm4")
    dialog.look.click()
    request = desk.engine.side_job()[1]
    assert isinstance(request, DetectorRequest)
    assert (request.output, request.gain, request.frames_used, request.overwrite) == (
        "/data",
        "/data/gain.dm4",
        200,
        False,
    )
    desk.engine.progress_side("Looking", 20, 200)
    assert not dialog.look.isEnabled()
    desk.engine.finish_detector()
    assert "14 dead, 22 hot, 3 unstable pixels" in dialog.progress.text.text()
    assert "12 % of a frame's noise" in dialog.progress.text.text()
    qtbot.waitUntil(lambda: len(marked(desk)) == 39)
    # Measured is not chosen: the pattern waits for the user's tick.
    assert dialog.clean_up() == CleanUp(gain="/data/gain.dm4", defects=MASK)
    assert not desk.window.library.entries[0].clean_up.defects


def test_what_is_chosen_goes_into_drafts_and_runs_and_stays_after_a_restart(
    open_desk: Callable[[], Desk], qtbot: QtBot
) -> None:
    desk = open_desk()
    dialog = dialog_of(desk)
    dialog.dark.set_path("/data/dark.dm4")
    dialog.xrays.setChecked(False)
    dialog.lines.setChecked(False)
    dialog.use.click()
    chosen = CleanUp(dark="/data/dark.dm4", xrays=False, lines=False)
    assert desk.window.panel.clean_up.summary.full_text() == "dark"
    desk.press_denoise()
    assert desk.engine.denoise_job()[1].clean_up == chosen
    desk.window.workspace.runs.cancel()
    qtbot.waitUntil(lambda: not desk.window.workspace.runs.active)
    desk.window.close()
    assert open_desk().window.library.entries[0].clean_up == chosen


def test_a_cancelled_dialog_changes_nothing(desk: Desk) -> None:
    dialog = dialog_of(desk)
    dialog.dark.set_path("/data/dark.dm4")
    dialog.reject()
    assert desk.window.library.entries[0].clean_up == CleanUp()


def test_an_untaken_reference_keeps_its_path_and_is_not_used(desk: Desk) -> None:
    dialog = dialog_of(desk)
    dialog.dark.set_path("/data/dark.dm4")
    dialog.dark.use.setChecked(False)
    assert dialog.clean_up().dark is None
    assert dialog.dark.path.text() == "/data/dark.dm4"


def test_marks_come_and_go_with_the_action_and_the_movie(desk: Desk, qtbot: QtBot) -> None:
    entry = desk.open("a.dm4")
    desk.window.inside.care.set_clean_up(entry, CleanUp(defects=MASK))
    action = desk.window.registry[ActionId.SHOW_DEFECTS]
    action.setChecked(True)
    qtbot.waitUntil(lambda: len(marked(desk)) == 39)
    legend = [text for _, text in desk.window.viewer.raw_pane.view.legend()]
    assert legend == ["14 dead", "22 hot", "3 unstable"]
    desk.open("b.dm4")
    desk.window.browser.select(desk.window.library.entries[1])
    assert len(marked(desk)) == 0
    desk.window.browser.select(desk.window.library.entries[0])
    qtbot.waitUntil(lambda: len(marked(desk)) == 39)
    action.setChecked(False)
    assert len(marked(desk)) == 0


def test_marking_without_a_mask_says_where_to_look(desk: Desk) -> None:
    desk.open("a.dm4")
    desk.window.registry[ActionId.SHOW_DEFECTS].setChecked(True)
    assert "No mask of defects" in desk.window.notice_bar.texts()[-1]


def test_earlier_findings_are_replaced_only_when_asked_again(desk: Desk) -> None:
    dialog = dialog_of(desk)
    dialog.look.click()
    desk.engine.fail_side(ErrorInfo(code="output-exists", what="There.", path=MASK))
    assert "a_defects.tif is there already" in dialog.progress.text.text()
    dialog.look.click()
    assert desk.engine.side_job()[1].overwrite


def test_a_folder_that_may_not_be_written_to_is_told_and_left(desk: Desk) -> None:
    dialog = dialog_of(desk)
    dialog.look.click()
    desk.engine.fail_side(ErrorInfo(code="no-permission", what="No."))
    assert "may not be written to" in dialog.progress.text.text()
    dialog.look.click()
    assert desk.engine.side_job()[1].output == str(Path.home())


def test_a_look_can_be_stopped(desk: Desk, qtbot: QtBot) -> None:
    dialog = dialog_of(desk)
    dialog.look.click()
    dialog.progress.cancel.click()
    qtbot.waitUntil(lambda: dialog.progress.text.text() == "Stopped.")
    assert dialog.look.isEnabled()


def test_defects_of_a_mask_are_known_by_kind_and_place() -> None:
    mask = np.zeros((4, 5), np.float32)
    mask[1, 2], mask[3, 4] = 1, 6
    found = Defects.of_mask(mask, first_row=10)
    assert list(zip(found.rows, found.columns, found.kinds, strict=True)) == [(11, 2, 1), (13, 4, 6)]
    assert [found.count(kind) for kind in DefectKind] == [1, 1, 1]
    assert len(found.within(QRectF(0, 0, 3, 12))) == 1


def test_very_many_defects_are_thinned_for_drawing() -> None:
    places = np.arange(50_000)
    found = Defects(places // 500, places % 500, np.ones(50_000, int))
    assert len(found.within(QRectF(0, 0, 500, 500))) == MOST_DRAWN


def test_what_could_not_be_told_is_no_nought() -> None:
    few = DetectorResult(frames=5, dead=None, hot=1, unstable=None, hits=3, hits_per_frame=0.6)
    assert findings_text(few)[0].startswith(
        "In 5 frames: 1 hot pixels; 3 X-ray hits, 0.6 a frame. Not told: dead pixels, unstable pixels."
    )
    none = DetectorResult(frames=1, dead=None, hot=None, unstable=None, hits=None, hits_per_frame=None)
    assert findings_text(none)[0].startswith("In 1 frame: nothing could be told.")
