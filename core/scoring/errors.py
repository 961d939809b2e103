"""How scoring fails."""

from __future__ import annotations

from core.protocol.base import InfoError


class ScoringError(InfoError):
    """A set can't be made or kept; `info` says what happened, to which file, and what to do next."""
