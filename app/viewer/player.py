"""Plays a movie: every frame is shown, no faster than wanted, and the speed reached is told."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.viewer.view_state import ViewState


class Player(QObject):
    """Steps to the next frame once the one before has been shown."""

    playing_changed = Signal()
    speed_measured = Signal(float)

    def __init__(self, state: ViewState, is_settled: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._is_settled = is_settled
        self._shown: deque[float] = deque(maxlen=20)
        self._told = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self.set_speed(20.0)

    @property
    def playing(self) -> bool:
        """Whether the movie plays."""
        return self._timer.isActive()

    def set_speed(self, frames_per_s: float) -> None:
        """The speed wanted, in frames a second."""
        self._timer.setInterval(max(1, round(1000 / frames_per_s)))

    def toggle(self) -> None:
        """Play or pause."""
        if self.playing:
            self.stop()
        elif self._state.frames > 1:
            self._shown.clear()
            self._timer.start()
            self.playing_changed.emit()

    def stop(self) -> None:
        """Pause."""
        if self.playing:
            self._timer.stop()
            self.playing_changed.emit()

    def _tick(self) -> None:
        if not self._is_settled():
            return
        following = self._state.frame + 1
        self._state.set_frame(following if following < self._state.frames else 0)
        now = time.monotonic()
        self._shown.append(now)
        if len(self._shown) > 4 and now - self._told > 0.5:
            self._told = now
            self.speed_measured.emit((len(self._shown) - 1) / (now - self._shown[0]))
