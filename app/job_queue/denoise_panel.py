"""The form of a denoise job: model, frames, region, where to; and what it will cost before the button is pressed."""

from __future__ import annotations

from pathlib import PurePath

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QButtonGroup,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.job_queue.clean_up_row import CleanUpRow
from app.job_queue.output_choice import OutputChoice
from app.model_manager.model_choice import ModelChoice
from app.project_browser.entries import MovieEntry
from app.theme.colours import button_ground
from app.words import bytes_text, duration_text, frames_text
from core.protocol.base import ErrorInfo
from core.protocol.denoise import DenoiseRequest, DeviceChoice, EstimateResult, FrameRange, Region
from core.protocol.model_fit import electrons_of
from core.protocol.movie import MovieMeta

ESTIMATE_DELAY_MS = 400


class DenoisePanel(QWidget):
    """Holds what the user wants; `request` puts it into words of the protocol."""

    denoise_wanted = Signal(object)
    estimate_wanted = Signal(object)
    place_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._movie: MovieEntry | None = None
        self._meta: MovieMeta | None = None
        self._visible: Region | None = None
        self._overwrite = False
        self._running = False
        self._problem: ErrorInfo | None = None
        self._device: DeviceChoice = "auto"
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(ESTIMATE_DELAY_MS)
        self._later.timeout.connect(self._ask_estimate)
        self.models = ModelChoice(self)
        self._make_frames()
        self._make_region()
        self._make_output()
        self._make_button()
        self._arrange()
        self.models.model_chosen.connect(self._on_changed)
        self.models.model_suggested.connect(self._on_changed)
        self.models.models_listed.connect(self._on_changed)
        self.set_movie(None)

    def _make_frames(self) -> None:
        self.all_frames = QRadioButton(self.tr("All"), self)
        self.some_frames = QRadioButton(self.tr("From"), self)
        self.all_frames.setAccessibleName(self.tr("All frames"))
        self.some_frames.setAccessibleName(self.tr("A range of frames"))
        self.all_frames.setChecked(True)
        group = QButtonGroup(self)
        group.addButton(self.all_frames)
        group.addButton(self.some_frames)
        self.first = self._number(self.tr("First frame of the range"))
        self.last = self._number(self.tr("Last frame of the range"))
        self.sum = self._number(self.tr("Neighbouring frames added up into one"))
        self.sum.setToolTip(self.tr("Adds up neighbouring frames before denoising: less noise, fewer frames."))
        self.some_frames.toggled.connect(self._on_changed)
        for box in (self.first, self.last, self.sum):
            box.valueChanged.connect(self._on_changed)

    def _number(self, name: str) -> QSpinBox:
        box = QSpinBox(self)
        box.setAccessibleName(name)
        box.setRange(1, 1)
        box.setKeyboardTracking(False)
        box.setMinimumWidth(self.fontMetrics().horizontalAdvance("00000") + 34)
        return box

    def _make_region(self) -> None:
        self.whole = QRadioButton(self.tr("Whole"), self)
        self.visible = QRadioButton(self.tr("Visible part"), self)
        self.whole.setAccessibleName(self.tr("The whole frame"))
        self.visible.setAccessibleName(self.tr("Only the part of the frame that is seen"))
        self.whole.setChecked(True)
        group = QButtonGroup(self)
        group.addButton(self.whole)
        group.addButton(self.visible)
        self.region_text = QLabel(self)
        self.region_text.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.visible.toggled.connect(self._on_changed)

    def _make_output(self) -> None:
        self.where = OutputChoice(self)
        self.where.changed.connect(self._on_changed)
        self.clean_up = CleanUpRow(self)

    @property
    def output(self) -> QLineEdit:
        """The file to write."""
        return self.where.path

    @property
    def browse(self) -> QToolButton:
        """The button that chooses it."""
        return self.where.browse

    def _make_button(self) -> None:
        self.button = QPushButton(self)
        self.button.setDefault(True)
        font = self.button.font()
        font.setPointSizeF(font.pointSizeF() * 1.1)
        font.setBold(True)
        self.button.setFont(font)
        self.button.setMinimumHeight(round(self.fontMetrics().height() * 2.3))
        self.button.setShortcut("")
        self.button.clicked.connect(self._on_pressed)
        self.cost = QLabel(self)
        self.cost.setWordWrap(True)
        self.cost.setTextFormat(Qt.TextFormat.PlainText)
        self.cost.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.cost.setMinimumHeight(self.fontMetrics().lineSpacing() * 3)
        self.cost.setAccessibleName(self.tr("What it will cost"))
        self.refresh_colours()

    def _arrange(self) -> None:
        frames = QHBoxLayout()
        frames.addWidget(self.all_frames)
        frames.addStretch(1)
        span = QHBoxLayout()
        span.addWidget(self.some_frames)
        span.addWidget(self.first)
        span.setSpacing(7)
        span.addWidget(QLabel(self.tr("to"), self))
        span.addWidget(self.last)
        span.addStretch(1)
        sums = QHBoxLayout()
        sums.setSpacing(7)
        sums.addWidget(self.sum)
        sums.addWidget(QLabel(self.tr("into one"), self))
        sums.addStretch(1)
        region = QHBoxLayout()
        region.setSpacing(14)
        region.addWidget(self.whole)
        region.addWidget(self.visible)
        region.addStretch(1)
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(8)
        form.addRow(self.tr("Model"), self.models)
        form.addRow(self.tr("Frames"), frames)
        form.addRow("", span)
        form.addRow(self.tr("Add up"), sums)
        form.addRow(self.tr("Region"), region)
        form.addRow("", self.region_text)
        form.addRow(self.tr("Detector"), self.clean_up)
        form.addRow(self.tr("Write to"), self.where)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 8)
        layout.setSpacing(8)
        layout.addLayout(form)
        layout.addSpacing(4)
        layout.addWidget(self.button)
        layout.addWidget(self.cost)

    def refresh_colours(self) -> None:
        """Take icons and the button's colour from the palette."""
        self.where.refresh_icons()
        self.clean_up.refresh_icons()
        colours = QPalette()
        for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
            colours.setColor(group, QPalette.ColorRole.Button, button_ground())
            colours.setColor(group, QPalette.ColorRole.ButtonText, colours.color(QPalette.ColorRole.HighlightedText))
        self.button.setPalette(colours)

    @property
    def device(self) -> DeviceChoice:
        """What to compute on."""
        return self._device

    def set_device(self, device: DeviceChoice) -> None:
        """What to compute on."""
        self._device = device
        self._on_changed()

    def set_movie(self, movie: MovieEntry | None, taken: set[str] | None = None) -> None:
        """Ask about a movie; `taken` are paths that results or movies of the project have already."""
        meta = movie.meta if movie is not None else None
        changed = movie is not self._movie or (meta is None) != (self._meta is None)
        changed = changed or (meta is not None and self._meta is not None and meta.shape[1:] != self._meta.shape[1:])
        grown = meta is not None and self._meta is not None and meta.frames != self._meta.frames
        self._movie, self._meta = movie, meta
        frames = meta.frames if meta is not None else 1
        with QSignalBlocker(self.first), QSignalBlocker(self.last), QSignalBlocker(self.sum):
            for box in (self.first, self.last, self.sum):
                box.setRange(1, max(1, frames))
            if changed:
                self.first.setValue(1)
                self.sum.setValue(1)
            if changed or (grown and self.all_frames.isChecked()):
                self.last.setValue(frames)
        if changed:
            with QSignalBlocker(self.all_frames), QSignalBlocker(self.some_frames), QSignalBlocker(self.whole):
                self.all_frames.setChecked(True)
            self.whole.setChecked(True)
        self.where.set_movie(movie, set() if taken is None else taken, anew=changed)
        self.clean_up.show_movie(movie)
        self.show_fit(movie)
        self._on_changed()

    def show_fit(self, movie: MovieEntry | None) -> None:
        """Offer the model that suits what is known of the movie by now."""
        meta = movie.meta if movie is not None and movie.problem is None else None
        electrons = electrons_of(meta, movie.mean_value) if movie is not None and meta is not None else None
        self.models.set_movie(movie.key if movie is not None else None, meta, electrons)
        self.models.set_part(self.frames_wanted(), self.sum.value())

    def set_visible_region(self, region: Region | None) -> None:
        """What part of the frame the viewer shows now."""
        if region != self._visible:
            self._visible = region
            if self.visible.isChecked():
                self._on_changed()

    def set_running(self, running: bool) -> None:
        """While a run is under way no other can be started."""
        self._running = running
        self._on_changed()

    def mark_taken(self, path: str) -> None:
        """The disk has such a file: an automatic name moves on, a typed one asks whether to overwrite."""
        if self.where.mark_taken(path):
            self._on_changed()

    def request(self) -> DenoiseRequest | None:
        """What the user wants, or None while something is missing."""
        movie = self._movie
        model = self.models.current_name()
        output = self.where.text
        if movie is None or movie.meta is None or movie.problem is not None or not model or not output:
            return None
        if self.some_frames.isChecked():
            if self.last.value() < self.first.value():
                return None
            frames = FrameRange(start=self.first.value() - 1, stop=self.last.value())
        else:
            frames = FrameRange()
        return DenoiseRequest(
            source=movie.path,
            dataset=movie.dataset,
            output=output,
            model=model,
            device=self._device,
            frames=frames,
            region=self._visible if self.visible.isChecked() else None,
            sum_frames=self.sum.value(),
            dtype="uint16" if self.where.dtype == "uint16" else "float32",
            entered=None if movie.entered.nothing else movie.entered,
            clean_up=movie.clean_up,
            overwrite=self._overwrite,
        )

    def show_estimate(self, estimate: EstimateResult) -> None:
        """What the engine foresees."""
        self._problem = None
        device = estimate.device_name or estimate.device.upper()
        name = PurePath(estimate.output).name
        text = self.tr("≈ {0} on {1} · {2}\nto {3}").format(
            duration_text(estimate.seconds), device, bytes_text(estimate.output_bytes), name
        )
        if estimate.output_bytes > estimate.free_bytes:
            text = self.tr("The disk is too full: {0} are needed, {1} are free. Choose another place.").format(
                bytes_text(estimate.output_bytes), bytes_text(estimate.free_bytes)
            )
            self._problem = ErrorInfo(code="disk-full", what=text)
        self._show_cost(text)
        self._show_button()

    def show_estimate_failed(self, error: ErrorInfo) -> None:
        """Why it cannot be done as asked."""
        request = self.request()
        if error.code == "output-exists" and request is not None:
            if self.where.is_automatic:
                self.mark_taken(request.output)
                return
            self._overwrite_question(request)
            return
        if error.code == "no-permission":
            moved = self.where.go_home()
            if moved is not None:
                self.place_changed.emit(moved)
                self._on_changed()
                return
        self._problem = error
        self._show_cost(error.sentence())
        self._show_button()

    def _overwrite_question(self, request: DenoiseRequest) -> None:
        self._problem = None
        self._overwrite = True
        self._show_cost(self.tr("{0} is there already and will be replaced.").format(PurePath(request.output).name))
        self._show_button()

    def _on_changed(self, *_: object) -> None:
        self._overwrite = False
        self._problem = None
        some = self.some_frames.isChecked()
        self.first.setEnabled(some)
        self.last.setEnabled(some)
        region = self._visible if self.visible.isChecked() else None
        self.models.set_part(self.frames_wanted(), self.sum.value())
        self.region_text.setVisible(region is not None)
        if region is not None:
            self.region_text.setText(
                self.tr("{0} × {1} px at x {2}, y {3}").format(
                    region.x1 - region.x0, region.y1 - region.y0, region.x0, region.y0
                )
            )
        self._show_button()
        request = self.request()
        if request is not None and not self._running:
            self._show_cost(self._rough_cost(request))
            self._later.start()
        else:
            self._later.stop()
            self._show_cost(self._missing())

    def _ask_estimate(self) -> None:
        request = self.request()
        if request is not None and not self._running:
            self.estimate_wanted.emit(request)

    def _rough_cost(self, request: DenoiseRequest) -> str:
        """Size and place are known at once; the time comes from the engine."""
        meta = self._meta
        assert meta is not None
        height, width = meta.height, meta.width
        if request.region is not None:
            height, width = request.region.y1 - request.region.y0, request.region.x1 - request.region.x0
        size = bytes_text((2 if request.dtype == "uint16" else 4) * height * width * self.frames_wanted())
        return self.tr("estimating the time… · {0}\nto {1}").format(size, PurePath(request.output).name)

    def frames_wanted(self) -> int:
        """How many frames the result will have."""
        meta = self._movie.meta if self._movie is not None else None
        if meta is None:
            return 0
        count = meta.frames
        if self.some_frames.isChecked():
            count = max(0, self.last.value() - self.first.value() + 1)
        return count // self.sum.value()

    def _missing(self) -> str:
        if self._running:
            return self.tr("A run is under way.")
        if self._movie is not None and self._movie.problem is not None:
            return self.tr("This movie cannot be read.")
        if self._movie is None or self._movie.meta is None:
            return self.tr("Choose a movie first.")
        if not self.models.current_name():
            return self.tr("There is no model yet.")
        if self.some_frames.isChecked() and self.last.value() < self.first.value():
            return self.tr("The range ends before it begins.")
        return self.tr("Say where the result goes.")

    def _show_cost(self, text: str) -> None:
        self.cost.setText(text)
        self.cost.setToolTip(self.output.text())

    def _show_button(self) -> None:
        count = self.frames_wanted()
        text = self.tr("Denoise {0}").format(frames_text(count)) if count else self.tr("Denoise")
        self.button.setText(text)
        possible = self.request() is not None and not self._running and self._problem is None and count > 0
        self.button.setEnabled(possible)

    def _on_pressed(self) -> None:
        request = self.request()
        if request is not None and not self._running:
            self.denoise_wanted.emit(request)
