"""How a model fails."""

from __future__ import annotations

from core.protocol.base import ErrorInfo

# What to do about a model that lies damaged in its folder, and about a file that was damaged before it came.
REINSTALL = "Install the model again."
ASK_AGAIN = "Ask whoever made it for another copy."


class ModelError(Exception):
    """A model is missing or can't be used; `info` says what happened, to which folder, and what to do next."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info.sentence())
        self.info = info


def model_error(code: str, what: str, path: str | None = None, advice: str = "") -> ModelError:
    """Return the error made of these words."""
    return ModelError(ErrorInfo(code=code, what=what, path=path, advice=advice))
