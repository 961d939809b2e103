"""The movie of a request, with the calibration that the user typed in place of the file's."""

from __future__ import annotations

from core.denoising.clean_up import offset_after
from core.denoising.scaling import choose_scale
from core.denoising.source import RequestMovie, Selection, sample_frames
from core.movies import Movie, open_movie
from core.noise.references import Correction
from core.protocol.denoise import DenoiseRequest, DraftRequest, IntensityScale, Notice


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


def as_long_as(movie: Movie, frames: int) -> None:
    """Let a movie that has grown since be as it was with so many frames: nothing behind them is looked at."""
    meta = movie.meta
    if not 0 < frames < meta.frames:
        return
    segments = tuple(
        one.model_copy(update={"stop": min(one.stop, frames)}) for one in meta.segments if one.start < frames
    )
    times = None if meta.times is None else meta.times[:frames]
    movie.meta = meta.model_copy(update={"frames": frames, "segments": segments, "times": times})


def typed_scale(request: DenoiseRequest | DraftRequest) -> tuple[float | None, float | None]:
    """Counts per electron and black level as typed: for this run first, else for the movie; None: not typed."""
    gain, black = request.counts_per_electron, request.black_level
    if request.entered is not None:
        gain = request.entered.counts_per_electron if gain is None else gain
        black = request.entered.black_level if black is None else black
    return gain, black


def scale_of(
    request: DenoiseRequest | DraftRequest, movie: Movie, selection: Selection, correction: Correction | None
) -> tuple[IntensityScale, tuple[Notice, ...]]:
    """How stored values, corrected, become electrons: as typed, as the file says, or by a few frames' good pixels."""
    gain, black = typed_scale(request)
    frames = sample_frames(movie, selection, correction=correction)
    return choose_scale(movie.meta, frames, gain, offset_after(correction, black))


def electron_movie(
    movie: Movie, selection: Selection, scale: IntensityScale, correction: Correction | None
) -> RequestMovie:
    """The movie as denoisers see it: chosen, summed, in electrons, cleaned as the request says."""
    return RequestMovie(movie, selection, scale, correction)
