"""One road for everything that is told to the user: a quiet banner and its history."""

from __future__ import annotations
