"""The movie of a request, with the calibration that the user typed in place of the file's."""

from __future__ import annotations

from core.denoising.source import RequestMovie, Selection
from core.movies import Movie, open_movie
from core.protocol.denoise import DenoiseRequest, DraftRequest, IntensityScale


def open_asked(request: DenoiseRequest | DraftRequest) -> Movie:
    """Open the source of a request; what was typed (`Entered`) stands in `Movie.meta` as if the file had said it.

    Raises
    ------
    MovieError
        As `core.movies.open_movie`.
    """
    movie = open_movie(request.source, request.dataset)
    if request.entered is not None:
        movie.meta = request.entered.applied_to(movie.meta)
    return movie


def typed_scale(request: DenoiseRequest | DraftRequest) -> tuple[float | None, float | None]:
    """Counts per electron and black level as typed: for this run first, else for the movie; None: not typed."""
    gain, black = request.counts_per_electron, request.black_level
    if request.entered is not None:
        gain = request.entered.counts_per_electron if gain is None else gain
        black = request.entered.black_level if black is None else black
    return gain, black


def electron_movie(
    request: DenoiseRequest | DraftRequest, movie: Movie, selection: Selection, scale: IntensityScale
) -> RequestMovie:
    """The movie as denoisers see it: chosen, summed, in electrons, cleaned as the request says."""
    return RequestMovie(movie, selection, scale)
