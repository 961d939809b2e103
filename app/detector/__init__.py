"""Looking for a detector's defects, and choosing what is done about them."""

from __future__ import annotations
