"""What a request asks to be done about the detector's defects."""

from __future__ import annotations

from core.noise.references import Correction, load_correction
from core.protocol.clean_up import CleanUp
from core.protocol.denoise import DenoiseRequest, DraftRequest
from core.protocol.movie import MovieMeta


def asked_correction(request: DenoiseRequest | DraftRequest, meta: MovieMeta) -> Correction | None:
    """Read the reference images of a request; None where it asks for nothing beyond the usual.

    Raises
    ------
    NoiseError, MovieError
        A reference image can't be read, or isn't one of this movie.
    """
    if request.clean_up == CleanUp():
        return None
    return load_correction(request.clean_up, meta.height, meta.width)


def offset_after(correction: Correction | None, typed: float | None) -> float | None:
    """The black level to go on with: what was typed, else 0 once a dark reference has taken it out."""
    if typed is None and correction is not None and correction.dark is not None:
        return 0.0
    return typed
