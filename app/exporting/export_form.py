"""The form of an export: what, how, which frames, what is drawn into it, where to."""

from __future__ import annotations

from pathlib import PurePath

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QRadioButton,
    QSpinBox,
    QToolButton,
    QWidget,
)

from app.elided_label import ElidedLabel
from app.exporting.export_kinds import ENDINGS, FORMATS, ExportContext, ExportFormat, ExportKind, What
from app.job_queue.output_name import ending_of, with_ending
from app.theme.icons import icon
from app.words import count_text, number_text
from core.protocol.denoise_parts import FrameRange
from core.protocol.dose import dose_of
from core.protocol.export import ExportRequest, Overlay

SLOWEST, FASTEST = 0.1, 240.0


class ExportForm(QWidget):
    """`request` puts it into words of the protocol; what does not concern the chosen format is not shown."""

    changed = Signal()

    def __init__(self, context: ExportContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._automatic = True
        self.overwrite = False
        self.form = QFormLayout(self)
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setVerticalSpacing(9)
        self.form.setHorizontalSpacing(14)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._make_format()
        self._make_frames()
        self._make_values()
        self._make_overlays()
        self._make_output()
        self._on_format()

    # What and how

    def _make_format(self) -> None:
        self.format = self._combo(self.tr("Format"))
        for known in FORMATS:
            self.format.addItem(f"{self.tr(known.title)}  ({known.ending})", known.ending)
        self.about = ElidedLabel(self)
        self.about.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.what = self._combo(self.tr("What to write"))
        self.form.addRow(self.tr("Format"), self.format)
        self.form.addRow("", self.about)
        self.form.addRow(self.tr("Movie"), self.what)
        self.format.currentIndexChanged.connect(self._on_format)
        self.what.currentIndexChanged.connect(self._on_what)

    def _combo(self, name: str) -> QComboBox:
        combo = QComboBox(self)
        combo.setAccessibleName(name)
        combo.view().setAccessibleName(self.tr("{0}: choices").format(name))
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(24)
        return combo

    def _make_frames(self) -> None:
        self.all_frames = QRadioButton(self.tr("All"), self)
        self.all_frames.setAccessibleName(self.tr("All frames"))
        self.some_frames = QRadioButton(self.tr("From"), self)
        self.some_frames.setAccessibleName(self.tr("A range of frames"))
        self.all_frames.setChecked(True)
        group = QButtonGroup(self)
        group.addButton(self.all_frames)
        group.addButton(self.some_frames)
        self.first = self._number(self.tr("First frame"))
        self.last = self._number(self.tr("Last frame"))
        self.every = self._number(self.tr("Take every so-many-th frame"))
        self.span = QWidget(self)
        row = QHBoxLayout(self.span)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in (self.all_frames, self.some_frames, self.first, QLabel(self.tr("to"), self), self.last):
            row.addWidget(widget)
        row.addSpacing(10)
        row.addWidget(QLabel(self.tr("every"), self))
        row.addWidget(self.every)
        row.addStretch(1)
        self.this_frame = QLabel(self)
        self.whole = QRadioButton(self.tr("Whole frame"), self)
        self.visible = QRadioButton(self.tr("Only what is seen"), self)
        self.whole.setChecked(True)
        region_group = QButtonGroup(self)
        region_group.addButton(self.whole)
        region_group.addButton(self.visible)
        self.region = QWidget(self)
        region_row = QHBoxLayout(self.region)
        region_row.setContentsMargins(0, 0, 0, 0)
        region_row.addWidget(self.whole)
        region_row.addWidget(self.visible)
        region_row.addStretch(1)
        self.form.addRow(self.tr("Frames"), self.span)
        self.form.addRow(self.tr("Frame"), self.this_frame)
        self.form.addRow(self.tr("Region"), self.region)
        for button in (self.some_frames, self.visible):
            button.toggled.connect(self._on_changed)

    def _number(self, name: str) -> QSpinBox:
        box = QSpinBox(self)
        box.setAccessibleName(name)
        box.setRange(1, 1)
        box.setKeyboardTracking(False)
        box.setMinimumWidth(self.fontMetrics().horizontalAdvance("000000") + 34)
        box.valueChanged.connect(self._on_changed)
        return box

    def _make_values(self) -> None:
        self.numbers = self._combo(self.tr("Kind of numbers"))
        self.numbers.addItem(self.tr("as they are stored"), "same")
        self.numbers.addItem(self.tr("32 bit real numbers"), "float32")
        self.numbers.addItem(self.tr("16 bit whole numbers, with their scale"), "uint16")
        self.contrast = self._combo(self.tr("Contrast"))
        self.fps = QDoubleSpinBox(self)
        self.fps.setAccessibleName(self.tr("Frames a second of the film"))
        self.fps.setRange(SLOWEST, FASTEST)
        self.fps.setDecimals(1)
        self.fps.setValue(15.0)
        self.fps.setSuffix(self.tr(" frames/s"))
        self.form.addRow(self.tr("Numbers"), self.numbers)
        self.form.addRow(self.tr("Contrast"), self.contrast)
        self.form.addRow(self.tr("Speed"), self.fps)
        for combo in (self.numbers, self.contrast):
            combo.currentIndexChanged.connect(self._on_changed)
        self.fps.valueChanged.connect(self._on_changed)

    def _make_overlays(self) -> None:
        entry = self._context.entry
        meta = entry.meta
        self.scale_bar = QCheckBox(self.tr("Scale bar"), self)
        self.time = QCheckBox(self.tr("Time"), self)
        self.dose = QCheckBox(self.tr("Dose"), self)
        self.number = QCheckBox(self.tr("Frame number"), self)
        self.log = QCheckBox(self.tr("Holder log"), self)
        self.label = QLineEdit(self)
        self.label.setPlaceholderText(self.tr("none"))
        self.label.setAccessibleName(self.tr("Words written into the picture"))
        timed = meta is not None and (meta.times is not None or meta.frame_interval_s is not None)
        known = meta is not None and dose_of(meta).per_frame_a2 is not None
        for box, there, missing in (
            (self.scale_bar, meta is not None and meta.pixel_size is not None, self.tr("The pixel size is unknown.")),
            (self.time, timed, self.tr("The time of the frames is unknown.")),
            (self.dose, known, self.tr("The dose is unknown; type the dose rate under Movie.")),
            (self.log, entry.holder_log is not None, self.tr("No holder log is attached to this movie.")),
        ):
            box.setEnabled(there)
            box.setToolTip("" if there else missing)
        self.scale_bar.setChecked(self.scale_bar.isEnabled())
        self.time.setChecked(timed)
        self.log.setChecked(self.log.isEnabled())
        self.drawn = QWidget(self)
        grid = QGridLayout(self.drawn)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(18)
        for place, box in enumerate((self.scale_bar, self.time, self.dose, self.number, self.log)):
            grid.addWidget(box, place // 3, place % 3)
            box.toggled.connect(self._on_changed)
        grid.setColumnStretch(3, 1)
        self.form.addRow(self.tr("Draw into it"), self.drawn)
        self.form.addRow(self.tr("Words"), self.label)

    def _make_output(self) -> None:
        self.path = QLineEdit(self)
        self.path.setAccessibleName(self.tr("File to write"))
        self.browse = QToolButton(self)
        self.browse.setAccessibleName(self.tr("Choose the file to write"))
        self.browse.setIcon(icon("mdi6.folder-open-outline"))
        self.browse.clicked.connect(self._browse)
        self.path.textEdited.connect(self._on_edited)
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(self.browse)
        self.form.addRow(self.tr("Write to"), row)

    # What was chosen

    @property
    def chosen_format(self) -> ExportFormat:
        """The format."""
        return FORMATS[self.format.currentIndex()]

    @property
    def chosen_what(self) -> What:
        """Which movie."""
        return self.what.currentData() or What.RAW

    def frames_wanted(self) -> int:
        """How many frames will be written."""
        if self.chosen_format.kind is ExportKind.PICTURE:
            return 1
        count = self._context.frames(self.chosen_what)
        if self.some_frames.isChecked():
            count = max(0, self.last.value() - self.first.value() + 1)
        return -(-count // self.every.value())

    def request(self) -> ExportRequest | None:
        """What the user wants, or None while something is missing."""
        output = self.path.text().strip()
        frames = self._frame_range()
        if not output or frames is None or ending_of(output, ENDINGS) is None:
            return None
        context, what, kind = self._context, self.chosen_what, self.chosen_format.kind
        entry, result = context.entry, context.result
        denoised = what is What.DENOISED and result is not None
        beside = result.path if what is What.BESIDE and result is not None else None
        raw_levels, result_levels = self._levels(kind)
        return ExportRequest(
            source=result.path if denoised and result is not None else entry.path,
            dataset=None if denoised else entry.open_dataset or None,
            output=output,
            frames=frames,
            every=self.every.value() if kind is not ExportKind.PICTURE else 1,
            region=context.region_of(what) if self.visible.isChecked() else None,
            dtype=self.numbers.currentData() if kind is ExportKind.DATA else "same",
            levels=result_levels if denoised else raw_levels,
            beside=beside,
            beside_levels=result_levels if beside else None,
            labels=(self.tr("raw"), self.tr("denoised")) if beside else ("", ""),
            fps=self.fps.value(),
            overlay=self._overlay(kind),
            entered=None if denoised or entry.entered.nothing else entry.entered,
            overwrite=self.overwrite,
        )

    def _frame_range(self) -> FrameRange | None:
        if self.chosen_format.kind is ExportKind.PICTURE:
            frame = self._context.frame_of(self.chosen_what)
            return FrameRange(start=frame, stop=frame + 1)
        if not self.some_frames.isChecked():
            return FrameRange()
        if self.last.value() < self.first.value():
            return None
        return FrameRange(start=self.first.value() - 1, stop=self.last.value())

    def _levels(self, kind: ExportKind) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
        seen = kind in (ExportKind.FILM, ExportKind.PICTURE) and self.contrast.currentData() == "seen"
        raw, denoised = self._context.contrasts
        return (
            raw.levels() if seen and raw is not None else None,
            denoised.levels() if seen and denoised is not None else None,
        )

    def _overlay(self, kind: ExportKind) -> Overlay:
        log = self._context.entry.holder_log if self.log.isChecked() else None
        drawn = kind in (ExportKind.FILM, ExportKind.PICTURE)
        return Overlay(
            scale_bar=drawn and self.scale_bar.isChecked(),
            time_stamp=drawn and self.time.isChecked(),
            dose=self.dose.isChecked(),
            frame_number=drawn and self.number.isChecked(),
            holder_log=log.path if log is not None else None,
            holder_offset_s=log.offset_s if log is not None else 0.0,
            label=self.label.text().strip() if drawn else "",
        )

    # Changes

    def _on_format(self, *_: object) -> None:
        known = self.chosen_format
        self.about.set_full_text(self.tr(known.text))
        words = {
            What.RAW: self.tr("Raw"),
            What.DENOISED: self.tr("Denoised: {0}"),
            What.BESIDE: self.tr("Raw and denoised side by side"),
        }
        before = self.what.currentData()
        name = self._context.result.name if self._context.result is not None else ""
        with QSignalBlocker(self.what):
            self.what.clear()
            for what in self._context.choices(known.kind):
                self.what.addItem(words[what].format(name), what)
            self.what.setCurrentIndex(max(0, self.what.findData(before)))
        kind = known.kind
        look = kind in (ExportKind.FILM, ExportKind.PICTURE)
        shown = {
            self.span: kind is not ExportKind.PICTURE,
            self.this_frame: kind is ExportKind.PICTURE,
            self.numbers: kind is ExportKind.DATA,
            self.contrast: look,
            self.fps: kind is ExportKind.FILM,
            self.drawn: look or kind is ExportKind.TABLE,
            self.label: look,
        }
        for widget, there in shown.items():
            self.form.setRowVisible(widget, there)
        for box in (self.scale_bar, self.time, self.number):
            box.setVisible(look)
        self._on_what()

    def _on_what(self, *_: object) -> None:
        context, what, kind = self._context, self.chosen_what, self.chosen_format.kind
        frames = max(1, context.frames(what))
        with QSignalBlocker(self.first), QSignalBlocker(self.last), QSignalBlocker(self.every):
            for box in (self.first, self.last, self.every):
                box.setRange(1, frames)
            if not self.some_frames.isChecked():
                self.last.setValue(frames)
        self.this_frame.setText(self.tr("{0}, the one that is shown").format(count_text(context.frame_of(what) + 1)))
        self._fill_contrast(what)
        if self._automatic:
            self.path.setText(context.default_output(what, self.chosen_format.ending, kind))
        else:
            self.path.setText(with_ending(self.path.text().strip(), self.chosen_format.ending, ENDINGS))
        self._on_changed()

    def _fill_contrast(self, what: What) -> None:
        raw, denoised = self._context.contrasts
        seen = denoised if what is What.DENOISED else raw
        chosen = self.contrast.currentData()
        with QSignalBlocker(self.contrast):
            self.contrast.clear()
            if seen is not None:
                limits = f"{number_text(seen.low)} – {number_text(seen.high)}"
                if what is What.BESIDE and denoised is not None:
                    limits += f"; {number_text(denoised.low)} – {number_text(denoised.high)}"
                self.contrast.addItem(self.tr("as seen ({0})").format(limits), "seen")
            self.contrast.addItem(self.tr("by percentiles of the frames"), "auto")
            self.contrast.setCurrentIndex(max(0, self.contrast.findData(chosen)))

    def _on_changed(self, *_: object) -> None:
        some = self.some_frames.isChecked()
        self.first.setEnabled(some)
        self.last.setEnabled(some)
        self.overwrite = False
        self.path.setToolTip(self.path.text())
        self.changed.emit()

    def _on_edited(self, text: str) -> None:
        self._automatic = not text.strip()
        ending = ending_of(text, ENDINGS)
        if ending is not None and ending != self.chosen_format.ending:
            with QSignalBlocker(self.path):
                self.format.setCurrentIndex(ENDINGS.index(ending))
        self._on_changed()

    def _browse(self) -> None:
        names = [f"{self.tr(known.title)} (*{known.ending})" for known in FORMATS]
        path, chosen = QFileDialog.getSaveFileName(
            self, self.tr("Write to"), self.path.text(), ";;".join(names), names[self.format.currentIndex()]
        )
        if not path:
            return
        if ending_of(path, ENDINGS) is None:
            path += ENDINGS[names.index(chosen)] if chosen in names else self.chosen_format.ending
        self.path.setText(str(PurePath(path)))
        self._on_edited(path)
        # The file chooser has asked already.
        self.overwrite = True

    def set_output(self, path: str) -> None:
        """Write somewhere else."""
        self.path.setText(path)
        self._automatic = False
        self._on_changed()
