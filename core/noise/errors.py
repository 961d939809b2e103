"""How looking at a detector fails."""

from __future__ import annotations

from core.protocol.base import ErrorInfo


class NoiseError(Exception):
    """A reference image or a movie can't serve; `info` says what happened, to which file, and what to do next."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info.sentence())
        self.info = info


def noise_error(code: str, what: str, path: str | None = None, advice: str = "") -> NoiseError:
    """Return the error made of these words."""
    return NoiseError(ErrorInfo(code=code, what=what, path=path, advice=advice))
