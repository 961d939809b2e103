"""A file without a header, or one cut before its description: the user types how its numbers lie, and sees them."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from PySide6.QtCore import QT_TRANSLATE_NOOP, Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QImage, QPalette, QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.elided_label import ElidedLabel
from app.scratch import ScratchFolder, read_slot
from app.theme.colours import IMAGE_GROUND, level_colour
from app.words import bytes_text, frames_text
from core.protocol.denoise import Scratch
from core.protocol.raw_layout import RawLayout
from core.protocol.reader import Described, Pixels, ReaderFailed

TYPES = {
    "uint8": QT_TRANSLATE_NOOP("RawDialog", "unsigned, 8 bit"),
    "int8": QT_TRANSLATE_NOOP("RawDialog", "signed, 8 bit"),
    "uint16": QT_TRANSLATE_NOOP("RawDialog", "unsigned, 16 bit"),
    "int16": QT_TRANSLATE_NOOP("RawDialog", "signed, 16 bit"),
    "uint32": QT_TRANSLATE_NOOP("RawDialog", "unsigned, 32 bit"),
    "int32": QT_TRANSLATE_NOOP("RawDialog", "signed, 32 bit"),
    "uint64": QT_TRANSLATE_NOOP("RawDialog", "unsigned, 64 bit"),
    "int64": QT_TRANSLATE_NOOP("RawDialog", "signed, 64 bit"),
    "float16": QT_TRANSLATE_NOOP("RawDialog", "real number, 16 bit"),
    "float32": QT_TRANSLATE_NOOP("RawDialog", "real number, 32 bit"),
    "float64": QT_TRANSLATE_NOOP("RawDialog", "real number, 64 bit"),
}
PREVIEW_PX = 320
LOOK_DELAY_MS = 300
LARGEST_SIDE = 65_535
LARGEST_BYTES = 2_000_000_000


class Reader(Protocol):
    """What the preview needs of the reader's client."""

    answered: SignalInstance

    def describe(self, *, path: str, dataset: str | None) -> int: ...

    def thumbnail(self, *, path: str, dataset: str | None, size: int, scratch: Scratch, slot: int) -> int: ...


