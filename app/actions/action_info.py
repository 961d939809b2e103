"""An action as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QT_TRANSLATE_NOOP

__all__ = ["QT_TRANSLATE_NOOP", "ActionId", "ActionInfo", "Menu"]


class Menu(Enum):
    """Where an action lives in the menu bar."""

    FILE = "&File"
    VIEW = "&View"
    MOVIE = "&Movie"
    DENOISE = "&Denoise"
    HELP = "&Help"


class ActionId(Enum):
    """Every action of the window."""

    OPEN_FILES = "open_files"
    OPEN_FOLDER = "open_folder"
    EXPORT = "export"
    LAYOUT = "layout"
    LOOK_AGAIN = "look_again"
    EJECT = "eject"
    REMOVE_MOVIE = "remove_movie"
    QUIT = "quit"
    FIT = "fit"
    FULL_SIZE = "full_size"
    ZOOM_IN = "zoom_in"
    ZOOM_OUT = "zoom_out"
    SHOW_RAW = "show_raw"
    SHOW_DENOISED = "show_denoised"
    SIDE_BY_SIDE = "side_by_side"
    AUTO_CONTRAST = "auto_contrast"
    SHOW_DEFECTS = "show_defects"
    DATASETS = "datasets"
    HOLDER_LOG = "holder_log"
    PLAY = "play"
    NEXT_FRAME = "next_frame"
    PREVIOUS_FRAME = "previous_frame"
    FORWARD = "forward"
    BACK = "back"
    FIRST_FRAME = "first_frame"
    LAST_FRAME = "last_frame"
    FOLLOW = "follow"
    DRAFT = "draft"
    DENOISE = "denoise"
    CANCEL = "cancel"
    DETECTOR = "detector"
    MODELS = "models"
    THEME_SYSTEM = "theme_system"
    THEME_LIGHT = "theme_light"
    THEME_DARK = "theme_dark"
    MESSAGES = "messages"
    KEYS = "keys"
    ABOUT = "about"


@dataclass(frozen=True)
class ActionInfo:
    """Name, icon, shortcuts and place of an action; `group` actions exclude each other;
    those with a `short` name stand in the tool bar.
    """

    id: ActionId
    menu: Menu
    text: str
    tip: str
    icon: str = ""
    shortcuts: tuple[str, ...] = ()
    checkable: bool = False
    group: str = ""
    separator_before: bool = False
    short: str = ""
