"""Models: for now a choice among the installed ones."""

from __future__ import annotations
