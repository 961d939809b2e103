"""Writing movies and pictures into other formats."""

from __future__ import annotations
