"""How scoring fails."""

from __future__ import annotations

from core.protocol.base import ErrorInfo


class ScoringError(Exception):
    """A set can't be made or kept; `info` says what happened, to which file, and what to do next."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info.sentence())
        self.info = info
