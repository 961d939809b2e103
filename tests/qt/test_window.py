"""The window as such: names, keys, colours, messages."""

from __future__ import annotations

import subprocess
import sys

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QFileDialog, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from app.actions.action_info import ActionId
from app.actions.catalogue import CATALOGUE
from app.messages.notice_bar import HistoryDialog
from app.theme.colours import apply_scheme, is_dark, palette
from tests.qt import stories
from tests.qt.conftest import Desk


def focusable(window: QWidget) -> list[QWidget]:
    return [
        widget
        for widget in window.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.focusProxy() is None
        and not widget.objectName().startswith("qt_")
    ]


def nameless(window: QWidget) -> list[tuple[QWidget, QWidget]]:
    return [
        (widget, widget.parentWidget())
        for widget in focusable(window)
        if not widget.accessibleName()
        and not (isinstance(widget, QAbstractButton) and widget.text())
        # The editor inside a spin box answers with the box's name.
        and not (isinstance(widget, QLineEdit) and widget.parentWidget().accessibleName())
    ]


def test_every_focusable_widget_has_a_name_for_assistive_technology(desk: Desk) -> None:
    desk.open("a.dm4")
    desk.press_denoise()
    desk.engine.begin()
    assert nameless(desk.window) == []


@pytest.mark.parametrize("state", ["survey", "datasets", "layout", "exporting", "found", "holder", "panel", "tags"])
def test_every_focusable_widget_of_dialogs_and_tabs_has_a_name(desk: Desk, qtbot: QtBot, state: str) -> None:
    getattr(stories, f"tell_{state}")(desk.window, desk.parts, lambda: qtbot.wait(60))
    assert nameless(desk.window) == []


def test_the_image_describes_itself_in_words(desk: Desk) -> None:
    desk.open("a.dm4")
    desk.window.viewer.state.set_frame(11)
    desk.settle()
    told = desk.window.viewer.raw_pane.view.accessibleDescription()
    assert "Frame 12 of 240" in told
    assert "zoom" in told


def test_tab_goes_from_the_list_over_the_viewer_to_the_form(desk: Desk) -> None:
    desk.open("a.dm4")
    window = desk.window
    order: list[QWidget] = []
    widget: QWidget = window.browser.list
    while widget not in order:
        order.append(widget)
        widget = widget.nextInFocusChain()
    places = [order.index(w) for w in (window.browser.list, window.viewer.frame_bar.slider, window.panel.models.combo)]
    places += [order.index(w) for w in (window.panel.all_frames, window.panel.output, window.panel.button)]
    places += [order.index(window.progress.cancel)]
    assert places == sorted(places)


def test_the_first_paint_needs_nothing_heavy() -> None:
    heavy = ("numpy", "pyqtgraph", "torch", "sqlite3", "core.protocol.engine")
    code = f"import sys, app.window; print([name for name in {heavy} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_no_two_actions_share_a_key() -> None:
    keys = [key for info in CATALOGUE for key in info.shortcuts]
    assert len(keys) == len(set(keys))


def test_every_action_has_words_and_a_callback(desk: Desk) -> None:
    for info in CATALOGUE:
        assert desk.window.registry[info.id].text()
        assert desk.window.registry[info.id].toolTip()
    assert {info.id for info in CATALOGUE} == set(ActionId)


def test_space_plays_but_presses_a_focused_button(desk: Desk) -> None:
    desk.open("a.dm4")
    window = desk.window
    window.activateWindow()
    window.viewer.raw_pane.view.setFocus()
    QTest.keyClick(window.viewer.raw_pane.view, Qt.Key.Key_Space)
    assert window.viewer.player.playing
    QTest.keyClick(window.viewer.raw_pane.view, Qt.Key.Key_Space)
    assert not window.viewer.player.playing
    window.panel.visible.setFocus()
    QTest.keyClick(window.panel.visible, Qt.Key.Key_Space)
    assert window.panel.visible.isChecked()
    assert not window.viewer.player.playing


