"""What is dropped is understood first, said, and only then added; datasets and layouts are chosen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.dialogs import guessed_layout
from app.project_browser.dataset_dialog import DatasetDialog
from app.project_browser.raw_dialog import RawDialog, fits
from app.project_browser.survey_dialog import SurveyDialog
from core.protocol.base import ErrorInfo
from core.protocol.movie import DatasetInfo
from core.protocol.raw_layout import RawLayout
from core.protocol.reader import Find, Surveyed
from tests.qt.conftest import Desk
from tests.qt.stand_ins import meta

TOP = "/data/session"
FINDS = (
    Find(path=f"{TOP}/Capture", kind="in-situ", files=36_000, file_bytes=1 << 38, said="one movie of 36,000 frames"),
    Find(path=f"{TOP}/tilt", dataset="t_*.tif", kind="images", files=120, said="120 numbered images: one movie"),
    Find(path=f"{TOP}/a.dm4", file_bytes=1 << 20),
)
SURVEYED = Surveyed(id=0, finds=FINDS, folders=1, skipped=7, said="3 movies in this folder.")


def survey_dialog(desk: Desk, surveyed: Surveyed = SURVEYED) -> SurveyDialog:
    desk.reader.surveys[(TOP,)] = surveyed
    desk.window.open_paths([TOP])
    desk.qtbot.waitUntil(lambda: desk.window.findChild(SurveyDialog) is not None)
    return desk.window.findChild(SurveyDialog)


def test_a_folder_is_said_before_anything_is_added(desk: Desk) -> None:
    dialog = survey_dialog(desk)
    assert dialog.sentence.text() == "3 movies in this folder."
    cells = [[dialog.model.index(row, column).data() for column in range(3)] for row in range(3)]
    assert cells[0] == ["Capture", "one movie of 36,000 frames", "275 GB"]
    assert cells[1] == ["tilt", "120 numbered images: one movie", ""]
    assert cells[2] == ["a.dm4", "DM4 file", "1.0 MB"]
    assert desk.window.library.entries == []
    dialog.reject()
    assert desk.window.library.entries == []


def test_only_what_stays_ticked_is_added_with_its_dataset(desk: Desk, qtbot: QtBot) -> None:
    dialog = survey_dialog(desk)
    dialog.model.setData(dialog.model.index(2, 0), Qt.CheckState.Unchecked.value, Qt.ItemDataRole.CheckStateRole)
    assert dialog.accept_button.text() == "Add 2 movies"
    dialog.accept_button.click()
    entries = desk.window.library.entries
    qtbot.waitUntil(lambda: len(entries) == 2 and not any(entry.waiting for entry in entries))
    assert [(entry.path, entry.dataset) for entry in entries] == [(f"{TOP}/Capture", None), (f"{TOP}/tilt", "t_*.tif")]
    assert desk.window.workspace.shown is entries[0]


def test_rows_of_a_survey_keep_the_law_of_models(desk: Desk) -> None:
    dialog = survey_dialog(desk)
    mode = QAbstractItemModelTester.FailureReportingMode.Fatal
    tester = QAbstractItemModelTester(dialog.model, mode)
    dialog.model.tick_all(ticked=False)
    dialog.reject()
    tester.deleteLater()


def test_nothing_ticked_cannot_be_added(desk: Desk) -> None:
    dialog = survey_dialog(desk)
    dialog.none.click()
    assert not dialog.accept_button.isEnabled()
    dialog.all.click()
    assert dialog.accept_button.text() == "Add 3 movies"


def test_a_list_that_was_cut_says_so(desk: Desk) -> None:
    dialog = survey_dialog(desk, SURVEYED.model_copy(update={"more": True}))
    assert "There is more" in dialog.rest.text()


def test_folder_without_movies_is_told(desk: Desk, qtbot: QtBot) -> None:
    desk.reader.surveys[(TOP,)] = Surveyed(id=0, finds=(), folders=1, skipped=2, said="There is no movie here.")
    desk.window.open_paths([TOP])
    qtbot.waitUntil(lambda: desk.window.notice_bar.texts() == ["There is no movie here."])


def test_a_file_that_the_survey_does_not_know_is_added_so_that_its_row_says_why(desk: Desk, qtbot: QtBot) -> None:
    desk.reader.surveys[("/data/broken.xyz",)] = Surveyed(id=0, finds=(), skipped=1)
    desk.window.open_paths(["/data/broken.xyz"])
    entries = desk.window.library.entries
    qtbot.waitUntil(lambda: bool(entries) and entries[0].problem is not None)


def test_a_named_file_that_belongs_to_many_says_so(desk: Desk, qtbot: QtBot) -> None:
    find = Find(path="/data/in.dm4", kind="in-situ", files=4, said="A director with 3 raw files: one movie.")
    desk.reader.surveys[("/data/in.raw",)] = Surveyed(id=0, finds=(find,))
    desk.window.open_paths(["/data/in.raw"])
    qtbot.waitUntil(lambda: "A director with 3 raw files: one movie." in desk.window.notice_bar.texts())
    assert desk.window.library.entries[0].path == "/data/in.dm4"


def test_a_survey_that_dies_with_the_reader_is_asked_again(desk: Desk) -> None:
    desk.reader.hold = True
    desk.window.open_paths(["/data/a.dm4"])
    desk.reader.crashed.emit("/data/other.dm4", "")
    assert [kind for kind, _ in desk.reader.asked].count("survey") == 2


def test_the_real_client_asks_a_fake_reader_for_a_survey(fake_desk: Callable[..., Desk], qtbot: QtBot) -> None:
    desk = fake_desk()
    desk.window.open_paths(["/data/a folder"])
    qtbot.waitUntil(lambda: desk.window.findChild(SurveyDialog) is not None)
    dialog = desk.window.findChild(SurveyDialog)
    assert len(dialog.ticked()) == 2
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: len(desk.window.library.entries) == 2)


# Datasets


def velox(desk: Desk) -> DatasetDialog:
    path = "/data/velox.emd"
    infos = [DatasetInfo(key=key, title=key.upper(), shape=(4, 8, 8), dtype="uint8") for key in ("haadf", "bf")]
    infos.append(DatasetInfo(key="eds", title="EDS", shape=(8, 8, 99), dtype="uint8", refusal="A spectrum image."))
    desk.reader.metas[path] = meta(path, dataset="haadf")
    desk.reader.datasets[path] = tuple(infos)
    desk.open("velox.emd")
    desk.window.inside.dialogs.ask_dataset()
    return desk.window.findChild(DatasetDialog)


def test_a_file_with_several_movies_says_so_and_adds_only_one(desk: Desk) -> None:
    velox(desk).reject()
    assert len(desk.window.library.entries) == 1
    assert any("holds 2 movies; this one is “HAADF”" in text for text in desk.window.notice_bar.texts())


def test_what_is_no_movie_is_listed_with_its_reason_and_cannot_be_chosen(desk: Desk) -> None:
    dialog = velox(desk)
    dialog.list.setCurrentItem(dialog.list.topLevelItem(2))
    assert dialog.reason.text() == "A spectrum image."
    assert not dialog.accept_button.isEnabled()


def test_a_chosen_dataset_gets_an_entry_of_its_own(desk: Desk, qtbot: QtBot) -> None:
    dialog = velox(desk)
    dialog.list.setCurrentItem(dialog.list.topLevelItem(1))
    dialog.accept_button.click()
    entries = desk.window.library.entries
    qtbot.waitUntil(lambda: len(entries) == 2 and not entries[1].waiting)
    assert entries[1].name == "velox.emd [BF]"
    assert desk.window.workspace.shown is entries[1]


def test_the_dataset_that_is_in_the_list_is_not_added_twice(desk: Desk) -> None:
    dialog = velox(desk)
    dialog.list.setCurrentItem(dialog.list.topLevelItem(0))
    dialog.accept_button.click()
    assert len(desk.window.library.entries) == 1


def test_a_chosen_dataset_is_there_again_after_a_restart(open_desk: Callable[[], Desk], qtbot: QtBot) -> None:
    first = open_desk()
    dialog = velox(first)
    dialog.list.setCurrentItem(dialog.list.topLevelItem(1))
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: all(not entry.waiting for entry in first.window.library.entries))
    infos, found = first.reader.datasets, first.reader.metas
    first.window.close()
    second = open_desk()
    second.reader.datasets.update(infos)
    second.reader.metas.update(found)
    entries = second.window.library.entries
    assert [entry.open_dataset for entry in entries] == ["haadf", "bf"]


# Layouts


def test_a_broken_file_can_be_opened_by_a_layout_that_is_typed(desk: Desk, qtbot: QtBot) -> None:
    broken = desk.open("broken.dm4")
    desk.window.inside.dialogs.ask_layout(broken)
    dialog = desk.window.findChild(RawDialog)
    qtbot.waitUntil(lambda: "This is not a movie" in dialog.verdict.text())
    assert not dialog.accept_button.isEnabled()
    desk.reader.readable.add("/data/broken.dm4")
    dialog.width_box.setValue(512)
    dialog.height_box.setValue(256)
    dialog.offset.setValue(4096)
    qtbot.waitUntil(dialog.accept_button.isEnabled)
    qtbot.waitUntil(lambda: not dialog.picture.pixmap().isNull())
    dialog.accept_button.click()
    (entry,) = desk.window.library.entries
    assert entry.dataset == "raw:256x512:uint16:offset=4096"
    qtbot.waitUntil(lambda: entry.meta is not None)
    assert desk.window.workspace.shown is entry


def test_opening_without_a_header_asks_for_the_file_first(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/data/numbers.bin", ""))
    desk.window.inside.dialogs.ask_layout()
    dialog = desk.window.findChild(RawDialog)
    assert dialog is not None
    dialog.reject()


def test_how_many_frames_fit_into_a_file() -> None:
    layout = RawLayout(height=10, width=10, dtype="uint16", offset=50, gap=7)
    assert fits(layout, 50 + 200 + 7 + 200) == (2, 0)
    assert fits(layout, 50 + 200 + 7 + 199) == (1, 206)
    assert fits(layout, 20) == (0, 0)
    assert fits(layout.model_copy(update={"frames": 1}), 50 + 200 + 7 + 200) == (1, 207)


def test_a_cut_file_is_begun_with_what_the_reader_could_still_tell() -> None:
    advice = "Copy it again; or type width and height: the pixels begin at byte 5362, most likely as int32."
    found = guessed_layout(ErrorInfo(code="truncated", what="The file is cut.", advice=advice))
    assert (found.offset, found.dtype) == (5362, "int32")
    assert guessed_layout(None).offset == 0


def test_escape_closes_the_layout_dialog_and_removes_its_scratch(desk: Desk) -> None:
    desk.window.inside.dialogs.ask_layout(desk.open("broken.dm4"))
    dialog = desk.window.findChild(RawDialog)
    scratch = dialog._scratch.path
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert scratch not in [str(path) for path in desk.parts.folder.path.iterdir()]
