"""How the command line speaks: results on stdout, everything else on stderr, errors with an exit code."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from pydantic import BaseModel
from rich.console import Console

from core.jobs.errors import error_info
from core.protocol.base import ErrorInfo

BAD_INPUT = 2
FAILED = 1
STOPPED = 130
# The user can't mend these by another argument.
_NOT_THE_INPUT = {"out-of-memory", "disk-full", "crash", "internal", "diverged"}

log = logging.getLogger("quietbeam")


def stdout() -> Console:
    """The console for results; plain text, nothing of a user's names is taken for markup."""
    return Console(markup=False, highlight=False, soft_wrap=True)


def stderr() -> Console:
    """The console for progress, notices and errors."""
    return Console(stderr=True, markup=False, highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    """What a file says, without the control characters by which it could speak to the terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def print_json(document: BaseModel | dict[str, Any]) -> None:
    """Print the one JSON document."""
    data = document.model_dump(mode="json") if isinstance(document, BaseModel) else document
    typer.echo(json.dumps(data, indent=2))


def fail(error: ErrorInfo, as_json: bool = False) -> typer.Exit:
    """Say what went wrong; returns what is to be raised."""
    stderr().print(error.sentence(), style="bold red")
    if as_json:
        print_json({"error": error.model_dump(mode="json")})
    return typer.Exit(FAILED if error.code in _NOT_THE_INPUT else BAD_INPUT)


@contextmanager
def errors_told(as_json: bool = False) -> Iterator[None]:
    """Turn what the rooms below raise into a sentence and an exit code; what is not foreseen keeps its traceback."""
    try:
        yield
    except typer.Exit:
        raise
    except Exception as error:
        info = error_info(error)
        if info.code == "internal":
            log.exception("not foreseen")
        raise fail(info, as_json) from error
