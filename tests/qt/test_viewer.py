"""Raw and denoised under one state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.actions.action_info import ActionId
from app.project_browser.entries import ResultEntry
from app.viewer.picture import FrameMap, PictureKind
from app.viewer.scale_bar import scale_bar
from app.viewer.view_state import Contrast, Layout, PaneKind, ViewState, averaging_step, fit_zoom
from core.protocol.denoise import DenoiseRequest, FrameRange, Region, StoredScale
from tests.qt import specimen
from tests.qt.conftest import Desk
from tests.qt.stand_ins import PLAN, area_mean


def wheel(desk: Desk, place: QPoint, steps: int) -> None:
    view = desk.window.viewer.raw_pane.view
    event = QWheelEvent(
        QPointF(place),
        QPointF(view.mapToGlobal(place)),
        QPoint(),
        QPoint(0, 120 * steps),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view.viewport(), event)


def test_the_raw_pane_shows_the_frame_itself(desk: Desk) -> None:
    desk.open("a.dm4")
    viewer = desk.window.viewer
    viewer.state.set_zoom(1.0)
    viewer.state.set_frame(7)
    desk.settle()
    picture = viewer.raw_pane.view.picture
    assert picture is not None
    assert (picture.frame, picture.step) == (7, 1)
    y, x = int(picture.y), int(picture.x)
    height, width = picture.pixels.shape
    np.testing.assert_array_equal(picture.pixels, specimen.raw(7)[y : y + height, x : x + width])


def test_zoomed_out_the_pane_shows_area_means_and_says_so(desk: Desk) -> None:
    desk.open("a.dm4")
    viewer = desk.window.viewer
    viewer.state.set_zoom(0.25)
    desk.settle()
    picture = viewer.raw_pane.view.picture
    assert picture is not None
    assert picture.step == 4
    np.testing.assert_allclose(picture.pixels, area_mean(specimen.raw(0), 4), rtol=1e-6)
    assert "averaged 4 × 4 for display" in viewer.raw_pane.view.badges()


def test_both_panes_show_the_same_rectangle_after_wheel_and_drag(desk: Desk) -> None:
    desk.open("a.dm4")
    viewer = desk.window.viewer
    wheel(desk, QPoint(60, 300), 4)
    raw, other = viewer.raw_pane.view, viewer.denoised_pane.view
    assert raw.zoom() == other.zoom() > 1
    QTest.mousePress(raw.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    QTest.mouseMove(raw.viewport(), QPoint(140, 130))
    QTest.mouseRelease(raw.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(140, 130))
    assert raw.visible_rect() == other.visible_rect()


def test_the_wheel_keeps_the_point_under_the_cursor(desk: Desk) -> None:
    desk.open("a.dm4")
    view = desk.window.viewer.raw_pane.view
    place = QPoint(90, 333)
    before = view.image_point(QPointF(place))
    wheel(desk, place, 5)
    after = view.image_point(QPointF(place))
    assert after == pytest.approx(before, abs=1e-6)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.tuples(st.integers(900, 2200), st.integers(560, 1600)), min_size=50, max_size=50),
    zoom=st.one_of(st.none(), st.floats(0.05, 30)),
    x=st.floats(0, 512),
    y=st.floats(0, 512),
)
def test_after_fifty_resizes_the_state_is_unchanged(
    desk: Desk, sizes: list[tuple[int, int]], zoom: float | None, x: float, y: float
) -> None:
    state = desk.window.viewer.state
    if state.frames == 0:
        desk.open("a.dm4")
    state.fit()
    if zoom is not None:
        state.set_zoom(zoom)
        state.pan(x - 256, y - 256, zoom)
    state.set_contrast(PaneKind.RAW, Contrast(3, 90, auto=False))
    before = state.geometry, state.frame, state.contrast(PaneKind.RAW)
    for width, height in sizes:
        desk.window.resize(width, height)
    QApplication.processEvents()
    assert (state.geometry, state.frame, state.contrast(PaneKind.RAW)) == before
    raw, other = desk.window.viewer.raw_pane.view, desk.window.viewer.denoised_pane.view
    assert raw.zoom() == other.zoom()


def test_a_fitted_image_stays_fitted_in_a_larger_window(desk: Desk) -> None:
    desk.open("a.dm4")
    view = desk.window.viewer.raw_pane.view
    small = view.zoom()
    desk.window.resize(2000, 1400)
    QApplication.processEvents()
    assert view.zoom() > small
    assert view.zoom() == fit_zoom(512, 512, view.height(), view.width())


def test_slider_keys_and_number_move_the_one_frame(desk: Desk) -> None:
    desk.open("a.dm4")
    window, state = desk.window, desk.window.viewer.state
    window.viewer.frame_bar.slider.setValue(99)
    assert state.frame == 99
    for action, frame in (
        (ActionId.NEXT_FRAME, 100),
        (ActionId.FORWARD, 110),
        (ActionId.PREVIOUS_FRAME, 109),
        (ActionId.BACK, 99),
        (ActionId.LAST_FRAME, 239),
        (ActionId.NEXT_FRAME, 239),
        (ActionId.FIRST_FRAME, 0),
    ):
        window.registry[action].trigger()
        assert state.frame == frame
    window.viewer.frame_bar.number.setValue(12)
    assert state.frame == 11
    assert window.viewer.frame_bar.slider.value() == 11


def test_the_frame_bar_tells_the_time_of_the_frame(desk: Desk) -> None:
    desk.open("a.dm4")
    desk.window.viewer.state.set_frame(100)
    desk.settle()
    assert desk.window.viewer.frame_bar.time.text() == "4.000 s"


def test_stale_pictures_are_dropped_and_only_the_newest_wish_is_asked(desk: Desk) -> None:
    desk.open("a.dm4")
    viewer, reader = desk.window.viewer, desk.reader
    reader.hold = True
    asked = len(reader.asked)
    for frame in range(1, 40):
        viewer.state.set_frame(frame)
        QApplication.processEvents()
    assert [values["frame"] for _, values in reader.asked[asked:]] == [1]
    reader.release()
    desk.settle()
    assert [values["frame"] for _, values in reader.asked[asked:]] == [1, 39]
    assert viewer.raw_pane.view.picture is not None
    assert viewer.raw_pane.view.picture.frame == 39


def test_an_answer_about_another_movie_is_never_shown(desk: Desk, qtbot: QtBot) -> None:
    first = desk.open("a.dm4", "b.dm4")
    viewer, reader = desk.window.viewer, desk.reader
    reader.hold = True
    viewer.state.set_frame(5)
    QApplication.processEvents()
    desk.window.browser.select(desk.window.library.entries[1])
    QApplication.processEvents()
    assert viewer.raw_pane.view.picture is None
    reader.release()
    desk.settle()
    assert viewer.meta is not None
    assert viewer.meta.path != first.path
    assert viewer.raw_pane.view.picture is not None
    assert viewer.raw_pane.view.picture.frame == 0


def test_contrast_is_locked_over_frames_until_auto(desk: Desk) -> None:
    desk.open("a.dm4")
    state = desk.window.viewer.state
    chosen = state.contrast(PaneKind.RAW)
    state.set_frame(50)
    desk.settle()
    assert state.contrast(PaneKind.RAW) == chosen
    state.set_contrast(PaneKind.RAW, Contrast(1, 2, auto=False))
    state.set_frame(51)
    desk.settle()
    assert state.contrast(PaneKind.RAW) == Contrast(1, 2, auto=False)
    desk.window.registry[ActionId.AUTO_CONTRAST].trigger()
    picture = desk.window.viewer.raw_pane.view.picture
    assert picture is not None
    assert state.contrast(PaneKind.RAW) == Contrast(picture.low, picture.high, auto=True)


def test_value_and_place_under_the_cursor_are_told_in_both_panes(desk: Desk) -> None:
    desk.open("a.dm4")
    desk.press_denoise()
    desk.engine.begin()
    desk.engine.land(0)
    desk.settle()
    viewer = desk.window.viewer
    viewer.state.set_zoom(2.0)
    desk.settle()
    viewer.state.point_at((250.5, 260.5))
    told = viewer.raw_pane.value.full_text()
    assert told.startswith("x 250, y 260")
    assert "5.01 nm, 5.21 nm" in told
    assert f"{specimen.raw(0)[260, 250]:.4g}" in told
    assert f"{specimen.denoised(0)[260, 250]:.4g}" in viewer.denoised_pane.value.full_text()
    viewer.state.point_at(None)
    assert viewer.raw_pane.value.full_text().startswith("black")


def test_holding_b_swaps_the_pictures_in_place(desk: Desk) -> None:
    desk.open("a.dm4")
    desk.press_denoise()
    desk.engine.begin()
    desk.engine.land(0)
    desk.settle()
    viewer = desk.window.viewer
    raw, denoised = viewer.raw_pane.view.picture, viewer.denoised_pane.view.picture
    sizes = viewer.raw_pane.size(), viewer.denoised_pane.size()
    QTest.keyPress(desk.window, Qt.Key.Key_B)
    assert viewer.raw_pane.view.picture is denoised
    assert viewer.denoised_pane.view.picture is raw
    assert (viewer.raw_pane.size(), viewer.denoised_pane.size()) == sizes
    QTest.keyRelease(desk.window, Qt.Key.Key_B)
    assert viewer.raw_pane.view.picture is raw


def test_one_pane_alone_or_both(desk: Desk) -> None:
    desk.open("a.dm4")
    viewer = desk.window.viewer
    desk.window.registry[ActionId.SHOW_RAW].trigger()
    assert (viewer.raw_pane.isVisible(), viewer.denoised_pane.isVisible()) == (True, False)
    desk.window.registry[ActionId.SHOW_DENOISED].trigger()
    assert (viewer.raw_pane.isVisible(), viewer.denoised_pane.isVisible()) == (False, True)
    desk.window.registry[ActionId.SIDE_BY_SIDE].trigger()
    assert viewer.state.layout is Layout.SIDE_BY_SIDE
    assert (viewer.raw_pane.isVisible(), viewer.denoised_pane.isVisible()) == (True, True)


def test_playing_shows_every_frame_and_tells_its_speed(desk: Desk, qtbot: QtBot) -> None:
    desk.open("a.dm4")
    viewer = desk.window.viewer
    shown: list[int] = []
    viewer.picture_shown.connect(lambda picture: shown.append(picture.frame))
    viewer.player.set_speed(200)
    QTest.keyClick(desk.window, Qt.Key.Key_Space)
    with qtbot.waitSignal(viewer.player.speed_measured, timeout=10_000):
        pass
    qtbot.waitUntil(lambda: viewer.state.frame > 12, timeout=10_000)
    QTest.keyClick(desk.window, Qt.Key.Key_Space)
    assert not viewer.player.playing
    raw = [frame for frame in shown if frame <= 12]
    assert sorted(set(raw)) == list(range(1, 13))


def test_a_movie_without_calibration_has_no_scale_bar_but_one_with_has(desk: Desk) -> None:
    desk.open("uncalibrated.tif")
    assert desk.window.viewer.raw_pane.view.calibration is None
    desk.open("a.dm4")
    desk.window.browser.select(desk.window.library.entries[1])
    desk.settle()
    assert desk.window.viewer.raw_pane.view.calibration is not None


def test_a_movie_that_fails_while_shown_is_told_once_with_what_to_do(desk: Desk, qtbot: QtBot) -> None:
    from core.protocol.base import ErrorInfo
    from core.protocol.reader import ReaderFailed

    entry = desk.open("a.dm4")
    desk.reader.hold = True
    desk.window.viewer.state.set_frame(9)
    QApplication.processEvents()
    desk.reader.held.clear()
    error = ErrorInfo(code="hang", what="The file could not be read within 20 s.", path=entry.path, advice="Check it.")
    desk.reader.answered.emit(ReaderFailed(id=desk.reader.count, error=error))
    assert desk.window.notice_bar.texts() == [error.sentence()]


@given(
    pixel=st.floats(1e-4, 10),
    zoom=st.floats(1 / 64, 64),
    width=st.integers(80, 4000),
)
def test_scale_bar_is_round_and_fits(pixel: float, zoom: float, width: int) -> None:
    bar = scale_bar(pixel, "nm", zoom, width)
    assert bar is not None
    assert width / 10.1 < bar.pixels <= width / 4 * (1 + 1e-6)
    length = bar.pixels / zoom * pixel
    mantissa = length / 10 ** np.floor(np.log10(length) + 1e-9)
    assert min(abs(mantissa - m) for m in (1, 2, 5)) < 1e-6


@given(zoom=st.floats(1 / 64, 64))
def test_averaging_never_leaves_more_than_about_one_picture_pixel_a_screen_pixel(zoom: float) -> None:
    step = averaging_step(zoom)
    assert step >= 1
    assert zoom * step >= 0.66 or step == 1
    assert zoom >= 0.66 or zoom * step <= 1.34


@given(
    first=st.integers(0, 50),
    length=st.integers(1, 50),
    sums=st.integers(1, 7),
    frame=st.integers(0, 120),
)
def test_result_frames_map_to_the_raw_frames_they_were_made_of(first: int, length: int, sums: int, frame: int) -> None:
    made = FrameMap.of(FrameRange(start=first, stop=first + length), None, sums, (100, 8, 8))
    index = made.to_result(frame)
    if index is None:
        assert not first <= frame < first + made.count * sums
    else:
        assert 0 <= frame - made.to_raw(index) < sums


def test_a_result_of_a_region_lies_where_it_was_cut() -> None:
    made = FrameMap.of(FrameRange(), Region(y0=10, y1=60, x0=20, x1=90), 1, (5, 100, 100))
    assert made.clip(Region(y0=0, y1=30, x0=0, x1=50)) == Region(y0=0, y1=20, x0=0, x1=30)
    assert made.clip(Region(y0=70, y1=80, x0=0, x1=50)) is None


def test_state_announces_each_change_once(qtbot: QtBot) -> None:
    state = ViewState()
    state.show_movie(10, 20, 30)
    heard: list[str] = []
    state.frame_changed.connect(lambda _: heard.append("frame"))
    state.geometry_changed.connect(lambda: heard.append("geometry"))
    state.set_frame(99)
    state.set_frame(9)
    state.set_zoom(2)
    state.set_zoom(2)
    assert heard == ["frame", "geometry"]


def test_picture_kinds_are_named_in_the_caption(desk: Desk) -> None:
    desk.open("a.dm4")
    caption = desk.window.viewer.denoised_pane.caption
    assert caption.full_text() == "Not denoised"
    desk.press_denoise()
    desk.engine.begin()
    desk.engine.land(0)
    desk.settle()
    assert caption.full_text() == "Denoised so far · frame 1 · General HRTEM / STEM"
    desk.engine.finish()
    desk.settle()
    picture = desk.window.viewer.denoised_pane.view.picture
    assert picture is not None
    assert picture.kind is PictureKind.RESULT
    assert caption.full_text() == "Denoised · frame 1 · General HRTEM / STEM"


def test_a_closed_window_asks_the_reader_for_nothing_more(desk: Desk) -> None:
    desk.open("a.dm4")
    viewer = desk.window.viewer
    meta, source = viewer._meta, viewer._raw_feed.source
    desk.window.close()
    # A choice in the list that was still on its way.
    viewer._meta = meta
    viewer._raw_feed.set_source(source)
    viewer.state.set_frame(5)
    viewer._refresh()
    assert not viewer._raw_feed.busy


def test_a_result_in_whole_numbers_is_shown_in_the_movies_own_values(desk: Desk, qtbot: QtBot) -> None:
    entry = desk.open("a.dm4")
    plan = PLAN.model_copy(update={"stored": StoredScale(origin=8, scale=0.5)})
    request = DenoiseRequest(source=entry.path, output="/data/a_denoised.tif", model="general", plan=plan)
    result = ResultEntry("/data/a_denoised.tif", request, "General", 0.0, frames=specimen.FRAMES)
    desk.window.library.add_result(entry, result)
    desk.window.browser.select(entry, result)
    view = desk.window.viewer.denoised_pane.view
    qtbot.waitUntil(lambda: view.picture is not None and not desk.window.viewer._result_feed.busy)
    picture = view.picture
    assert picture is not None
    stored = area_mean(specimen.denoised(0), picture.step)[: picture.pixels.shape[0], : picture.pixels.shape[1]]
    np.testing.assert_allclose(picture.pixels, (stored - 8) * 0.5, rtol=1e-5)
    assert picture.low < picture.high < stored.max()
