"""One file a format of results."""

from __future__ import annotations

from core.movies.writers.tiff import TiffMovieWriter, free_bytes, needed_bytes, partial_path, read_provenance
from core.movies.writers.tiff_directory import Scale

__all__ = ["Scale", "TiffMovieWriter", "free_bytes", "needed_bytes", "partial_path", "read_provenance"]
