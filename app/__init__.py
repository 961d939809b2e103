"""What the user sees: windows over the reader and the engine. Never torch, never a movie file of the user's."""

from __future__ import annotations
