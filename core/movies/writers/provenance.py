"""The provenance in a result, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.movies.errors import MovieError
from core.movies.movie import Movie
from core.movies.registry import open_movie
from core.movies.result_record import ATTRIBUTE, PROVENANCE_KEY, part, provenance_of, sidecar

DENOISED = "denoised"
_MOST_STEPS = 16


def read_provenance(path: str | Path) -> dict[str, Any] | None:
    """The provenance of a result; None for a file that carries none.

    Raises
    ------
    MovieError
        The file can't be read.
    """
    try:
        with open_movie(path) as movie:
            return provenance_in(movie)
    except MovieError as error:
        if error.code in {"unsupported", "not-a-movie"}:
            return None
        raise


def provenance_in(movie: Movie) -> dict[str, Any] | None:
    """The provenance of an open movie; None if it carries none, or if its tags are too damaged to be read."""
    try:
        tags = movie.tags()
    except MovieError:
        return None
    path = movie.meta.path
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


def lineage(record: Mapping[str, Any] | None) -> tuple[str, ...]:
    """What was done to a movie, the last thing first, a phrase each; empty for what no record of ours speaks of."""
    said: list[str] = []
    while isinstance(record, Mapping) and record.get("program") == "Quietbeam" and len(said) < _MOST_STEPS:
        request = record.get("request")
        plan = record.get("plan")
        if isinstance(plan, Mapping):
            done = f"{DENOISED} by {plan.get('model', 'a model')} {plan.get('model_version', '')}".rstrip()
        elif isinstance(request, Mapping) and request.get("kind") == "export":
            done = "converted"
        elif isinstance(request, Mapping) and request.get("kind") == "thin":
            done = "a part of the electrons"
        else:
            done = "written"
        said.append(f"{done} from {record.get('source', 'a movie')} by Quietbeam {record.get('version', '')}".rstrip())
        record = record.get("source_provenance")
    return tuple(said)
