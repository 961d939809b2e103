"""What is known of a movie, typed over in place, kept by the project and handed to every job."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.movie_panel.facts import dose_facts, file_facts
from app.movie_panel.fields import NotUnderstoodError, fields
from app.movie_panel.movie_panel import MoviePanel
from app.movie_panel.tags_panel import copied_text
from app.project_browser.entries import MovieEntry
from app.project_browser.row_model import Role
from core.protocol.base import ErrorInfo
from core.protocol.denoise import DraftRequest, EstimateRequest
from core.protocol.entered import Entered
from core.protocol.movie import Issue, Segment
from core.protocol.reader import ReaderFailed, TagRow, Tags
from tests.qt.conftest import Desk
from tests.qt.stand_ins import meta

FIELDS = {field.names[0]: field for field in fields()}


def show(desk: Desk, tab: int = 1) -> MoviePanel:
    desk.window.inside.side.setCurrentIndex(tab)
    return desk.window.inside.movie_panel


def type_into(panel: MoviePanel, name: str, text: str) -> None:
    edit = panel.rows[name].edit
    edit.clear()
    QTest.keyClicks(edit, text)
    QTest.keyClick(edit, Qt.Key.Key_Return)


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("pixel_size", "0.02 nm", {"pixel_size": (0.02, 0.02), "pixel_unit": "nm"}),
        ("pixel_size", "20 pm/px", {"pixel_size": (0.02, 0.02), "pixel_unit": "nm"}),
        ("pixel_size", "0,2 Å", {"pixel_size": (0.02, 0.02), "pixel_unit": "nm"}),
        ("pixel_size", "0.02 x 0.03 nm", {"pixel_size": (0.02, 0.03), "pixel_unit": "nm"}),
        ("pixel_size", "0.5 1/nm", {"pixel_size": (0.5, 0.5), "pixel_unit": "1/nm"}),
        ("pixel_size", "0.5 nm⁻¹", {"pixel_size": (0.5, 0.5), "pixel_unit": "1/nm"}),
        ("frame_interval_s", "20 ms", {"frame_interval_s": 0.02}),
        ("frame_interval_s", "25 fps", {"frame_interval_s": 0.04}),
        ("exposure_s", "0.04", {"exposure_s": 0.04}),
        ("counts_per_electron", "20", {"counts_per_electron": 20.0}),
        ("black_level", "-12.5", {"black_level": -12.5}),
        ("voltage_kv", "300", {"voltage_kv": 300.0}),
        ("voltage_kv", "200000", {"voltage_kv": 200.0}),
        ("voltage_kv", "80 kV", {"voltage_kv": 80.0}),
        ("magnification", "500k", {"magnification": 500_000.0}),
        ("magnification", "× 1.2M", {"magnification": 1_200_000.0}),
        ("detector", " K3 ", {"detector": "K3"}),
        ("dose_rate_e_per_a2_s", "1000 e/nm²/s", {"dose_rate_e_per_a2_s": 10.0}),
        ("start_unix_s", "1970-01-02 00:00:00", {"start_unix_s": 86_400.0}),
        ("start_unix_s", "1970-01-02T00:00:00+01:00", {"start_unix_s": 82_800.0}),
    ],
)
def test_what_a_person_types_is_understood(name: str, text: str, values: dict[str, object]) -> None:
    typed = FIELDS[name].taken(Entered(), text).fields()
    assert typed.keys() == values.keys()
    for key, value in values.items():
        assert typed[key] == (pytest.approx(value) if not isinstance(value, str) else value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pixel_size", "small"),
        ("pixel_size", "0 nm"),
        ("pixel_size", "2 kg"),
        ("frame_interval_s", "-1 s"),
        ("exposure_s", "1e999"),
        ("voltage_kv", "300 mm"),
        ("start_unix_s", "yesterday"),
        ("counts_per_electron", "0"),
    ],
)
def test_what_makes_no_sense_is_refused_with_an_example(name: str, text: str) -> None:
    with pytest.raises(NotUnderstoodError, match=r"such as|too large"):
        FIELDS[name].taken(Entered(), text)


def test_what_is_shown_can_be_typed_again() -> None:
    whole = meta(
        "/a",
        exposure_s=0.0396,
        counts_per_electron=20.5,
        black_level=3.0,
        voltage_kv=300.0,
        magnification=630_000.0,
        detector="K3",
        dose_rate_e_per_a2_s=12.5,
        start_unix_s=1_715_954_602.0,
    )
    for field in fields():
        typed = field.taken(Entered(), field.show(whole)).fields()
        for key, value in typed.items():
            assert value == (pytest.approx(getattr(whole, key)) if not isinstance(value, str) else getattr(whole, key))


def test_an_emptied_field_goes_back_to_what_the_file_says() -> None:
    entered = Entered(voltage_kv=80, exposure_s=1)
    assert FIELDS["voltage_kv"].taken(entered, " ") == Entered(exposure_s=1)


def test_a_value_is_typed_in_place_and_marked_as_typed(desk: Desk) -> None:
    entry = desk.open("uncalibrated.tif")
    panel = show(desk)
    assert panel.rows["pixel_size"].edit.placeholderText() == "unknown"
    assert panel.rows["pixel_size"].source.text() == ""
    type_into(panel, "pixel_size", "0.5 nm")
    assert entry.meta is not None
    assert entry.meta.pixel_size == (0.5, 0.5)
    assert panel.rows["pixel_size"].source.text() == "typed"
    assert panel.rows["pixel_size"].reset.isVisible()
    calibration = desk.window.viewer.raw_pane.view.calibration
    assert calibration is not None
    assert calibration.pixel_size == 0.5
    assert desk.window.browser.rows.index(0).data(Role.SECOND_DETAIL) == "0.5 nm/px (typed)"


def test_typing_keeps_the_frame_and_the_place_that_are_looked_at(desk: Desk) -> None:
    desk.open("uncalibrated.tif")
    viewer = desk.window.viewer
    viewer.state.set_frame(30)
    viewer.state.set_zoom(3.0)
    type_into(show(desk), "pixel_size", "0.5 nm")
    assert viewer.state.frame == 30
    assert viewer.state.geometry.zoom == 3.0


def test_nonsense_says_what_to_type_and_changes_nothing(desk: Desk) -> None:
    entry = desk.open("uncalibrated.tif")
    panel = show(desk)
    type_into(panel, "voltage_kv", "high")
    assert "300 kV" in panel.rows["voltage_kv"].problem.text()
    assert entry.entered.nothing
    QTest.keyClick(panel.rows["voltage_kv"].edit, Qt.Key.Key_Escape)
    assert panel.rows["voltage_kv"].edit.text() == ""


def test_the_file_can_be_believed_again(desk: Desk) -> None:
    entry = desk.open("a.dm4")
    panel = show(desk)
    type_into(panel, "pixel_size", "1 nm")
    panel.rows["pixel_size"].reset.trigger()
    assert entry.entered.nothing
    assert panel.rows["pixel_size"].edit.text() == "0.02 nm"
    assert panel.rows["pixel_size"].source.text() == "file"


def test_what_was_typed_goes_into_every_job(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4")
    type_into(show(desk), "counts_per_electron", "20")
    desk.window.workspace.set_draft_follows(True)
    for kind in (DraftRequest, EstimateRequest):
        qtbot.waitUntil(lambda kind=kind: any(isinstance(job, kind) for job in desk.engine.jobs.values()))
    desk.press_denoise()
    typed = Entered(counts_per_electron=20)
    assert desk.engine.denoise_job()[1].entered == typed
    drafts = [job for job in desk.engine.jobs.values() if isinstance(job, DraftRequest)]
    assert drafts[-1].entered == typed
    estimates = [job for job in desk.engine.jobs.values() if isinstance(job, EstimateRequest)]
    assert estimates[-1].request.entered == typed


def test_what_was_typed_is_there_again_after_a_restart(open_desk: Callable[[], Desk]) -> None:
    first = open_desk()
    first.open("a.dm4")
    type_into(show(first), "voltage_kv", "80 kV")
    first.window.inside.care.set_holder_log("/data/log.csv")
    first.window.close()
    second = open_desk()
    (entry,) = second.window.library.entries
    assert entry.entered == Entered(voltage_kv=80)
    assert entry.holder_log is not None
    assert entry.holder_log.path == "/data/log.csv"
    # What the project keeps is the file's own word beside the user's.
    assert entry.file_meta is not None
    assert entry.file_meta.voltage_kv is None


def test_the_dose_is_told_in_all_units_with_its_source() -> None:
    known = meta("/a", exposure_s=0.1, dose_rate_e_per_a2_s=50.0)
    rows, source = dose_facts(known, None)
    assert [value for _, value in rows] == ["0.2 e⁻/px · 5 e⁻/Å²", "50 e⁻/Å²/s", "1200 e⁻/Å² in 240 frames"]
    assert source == "As the file says."
    assert "typed" in dose_facts(known.model_copy(update={"entered": ("dose_rate_e_per_a2_s",)}), None)[1]
    counted = meta("/a", counts_per_electron=20.0)
    assert "mean count" in dose_facts(counted, 40.0)[1]
    assert dose_facts(meta("/a", counts_per_electron=20.0, scanned=True), 40.0)[0] == []
    assert "scanning" in dose_facts(meta("/a", scanned=True), None)[1]


def test_facts_tell_files_gaps_and_what_is_missing() -> None:
    entry = MovieEntry("/data/a.dm4")
    segments = (Segment(start=0, stop=100), Segment(start=100, stop=240, reason="4 frames dropped"))
    entry.file_meta = meta("/data/a.dm4", segments=segments, file_count=3, file_bytes=10**9, declared_frames=500)
    facts = dict(file_facts(entry))
    assert facts["Size"] == "1.0 GB in 3 files"
    assert "frames 101 to 240 (4 frames dropped)" in facts["Segments"]
    assert facts["Promised"] == "500 frames, 240 of them are there"
    assert "Now" not in facts
    entry.growing = True
    assert dict(file_facts(entry))["Now"] == "still being written: 240 frames so far"


def test_issues_are_listed_the_worst_first_and_say_so_in_the_row(desk: Desk) -> None:
    issues = (
        Issue(level="info", code="a", text="Frames were dropped."),
        Issue(level="warning", code="b", text="Two calibrations differ."),
    )
    desk.reader.metas["/data/a.dm4"] = meta("/data/a.dm4", issues=issues)
    desk.open("a.dm4")
    panel = show(desk)
    assert panel.issues.texts() == ["Two calibrations differ.", "Frames were dropped."]
    row = desk.window.browser.rows.index(0)
    assert row.data(Role.SECOND_DETAIL) == "Two calibrations differ."
    assert "Warning: Two calibrations differ." in row.data(Qt.ItemDataRole.ToolTipRole)
    assert "Frames were dropped." in row.data(Qt.ItemDataRole.AccessibleTextRole)


def test_a_broken_movie_offers_to_look_again_and_a_layout(desk: Desk, qtbot: QtBot) -> None:
    desk.open("broken.tif")
    panel = show(desk)
    assert not panel.mending.isHidden()
    assert panel.values.isHidden()
    before = len([kind for kind, _ in desk.reader.asked if kind == "describe"])
    panel.again.click()
    qtbot.waitUntil(lambda: len([kind for kind, _ in desk.reader.asked if kind == "describe"]) == before + 1)


def test_without_a_movie_the_panel_says_what_to_do(desk: Desk) -> None:
    panel = show(desk)
    assert not panel.nothing.isHidden()
    assert panel.values.isHidden()


# Tags


def test_tags_are_asked_for_when_they_are_seen_and_found_by_a_word(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4")
    assert "tags" not in [kind for kind, _ in desk.reader.asked]
    tags = desk.window.inside.tags
    show(desk, 2)
    qtbot.waitUntil(lambda: tags.count.text() == "7 tags")
    QTest.keyClicks(tags.search, "exposure")
    qtbot.waitUntil(lambda: tags.count.text() == "1 tag")
    index = tags.tree.model().index(0, 0)
    while tags.tree.model().hasChildren(index):
        index = tags.tree.model().index(0, 0, index)
    assert copied_text(index) == "DocumentTags.ImageList.1.ImageTags.Acquisition.Parameters.Exposure (s) = 0.04"
    tags.tree.setCurrentIndex(index)
    QTest.keyClick(tags.tree, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().endswith("= 0.04")


def test_a_search_without_a_find_and_a_cut_list_are_told(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4")
    tags = desk.window.inside.tags
    show(desk, 2)
    tags.search.setText("nonsense")
    qtbot.waitUntil(lambda: "No tag holds “nonsense”" in tags.count.text())
    tags.show_tags(Tags(id=0, rows=(TagRow(name="a.b", value="1"), TagRow(name="a.b.c", value="2")), total=51_200))
    assert "first 2 of 51" in tags.count.text()


def test_another_movie_asks_for_its_own_tags(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4", "b.dm4")
    show(desk, 2)
    qtbot.waitUntil(lambda: desk.window.inside.tags.count.text() == "7 tags")
    desk.window.browser.select(desk.window.library.entries[1])
    qtbot.waitUntil(lambda: ("tags", {"path": "/data/b.dm4", "search": ""}) in desk.reader.asked)


def test_tags_that_cannot_be_read_say_why(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4")
    desk.reader.hold = True
    show(desk, 2)
    qtbot.waitUntil(lambda: bool(desk.reader.held))
    error = ErrorInfo(code="malformed", what="The tags are damaged.", path="/data/a.dm4")
    desk.reader.answered.emit(ReaderFailed(id=desk.reader.count, error=error))
    assert "The tags are damaged." in desk.window.inside.tags.count.text()


def test_the_real_client_asks_a_fake_reader_for_tags_and_logs(fake_desk: Callable[..., Desk], qtbot: QtBot) -> None:
    desk = fake_desk()
    desk.window.open_paths(["/data/a.dm4"])
    qtbot.waitUntil(lambda: desk.window.viewer.meta is not None)
    show(desk, 2)
    qtbot.waitUntil(lambda: desk.window.inside.tags.count.text() == "30 tags")
    desk.window.inside.care.set_holder_log("/data/log.csv")
    qtbot.waitUntil(lambda: desk.window.viewer.trace.value_text(0) == "25 °C")
