"""What the clients of reader and engine share: an outbox, typed events, garbage, restarts."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from PySide6.QtCore import QObject, QTimer, Signal

from app.processes.child import Child
from app.processes.restarts import ClientState, RestartLimit
from core.protocol.engine import SILENCE_S, Quit

log = logging.getLogger(__name__)

# A library's stray line is forgiven; a child that speaks nothing else is not ours.
_MOST_GARBAGE = 20


class Client(QObject):
    """A child that is asked and answers; see its two children for what they signal."""

    silent = Signal()
    restarted = Signal()
    gave_up = Signal(str)
    state_changed = Signal(object)

    def __init__(
        self,
        command: Sequence[str],
        events: TypeAdapter[Any],
        *,
        silence_s: float = SILENCE_S,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._child = Child(command, self)
        self._events = events
        self._numbers = itertools.count(1)
        self._outbox: list[bytes] = []
        self._limit = RestartLimit()
        self._garbage = 0
        self._again = False
        self._closed = False
        self._state = ClientState.STOPPED
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(round(silence_s * 1000))
        self._quiet.timeout.connect(self._on_quiet)
        self._child.line_received.connect(self._on_line)
        self._child.died.connect(self._on_died)

    @property
    def state(self) -> ClientState:
        """How the child stands."""
        return self._state

    @property
    def pid(self) -> int:
        """Number of the child's process, 0 without one."""
        return self._child.pid

    @property
    def log_tail(self) -> str:
        """What the child said last on stderr."""
        return self._child.log_tail

    def start(self) -> None:
        """Start the child; one that runs is left alone."""
        self._closed = False
        if not self._child.running:
            self._limit.forget()
            self._again = False
            self._begin()

    def shutdown(self) -> None:
        """End the child for good; blocks for less than a second. What is asked after that is not heard."""
        self._closed = True
        self._quiet.stop()
        self._outbox.clear()
        self._set_state(ClientState.STOPPED)
        self._child.shut_down(Quit().model_dump_json().encode())

    def _begin(self) -> None:
        self._garbage = 0
        self._set_state(ClientState.STARTING)
        self._quiet.start()
        self._child.start()

    def _send(self, message: BaseModel) -> None:
        """Send a message, now or once the child is ready; a child that was given up is started again."""
        if self._closed:
            return
        line = message.model_dump_json().encode()
        if self._state in (ClientState.READY, ClientState.SILENT):
            self._child.write(line)
            return
        self._outbox.append(line)
        if self._state is not ClientState.STARTING:
            self.start()

    def _set_state(self, state: ClientState) -> None:
        if state is not self._state:
            self._state = state
            self.state_changed.emit(state)

    def _now_ready(self) -> None:
        """The child said that it is ready: give it what waited."""
        self._set_state(ClientState.READY)
        waiting, self._outbox = self._outbox, []
        for line in waiting:
            self._child.write(line)

    def _after_ready(self) -> None:
        if self._again:
            self._again = False
            self.restarted.emit()

    def _on_line(self, line: bytes) -> None:
        try:
            event = self._events.validate_json(line)
        except ValidationError:
            self._garbage += 1
            log.warning("not an event: %r", line[:200])
            if self._garbage >= _MOST_GARBAGE:
                tail = self._child.kill()
                self._on_died(f"{tail}\nIt said what is no message: {line[:200]!r}".strip())
            return
        self._quiet.start()
        if self._state is ClientState.SILENT:
            self._set_state(ClientState.READY)
        self._on_event(event)

    def _on_quiet(self) -> None:
        if self._child.has_unread:
            # The window itself was held up, as by a sleep of the machine.
            self._quiet.start()
        elif self._child.running:
            self._set_state(ClientState.SILENT)
            self.silent.emit()

    def _start_again(self, tail: str, *, counts: bool) -> bool:
        """Start the child after it died; returns False if it died too often and is left alone."""
        self._outbox.clear()
        if counts and self._limit.reached(time.monotonic()):
            self._quiet.stop()
            self._set_state(ClientState.GAVE_UP)
            log.error("gave up: %s", tail)
            return False
        self._again = True
        self._begin()
        return True

    def _on_event(self, event: Any) -> None:
        raise NotImplementedError

    def _on_died(self, tail: str) -> None:
        raise NotImplementedError
