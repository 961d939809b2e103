"""How a child stands, and how often it may be started again."""

from __future__ import annotations

from collections import deque
from enum import Enum


class ClientState(Enum):
    """How a child stands for its client."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    SILENT = "silent"
    GAVE_UP = "gave up"


class RestartLimit:
    """At most so many crashes within so many seconds: what never comes up must not be started for ever."""

    def __init__(self, crashes: int = 3, within_s: float = 60.0) -> None:
        self._most = crashes
        self._within_s = within_s
        self._times: deque[float] = deque()

    def reached(self, now: float) -> bool:
        """Note a crash at the time `now` in s; returns whether it was one too many."""
        self._times.append(now)
        while self._times and now - self._times[0] > self._within_s:
            self._times.popleft()
        return len(self._times) >= self._most

    def forget(self) -> None:
        """Begin to count anew."""
        self._times.clear()
