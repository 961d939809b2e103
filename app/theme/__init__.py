"""Colours and icons, light and dark, from the palette."""

from __future__ import annotations
