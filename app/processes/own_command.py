"""How this very program is started in another role."""

from __future__ import annotations

import sys
from pathlib import Path


def own_command(role: str) -> list[str]:
    """Program and arguments for ``--reader`` or ``--engine``.

    A frozen Windows program of its windowed kind has no console streams: its children are the console one beside it.
    From source, ``-P`` keeps a user's ``app.py`` in the working folder from being taken for ours.
    """
    if getattr(sys, "frozen", False):
        this = Path(sys.executable)
        console = this.with_name("quietbeam-cli" + this.suffix)
        return [str(console if console.exists() else this), role]
    return [sys.executable, "-P", "-m", "app", role]
