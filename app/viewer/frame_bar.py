"""The frame slider: which frame, when it was taken, and playing."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QSpinBox, QToolButton, QWidget

from app.theme.icons import icon
from app.viewer.view_state import ViewState
from app.words import count_text


class FrameBar(QWidget):
    """Slider, number and play button under the panes."""

    play_toggled = Signal()

    def __init__(self, state: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._playing = False
        self.play_button = QToolButton(self)
        self.play_button.setAutoRaise(True)
        self.play_button.setAccessibleName(self.tr("Play or pause"))
        self.play_button.clicked.connect(self.play_toggled)
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.slider.setAccessibleName(self.tr("Frame"))
        self.slider.setTracking(True)
        self.number = QSpinBox(self)
        self.number.setAccessibleName(self.tr("Frame number"))
        self.number.setKeyboardTracking(False)
        self.number.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.total = QLabel(self)
        self.time = QLabel(self)
        self.speed = QLabel(self)
        self.speed.setMinimumWidth(self.fontMetrics().horizontalAdvance("99.9 frames/s "))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 2, 8, 6)
        for widget, stretch in (
            (self.play_button, 0),
            (self.slider, 1),
            (self.number, 0),
            (self.total, 0),
            (self.time, 0),
            (self.speed, 0),
        ):
            layout.addWidget(widget, stretch)
        self.slider.valueChanged.connect(state.set_frame)
        self.number.valueChanged.connect(lambda number: state.set_frame(number - 1))
        state.movie_changed.connect(self._on_movie)
        state.frame_changed.connect(self._on_frame)
        self.refresh_icons()
        self._on_movie()

    def refresh_icons(self) -> None:
        """Draw the icons again, in the palette's colours."""
        self.play_button.setIcon(icon("mdi6.pause" if self._playing else "mdi6.play"))

    def set_playing(self, playing: bool) -> None:
        """Show whether the movie plays."""
        self._playing = playing
        self.play_button.setToolTip(self.tr("Pause (Space)") if playing else self.tr("Play (Space)"))
        if not playing:
            self.speed.setText("")
        self.refresh_icons()

    def show_speed(self, frames_per_s: float) -> None:
        """The speed that playing really reaches."""
        self.speed.setText(self.tr("{0:.1f} frames/s").format(frames_per_s))

    def show_time(self, text: str) -> None:
        """When the frame was taken."""
        self.time.setText(text)

    def _on_movie(self) -> None:
        frames = self._state.frames
        with QSignalBlocker(self.slider), QSignalBlocker(self.number):
            self.slider.setRange(0, max(0, frames - 1))
            self.slider.setPageStep(max(1, frames // 20))
            self.number.setRange(1 if frames else 0, max(frames, 0))
        self.total.setText(self.tr("of {0}").format(count_text(frames)))
        self.setEnabled(frames > 0)
        self.play_button.setEnabled(frames > 1)
        self.slider.setEnabled(frames > 1)
        self._on_frame(self._state.frame)

    def _on_frame(self, frame: int) -> None:
        with QSignalBlocker(self.slider), QSignalBlocker(self.number):
            self.slider.setValue(frame)
            self.number.setValue(frame + 1 if self._state.frames else 0)
