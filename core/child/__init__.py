"""What the window's two children share: how they are started, spoken to, and heard."""

from __future__ import annotations