class RawDialog(QDialog):
    """`chosen` carries the dataset key that says the layout."""

    chosen = Signal(str)

    def __init__(
        self,
        path: str,
        start: RawLayout,
        reader: Reader,
        folder: ScratchFolder,
        file_bytes: int = 0,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Layout of the file"))
        self._path, self._reader, self._file_bytes = path, reader, file_bytes
        self._scratch = folder.create("layout", PREVIEW_PX * PREVIEW_PX * 4, 1)
        self._folder = folder
        self._number: int | None = None
        self._asked_picture = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(LOOK_DELAY_MS)
        self._later.timeout.connect(self._look)
        self._make_form(start)
        self._arrange(path)
        reader.answered.connect(self._on_answered)
        self._on_changed()

    def _make_form(self, start: RawLayout) -> None:
        self.width_box = self._number_box(self.tr("Width in pixels"), 1, LARGEST_SIDE, start.width)
        self.height_box = self._number_box(self.tr("Height in pixels"), 1, LARGEST_SIDE, start.height)
        self.dtype = QComboBox(self)
        self.dtype.setAccessibleName(self.tr("Type of a pixel"))
        self.dtype.view().setAccessibleName(self.tr("Types to choose from"))
        for name, words in TYPES.items():
            self.dtype.addItem(self.tr(str(words)), name)
        self.dtype.setCurrentIndex(self.dtype.findData(start.dtype))
        self.big = QCheckBox(self.tr("Most significant byte first"), self)
        self.big.setChecked(start.big_endian)
        self.offset = self._number_box(self.tr("Bytes before the first frame"), 0, LARGEST_BYTES, start.offset)
        self.gap = self._number_box(self.tr("Bytes between two frames"), 0, LARGEST_BYTES, start.gap)
        self.frames = self._number_box(self.tr("Number of frames"), 0, LARGEST_BYTES, start.frames or 0)
        self.frames.setSpecialValueText(self.tr("as many as fit"))
        self.dtype.currentIndexChanged.connect(self._on_changed)
        self.big.toggled.connect(self._on_changed)

    def _number_box(self, name: str, low: int, high: int, value: int) -> QSpinBox:
        box = QSpinBox(self)
        box.setAccessibleName(name)
        box.setRange(low, high)
        box.setValue(value)
        box.setGroupSeparatorShown(False)
        box.valueChanged.connect(self._on_changed)
        return box

    def _arrange(self, path: str) -> None:
        name = ElidedLabel(self)
        name.set_full_text(path)
        text = QLabel(
            self.tr("Nothing in the file says how its pixels lie. Type it, until the picture looks right."), self
        )
        text.setWordWrap(True)
        size = QHBoxLayout()
        size.setSpacing(6)
        size.addWidget(self.width_box, 1)
        size.addWidget(QLabel("×", self))
        size.addWidget(self.height_box, 1)
        form = QFormLayout()
        form.setVerticalSpacing(8)
        form.addRow(self.tr("Width × height"), size)
        form.addRow(self.tr("Pixel"), self.dtype)
        form.addRow("", self.big)
        form.addRow(self.tr("Starts at byte"), self.offset)
        form.addRow(self.tr("Gap, bytes"), self.gap)
        form.addRow(self.tr("Frames"), self.frames)
        self.sum = QLabel(self)
        self.sum.setWordWrap(True)
        self.sum.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.picture = QLabel(self)
        self.picture.setFixedSize(PREVIEW_PX, PREVIEW_PX)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setAutoFillBackground(True)
        self.picture.setWordWrap(True)
        self.picture.setAccessibleName(self.tr("The middle frame, read in this way"))
        colours = self.picture.palette()
        colours.setColor(QPalette.ColorRole.Window, IMAGE_GROUND)
        colours.setColor(QPalette.ColorRole.WindowText, "#b9bdc3")
        self.picture.setPalette(colours)
        self.verdict = QLabel(self)
        self.verdict.setWordWrap(True)
        self.verdict.setMinimumHeight(self.fontMetrics().lineSpacing() * 2)
        self.verdict.setAlignment(Qt.AlignmentFlag.AlignTop)
        left = QVBoxLayout()
        left.addLayout(form)
        left.addWidget(self.sum)
        left.addStretch(1)
        body = QHBoxLayout()
        body.setSpacing(18)
        body.addLayout(left, 1)
        body.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignTop)
        buttons = QDialogButtonBox(self)
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.accept_button: QPushButton = buttons.addButton(self.tr("Open"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.accept_button.setDefault(True)
        buttons.accepted.connect(self._on_accepted)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(name)
        layout.addWidget(text)
        layout.addLayout(body)
        layout.addWidget(self.verdict)
        layout.addWidget(buttons)
        self.resize(self.fontMetrics().averageCharWidth() * 108, self.sizeHint().height())

    def layout_typed(self) -> RawLayout:
        """What is typed now."""
        return RawLayout(
            width=self.width_box.value(),
            height=self.height_box.value(),
            dtype=self.dtype.currentData(),
            big_endian=self.big.isChecked() and self.dtype.currentData() not in ("uint8", "int8"),
            offset=self.offset.value(),
            gap=self.gap.value(),
            frames=self.frames.value() or None,
        )

    def _on_changed(self, *_: object) -> None:
        typed = self.layout_typed()
        self.big.setEnabled(typed.dtype not in ("uint8", "int8"))
        self.sum.setText(self._sum(typed))
        self.accept_button.setEnabled(False)
        self._later.start()

    def _sum(self, typed: RawLayout) -> str:
        one = self.tr("A frame takes {0}.").format(bytes_text(frame_bytes(typed)))
        if not self._file_bytes:
            return one
        frames, rest = fits(typed, self._file_bytes)
        told = self.tr("{0} fit into {1}; {2} are left over.")
        return f"{one} {told.format(frames_text(frames), bytes_text(self._file_bytes), bytes_text(rest))}"

    def _look(self) -> None:
        self._asked_picture = False
        self._number = self._reader.describe(path=self._path, dataset=self.layout_typed().key)

    def _on_answered(self, event: object) -> None:
        if self._number is None or getattr(event, "id", None) != self._number:
            return
        self._number = None
        if isinstance(event, ReaderFailed):
            self._say(f"{event.error.what} {event.error.advice}".strip(), "error")
            self.picture.clear()
            self.picture.setText(self.tr("No picture"))
        elif isinstance(event, Described):
            self._file_bytes = event.meta.file_bytes or self._file_bytes
            self.sum.setText(self._sum(self.layout_typed()))
            worst = next((issue for issue in event.meta.issues if issue.level != "info"), None)
            told = self.tr("{0} of {1} × {2} px.").format(
                frames_text(event.meta.frames), event.meta.width, event.meta.height
            )
            self._say(f"{told} {worst.text if worst is not None else ''}".strip(), worst.level if worst else "info")
            self.accept_button.setEnabled(not self._later.isActive())
            self._number = self._reader.thumbnail(
                path=self._path, dataset=self.layout_typed().key, size=PREVIEW_PX, scratch=self._scratch, slot=0
            )
        elif isinstance(event, Pixels):
            self._show(event)

    def _say(self, text: str, level: str) -> None:
        colours = self.palette()
        if level != "info":
            colours.setColor(QPalette.ColorRole.WindowText, level_colour(level))
        self.verdict.setPalette(colours)
        self.verdict.setText(text)

    def _show(self, event: Pixels) -> None:
        pixels = read_slot(self._scratch, event.slot, event.height, event.width)
        if pixels is None:
            return
        span = event.high - event.low or 1.0
        scaled = np.nan_to_num((pixels - event.low) / span, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
        grey = np.ascontiguousarray((scaled * 255).astype(np.uint8))
        image = QImage(grey.data, event.width, event.height, event.width, QImage.Format.Format_Grayscale8).copy()
        shown = QPixmap.fromImage(image).scaled(
            self.picture.size(), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        self.picture.setPixmap(shown)

    def _on_accepted(self) -> None:
        key = self.layout_typed().key
        self.accept()
        self.chosen.emit(key)

    def done(self, result: int) -> None:
        """Let go of the preview."""
        self._later.stop()
        self._number = None
        self._folder.remove(self._scratch)
        super().done(result)


def frame_bytes(layout: RawLayout) -> int:
    """Size of a frame without the gap behind it."""
    return layout.height * layout.width * np.dtype(layout.dtype).itemsize


def fits(layout: RawLayout, file_bytes: int) -> tuple[int, int]:
    """(frames, bytes left over) in a file of this size; the last frame needs no gap behind it."""
    there = max(0, file_bytes - layout.offset)
    stride = frame_bytes(layout) + layout.gap
    frames = (there + layout.gap) // stride
    if layout.frames is not None:
        frames = min(frames, layout.frames)
    return frames, there - (frames * stride - layout.gap if frames else 0)