def test_typing_a_file_name_is_not_taken_for_keys(desk: Desk) -> None:
    desk.open("a.dm4")
    output = desk.window.panel.output
    output.setFocus()
    output.clear()
    QTest.keyClicks(output, "bd 1,2.f3")
    assert output.text() == "bd 1,2.f3"
    assert not desk.window.registry[ActionId.DRAFT].isChecked()
    assert not desk.window.viewer.state.blinking


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_can_be_chosen_and_the_image_stays_on_neutral_dark(desk: Desk, theme: str) -> None:
    desk.open("a.dm4")
    desk.window.registry[ActionId.THEME_DARK if theme == "dark" else ActionId.THEME_LIGHT].trigger()
    assert is_dark() is (theme == "dark")
    picture = desk.window.viewer.raw_pane.view.grab().toImage()
    ground = picture.pixelColor(picture.width() // 2, 6)
    assert ground == QColor("#1b1c1e")


@pytest.mark.parametrize("scheme", [Qt.ColorScheme.Dark, Qt.ColorScheme.Light])
def test_the_systems_scheme_is_followed(desk: Desk, scheme: Qt.ColorScheme, monkeypatch: pytest.MonkeyPatch) -> None:
    hints = QGuiApplication.styleHints()
    monkeypatch.setattr(type(hints), "colorScheme", lambda _self: scheme)
    desk.parts.settings.change(theme="light" if scheme is Qt.ColorScheme.Dark else "dark")
    desk.parts.settings.change(theme="system")
    assert is_dark() is (scheme is Qt.ColorScheme.Dark)


def _contrast(a: QColor, b: QColor) -> float:
    def luminance(colour: QColor) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.getRgbF()[:3]]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    bright, faint = sorted((luminance(a), luminance(b)), reverse=True)
    return (bright + 0.05) / (faint + 0.05)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        (QPalette.ColorRole.WindowText, QPalette.ColorRole.Window),
        (QPalette.ColorRole.Text, QPalette.ColorRole.Base),
        (QPalette.ColorRole.ButtonText, QPalette.ColorRole.Button),
        (QPalette.ColorRole.HighlightedText, QPalette.ColorRole.Highlight),
        (QPalette.ColorRole.PlaceholderText, QPalette.ColorRole.Window),
        (QPalette.ColorRole.PlaceholderText, QPalette.ColorRole.AlternateBase),
        (QPalette.ColorRole.Link, QPalette.ColorRole.Window),
    ],
)
def test_words_can_be_read_on_their_ground(dark: bool, text: QPalette.ColorRole, ground: QPalette.ColorRole) -> None:
    colours = palette(dark=dark)
    assert _contrast(colours.color(text), colours.color(ground)) >= 4.5


def test_messages_are_kept_and_listed(desk: Desk, qtbot: QtBot) -> None:
    desk.window.notices.tell("info", "one")
    desk.window.notices.tell("error", "two")
    desk.window.registry[ActionId.MESSAGES].trigger()
    dialog = desk.window.findChild(HistoryDialog)
    assert dialog is not None
    assert [dialog.list.item(row).text()[10:] for row in range(dialog.list.count())][:2] == ["two", "one"]
    dialog.close()


def test_a_message_with_the_same_key_takes_the_place_of_the_last(desk: Desk) -> None:
    for text in ("one", "two", "three"):
        desk.window.notices.tell("warning", text, "same")
    assert desk.window.notice_bar.texts() == ["three"]


@pytest.mark.parametrize(("width", "height"), [(924, 700), (1280, 800)])
def test_nothing_of_the_side_is_cut_off(desk: Desk, qtbot: QtBot, width: int, height: int) -> None:
    desk.open("a.dm4")
    window = desk.window
    window.resize(width, height)
    qtbot.waitUntil(lambda: window.width() == width)
    for tab in range(window.inside.side.count()):
        window.inside.side.setCurrentIndex(tab)
        qtbot.wait(20)
        for widget in (window.inside.side, window.panel.button, window.inside.movie_panel, window.inside.tags):
            if widget.isVisible():
                right = widget.mapTo(window, widget.rect().topRight()).x()
                assert right < width, widget


def test_many_messages_never_fill_the_window(desk: Desk) -> None:
    for number in range(30):
        desk.window.notices.tell("warning", f"message {number}")
    assert desk.window.notice_bar.texts() == ["message 27", "message 28", "message 29"]
    assert len(desk.window.notices.history) == 30


def test_open_asks_for_files_and_cancelling_adds_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([], ""))
    desk.window.registry[ActionId.OPEN_FILES].trigger()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    desk.window.registry[ActionId.OPEN_FOLDER].trigger()
    assert desk.window.library.entries == []


def test_the_high_contrast_palette_of_the_system_is_left_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    monkeypatch.setattr("app.theme.colours._wants_high_contrast", lambda _: True)
    apply_scheme(application, "dark")
    assert QGuiApplication.palette() == QPalette()
    assert isinstance(desk.window.panel.models.combo, QComboBox)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_accented_button_can_be_read(desk: Desk, theme: str, qtbot: QtBot) -> None:
    desk.parts.settings.change(theme=theme)
    desk.open("a.dm4")
    button = desk.window.panel.button
    qtbot.waitUntil(button.isEnabled)
    picture = button.grab().toImage()
    words = button.palette().color(QPalette.ColorRole.ButtonText)
    for part in (0.2, 0.5, 0.8):
        ground = picture.pixelColor(12, round(picture.height() * part))
        assert _contrast(words, ground) >= 4.5, ground.name()
