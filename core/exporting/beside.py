"""A second movie beside the first: which of its frames, and which part of them, belong together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.exporting.chosen import Chosen
from core.exporting.errors import export_error
from core.movies import Movie
from core.protocol.denoise_parts import Region


def pair(left: Chosen, right: Movie, record: dict[str, Any] | None, wanted: Region | None) -> tuple[Chosen, Chosen]:
    """Match a movie with its result, or with another movie of as many frames.

    Parameters
    ----------
    left : Chosen
        What was asked of the first movie.
    right : Movie
        The second one.
    record : dict or None
        Its provenance: a result of a part of the first movie says which part.
    wanted : Region or None
        The region that was asked for, in px of the first movie.

    Returns
    -------
    tuple of Chosen
        Both, with equally many frames; the first one loses frames that have no partner.

    Raises
    ------
    ExportError
        They do not belong together.
    """
    meta = right.meta
    first, summed, part = _origin(record)
    if record is None and meta.frames != left.meta.frames:
        raise export_error(
            "bad-request",
            f"The movies have {left.meta.frames} and {meta.frames} frames, so it is not known which belong together.",
            meta.path,
            "Choose a movie of as many frames, or a result of the first one.",
        )
    pairs = [(frame, (frame - first) // summed) for frame in left.frames if frame >= first]
    pairs = [(frame, partner) for frame, partner in pairs if partner < meta.frames]
    if not pairs:
        raise export_error(
            "bad-request", "None of these frames is in the movie beside.", meta.path, "Choose other frames."
        )
    if wanted is None and part is not None:
        left = replace(left, region=part)
    seen = left.region
    y0, x0 = (part.y0, part.x0) if part is not None else (0, 0)
    box = (seen.y0 - y0, seen.y1 - y0, seen.x0 - x0, seen.x1 - x0)
    if min(box) < 0 or box[1] > meta.height or box[3] > meta.width:
        if wanted is not None:
            raise export_error(
                "bad-request",
                "The region reaches beyond the movie beside.",
                meta.path,
                "Choose a region that both movies hold.",
            )
        box = (0, meta.height, 0, meta.width)
    region = Region(y0=box[0], y1=box[1], x0=box[2], x1=box[3])
    frames, partners = zip(*pairs, strict=True)
    return replace(left, frames=frames), Chosen(right, meta, partners, region)


def _origin(record: dict[str, Any] | None) -> tuple[int, int, Region | None]:
    """First source frame of a result, how many were summed, and its region; of any other movie 0, 1, None."""
    if record is None:
        return 0, 1, None
    request = record.get("request")
    request = request if isinstance(request, dict) else {}
    frames, summed, part = record.get("source_frames"), request.get("sum_frames", 1), request.get("region")
    first = frames[0] if isinstance(frames, list) and frames and isinstance(frames[0], int) else 0
    try:
        region = None if part is None else Region.model_validate(part)
    except ValueError:
        region = None
    return first, summed if isinstance(summed, int) and summed > 0 else 1, region
