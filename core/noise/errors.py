"""How looking at a detector fails."""

from __future__ import annotations

from core.protocol.base import InfoError


class NoiseError(InfoError):
    """A reference image or a movie can't serve; `info` says what happened, to which file, and what to do next."""


noise_error = NoiseError.of
