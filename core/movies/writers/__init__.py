"""One file a format of results."""

from __future__ import annotations

from core.movies.calibration import Scale
from core.movies.writers.create import RESULT_ENDINGS, create_writer, result_format, storable
from core.movies.writers.disk import free_bytes, partial_path
from core.movies.writers.movie_writer import MovieWriter
from core.movies.writers.mrc import MrcWriter
from core.movies.writers.ome_tiff import OmeTiffWriter
from core.movies.writers.provenance import read_provenance
from core.movies.writers.tiff import TiffMovieWriter, needed_bytes

__all__ = [
    "RESULT_ENDINGS",
    "MovieWriter",
    "MrcWriter",
    "OmeTiffWriter",
    "Scale",
    "TiffMovieWriter",
    "create_writer",
    "free_bytes",
    "needed_bytes",
    "partial_path",
    "read_provenance",
    "result_format",
    "storable",
]
