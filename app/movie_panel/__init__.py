"""What is known of a movie: metadata, what the user typed, issues, tags, its holder log."""

from __future__ import annotations
