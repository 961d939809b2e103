"""The only entry point: picks the role before anything heavy is imported.

``--reader`` and ``--engine`` are the children of the window; a word of `COMMANDS` or a leading option is the command
line; nothing, or only files and folders, is the window. Everything else is refused before any window is built: a
library that starts "python" again (``-c``, ``-m``) must never open another window.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

COMMANDS = (
    "info",
    "denoise",
    "score",
    "nulltest",
    "thin",
    "rerun",
    "convert",
    "detector",
    "models",
    "train",
    "simulate",
    "benchmark",
    "demo",
)
_CLI_OPTIONS = ("--help", "-h", "--version")
_BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the role that the arguments ask for; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    first = given[0] if given else ""
    if first in ("--reader", "--engine"):
        return _child(first, given[1:])
    if first in COMMANDS or first in _CLI_OPTIONS:
        from core.cli import main as command_line

        return command_line(given)
    paths = given[1:] if first == "--" else given
    problem = None if first == "--" else _unknown_option(paths)
    problem = problem or _missing_path(paths)
    if problem:
        return _refuse(problem)
    from app.window import run

    return run(paths)


def _child(role: str, rest: list[str]) -> int:
    if rest:
        return _refuse(f"{role} takes no further arguments.")
    if role == "--reader":
        from core.reader import main as reader

        return reader()
    from core.engine import main as engine

    return engine()


def _unknown_option(paths: list[str]) -> str | None:
    for word in paths:
        if word.startswith("-"):
            return f"Unknown option {word}."
    return None


def _missing_path(paths: list[str]) -> str | None:
    for word in paths:
        if not os.path.exists(word):  # noqa: PTH110 - unlike Path.exists, never raises
            return f"{word} is neither a file nor a command ({', '.join(COMMANDS)})."
    return None


def _refuse(problem: str) -> int:
    # A windowed program on Windows has no stderr.
    if sys.stderr is not None:
        sys.stderr.write(f"quietbeam: {problem} See quietbeam --help.\n")
    return _BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
