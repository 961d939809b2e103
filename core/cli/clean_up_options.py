"""The options of a detector's clean-up, as they are typed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.protocol.clean_up import CleanUp

Dark = Annotated[Path | None, typer.Option("--dark", metavar="FILE", help="A dark reference, to be subtracted.")]
GainReference = Annotated[
    Path | None, typer.Option("--gain-reference", metavar="FILE", help="A gain reference, to be divided by.")
]
Defects = Annotated[
    Path | None, typer.Option("--defects", metavar="FILE", help="A mask: pixels above 0 get a stand-in.")
]
Pattern = Annotated[
    Path | None, typer.Option("--pattern", metavar="FILE", help="A camera's fixed pattern, to be subtracted.")
]
NoXrays = Annotated[bool, typer.Option("--no-xrays", help="Leave X-ray hits and stuck pixels as they are.")]

NoLines = Annotated[bool, typer.Option("--no-lines", help="Leave offsets that whole rows or columns share.")]


def clean_up_of(
    dark: Path | None,
    gain: Path | None,
    defects: Path | None,
    pattern: Path | None,
    no_xrays: bool,
    no_lines: bool = False,
) -> CleanUp:
    """What was typed, as requests carry it."""
    paths = {"dark": dark, "gain": gain, "defects": defects, "pattern": pattern}
    named = {name: str(path) for name, path in paths.items() if path is not None}
    return CleanUp(xrays=not no_xrays, lines=not no_lines, **named)
