"""One file a format of results."""

from __future__ import annotations
