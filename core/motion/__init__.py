"""How the specimen moves between frames. numpy and scipy alone."""

from __future__ import annotations
