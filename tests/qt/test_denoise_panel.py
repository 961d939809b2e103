"""The form of a job: what it asks for and what it foretells."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.job_queue.output_name import default_output
from core.protocol.base import ErrorInfo
from core.protocol.denoise import EstimateRequest, FrameRange
from core.protocol.entered import Entered
from tests.qt.conftest import Desk
from tests.qt.stand_ins import card, meta


def test_before_pressing_the_button_says_time_size_and_place(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4")
    panel = desk.window.panel
    assert panel.button.text() == "Denoise 240 frames"
    assert "252 MB" in panel.cost.text()
    qtbot.waitUntil(lambda: "≈ 3 min on CPU, 2 threads · 252 MB" in panel.cost.text())
    assert "to a_denoised.tif" in panel.cost.text()


def test_changes_are_gathered_into_one_question_to_the_engine(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4")
    panel = desk.window.panel
    qtbot.waitUntil(lambda: "≈" in panel.cost.text())
    asked = sum(isinstance(job, EstimateRequest) for job in desk.engine.jobs.values())
    panel.some_frames.setChecked(True)
    for last in range(20, 60):
        panel.last.setValue(last)
    assert "≈" not in panel.cost.text()
    qtbot.waitUntil(lambda: "≈" in panel.cost.text())
    assert sum(isinstance(job, EstimateRequest) for job in desk.engine.jobs.values()) == asked + 1


def test_a_range_is_asked_for_as_the_user_counts(desk: Desk) -> None:
    desk.open("a.dm4")
    panel = desk.window.panel
    panel.some_frames.setChecked(True)
    panel.first.setValue(11)
    panel.last.setValue(20)
    request = panel.request()
    assert request is not None
    assert request.frames == FrameRange(start=10, stop=20)
    assert panel.button.text() == "Denoise 10 frames"
    panel.sum.setValue(4)
    assert panel.button.text() == "Denoise 2 frames"
    panel.last.setValue(3)
    assert panel.request() is None
    assert panel.cost.text() == "The range ends before it begins."
    assert not panel.button.isEnabled()


def test_the_visible_part_is_asked_for_as_it_is_seen(desk: Desk) -> None:
    desk.open("a.dm4")
    desk.window.viewer.state.set_zoom(4.0)
    desk.settle()
    panel = desk.window.panel
    panel.visible.setChecked(True)
    request = panel.request()
    assert request is not None
    assert request.region == desk.window.viewer.visible_region()
    assert request.region is not None
    assert request.region.x1 - request.region.x0 < 200
    desk.window.viewer.state.fit()
    desk.settle()
    changed = panel.request()
    assert changed is not None
    assert changed.region is not None
    assert changed.region.x1 - changed.region.x0 == 512


def test_an_automatic_name_that_is_taken_on_the_disk_moves_on(desk: Desk, qtbot: QtBot) -> None:
    desk.engine.estimate_error = ErrorInfo(code="output-exists", what="It is there already.")
    desk.open("a.dm4")
    qtbot.waitUntil(lambda: desk.window.panel.output.text().endswith("a_denoised_2.tif"))
    desk.engine.estimate_error = None
    qtbot.waitUntil(lambda: "to a_denoised_" in desk.window.panel.cost.text() and "≈" in desk.window.panel.cost.text())


def test_a_typed_name_that_is_taken_is_replaced_only_with_the_users_knowledge(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4")
    panel = desk.window.panel
    desk.engine.estimate_error = ErrorInfo(code="output-exists", what="It is there already.")
    panel.output.setText("/data/mine.tif")
    panel.output.textEdited.emit("/data/mine.tif")
    first = panel.request()
    assert first is not None
    assert not first.overwrite
    qtbot.waitUntil(lambda: "will be replaced" in panel.cost.text())
    second = panel.request()
    assert second is not None
    assert second.overwrite
    panel.output.textEdited.emit("/data/mine.tif")
    third = panel.request()
    assert third is not None
    assert not third.overwrite


def test_a_disk_too_full_is_foreseen_and_the_button_waits(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4")
    panel = desk.window.panel
    qtbot.waitUntil(lambda: "≈" in panel.cost.text())
    from core.protocol.denoise import EstimateResult

    panel.show_estimate(
        EstimateResult(seconds=1, output_bytes=2 << 30, free_bytes=1 << 30, output="/data/x.tif", device="cpu")
    )
    assert "too full" in panel.cost.text()
    assert not panel.button.isEnabled()


def test_why_it_cannot_be_done_is_told_under_the_button(desk: Desk, qtbot: QtBot) -> None:
    desk.engine.estimate_error = ErrorInfo(
        code="no-permission", what="This folder may not be written.", path="/data", advice="Choose another place."
    )
    desk.open("a.dm4")
    panel = desk.window.panel
    qtbot.waitUntil(lambda: "may not be written" in panel.cost.text())
    assert "Choose another place." in panel.cost.text()
    assert not panel.button.isEnabled()


def test_browsing_chooses_the_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.open("a.dm4")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("/elsewhere/x.tif", ""))
    desk.window.panel.browse.click()
    request = desk.window.panel.request()
    assert request is not None
    assert request.output == "/elsewhere/x.tif"


def test_the_model_choice_shows_what_a_model_is_for_and_is_kept(desk: Desk) -> None:
    models = desk.window.panel.models
    assert models.combo.count() == 2
    assert models.current_name() == "general"
    assert "HRTEM / STEM, 0.1 to 200 electrons a pixel" in models.summary.text()
    assert "below 0.1 electrons" in models.summary.text()
    assert desk.parts.settings.now.model is None
    models.combo.setCurrentIndex(1)
    assert desk.parts.settings.now.model == "unet-128"


def test_a_movie_of_a_scanning_microscope_gets_its_model_and_the_hint_follows_what_is_typed(
    desk: Desk, qtbot: QtBot
) -> None:
    scanned = card("stem", "STEM alone").model_copy(update={"modality": ("STEM",), "pixel_size_nm": (0.01, 0.1)})
    desk.engine.cards = (*desk.engine.cards, scanned)
    desk.engine.list_models()
    panel = desk.window.panel
    qtbot.waitUntil(lambda: panel.models.combo.count() == 3)
    desk.reader.metas["/data/b.emd"] = meta("/data/b.emd", scanned=True, voltage_kv=200.0, pixel_size=(0.02, 0.02))
    entry = desk.open("b.emd")
    assert panel.models.current_name() == "stem"
    request = panel.request()
    assert request is not None
    assert request.model == "stem"
    assert desk.parts.settings.now.model is None
    desk.window.library.set_entered(entry, Entered(pixel_size=(0.5, 0.5), pixel_unit="nm"))
    qtbot.waitUntil(lambda: panel.models.current_name() == "general")
    panel.models.combo.setCurrentIndex(panel.models.combo.findData("stem"))
    assert "The movie has 0.5 nm/px; the model was trained for 0.01 to 0.1." in panel.models.fit.text()
    assert panel.button.isEnabled() or panel.request() is not None


def test_without_a_model_nothing_can_be_denoised_and_it_is_said(desk: Desk, qtbot: QtBot) -> None:
    desk.engine.cards = ()
    desk.engine.list_models()
    models = desk.window.panel.models
    qtbot.waitUntil(lambda: models.current_name() == "")
    assert models.summary.text() == "No model is installed."
    desk.open("a.dm4")
    assert not desk.window.panel.button.isEnabled()


@pytest.mark.parametrize(
    ("source", "dataset", "taken", "wanted"),
    [
        ("/d/a.dm4", None, set(), "/d/a_denoised.tif"),
        ("/d/a.dm4", None, {"/d/a_denoised.tif"}, "/d/a_denoised_2.tif"),
        ("/d/a.b.tif", None, set(), "/d/a.b_denoised.tif"),
        ("/d/a.emd", "Data/HAADF 1", set(), "/d/a_Data-HAADF-1_denoised.tif"),
    ],
)
def test_results_are_named_after_their_movie(source: str, dataset: str | None, taken: set[str], wanted: str) -> None:
    assert default_output(source, dataset, taken) == wanted
