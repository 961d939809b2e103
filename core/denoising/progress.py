"""How far a run is, how fast, and when it will be done."""

from __future__ import annotations

import time
from collections import deque

from core.denoising.context import RunContext

_RECENT = 20


class Progress:
    """Counts frames and foresees the end from the most recent ones; tells the context of each step."""

    def __init__(self, context: RunContext, total: int, done: int) -> None:
        self._context = context
        self._total = total
        self._done = done
        self._began = time.monotonic()
        self._recent: deque[tuple[float, float]] = deque([(self._began, float(done))], maxlen=_RECENT)

    def tile(self, share: float) -> None:
        """Tell that this share of the next frame is done."""
        self._tell(self._done + share)

    def frames(self, number: int) -> None:
        """Tell that `number` more frames are done."""
        self._done += number
        self._recent.append((time.monotonic(), float(self._done)))
        self._tell(float(self._done))

    def _tell(self, done: float) -> None:
        then, first = self._recent[0]
        passed, made = time.monotonic() - then, done - first
        rate = made / passed if passed > 0 and made > 0 else None
        left = None if rate is None else max(0.0, (self._total - done) / rate)
        self._context.progress("denoising", self._done, self._total, left, rate)
