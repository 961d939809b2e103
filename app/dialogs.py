"""Asks the user: which movies of a folder, which dataset, which layout, which log, what to export, what to take out.

Asking lives here, doing in `app.movie_care`, `app.workspace` and the jobs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

from app.detector.detector_dialog import DetectorDialog
from app.exporting.export_dialog import ExportDialog
from app.exporting.export_kinds import ExportContext, What
from app.job_queue.engine_link import Engine
from app.job_queue.side_job import SideJob
from app.messages.notices import Choice, Notices
from app.model_manager.model_jobs import ModelJobs
from app.model_manager.models_dialog import ModelsDialog
from app.movie_care import MovieCare
from app.project_browser.arrivals import Arrivals
from app.project_browser.browser import Browser
from app.project_browser.dataset_dialog import DatasetDialog
from app.project_browser.entries import MovieEntry
from app.project_browser.library import MovieLibrary
from app.project_browser.raw_dialog import RawDialog, Reader
from app.project_browser.survey_dialog import SurveyDialog
from app.scratch import ScratchFolder
from app.viewer.defects import NO_DEFECTS, Defects
from app.viewer.mask_feed import MaskFeed
from app.viewer.view_state import PaneKind
from app.viewer.viewer import Viewer
from app.words import bytes_text, frames_text
from core.protocol.base import ErrorInfo
from core.protocol.clean_up import CleanUp
from core.protocol.export import ExportResult
from core.protocol.raw_layout import PIXEL_TYPES, RawLayout
from core.protocol.reader import Surveyed


class Dialogs(QObject):
    """Opens dialogs over the window and hands on what they say.

    Signals
    -------
    status_changed(str)
        How an export goes, for the status bar; empty when there is none.
    marking_changed(bool)
        Whether defects are marked over the picture.
    """

    status_changed = Signal(str)
    marking_changed = Signal(bool)

    def __init__(
        self,
        reader: Reader,
        engine: Engine,
        folder: ScratchFolder,
        library: MovieLibrary,
        browser: Browser,
        viewer: Viewer,
        arrivals: Arrivals,
        care: MovieCare,
        notices: Notices,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._reader, self._folder, self._library, self._browser = reader, folder, library, browser
        self._viewer, self._arrivals, self._care, self._notices = viewer, arrivals, care, notices
        self._window = window
        self.exports = SideJob(engine, self)
        self.detector = SideJob(engine, self)
        self.models = ModelJobs(engine, self)
        self._masks = MaskFeed(reader, folder, self)
        self._marking = False
        self._mask = ""
        arrivals.choice_wanted.connect(self.ask_finds)
        care.datasets_wanted.connect(self.ask_dataset)
        self.exports.changed.connect(self._show_export)
        self.exports.done.connect(self._on_exported)
        self.exports.failed.connect(self._on_export_failed)
        self._masks.arrived.connect(self._on_mask)
        self._masks.failed.connect(self._on_mask_failed)

    # Adding

    def ask_finds(self, surveyed: Surveyed) -> SurveyDialog:
        """Which movies of a folder are added?"""
        dialog = SurveyDialog(surveyed, self._window)
        dialog.chosen.connect(self._arrivals.add)
        dialog.open()
        return dialog

    def ask_dataset(self, entry: MovieEntry | None = None) -> None:
        """Which dataset of a file is shown?"""
        entry = entry or self._care.entry
        if entry is None:
            return
        if len(entry.datasets) < 2:
            self._notices.tell("info", self.tr("{0} holds only one dataset.").format(entry.name), "datasets")
            return
        listed = {other.open_dataset for other in self._library.entries if other.path == entry.path}
        dialog = DatasetDialog(entry, listed, self._window)
        dialog.chosen.connect(lambda key: self._browser.select(self._care.choose_dataset(entry, key)))
        dialog.open()

    def ask_layout(self, entry: MovieEntry | None = None) -> None:
        """How do the pixels of this file lie?"""
        entry = entry or self._care.entry
        if entry is None:
            self._ask_layout_of_file()
            return
        self._open_layout(entry.path, entry.file_bytes, entry)

    def _ask_layout_of_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self._window, self.tr("Open a file without a header"), "")
        if path:
            self._open_layout(path, 0, None)

    def _open_layout(self, path: str, file_bytes: int, replaced: MovieEntry | None) -> None:
        start = guessed_layout(replaced.problem if replaced is not None else None)
        key = replaced.dataset if replaced is not None else None
        if key is not None and key.startswith("raw:"):
            start = RawLayout.of(key)
        elif replaced is not None and replaced.file_meta is not None:
            start = RawLayout(height=replaced.file_meta.height, width=replaced.file_meta.width)
        dialog = RawDialog(path, start, self._reader, self._folder, file_bytes, self._window)
        dialog.chosen.connect(lambda chosen: self._on_layout(path, chosen, replaced))
        dialog.open()

    def _on_layout(self, path: str, key: str, replaced: MovieEntry | None) -> None:
        entry = self._library.add(path, key)
        if replaced is not None and replaced is not entry and replaced.problem is not None:
            self._library.remove(replaced)
        self._browser.select(entry)

    def ask_holder_log(self) -> None:
        """Which log of the holder belongs to this movie?"""
        entry = self._care.entry
        if entry is None or entry.meta is None:
            return
        start = entry.holder_log.path if entry.holder_log is not None else str(PurePath(entry.path).parent)
        names = self.tr("Logs (*.csv *.txt *.tsv *.log);;All files (*)")
        path, _ = QFileDialog.getOpenFileName(self._window, self.tr("Attach a holder log"), start, names)
        if path:
            self._care.set_holder_log(path)

    # Export

    def ask_export(self) -> ExportDialog | None:
        """What of this movie is written, how and where to?"""
        entry = self._care.entry
        if entry is None or entry.meta is None or entry.problem is not None:
            self._notices.tell("info", self.tr("Choose a movie to export first."), "export")
            return None
        row = self._browser.current()
        chosen = row.result if row is not None and row.movie is entry else None
        good = [made for made in entry.results if made.problem is None]
        state = self._viewer.state
        visible = None if state.geometry.zoom is None else self._viewer.visible_region()
        context = ExportContext(
            entry=entry,
            result=chosen or (good[-1] if good else None),
            frame=state.frame,
            visible=visible or self._viewer.visible_region(),
            contrasts=(state.contrast(PaneKind.RAW), state.contrast(PaneKind.DENOISED)),
        )
        dialog = ExportDialog(context, self.exports, self._window)
        if chosen is not None:
            # Whoever has selected a result means the result.
            dialog.form.what.setCurrentIndex(max(0, dialog.form.what.findData(What.DENOISED)))
        dialog.folder_wanted.connect(show_in_folder)
        dialog.open()
        return dialog

    def _show_export(self) -> None:
        job = self.exports
        if not job.active or job.request is None:
            self.status_changed.emit("")
            return
        name = PurePath(job.request.output or "").name
        if job.total:
            told = self.tr("Exporting {0}: {1} %").format(name, round(100 * job.finished / job.total))
        else:
            told = self.tr("Exporting {0}…").format(name)
        self.status_changed.emit(told)

    def _on_exported(self, _request: object, result: object) -> None:
        if not isinstance(result, ExportResult) or self._dialog_is_open():
            return
        told = self.tr("Exported {0}: {1}, {2}.").format(
            PurePath(result.output).name, frames_text(result.frames), bytes_text(result.file_bytes)
        )
        worst = [notice for notice in result.notices if notice.level != "info"]
        show = Choice(self.tr("Show in folder"), lambda: show_in_folder(result.output))
        text = " ".join([told, *(notice.text for notice in worst)])
        self._notices.tell("warning" if worst else "info", text, "export", show)

    def _on_export_failed(self, _request: object, error: ErrorInfo) -> None:
        # The dialog says so itself; where it was closed meanwhile, the bar does.
        if not self._dialog_is_open():
            self._notices.tell_error(error, "export")

    def _dialog_is_open(self) -> bool:
        return any(dialog.isVisible() for dialog in self._window.findChildren(ExportDialog))

    # Models

    def show_models(self, installed: Sequence[str] = ()) -> ModelsDialog:
        """Show the models; install those of these files."""
        dialog = next((one for one in self._window.findChildren(ModelsDialog) if one.isVisible()), None)
        if dialog is None:
            dialog = ModelsDialog(self.models, self._window)
            dialog.open()
        self.models.install(installed)
        return dialog

    # The detector

    def ask_detector(self) -> DetectorDialog | None:
        """What is taken out of the frames of this movie?"""
        entry = self._care.entry
        if entry is None or entry.meta is None or entry.problem is not None:
            self._notices.tell("info", self.tr("Choose a movie first."), "detector")
            return None
        dialog = DetectorDialog(entry, self.detector, marked=self._marking, parent=self._window)
        dialog.chosen.connect(self._take_clean_up(entry))
        dialog.shown_changed.connect(self._mark)
        dialog.folder_wanted.connect(show_in_folder)
        dialog.open()
        return dialog

    def _take_clean_up(self, entry: MovieEntry) -> Callable[[CleanUp], None]:
        return lambda clean_up: self._care.set_clean_up(entry, clean_up)

    def set_marking(self, marking: bool) -> None:
        """Mark the defects of the movie's mask over the picture, or not."""
        if marking == self._marking:
            return
        self._marking = marking
        entry = self._care.entry
        mask = entry.clean_up.defects if entry is not None else None
        if marking and entry is not None and mask is None:
            told = self.tr("No mask of defects belongs to this movie yet. Look for them under Denoise > Detector.")
            self._notices.tell("info", told, "defects")
        self._ask_mask(mask or self._mask if marking else "")

    def show_movie(self, entry: MovieEntry | None) -> None:
        """Another movie is shown: its own defects are marked."""
        mask = entry.clean_up.defects if entry is not None else None
        self._mask = ""
        self._ask_mask(mask or "" if self._marking else "")

    def _mark(self, mask: str) -> None:
        if bool(mask) != self._marking:
            self._marking = bool(mask)
            self.marking_changed.emit(self._marking)
        self._ask_mask(mask)

    def _ask_mask(self, mask: str) -> None:
        meta = self._viewer.meta
        if not mask or meta is None:
            self._mask = ""
            self._masks.give_up()
            self._viewer.set_defects(NO_DEFECTS)
        elif mask != self._mask:
            self._mask = mask
            self._masks.ask(mask, meta.height, meta.width)

    def _on_mask(self, path: str, defects: Defects) -> None:
        if path == self._mask:
            self._viewer.set_defects(defects)

    def _on_mask_failed(self, error: ErrorInfo) -> None:
        self._mask = ""
        self._notices.tell_error(error, "defects")


def guessed_layout(problem: ErrorInfo | None) -> RawLayout:
    """Where to begin: what the reader could still tell of a file that is cut."""
    advice = problem.advice if problem is not None else ""
    offset = re.search(r"begin at byte (\d{1,9})\b", advice)
    dtype = next((name for name in PIXEL_TYPES if re.search(rf"\b{name}\b", advice)), "uint16")
    values = {"height": 1024, "width": 1024, "dtype": dtype, "offset": int(offset[1]) if offset is not None else 0}
    return RawLayout.model_validate(values)


def show_in_folder(path: str) -> None:
    """Open the folder of a file in the system's own program."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(path).parent)))
