"""The reader: a process that opens the user's files and hands over what is to be seen.

A hanging share or a crash in a parser costs this process, and not the window, which kills it and starts it again.
"""

from __future__ import annotations

from core.reader.loop import main

__all__ = ["main"]
