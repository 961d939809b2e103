"""The provenance in a result, whatever its format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.movies.errors import MovieError
from core.movies.registry import open_movie
from core.movies.result_record import ATTRIBUTE, PROVENANCE_KEY, part, provenance_of, sidecar


def read_provenance(path: str | Path) -> dict[str, Any] | None:
    """The provenance of a result; None for a file that carries none.

    Raises
    ------
    MovieError
        The file can't be read.
    """
    try:
        with open_movie(path) as movie:
            tags = movie.tags()
    except MovieError as error:
        if error.code in {"unsupported", "not-a-movie"}:
            return None
        raise
    text, labels = tags.get("ImageDescription"), tags.get("labels")
    if isinstance(text, str):
        return provenance_of(text)
    attributes = tags.get(".")
    if isinstance(attributes, dict):
        record = attributes.get(ATTRIBUTE)
        return part(record, PROVENANCE_KEY) if isinstance(record, dict) else None
    if isinstance(labels, tuple | list):
        return part(sidecar(path, [str(label) for label in labels]), PROVENANCE_KEY)
    return None
