"""Fails when the window's thread works too long between two events."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from PySide6.QtCore import QAbstractEventDispatcher, QEvent, QObject
from PySide6.QtWidgets import QApplication

CPU_LIMIT_S = 0.100
WALL_LIMIT_S = 2.0


class Watchdog(QObject):
    """Measures CPU time of this thread, and wall time, between two events, while the event loop is not idle."""

    def __init__(self) -> None:
        super().__init__()
        self.worst_cpu = 0.0
        self.worst_wall = 0.0
        self.worst_event = ""
        self.events = 0
        self._current = ""
        self._idle = True
        self._cpu = 0.0
        self._wall = 0.0

    def __enter__(self) -> Self:
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self)
        dispatcher = QAbstractEventDispatcher.instance()
        dispatcher.aboutToBlock.connect(self._on_idle)
        dispatcher.awake.connect(self._on_awake)
        self._start("start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        application = QApplication.instance()
        assert application is not None
        application.removeEventFilter(self)
        dispatcher = QAbstractEventDispatcher.instance()
        dispatcher.aboutToBlock.disconnect(self._on_idle)
        dispatcher.awake.disconnect(self._on_awake)
        if error is None:
            self.check()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Measure without judging."""
        self.__enter__()
        try:
            yield
        finally:
            self.__exit__(Exception, Exception(), None)

    def check(self) -> None:
        """Fail with the event after which it took too long."""
        assert self.events > 10, "the watchdog saw no events"
        told = (
            f"{self.worst_cpu * 1000:.0f} ms of CPU, {self.worst_wall * 1000:.0f} ms of wall after {self.worst_event}"
        )
        assert self.worst_cpu <= CPU_LIMIT_S, told
        assert self.worst_wall <= WALL_LIMIT_S, told

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self._end()
        self.events += 1
        self._start(f"{event.type().name} of {type(watched).__name__}")
        return False

    def _on_idle(self) -> None:
        self._end()
        self._idle = True

    def _on_awake(self) -> None:
        # Told at every turn of the loop, also when nothing was waited for: then the work before it counts.
        self._end()
        self._start("waking up")

    def _start(self, what: str) -> None:
        self._idle = False
        self._current = what
        self._cpu = time.thread_time()
        self._wall = time.perf_counter()

    def _end(self) -> None:
        if self._idle:
            return
        cpu, wall = time.thread_time() - self._cpu, time.perf_counter() - self._wall
        self.worst_wall = max(self.worst_wall, wall)
        if cpu > self.worst_cpu:
            self.worst_cpu = cpu
            self.worst_event = self._current
            if cpu > CPU_LIMIT_S:
                self.worst_event += "\n" + "".join(traceback.format_stack(limit=8))
