"""The detector's defects: look for them in this movie, and choose what is taken out of its frames in runs."""

from __future__ import annotations

from pathlib import Path, PurePath

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.detector.findings import findings_text
from app.detector.reference_rows import ReferenceRow
from app.job_queue.side_job import SideJob
from app.job_queue.side_progress import SideProgress
from app.project_browser.entries import MovieEntry
from core.protocol.base import ErrorInfo
from core.protocol.clean_up import CleanUp, DetectorRequest, DetectorResult

FEWEST_FRAMES = 3
USUAL_FRAMES = 200


class DetectorDialog(QDialog):
    """`chosen` carries the clean-up; `shown_changed` a mask to be marked over the picture ("" for none)."""

    chosen = Signal(object)
    shown_changed = Signal(str)
    folder_wanted = Signal(str)

    def __init__(self, entry: MovieEntry, job: SideJob, *, marked: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Detector of {0}").format(entry.name))
        self._entry, self._job = entry, job
        self._folder: Path | None = None
        self._replace = False
        self._found: DetectorResult | None = None
        self._make_search()
        self._make_rows(entry.clean_up)
        self._make_buttons()
        self.mark = QCheckBox(self.tr("Mark the defects over the raw picture"), self)
        self.mark.setChecked(marked)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(self._heading(self.tr("Look for defects in this movie")))
        layout.addWidget(self._search)
        layout.addWidget(self.progress)
        layout.addWidget(_rule(self))
        layout.addWidget(self._heading(self.tr("Take out of each frame before it is denoised")))
        layout.addWidget(self._rows)
        layout.addWidget(self.mark)
        layout.addStretch(1)
        layout.addWidget(self.buttons)
        self.mark.toggled.connect(self._tell_mask)
        self.defects.changed.connect(self._tell_mask)
        job.changed.connect(self._on_job)
        job.done.connect(self._on_done)
        job.failed.connect(self._on_failed)
        job.stopped.connect(self._on_stopped)
        self._on_job()
        self.resize(self.fontMetrics().averageCharWidth() * 92, self.fontMetrics().height() * 30)

    def _heading(self, text: str) -> QLabel:
        heading = QLabel(text, self)
        font = heading.font()
        font.setBold(True)
        heading.setFont(font)
        return heading

    def _make_search(self) -> None:
        self._search = QWidget(self)
        meta = self._entry.meta
        frames = meta.frames if meta is not None else 0
        told = QLabel(
            self.tr(
                "Dead, hot and unstable pixels, X-ray hits and a fixed pattern of the camera, by frames spread over "
                "the movie. Nothing is changed by looking; mask and pattern are written beside the movie."
            ),
            self._search,
        )
        told.setWordWrap(True)
        told.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.frames = QSpinBox(self._search)
        self.frames.setAccessibleName(self.tr("Frames to look at"))
        self.frames.setRange(FEWEST_FRAMES, max(FEWEST_FRAMES, frames))
        self.frames.setValue(min(USUAL_FRAMES, max(FEWEST_FRAMES, frames)))
        self.frames.setMinimumWidth(self.fontMetrics().horizontalAdvance("000000") + 34)
        self.look = QPushButton(self.tr("Look for defects"), self._search)
        self.look.setAutoDefault(False)
        self.look.clicked.connect(self._on_look)
        self.folder = QPushButton(self.tr("Show in folder"), self._search)
        self.folder.setAutoDefault(False)
        self.folder.hide()
        self.folder.clicked.connect(self._on_folder)
        row = QHBoxLayout()
        row.addWidget(self.look)
        row.addWidget(QLabel(self.tr("in"), self._search))
        row.addWidget(self.frames)
        row.addWidget(QLabel(self.tr("of {0} frames").format(frames), self._search))
        row.addStretch(1)
        row.addWidget(self.folder)
        layout = QVBoxLayout(self._search)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(told)
        layout.addLayout(row)
        self.progress = SideProgress(self._job, self)

    def _make_rows(self, clean_up: CleanUp) -> None:
        self._rows = QWidget(self)
        grid = QGridLayout(self._rows)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(7)
        grid.setColumnStretch(1, 1)
        images = self.tr("Images (*.dm3 *.dm4 *.tif *.tiff *.mrc *.ser *.png *.emd *.h5)")
        masks = self.tr("Masks (*.tif *.tiff *.png)")
        rows = (
            (self.tr("Dark reference"), self.tr("Frames without beam; their mean is subtracted"), images),
            (self.tr("Gain reference"), self.tr("Evenly lit frames; each frame is divided by their mean"), images),
            (self.tr("Defects"), self.tr("A mask: pixels above zero get a stand-in of their neighbours"), masks),
            (self.tr("Fixed pattern"), self.tr("What the camera adds to each frame; subtracted"), images),
        )
        made = [ReferenceRow(*row, grid, place, self._rows) for place, row in enumerate(rows)]
        self.dark, self.gain, self.defects, self.pattern = made
        stored = (clean_up.dark, clean_up.gain, clean_up.defects, clean_up.pattern)
        for row, path in zip(made, stored, strict=True):
            with QSignalBlocker(row):
                row.set_path(path)
        self.xrays = QCheckBox(self.tr("X-ray hits and hot pixels of single frames"), self._rows)
        self.xrays.setChecked(clean_up.xrays)
        self.xrays.setToolTip(self.tr("Each gets a stand-in of its neighbours; they are counted and told"))
        self.lines = QCheckBox(self.tr("Offsets that whole rows or columns of a frame share"), self._rows)
        self.lines.setChecked(clean_up.lines)
        self.lines.setToolTip(self.tr("Subtracted where they rise above the noise; electron counts have none"))
        for place, box in enumerate((self.xrays, self.lines), len(rows)):
            grid.addWidget(box, place, 0, 1, 2)

    def _make_buttons(self) -> None:
        self.buttons = QDialogButtonBox(self)
        self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.use: QPushButton = self.buttons.addButton(
            self.tr("Use for this movie"), QDialogButtonBox.ButtonRole.AcceptRole
        )
        self.use.setDefault(True)
        self.buttons.accepted.connect(self._on_accepted)
        self.buttons.rejected.connect(self.reject)

    def clean_up(self) -> CleanUp:
        """What is chosen now."""
        return CleanUp(
            dark=self.dark.value(),
            gain=self.gain.value(),
            defects=self.defects.value(),
            pattern=self.pattern.value(),
            xrays=self.xrays.isChecked(),
            lines=self.lines.isChecked(),
        )

    def _output(self) -> str:
        """The folder of mask, table and pattern: the movie's own, or the user's where that may not be written to."""
        return str(self._folder if self._folder is not None else PurePath(self._entry.path).parent)

    def _on_look(self) -> None:
        if not self._job.active:
            request = DetectorRequest(
                source=self._entry.path,
                dataset=self._entry.open_dataset or None,
                output=self._output(),
                frames_used=self.frames.value(),
                dark=self.dark.value(),
                gain=self.gain.value(),
                overwrite=self._replace,
            )
            self._job.start(request)

    def _is_mine(self, request: object) -> bool:
        return isinstance(request, DetectorRequest) and request.source == self._entry.path

    def _on_job(self) -> None:
        self.look.setEnabled(not self._job.active)

    def _on_done(self, request: object, result: object) -> None:
        if not self._is_mine(request) or not isinstance(result, DetectorResult):
            return
        self._found, self._replace = result, False
        self.look.setText(self.tr("Look for defects"))
        text, level = findings_text(result)
        self.progress.say(text, level)
        self.folder.setVisible(result.mask is not None)
        if result.mask is not None:
            self.defects.set_path(result.mask, use=any((result.dead, result.hot, result.unstable)))
            self.mark.setChecked(True)
        if result.pattern is not None:
            # Measured is not chosen: what is taken out of the frames is the user's word.
            self.pattern.set_path(result.pattern, use=False)

    def _on_failed(self, request: object, error: ErrorInfo) -> None:
        if not self._is_mine(request):
            return
        if error.code == "no-permission" and self._folder is None:
            self._folder = Path.home()
            told = self.tr("The movie's folder may not be written to. Look again: the mask goes to {0}.")
            self.progress.say(told.format(self._output()), "warning")
            return
        if error.code == "output-exists":
            self._replace = True
            self.look.setText(self.tr("Look and replace"))
            name = PurePath(error.path or self._entry.path).name
            self.progress.say(self.tr("{0} is there already. Press again to replace it.").format(name), "warning")
            return
        self.progress.say(error.sentence(), "error")

    def _on_stopped(self, request: object) -> None:
        if self._is_mine(request):
            self.progress.say(self.tr("Stopped."))

    def _tell_mask(self, *_: object) -> None:
        path = self.defects.path.text().strip()
        self.shown_changed.emit(path if self.mark.isChecked() and path else "")

    def _on_folder(self) -> None:
        if self._found is not None and self._found.mask is not None:
            self.folder_wanted.emit(self._found.mask)

    def _on_accepted(self) -> None:
        self._tell_mask()
        self.accept()
        self.chosen.emit(self.clean_up())


def _rule(parent: QWidget) -> QFrame:
    rule = QFrame(parent)
    rule.setFrameShape(QFrame.Shape.HLine)
    rule.setForegroundRole(QPalette.ColorRole.Mid)
    return rule
