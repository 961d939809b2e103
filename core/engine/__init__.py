"""The engine: a process that computes, asked and answering in JSON lines."""

from __future__ import annotations

from core.engine.main import main

__all__ = ["main"]
