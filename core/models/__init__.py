"""The store of installed models: cards, checks, weights as plain arrays. Knows no network."""

from __future__ import annotations

from core.models.errors import ModelError
from core.models.installed import InstalledModel, Weights
from core.models.store import ModelStore

__all__ = ["InstalledModel", "ModelError", "ModelStore", "Weights"]
