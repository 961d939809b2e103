"""What a file to be written is, by the end of its name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from core.movies.writers import RESULT_ENDINGS, result_format

Kind = Literal["stack", "mp4", "gif", "png", "svg", "csv"]
_PICTURES: dict[str, Kind] = {".mp4": "mp4", ".gif": "gif", ".png": "png", ".svg": "svg", ".csv": "csv"}
ENDINGS: tuple[str, ...] = (*RESULT_ENDINGS, *_PICTURES)


def kind_of(path: str | Path) -> Kind | None:
    """The kind that a name means; None if it means none."""
    if result_format(path) is not None:
        return "stack"
    return _PICTURES.get(Path(path).suffix.lower())
