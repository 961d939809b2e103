"""Stand-ins for reader and engine that speak the protocol, and their commands."""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).parent


def fake_engine(mode: str = "ok", **options: object) -> list[str]:
    """Command of a fake engine; see `fake_engine.py` for modes and options."""
    return _command("fake_engine.py", mode, options)


def fake_reader(mode: str = "ok", **options: object) -> list[str]:
    """Command of a fake reader; see `fake_reader.py` for modes and options."""
    return _command("fake_reader.py", mode, options)


def _command(script: str, mode: str, options: dict[str, object]) -> list[str]:
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return [sys.executable, str(_HERE / script), "--mode", mode, *words]
