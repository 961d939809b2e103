"""Drafts of what is seen."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.actions.action_info import ActionId
from app.viewer.picture import PictureKind
from core.protocol.base import ErrorInfo
from core.protocol.denoise import DraftRequest
from core.protocol.engine import JobFailed
from tests.qt.conftest import Desk


def drafts(desk: Desk) -> list[DraftRequest]:
    return [job for job in desk.engine.jobs.values() if isinstance(job, DraftRequest)]


def ask(desk: Desk, qtbot: QtBot) -> None:
    count = len(drafts(desk))
    desk.window.registry[ActionId.DRAFT].setChecked(True)
    qtbot.waitUntil(lambda: len(drafts(desk)) == count + 1)


def test_a_draft_of_the_visible_part_is_shown_and_marked(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4")
    desk.window.viewer.state.set_zoom(3.0)
    desk.window.viewer.state.set_frame(4)
    desk.settle()
    ask(desk, qtbot)
    view = desk.window.viewer.denoised_pane.view
    qtbot.waitUntil(lambda: view.picture is not None)
    assert view.picture is not None
    assert view.picture.kind is PictureKind.DRAFT
    assert view.badges()[0] == "Draft"
    assert desk.window.viewer.denoised_pane.caption.full_text() == "Draft · frame 5 · General HRTEM / STEM"
    job = drafts(desk)[-1]
    assert job.frame == 4
    assert job.region == desk.window.viewer.visible_region()


def test_while_a_draft_is_made_the_pane_says_so(desk: Desk, qtbot: QtBot) -> None:
    desk.engine.hold_drafts = True
    desk.open("a.dm4")
    ask(desk, qtbot)
    assert desk.window.viewer.denoised_pane.view.message == "Denoising a draft of this frame…"
    desk.window.registry[ActionId.DRAFT].setChecked(False)
    assert "Press D" in desk.window.viewer.denoised_pane.view.message


def test_a_draft_follows_the_view_and_the_newest_takes_the_place_of_the_last(desk: Desk, qtbot: QtBot) -> None:
    desk.engine.hold_drafts = True
    desk.open("a.dm4")
    ask(desk, qtbot)
    first = max(desk.engine.jobs)
    for frame in range(1, 20):
        desk.window.viewer.state.set_frame(frame)
    qtbot.waitUntil(lambda: len(drafts(desk)) == 2)
    assert first in desk.engine.cancelled
    assert drafts(desk)[-1].frame == 19
    assert drafts(desk)[0].scratch != drafts(desk)[1].scratch


def test_a_draft_of_another_frame_is_not_shown(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4")
    ask(desk, qtbot)
    view = desk.window.viewer.denoised_pane.view
    qtbot.waitUntil(lambda: view.picture is not None)
    desk.engine.hold_drafts = True
    desk.window.viewer.state.set_frame(30)
    desk.settle()
    assert view.picture is None


def test_no_draft_where_the_frame_is_denoised_already(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4")
    desk.press_denoise()
    desk.engine.begin()
    desk.engine.land(0)
    desk.engine.finish()
    desk.settle()
    desk.window.registry[ActionId.DRAFT].setChecked(True)
    desk.window.viewer.state.set_frame(1)
    desk.settle()
    qtbot.waitUntil(lambda: not desk.window.workspace.draft_is_due)
    assert drafts(desk) == []


def test_a_draft_of_a_huge_view_is_cut_about_its_centre(desk: Desk) -> None:
    desk.open("a.dm4")
    region = desk.window.viewer.draft_region(100 * 100)
    assert region is not None
    assert (region.y1 - region.y0) * (region.x1 - region.x0) <= 100 * 100
    assert (region.y0 + region.y1) // 2 == 256
    assert (region.x0 + region.x1) // 2 == 256


def test_a_draft_that_fails_is_told(desk: Desk, qtbot: QtBot) -> None:
    desk.engine.hold_drafts = True
    desk.open("a.dm4")
    ask(desk, qtbot)
    error = ErrorInfo(code="no-model", what="The model cannot be read.", advice="Install it again.")
    draft = max(number for number, job in desk.engine.jobs.items() if isinstance(job, DraftRequest))
    desk.engine.event_received.emit(JobFailed(id=draft, error=error))
    assert desk.window.notice_bar.texts() == [error.sentence()]
