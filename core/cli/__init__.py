"""The command line: ``quietbeam info``, ``denoise``, ``models``, ``train``, ``demo``. Heavy things load when used."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 failed, 2 bad input, 130 stopped by Ctrl+C."""
    from core.cli.app import app

    try:
        app(args=None if arguments is None else list(arguments), prog_name="quietbeam")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    return 0
