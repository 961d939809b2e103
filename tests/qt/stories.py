"""States of the window, told to stand-ins: for pictures and for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.actions.action_info import ActionId
from app.detector.detector_dialog import DetectorDialog
from app.exporting.export_dialog import ExportDialog
from app.model_manager.model_choice import ModelChoice
from app.parts import Parts
from app.project_browser.entries import MovieEntry
from app.project_browser.memory import Memory
from app.scratch import ScratchFolder
from app.settings.keeper import SettingsKeeper
from app.window import MainWindow
from core.denoising.methods.classical import CLASSICAL
from core.projects import open_or_begin
from core.protocol.base import ErrorInfo
from core.protocol.engine import JobFailed
from core.protocol.movie import DatasetInfo, Issue, Segment
from core.protocol.reader import Find, Surveyed
from tests.qt.stand_ins import CARDS, StandInEngine, StandInReader, card, meta

Wait = Callable[[], None]
MOVIE = "/data/session 12/NiO particle 300 kV 0001.dm4"


def make_window(folder: Path, theme: str = "light") -> tuple[MainWindow, Parts]:
    """A window on stand-ins, a project and settings in a folder of the test."""
    parts = Parts(
        reader=StandInReader(),
        engine=StandInEngine(),
        folder=ScratchFolder(),
        memory=Memory(open_or_begin(folder / "test.qbproj")),
        settings=SettingsKeeper(folder / "settings.json"),
    )
    parts.settings.change(theme=theme)
    window = MainWindow(parts.settings)
    window.move_in(parts)
    return window, parts


def tell_empty(window: MainWindow, parts: Parts, wait: Wait) -> None:
    wait()


def tell_drop(window: MainWindow, parts: Parts, wait: Wait) -> None:
    wait()
    window.show_drop_highlight()


def tell_movie(window: MainWindow, parts: Parts, wait: Wait) -> None:
    window.open_paths(
        [
            MOVIE,
            "/data/session 12/CeO2 in vacuum truncated.ser",
            "/data/session 12/notes broken.tif",
            "/data/session 12/uncalibrated stack with a rather long name of its own.tif",
        ]
    )
    wait()


def tell_broken(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_movie(window, parts, wait)
    window.browser.select(window.library.entries[2])
    wait()


def tell_draft(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_movie(window, parts, wait)
    window.viewer.state.set_zoom(2.0)
    wait()
    window.registry[ActionId.DRAFT].setChecked(True)
    wait()


def tell_filter(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_movie(window, parts, wait)
    (choice,) = window.findChildren(ModelChoice)
    choice.set_models(tuple(one.card for one in CLASSICAL.values()), "lattice-filter")
    choice.combo.setCurrentIndex(choice.combo.findData("lattice-filter"))
    wait()


def tell_zoom(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_done(window, parts, wait)
    window.viewer.state.zoom_about(300, 240, 4.0, 1.0)
    window.viewer.state.point_at((290.5, 250.5))
    wait()


def tell_run(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_movie(window, parts, wait)
    window.panel.button.click()
    parts.engine.begin()
    for frame in range(57):
        parts.engine.land(frame)
    wait()


def tell_crash(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_run(window, parts, wait)
    parts.engine.crash()
    wait()


def tell_done(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_run(window, parts, wait)
    parts.engine.finish()
    wait()
    window.viewer.state.set_frame(112)
    wait()


def tell_failed(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_run(window, parts, wait)
    parts.engine.fail(
        ErrorInfo(
            code="disk-full",
            what="The disk is full: 190 MB more are needed.",
            path="/data/session 12",
            advice="Free some space and press Go on, or choose another place.",
        ),
        57,
    )
    wait()


def tell_silent(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_run(window, parts, wait)
    parts.engine.silent.emit()
    wait()


RICH = {
    "exposure_s": 0.0396,
    "counts_per_electron": 20.0,
    "voltage_kv": 300.0,
    "magnification": 500_000.0,
    "detector": "K3 (counting)",
    "date": "2024-05-17T14:03:22",
    "scanned": False,
    "start_unix_s": 1_715_954_602.0,
    "file_count": 3,
    "file_bytes": 125_829_120,
    "segments": (
        Segment(start=0, stop=150),
        Segment(start=150, stop=240, reason="4 frames dropped"),
    ),
    "issues": (
        Issue(level="info", code="frames-dropped", text="The camera dropped 4 frames after frame 150."),
        Issue(level="warning", code="calibration", text="Two calibrations differ: the one of the image is used."),
    ),
}


def _rich(window: MainWindow, parts: Parts, wait: Wait, **changes: object) -> MovieEntry:
    parts.reader.metas[MOVIE] = meta(MOVIE, **(RICH | changes))
    tell_movie(window, parts, wait)
    return window.library.entries[0]


def tell_panel(window: MainWindow, parts: Parts, wait: Wait) -> None:
    _rich(window, parts, wait)
    window.inside.side.setCurrentIndex(1)
    wait()
    row = window.inside.movie_panel.rows["pixel_size"]
    row.edit.setText("0.0212 nm")
    row.edit.setModified(True)
    row.edit.editingFinished.emit()
    row = window.inside.movie_panel.rows["voltage_kv"]
    row.edit.setText("high")
    row.edit.setModified(True)
    row.edit.editingFinished.emit()
    wait()


def tell_unknown(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_movie(window, parts, wait)
    window.inside.side.setCurrentIndex(1)
    window.browser.select(window.library.entries[3])
    wait()


def tell_broken_panel(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_broken(window, parts, wait)
    window.inside.side.setCurrentIndex(1)
    wait()


def tell_tags(window: MainWindow, parts: Parts, wait: Wait) -> None:
    _rich(window, parts, wait)
    window.inside.side.setCurrentIndex(2)
    wait()


def tell_no_tags(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_tags(window, parts, wait)
    window.inside.tags.search.setText("defocus")
    wait()


def tell_survey(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_movie(window, parts, wait)
    top = "/data/session 13"
    finds = (
        Find(
            path=f"{top}/Capture 4",
            kind="in-situ",
            files=36_000,
            file_bytes=302_000_000_000,
            said="An in-situ recording of 36,000 DM4 files: one movie of 36,000 frames",
        ),
        Find(
            path=f"{top}/tomo",
            dataset="tilt_*.tif",
            kind="images",
            files=120,
            file_bytes=1_006_632_960,
            said="120 numbered TIFF images: one movie of 120 frames",
        ),
        *(Find(path=f"{top}/Pt {n:02d}.dm4", file_bytes=251_658_240) for n in range(1, 13)),
    )
    said = "One recording of 36,000 files, one series of 120 images and 12 single files. 7 other files left out."
    parts.reader.surveys[(top,)] = Surveyed(id=0, finds=finds, folders=4, skipped=7, said=said)
    window.open_paths([top])
    wait()


def tell_datasets(window: MainWindow, parts: Parts, wait: Wait) -> None:
    path = "/data/session 12/Velox 1422.emd"
    keys = ("Data/Image/1a/Data", "Data/Image/2b/Data", "Data/Image/3c/Data")
    infos = [
        DatasetInfo(key=key, title=title, shape=(240, 512, 512), dtype="uint16")
        for key, title in zip(keys, ("HAADF", "BF-S", "DF4-A"), strict=True)
    ]
    infos.append(DatasetInfo(key="fft", title="FFT", shape=(512, 512), dtype="complex64", refusal="Complex numbers."))
    why = "A spectrum image: its third axis is energy. Quietbeam shows movies."
    infos.append(DatasetInfo(key="eds", title="EDS map", shape=(256, 256, 4096), dtype="uint8", refusal=why))
    parts.reader.metas[path] = meta(path, format="Velox EMD", dataset=keys[0], scanned=True)
    parts.reader.datasets[path] = tuple(infos)
    window.open_paths([path])
    wait()
    window.inside.dialogs.ask_dataset()
    wait()


def tell_layout(window: MainWindow, parts: Parts, wait: Wait) -> None:
    path = "/data/session 12/cut broken.dm4"
    window.open_paths([path])
    wait()
    window.inside.side.setCurrentIndex(1)
    window.inside.dialogs.ask_layout()
    wait()


def tell_holder(window: MainWindow, parts: Parts, wait: Wait) -> None:
    _rich(window, parts, wait)
    window.inside.side.setCurrentIndex(1)
    window.inside.care.set_holder_log("/data/session 12/heating 1403.csv")
    window.viewer.state.set_frame(96)
    wait()


def tell_growing(window: MainWindow, parts: Parts, wait: Wait) -> None:
    entry = _rich(window, parts, wait, issues=())
    parts.reader.metas[MOVIE] = meta(MOVIE, **(RICH | {"frames": 812, "declared_frames": 812, "issues": ()}))
    window.library.poll(entry)
    wait()


def tell_read_only(window: MainWindow, parts: Parts, wait: Wait) -> None:
    what = "There is no permission to write here."
    parts.engine.estimate_error = ErrorInfo(code="no-permission", what=what, path="/data/session 12")
    tell_movie(window, parts, wait)
    wait()
    parts.engine.estimate_error = None
    window.panel.first.setValue(2)
    window.panel.sum.setValue(2)
    wait()


def tell_export(window: MainWindow, parts: Parts, wait: Wait) -> None:
    parts.reader.metas[MOVIE] = meta(MOVIE, **RICH)
    tell_done(window, parts, wait)
    dialog = window.inside.dialogs.ask_export()
    dialog.form.format.setCurrentIndex(4)
    dialog.form.what.setCurrentIndex(2)
    wait()


def tell_exporting(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_export(window, parts, wait)
    window.findChild(ExportDialog).start.click()
    parts.engine.progress_side("Writing frames", 93, 240, 12.0)
    wait()


def tell_exported(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_exporting(window, parts, wait)
    parts.engine.finish_export()
    wait()


def tell_detector(window: MainWindow, parts: Parts, wait: Wait) -> None:
    _rich(window, parts, wait)
    dialog = window.inside.dialogs.ask_detector()
    dialog.gain.set_path("/data/references/gain 2024-05-16.dm4")
    wait()


def tell_found(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_detector(window, parts, wait)
    window.findChild(DetectorDialog).look.click()
    parts.engine.finish_detector()
    wait()


def tell_defects(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_found(window, parts, wait)
    window.findChild(DetectorDialog)._on_accepted()
    wait()
    window.viewer.state.set_zoom(2.0)
    wait()


def tell_models(window: MainWindow, parts: Parts, wait: Wait) -> None:
    _rich(window, parts, wait)
    own = card("ptsto-2", "Pt on SrTiO3, trained on our own twins", ("Trained for 200 kV and 0.018 nm/px alone.",))
    own = own.model_copy(update={"scores": {"held-out s=1 dB": 33.41, "surface F1 s=1": 0.912}})
    parts.engine.cards = (*CARDS, own)
    parts.engine.own = (("ptsto-2", "1.0"),)
    parts.engine.list_models()
    wait()
    dialog = window.inside.dialogs.show_models()
    dialog.list.setCurrentRow(2)
    wait()


def _zoo(window: MainWindow, parts: Parts, wait: Wait) -> None:
    """A movie whose file says that a camera took it, and models for one kind of images each."""
    camera = card("hrtem-low-dose", "HRTEM at low dose", ("Trained on simulated images alone.",))
    scanned = card("stem", "STEM: dark and bright field", ("Trained on simulated images alone.",))
    parts.engine.cards = (
        camera.model_copy(update={"modality": ("HRTEM",), "pixel_size_nm": (0.008, 0.05)}),
        *CARDS,
        scanned.model_copy(update={"modality": ("HAADF", "ABF"), "pixel_size_nm": (0.006, 0.015)}),
    )
    parts.engine.list_models()
    parts.reader.metas[MOVIE] = meta(MOVIE, scanned=False, voltage_kv=300.0)
    wait()
    window.open_paths([MOVIE])
    wait()


def tell_fits(window: MainWindow, parts: Parts, wait: Wait) -> None:
    _zoo(window, parts, wait)


def tell_misfit(window: MainWindow, parts: Parts, wait: Wait) -> None:
    _zoo(window, parts, wait)
    combo = window.panel.models.combo
    combo.setCurrentIndex(combo.findData("stem"))
    wait()


def tell_bad_model(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_models(window, parts, wait)
    window.open_paths(["/data/downloads/hrtem-low-dose.qbmodel"])
    error = ErrorInfo(
        code="bad-model",
        what="The model hrtem-low-dose 2.1 can't be used: its weights are not those that its card names.",
        path="/data/downloads/hrtem-low-dose.qbmodel",
        advice="Ask whoever made it for another copy.",
    )
    parts.engine.event_received.emit(JobFailed(id=max(parts.engine.jobs), error=error))
    wait()


def tell_interrupted(window: MainWindow, parts: Parts, wait: Wait) -> None:
    tell_run(window, parts, wait)
    record = window.workspace.runs.run.record
    from core.projects import JobState

    parts.memory.job_ended(record, JobState.INTERRUPTED)
    window.workspace.runs.run = None
    window.progress.show_run(None)
    window.panel.set_running(False)
    window.workspace.restore()
    wait()
