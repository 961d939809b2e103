"""Reading the movies that microscopes write, and writing results: lazy, thread-safe, with typed errors."""

from __future__ import annotations

from core.movies.errors import (
    Malformed,
    MovieError,
    NoSuchDataset,
    NotAMovie,
    Truncated,
    Unreadable,
    Unsupported,
    WriteFailed,
)
from core.movies.movie import Movie
from core.movies.registry import list_datasets, open_movie

__all__ = [
    "Malformed",
    "Movie",
    "MovieError",
    "NoSuchDataset",
    "NotAMovie",
    "Truncated",
    "Unreadable",
    "Unsupported",
    "WriteFailed",
    "list_datasets",
    "open_movie",
]
