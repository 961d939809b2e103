"""What the user prefers: versioned, migrated, never able to stop the program from starting."""

from __future__ import annotations
