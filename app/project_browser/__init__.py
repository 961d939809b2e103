"""Movies and results of the project."""

from __future__ import annotations
