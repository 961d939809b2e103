"""Icons from the fonts that come with qtawesome, in the colours of the palette."""

from __future__ import annotations

import qtawesome
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPalette

# Each level has a shape of its own: a colour alone would not tell them apart.
LEVEL_ICONS = {
    "info": "mdi6.information-outline",
    "warning": "mdi6.alert-outline",
    "error": "mdi6.alert-circle-outline",
}


def icon(name: str, colour: QColor | None = None) -> QIcon:
    """The icon `name` (such as ``mdi6.play``) in a colour; by default the colour of a button's text."""
    colours = QGuiApplication.palette()
    plain = colour or colours.color(QPalette.ColorRole.ButtonText)
    faint = colours.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.ButtonText)
    return qtawesome.icon(name, color=plain.name(), color_disabled=faint.name())
