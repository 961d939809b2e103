"""Raw movie and result of a score: which frames and pixels belong together, and what they are in electrons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from core.denoising.scaling import Scaling
from core.denoising.source import RequestMovie, Selection, select
from core.denoising.storing import decode
from core.denoising.wanted import wanted_frames, wanted_region
from core.jobs.errors import job_error
from core.movies import Movie
from core.movies.writers.provenance import provenance_in
from core.protocol.denoise import StoredScale
from core.protocol.denoise_parts import FrameRange, Region
from core.protocol.score import ScoreRequest

Frames = npt.NDArray[np.float32]

# What is judged of a long or large movie: evenly spread stretches of neighbouring frames, and the middle of a frame.
LARGEST_SIDE = 1024
_MOST_PIXELS = 24_000_000
_FEWEST, _MOST_FRAMES, _STRETCH = 16, 64, 24


@dataclass(frozen=True)
class Part:
    """Which part of a raw movie a result was made of.

    Attributes
    ----------
    frames : FrameRange
        In the raw movie.
    summed : int
        How many raw frames make one of the result.
    region : Region
        In a frame of the raw movie.
    """

    frames: FrameRange
    summed: int
    region: Region


def part_of(raw: Movie, result: Movie) -> Part:
    """Say which part of the raw movie the result shows: all of it, or what its own record says.

    Raises
    ------
    JobError
        Code ``bad-request``: the two differ in shape.
    """
    whole = Region(y0=0, y1=raw.meta.height, x0=0, x1=raw.meta.width)
    if raw.meta.shape == result.meta.shape:
        return Part(FrameRange(), 1, whole)
    request, frames = _recorded(result)
    try:
        region = whole if request.get("region") is None else Region.model_validate(request["region"])
        summed = int(request.get("sum_frames") or 1)
        part = Part(FrameRange(start=frames[0], stop=frames[1]), summed, region)
        starts = select(raw.meta, part.frames, summed).starts
    except (KeyError, IndexError, TypeError, ValueError, ValidationError):
        raise _differ(raw, result) from None
    shape = (len(starts), region.y1 - region.y0, region.x1 - region.x0)
    if not request or shape != result.meta.shape or region.y1 > raw.meta.height or region.x1 > raw.meta.width:
        raise _differ(raw, result)
    return part


def _recorded(result: Movie) -> tuple[Mapping[str, Any], list[int]]:
    record = provenance_in(result) or {}
    request, frames = record.get("request"), record.get("source_frames")
    if record.get("program") != "Quietbeam" or not isinstance(request, Mapping) or not isinstance(frames, list):
        return {}, [0, 1]
    return request, [int(one) for one in frames if isinstance(one, int)]


def _differ(raw: Movie, result: Movie) -> Exception:
    def size(movie: Movie) -> str:
        frames = "1 frame" if movie.meta.frames == 1 else f"{movie.meta.frames} frames"
        return f"{frames} of {movie.meta.height} x {movie.meta.width} px"

    return job_error(
        "bad-request",
        f"The raw movie has {size(raw)}, the result {size(result)}: they don't belong together.",
        result.meta.path,
        "Give the movie that the result was made from, cut to the same frames and region.",
    )


def stored_scale(result: Movie) -> StoredScale | None:
    """How a result's whole numbers become values; None where they are values."""
    record = provenance_in(result) or {}
    plan = record.get("plan")
    stored = plan.get("stored") if record.get("program") == "Quietbeam" and isinstance(plan, Mapping) else None
    if not isinstance(stored, Mapping):
        return None
    try:
        return StoredScale.model_validate(stored)
    except ValidationError:
        return None


def check_frames(request: ScoreRequest, result: Movie) -> tuple[range, Region]:
    """Return the frames of the result that may be looked at, and the region in its frames.

    Raises
    ------
    DenoiseError
        They lie outside.
    """
    meta = result.meta
    return wanted_frames(request.frames, meta, "result"), wanted_region(request.region, meta)


def middle(region: Region) -> Region:
    """The middle of a region that is too large to be judged whole."""
    height, width = region.y1 - region.y0, region.x1 - region.x0
    top, left = (max(0, (length - LARGEST_SIDE) // 2) for length in (height, width))
    y0, x0 = region.y0 + top, region.x0 + left
    return Region(y0=y0, y1=y0 + min(height, LARGEST_SIDE), x0=x0, x1=x0 + min(width, LARGEST_SIDE))


def stretches(frames: range, selection: Selection, region: Region) -> list[range]:
    """Choose stretches of neighbouring frames, evenly spread, none across a segment's border."""
    area = (region.y1 - region.y0) * (region.x1 - region.x0)
    most = int(np.clip(_MOST_PIXELS // area, _FEWEST, _MOST_FRAMES))
    parts = [range(max(a, frames.start), min(b, frames.stop)) for a, b in selection.segments]
    parts = [part for part in parts if len(part)]
    if sum(len(part) for part in parts) <= most and max(len(part) for part in parts) <= _MOST_FRAMES:
        return parts
    count = max(1, most // _STRETCH)
    length = min(_STRETCH, most)
    long = [part for part in parts if len(part) >= length] or [max(parts, key=len)]
    starts = [start for part in long for start in range(part.start, max(part.start, part.stop - length) + 1)]
    chosen: list[range] = []
    for place in np.linspace(0, len(starts) - 1, count).astype(int):
        start = starts[int(place)]
        part = next(one for one in long if one.start <= start < one.stop)
        if not chosen or start >= chosen[-1].stop:
            chosen.append(range(start, min(start + length, part.stop)))
    return chosen


def read_raw(movie: RequestMovie, frames: range, region: Region, offset: Region) -> Frames:
    """Cleaned frames (T, h, w) in electrons; `region` counts from the corner of `offset`."""
    rows = slice(offset.y0 + region.y0, offset.y0 + region.y1)
    columns = slice(offset.x0 + region.x0, offset.x0 + region.x1)
    return np.stack([movie.read(frame).electrons[rows, columns] for frame in frames])


def read_values(movie: Movie, frames: range, region: Region, scale: StoredScale | None, line: Scaling) -> Frames:
    """Frames (T, h, w) of a result or a look in electrons; NaN and infinite values stay."""
    rows, columns = slice(region.y0, region.y1), slice(region.x0, region.x1)
    out = []
    for frame in frames:
        stored = movie.frame(frame)[rows, columns]
        out.append(line.electrons(decode(stored, scale)))
    return np.stack(out)
