"""All actions of the window. A new one is one entry here and one callback where the window binds them."""

from __future__ import annotations

from app.actions.action_info import QT_TRANSLATE_NOOP, ActionId, ActionInfo, Menu


def _n(text: str) -> str:
    """Mark for translation; translated when the menu is made."""
    return str(QT_TRANSLATE_NOOP("actions", text))


CATALOGUE: tuple[ActionInfo, ...] = (
    ActionInfo(
        ActionId.OPEN_FILES,
        Menu.FILE,
        _n("&Open movies…"),
        _n("Add movies to the list"),
        "mdi6.folder-open-outline",
        ("Ctrl+O",),
        short=_n("Open"),
    ),
    ActionInfo(
        ActionId.OPEN_FOLDER,
        Menu.FILE,
        _n("Open a &folder…"),
        _n("Add every movie in a folder to the list"),
        "mdi6.folder-search-outline",
        ("Ctrl+Shift+O",),
    ),
    ActionInfo(
        ActionId.LAYOUT,
        Menu.FILE,
        _n("Open without a &header…"),
        _n("Read a file as plain numbers whose width, height and type you type"),
        "mdi6.table-large",
    ),
    ActionInfo(
        ActionId.EXPORT,
        Menu.FILE,
        _n("&Export…"),
        _n("Write the movie, its result or a film of them into another format"),
        "mdi6.export-variant",
        ("Ctrl+E",),
        separator_before=True,
        short=_n("Export"),
    ),
    ActionInfo(
        ActionId.LOOK_AGAIN, Menu.FILE, _n("&Look at the file again"), _n("Read the file anew"), "mdi6.refresh", ("F5",)
    ),
    ActionInfo(
        ActionId.EJECT,
        Menu.FILE,
        _n("&Close all files"),
        _n("Let go of every file, so that a disk can be ejected; the list stays"),
        "mdi6.eject-outline",
    ),
    ActionInfo(
        ActionId.REMOVE_MOVIE,
        Menu.FILE,
        _n("&Remove from the list"),
        _n("Take the selected movie from the list; its file is not touched"),
        "mdi6.close",
        ("Del",),
    ),
    ActionInfo(ActionId.QUIT, Menu.FILE, _n("&Quit"), _n("Close Quietbeam"), "", ("Ctrl+Q",), separator_before=True),
    ActionInfo(
        ActionId.SHOW_RAW,
        Menu.VIEW,
        _n("&Raw alone"),
        _n("Show the raw movie alone"),
        "mdi6.image-outline",
        ("1",),
        checkable=True,
        group="layout",
        short=_n("Raw"),
    ),
    ActionInfo(
        ActionId.SHOW_DENOISED,
        Menu.VIEW,
        _n("&Denoised alone"),
        _n("Show the denoised movie alone"),
        "mdi6.image-auto-adjust",
        ("2",),
        checkable=True,
        group="layout",
        short=_n("Denoised"),
    ),
    ActionInfo(
        ActionId.SIDE_BY_SIDE,
        Menu.VIEW,
        _n("&Side by side"),
        _n("Show raw and denoised side by side. Hold B to swap them in place"),
        "mdi6.view-split-vertical",
        ("3",),
        checkable=True,
        group="layout",
        short=_n("Side by side"),
    ),
    ActionInfo(
        ActionId.FIT,
        Menu.VIEW,
        _n("&Fit to the pane"),
        _n("Show the whole frame"),
        "mdi6.fit-to-screen-outline",
        ("0",),
        separator_before=True,
        short=_n("Fit"),
    ),
    ActionInfo(
        ActionId.FULL_SIZE,
        Menu.VIEW,
        _n("&100 %"),
        _n("Show each pixel of the camera as one pixel of the screen"),
        "mdi6.magnify",
        ("Ctrl+1",),
        short=_n("100 %"),
    ),
    ActionInfo(ActionId.ZOOM_IN, Menu.VIEW, _n("Zoom &in"), _n("Zoom in"), "mdi6.plus", ("+", "Ctrl++", "=")),
    ActionInfo(ActionId.ZOOM_OUT, Menu.VIEW, _n("Zoom &out"), _n("Zoom out"), "mdi6.minus", ("-", "Ctrl+-")),
    ActionInfo(
        ActionId.AUTO_CONTRAST,
        Menu.VIEW,
        _n("&Auto contrast"),
        _n("Choose black and white by percentiles of what is shown; kept for all frames"),
        "mdi6.brightness-auto",
        ("Shift+A",),
        separator_before=True,
        short=_n("Auto contrast"),
    ),
    ActionInfo(
        ActionId.SHOW_DEFECTS,
        Menu.VIEW,
        _n("&Mark the detector's defects"),
        _n("Mark dead, hot and unstable pixels over the raw picture"),
        "mdi6.grid",
        ("M",),
        checkable=True,
    ),
    ActionInfo(
        ActionId.THEME_SYSTEM,
        Menu.VIEW,
        _n("Colours of the &system"),
        _n("Light or dark as the system is"),
        checkable=True,
        group="theme",
        separator_before=True,
    ),
    ActionInfo(
        ActionId.THEME_LIGHT, Menu.VIEW, _n("&Light colours"), _n("Always light"), checkable=True, group="theme"
    ),
    ActionInfo(ActionId.THEME_DARK, Menu.VIEW, _n("Dar&k colours"), _n("Always dark"), checkable=True, group="theme"),
    ActionInfo(
        ActionId.PLAY, Menu.MOVIE, _n("&Play or pause"), _n("Play every frame, or pause"), "mdi6.play", ("Space",)
    ),
    ActionInfo(ActionId.NEXT_FRAME, Menu.MOVIE, _n("&Next frame"), _n("Next frame"), "", ("Right", ".", ">")),
    ActionInfo(
        ActionId.PREVIOUS_FRAME, Menu.MOVIE, _n("P&revious frame"), _n("Previous frame"), "", ("Left", ",", "<")
    ),
    ActionInfo(ActionId.FORWARD, Menu.MOVIE, _n("10 frames &forward"), _n("10 frames forward"), "", ("Shift+Right",)),
    ActionInfo(ActionId.BACK, Menu.MOVIE, _n("10 frames &back"), _n("10 frames back"), "", ("Shift+Left",)),
    ActionInfo(ActionId.FIRST_FRAME, Menu.MOVIE, _n("F&irst frame"), _n("First frame"), "", ("Home",)),
    ActionInfo(ActionId.LAST_FRAME, Menu.MOVIE, _n("&Last frame"), _n("Last frame"), "", ("End",)),
    ActionInfo(
        ActionId.DATASETS,
        Menu.MOVIE,
        _n("Choose a &dataset…"),
        _n("Choose among the movies that this file holds"),
        "mdi6.layers-outline",
        separator_before=True,
    ),
    ActionInfo(
        ActionId.HOLDER_LOG,
        Menu.MOVIE,
        _n("Attach a &holder log…"),
        _n("Join a log of temperature, gas or bias to the frames by time"),
        "mdi6.chart-line",
    ),
    ActionInfo(
        ActionId.FOLLOW,
        Menu.MOVIE,
        _n("Follow a &run"),
        _n("While a movie is denoised, show each frame as it lands"),
        "",
        ("F",),
        checkable=True,
        separator_before=True,
    ),
    ActionInfo(
        ActionId.DRAFT,
        Menu.DENOISE,
        _n("D&raft of what I see"),
        _n("Denoise the visible part of this frame at once, and again when the view changes"),
        "mdi6.creation",
        ("D",),
        checkable=True,
        short=_n("Draft"),
    ),
    ActionInfo(
        ActionId.DENOISE, Menu.DENOISE, _n("&Denoise the movie"), _n("Start denoising"), "mdi6.blur", ("Ctrl+Return",)
    ),
    ActionInfo(
        ActionId.CANCEL,
        Menu.DENOISE,
        _n("&Cancel"),
        _n("Stop denoising; finished frames are kept"),
        "mdi6.stop",
        ("Ctrl+.",),
    ),
    ActionInfo(
        ActionId.DETECTOR,
        Menu.DENOISE,
        _n("D&etector…"),
        _n("Dark and gain references, defects of the detector, X-ray hits"),
        "mdi6.tune-variant",
        separator_before=True,
    ),
    ActionInfo(
        ActionId.MODELS,
        Menu.DENOISE,
        _n("&Models…"),
        _n("What the models are for; install, export and remove models"),
        "mdi6.shape-outline",
    ),
    ActionInfo(ActionId.MESSAGES, Menu.HELP, _n("&Messages"), _n("Everything that was told"), "mdi6.bell-outline"),
    ActionInfo(ActionId.KEYS, Menu.HELP, _n("&Keys"), _n("All keys"), "", ("?",)),
    ActionInfo(ActionId.ABOUT, Menu.HELP, _n("&About Quietbeam"), _n("Version and licences"), separator_before=True),
)
