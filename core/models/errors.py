"""How a model fails."""

from __future__ import annotations

from core.protocol.base import InfoError

# What to do about a model that lies damaged in its folder, and about a file that was damaged before it came.
REINSTALL = "Install the model again."
ASK_AGAIN = "Ask whoever made it for another copy."


class ModelError(InfoError):
    """A model is missing or can't be used; `info` says what happened, to which folder, and what to do next."""


model_error = ModelError.of
