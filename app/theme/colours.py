"""Light and dark: two palettes on Qt's Fusion style, chosen by the system's colour scheme or by the user."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

IMAGE_GROUND = "#1b1c1e"
IMAGE_TEXT = "#b9bdc3"

_LIGHT = {
    QPalette.ColorRole.Window: "#f3f4f6",
    QPalette.ColorRole.WindowText: "#1d2126",
    QPalette.ColorRole.Base: "#ffffff",
    QPalette.ColorRole.AlternateBase: "#fbfcfc",
    QPalette.ColorRole.Text: "#1d2126",
    QPalette.ColorRole.PlaceholderText: "#626a74",
    QPalette.ColorRole.Button: "#f7f8f9",
    QPalette.ColorRole.ButtonText: "#1d2126",
    QPalette.ColorRole.BrightText: "#b3261e",
    QPalette.ColorRole.Highlight: "#1f6f8b",
    QPalette.ColorRole.HighlightedText: "#ffffff",
    QPalette.ColorRole.Accent: "#1f6f8b",
    QPalette.ColorRole.Link: "#1a6480",
    QPalette.ColorRole.LinkVisited: "#5b4a86",
    QPalette.ColorRole.ToolTipBase: "#ffffff",
    QPalette.ColorRole.ToolTipText: "#1d2126",
    QPalette.ColorRole.Light: "#ffffff",
    QPalette.ColorRole.Midlight: "#e8eaed",
    QPalette.ColorRole.Mid: "#c3c8ce",
    QPalette.ColorRole.Dark: "#9ea5ad",
    QPalette.ColorRole.Shadow: "#7a828b",
}
_DARK = {
    QPalette.ColorRole.Window: "#25282c",
    QPalette.ColorRole.WindowText: "#e4e7ea",
    QPalette.ColorRole.Base: "#42484f",
    QPalette.ColorRole.AlternateBase: "#1f2225",
    QPalette.ColorRole.Text: "#e4e7ea",
    QPalette.ColorRole.PlaceholderText: "#aab1b9",
    QPalette.ColorRole.Button: "#3d4248",
    QPalette.ColorRole.ButtonText: "#e4e7ea",
    QPalette.ColorRole.BrightText: "#ff8f85",
    QPalette.ColorRole.Highlight: "#2b7f9e",
    QPalette.ColorRole.HighlightedText: "#ffffff",
    QPalette.ColorRole.Accent: "#2b7f9e",
    QPalette.ColorRole.Link: "#7cc4de",
    QPalette.ColorRole.LinkVisited: "#b7a6e0",
    QPalette.ColorRole.ToolTipBase: "#34383d",
    QPalette.ColorRole.ToolTipText: "#e4e7ea",
    QPalette.ColorRole.Light: "#4a4f55",
    QPalette.ColorRole.Midlight: "#3d4147",
    QPalette.ColorRole.Mid: "#3a3e44",
    QPalette.ColorRole.Dark: "#17191b",
    QPalette.ColorRole.Shadow: "#0d0e0f",
}
_FAINT = {False: "#8f969e", True: "#858c94"}
_FADED = (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText)


def palette(*, dark: bool) -> QPalette:
    """The palette of a scheme, with greyed texts for what is disabled."""
    result = QPalette()
    for role, colour in (_DARK if dark else _LIGHT).items():
        result.setColor(role, QColor(colour))
    for role in _FADED:
        result.setColor(QPalette.ColorGroup.Disabled, role, QColor(_FAINT[dark]))
    grey = QColor("#4a4f55" if dark else "#c3c8ce")
    result.setColor(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Highlight, grey)
    return result


def is_dark() -> bool:
    """Whether the palette in use is a dark one."""
    colours = QGuiApplication.palette()
    return (
        colours.color(QPalette.ColorRole.Window).lightness() < colours.color(QPalette.ColorRole.WindowText).lightness()
    )


def accent() -> QColor:
    """The accent colour of the palette in use."""
    return QGuiApplication.palette().color(QPalette.ColorRole.Accent)


def button_ground() -> QColor:
    """The ground of the one accented button: Fusion lightens it, so that white words need a darker one."""
    return accent().darker(180 if is_dark() else 145)


def level_colour(level: str) -> QColor:
    """The colour of a notice: info, warning or error. It never stands alone: an icon and words say the same."""
    if level == "error":
        return QColor("#e5796f" if is_dark() else "#b3261e")
    if level == "warning":
        return QColor("#e0a94a" if is_dark() else "#9a6200")
    return accent() if not is_dark() else QColor("#62b6d4")


def apply_scheme(application: QApplication, choice: str) -> None:
    """Use ``light``, ``dark`` or the ``system``'s scheme. A high-contrast system keeps its own palette."""
    hints = application.styleHints()
    if _wants_high_contrast(application):
        application.setPalette(QPalette())
        return
    if choice == "system":
        dark = hints.colorScheme() == Qt.ColorScheme.Dark
    else:
        dark = choice == "dark"
    application.setPalette(palette(dark=dark))


def _wants_high_contrast(application: QApplication) -> bool:
    accessibility = getattr(application.styleHints(), "accessibility", None)
    if accessibility is None:
        return False
    return bool(accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast)
