"""Export: the form, how it goes, and what was written. It may be closed meanwhile; the export goes on."""

from __future__ import annotations

from pathlib import PurePath

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QVBoxLayout, QWidget

from app.exporting.export_form import ExportForm
from app.exporting.export_kinds import ExportContext, ExportKind
from app.job_queue.side_job import SideJob
from app.job_queue.side_progress import SideProgress
from app.upright_scroll import scrolled
from app.words import bytes_text, duration_text, frames_text
from core.protocol.base import ErrorInfo
from core.protocol.export import ExportRequest, ExportResult


class ExportDialog(QDialog):
    """`folder_wanted` carries a path whose folder is to be shown."""

    folder_wanted = Signal(str)

    def __init__(self, context: ExportContext, job: SideJob, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Export {0}").format(context.entry.name))
        self._context, self._job = context, job
        self._written = ""
        self.form = ExportForm(context, self)
        self.progress = SideProgress(job, self)
        self.buttons = QDialogButtonBox(self)
        self.folder: QPushButton = self.buttons.addButton(
            self.tr("Show in folder"), QDialogButtonBox.ButtonRole.ActionRole
        )
        self.folder.hide()
        self.buttons.addButton(QDialogButtonBox.StandardButton.Close)
        self.start: QPushButton = self.buttons.addButton(self.tr("Export"), QDialogButtonBox.ButtonRole.ActionRole)
        self.start.setDefault(True)
        self.buttons.rejected.connect(self.reject)
        self.start.clicked.connect(self._on_start)
        self.folder.clicked.connect(lambda: self.folder_wanted.emit(self._written))
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        layout.addWidget(scrolled(self.form, self), 1)
        layout.addWidget(self.progress)
        layout.addWidget(self.buttons)
        self.form.changed.connect(self._on_changed)
        job.changed.connect(self._on_job)
        job.done.connect(self._on_done)
        job.failed.connect(self._on_failed)
        job.stopped.connect(self._on_stopped)
        self._on_changed()
        self._on_job()
        self.resize(self.fontMetrics().averageCharWidth() * 100, self.fontMetrics().height() * 32)

    def _on_changed(self) -> None:
        request = self.form.request()
        self.start.setEnabled(request is not None and not self._job.active)
        self.start.setText(self.tr("Export"))
        if self._job.active:
            return
        self.folder.hide()
        if request is None:
            self.progress.say(self._missing())
            return
        count = self.form.frames_wanted()
        if self.form.chosen_format.kind is ExportKind.FILM:
            told = self.tr("{0}, a film of {1}.").format(frames_text(count), duration_text(count / request.fps))
        elif self.form.chosen_format.kind is ExportKind.DATA:
            height, width = self._context.size(self.form.chosen_what)
            if request.region is not None:
                height, width = request.region.y1 - request.region.y0, request.region.x1 - request.region.x0
            size = bytes_text(count * height * width * self._pixel_bytes(request))
            told = self.tr("{0} of {1} × {2} px, about {3}.").format(frames_text(count), width, height, size)
        else:
            told = frames_text(count) + "."
        self.progress.say(told)

    def _pixel_bytes(self, request: ExportRequest) -> int:
        meta = self._context.entry.meta
        name = request.dtype
        if name == "same":
            name = "float32" if request.source != self._context.entry.path or meta is None else meta.dtype
        digits = "".join(letter for letter in name if letter.isdigit())
        return max(1, int(digits or 8) // 8)

    def _missing(self) -> str:
        if not self.form.path.text().strip():
            return self.tr("Say where to write.")
        if self.form.some_frames.isChecked() and self.form.last.value() < self.form.first.value():
            return self.tr("The range ends before it begins.")
        return self.tr("The name's end says no format: give it one such as {0}.").format(self.form.chosen_format.ending)

    def _on_start(self) -> None:
        request = self.form.request()
        if request is not None and not self._job.active:
            self._job.start(request)

    def _on_job(self) -> None:
        active = self._job.active
        self.form.setEnabled(not active)
        self.start.setEnabled(not active and self.form.request() is not None)

    def _on_done(self, _request: object, result: object) -> None:
        if not isinstance(result, ExportResult):
            return
        self._written = result.output
        told = self.tr("Written: {0}, {1}, {2}.").format(
            PurePath(result.output).name, frames_text(result.frames), bytes_text(result.file_bytes)
        )
        warnings = [notice.text for notice in result.notices if notice.level != "info"]
        self.progress.say(" ".join([told, *warnings]), "warning" if warnings else "")
        self.folder.show()

    def _on_failed(self, _request: object, error: ErrorInfo) -> None:
        if error.code == "output-exists":
            self.form.overwrite = True
            self.start.setText(self.tr("Replace it"))
            name = PurePath(self.form.path.text()).name
            self.progress.say(self.tr("{0} is there already. Replace it, or write to another name.").format(name))
            return
        self.progress.say(error.sentence(), "error")

    def _on_stopped(self, _request: object) -> None:
        self.progress.say(self.tr("Stopped. Nothing was kept."))
