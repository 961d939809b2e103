"""The models dialog: cards are read, .qbmodel files installed by button or drop, own models removed, all exported."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from app.actions.action_info import ActionId
from app.model_manager.card_text import card_text
from app.model_manager.model_jobs import ModelJobs
from app.model_manager.models_dialog import ModelsDialog
from core.protocol.base import ErrorInfo
from core.protocol.engine import JobDone, JobFailed
from core.protocol.model_card import ModelCard
from core.protocol.models import (
    ExportModelRequest,
    ExportModelResult,
    InstallModelRequest,
    InstallModelResult,
    RemoveModelRequest,
    RemoveModelResult,
)
from tests.qt.conftest import Desk
from tests.qt.stand_ins import CARDS, card

NEW = card("mine", "My own <b>model</b>")


@pytest.fixture
def dialog(desk: Desk, qtbot: QtBot) -> ModelsDialog:
    qtbot.waitUntil(lambda: bool(desk.window.inside.dialogs.models.cards))
    desk.window.registry[ActionId.MODELS].trigger()
    found = desk.window.findChild(ModelsDialog)
    assert found is not None
    return found


def answer(desk: Desk, result: InstallModelResult | ExportModelResult | RemoveModelResult | ErrorInfo) -> None:
    number = max(desk.engine.jobs)
    if isinstance(result, ErrorInfo):
        desk.engine.event_received.emit(JobFailed(id=number, error=result))
    else:
        desk.engine.event_received.emit(JobDone(id=number, result=result))


def now_installed(desk: Desk, made: ModelCard) -> InstallModelResult:
    desk.engine.cards = (*CARDS, made)
    desk.engine.own = ((made.name, made.version),)
    return InstallModelResult(card=made, folder="/data/models/mine-1.0")


def titles(dialog: ModelsDialog) -> list[str]:
    return [dialog.list.item(row).text().splitlines()[0] for row in range(dialog.list.count())]


def test_cards_are_shown_and_built_in_models_stay(dialog: ModelsDialog) -> None:
    assert titles(dialog) == ["General HRTEM / STEM", "UNet, 128 px field"]
    assert "Single frames below 0.1" in dialog.card.toPlainText()
    dialog.list.setCurrentRow(1)
    assert "Trained on simulated HRTEM alone" in dialog.card.toPlainText()
    assert dialog.export.isEnabled()
    assert not dialog.remove.isEnabled()
    assert "stays" in dialog.remove.toolTip()


def test_no_models_at_all_say_what_to_do(desk: Desk, dialog: ModelsDialog, qtbot: QtBot) -> None:
    desk.engine.cards = ()
    desk.engine.list_models()
    qtbot.waitUntil(lambda: dialog.list.count() == 0)
    assert "install Quietbeam again" in dialog.card.toPlainText()


def test_models_that_are_not_known_yet_are_not_called_missing(desk: Desk) -> None:
    jobs = ModelJobs(desk.engine)
    dialog = ModelsDialog(jobs)
    assert "Looking for models" in dialog.card.toPlainText()
    dialog.close()


def test_author_and_licence_that_a_card_does_not_say_are_left_out() -> None:
    anonymous = NEW.model_copy(update={"author": "", "licence": ""})
    assert "Author" in card_text(NEW)
    assert "Author" not in card_text(anonymous)
    assert "Licence" not in card_text(anonymous)


def test_page_of_a_card_says_what_to_beware_of_before_how_it_was_made_and_gives_scores_their_unit() -> None:
    scores = {"held-out HAADF low": 32.746, "benchmark PSNR dB": 29.1}
    page = card_text(NEW.model_copy(update={"scores": scores, "caveats": ("Steps come out rounded.",)}))
    order = [
        page.index(word) for word in ("0.1 to", "rounded", "benchmark PSNR dB", "PSNR in dB on held-out", "Checksum")
    ]
    assert order == sorted(order)
    assert "held-out HAADF" not in page
    assert "<td>HAADF low" in page


def test_long_titles_are_wrapped_not_cut_off(desk: Desk, dialog: ModelsDialog, qtbot: QtBot) -> None:
    long = card(
        "long", "Atomic STEM at low dose: HAADF and ABF, and a few words more than fit into one line of the list"
    )
    desk.engine.cards = (*CARDS, long)
    desk.engine.list_models()
    qtbot.waitUntil(lambda: dialog.list.count() == len(CARDS) + 1)
    dialog.show()
    short, tall = (dialog.list.visualItemRect(dialog.list.item(row)) for row in (0, len(CARDS)))
    assert tall.height() > short.height()
    assert tall.width() <= dialog.list.viewport().width()


def test_installed_model_is_selected_and_offered_for_runs(
    desk: Desk, dialog: ModelsDialog, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (["/data/mine.qbmodel"], ""))
    dialog.install.click()
    assert desk.engine.jobs[max(desk.engine.jobs)] == InstallModelRequest(source="/data/mine.qbmodel")
    assert not dialog.export.isEnabled()
    answer(desk, now_installed(desk, NEW))
    assert "Installed mine 1.0" in dialog.said.text()
    qtbot.waitUntil(lambda: dialog.current() == NEW)
    # What a card says is text, never markup.
    assert "<b>model</b>" in dialog.card.toPlainText()
    assert dialog.remove.isEnabled()
    assert desk.window.panel.models.combo.findData("mine") >= 0


def test_refused_file_is_told_with_what_to_do(desk: Desk, dialog: ModelsDialog) -> None:
    desk.window.open_paths(["/data/bad.qbmodel"])
    error = ErrorInfo(code="bad-model", what="It is damaged.", path="/data/bad.qbmodel", advice="Copy it again.")
    answer(desk, error)
    assert dialog.said.text() == "It is damaged. File: /data/bad.qbmodel. Copy it again."
    assert titles(dialog) == ["General HRTEM / STEM", "UNet, 128 px field"]


def test_model_dropped_on_the_window_is_installed_and_movies_beside_it_are_added(desk: Desk) -> None:
    desk.window.open_paths(["/data/mine.qbmodel", "/data/a.dm4"])
    assert [job for job in desk.engine.jobs.values() if isinstance(job, InstallModelRequest)] == [
        InstallModelRequest(source="/data/mine.qbmodel")
    ]
    assert desk.window.findChild(ModelsDialog).isVisible()
    assert desk.reader.asked[-1][1] == {"paths": ("/data/a.dm4",)}


def test_files_dropped_on_the_dialog_are_installed_one_after_the_other(desk: Desk, dialog: ModelsDialog) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(f"/data/{name}") for name in ("a.qbmodel", "notes.txt", "b.QBMODEL")])
    copy, button, no_key = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entering = QDragEnterEvent(QPoint(5, 5), copy, data, button, no_key)
    dialog.dragEnterEvent(entering)
    assert entering.isAccepted()
    dialog.dropEvent(QDropEvent(QPointF(5, 5), copy, data, button, no_key))

    def asked() -> list[str]:
        return [job.source for job in desk.engine.jobs.values() if isinstance(job, InstallModelRequest)]

    assert asked() == ["/data/a.qbmodel"]
    answer(desk, ErrorInfo(code="bad-model", what="No.", advice="Ask."))
    assert asked() == ["/data/a.qbmodel", "/data/b.QBMODEL"]


def test_only_movies_are_no_drop_for_the_dialog(dialog: ModelsDialog) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/data/a.dm4")])
    event = QDragEnterEvent(
        QPoint(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    event.ignore()
    dialog.dragEnterEvent(event)
    assert not event.isAccepted()


def test_export_adds_the_ending_and_says_what_was_written(
    desk: Desk, dialog: ModelsDialog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "g"), ""))
    dialog.export.click()
    request = desk.engine.jobs[max(desk.engine.jobs)]
    # Nobody was asked whether a file of this name may be replaced.
    assert request == ExportModelRequest(
        name="general", version="1.0", output=str(tmp_path / "g.qbmodel"), overwrite=False
    )
    answer(desk, ExportModelResult(card=CARDS[0], output=request.output, size_bytes=3_400_000))
    assert "Wrote g.qbmodel" in dialog.said.text()


def test_own_model_is_removed_once_it_is_agreed(
    desk: Desk, dialog: ModelsDialog, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_installed(desk, NEW)
    desk.engine.list_models()
    qtbot.waitUntil(lambda: dialog.list.count() == 3)
    dialog.list.setCurrentRow(2)
    for reply, wanted in ((QMessageBox.StandardButton.Cancel, 0), (QMessageBox.StandardButton.Yes, 1)):
        monkeypatch.setattr(QMessageBox, "question", lambda *_, reply=reply: reply)
        dialog.remove.click()
        asked = [job for job in desk.engine.jobs.values() if isinstance(job, RemoveModelRequest)]
        assert len(asked) == wanted
    desk.engine.cards, desk.engine.own = CARDS, ()
    answer(desk, RemoveModelResult(card=NEW, folder="/data/models/mine-1.0"))
    qtbot.waitUntil(lambda: dialog.list.count() == 2)
    assert "Removed mine 1.0" in dialog.said.text()


def test_crash_of_the_engine_ends_the_job_with_a_word(desk: Desk, dialog: ModelsDialog) -> None:
    desk.window.open_paths(["/data/mine.qbmodel"])
    desk.engine.crashed.emit("")
    assert "try once more" in dialog.said.text()
    assert dialog.export.isEnabled()


def test_older_version_of_a_model_is_listed_but_not_offered_twice_for_runs(
    desk: Desk, dialog: ModelsDialog, qtbot: QtBot
) -> None:
    newer = NEW.model_copy(update={"version": "2.0"})
    desk.engine.cards = (*CARDS, newer, NEW)
    desk.engine.list_models()
    qtbot.waitUntil(lambda: dialog.list.count() == 4)
    models = desk.window.panel.models
    assert models.combo.count() == 3
    models.combo.setCurrentIndex(models.combo.findData("mine"))
    assert models.current_card() == newer


def test_dragged_model_is_told_where_it_goes(desk: Desk) -> None:
    for name, words in (("a.qbmodel", "install"), ("a.dm4", "list of movies")):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(f"/data/{name}")])
        event = QDragEnterEvent(
            QPoint(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        )
        desk.window.dragEnterEvent(event)
        assert words in desk.window.drop_highlight.text
