"""How denoising fails."""

from __future__ import annotations

from core.protocol.base import ErrorInfo


class DenoiseError(Exception):
    """A denoise could not be done; `info` says what happened, to which file, and what to do next."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info.sentence())
        self.info = info


def denoise_error(code: str, what: str, path: str | None = None, advice: str = "") -> DenoiseError:
    """Return the error made of these words."""
    return DenoiseError(ErrorInfo(code=code, what=what, path=path, advice=advice))
