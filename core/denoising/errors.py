"""How denoising fails."""

from __future__ import annotations

from core.protocol.base import InfoError


class DenoiseError(InfoError):
    """A denoise could not be done; `info` says what happened, to which file, and what to do next."""


denoise_error = DenoiseError.of
