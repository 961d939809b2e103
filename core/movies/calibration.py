"""What a movie says of itself beyond its pixels, on its way into a result and back out of it.

Each format has fields of its own for some of it (unit and interval in ImageJ, physical sizes in OME, the cell of MRC).
All of it travels as one JSON object beside them, so that nothing is lost; where a format's own field says something
else, another program has changed it and the field is right.
"""

from __future__ import annotations

import itertools
import json
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from core.movies.timing import even_interval, segments_of
from core.protocol.movie import MovieMeta, Segment

# A fraction in a TIFF tag and a float32 in an MRC header are as exact as this.
_SAME = 1e-3
_LONGEST = 1 << 26
# A format's own field may have lost the zone of a time, or letters: the record has them whole.
_SHORTENED = {"date", "start_unix_s", "detector"}


@dataclass(frozen=True)
class Scale:
    """Calibration of a result; None is unknown. The names are those of `MovieMeta`.

    ``value = (stored - intensity_origin) * intensity_scale`` in `intensity_unit`. `times` are kept where they are
    uneven; `segments` where something else than time parts the movie.
    """

    pixel_size: tuple[float, float] | None = None
    pixel_unit: str | None = None
    frame_interval_s: float | None = None
    times: tuple[float, ...] | None = None
    segments: tuple[Segment, ...] = ()
    exposure_s: float | None = None
    counts_per_electron: float | None = None
    black_level: float | None = None
    intensity_origin: float | None = None
    intensity_scale: float | None = None
    intensity_unit: str | None = None
    voltage_kv: float | None = None
    magnification: float | None = None
    detector: str | None = None
    date: str | None = None
    scanned: bool | None = None
    dose_e_per_a2: float | None = None
    dose_rate_e_per_a2_s: float | None = None
    start_unix_s: float | None = None

    @classmethod
    def of(cls, meta: MovieMeta, frames: Sequence[int] | None = None, summed: int = 1) -> Self:
        """The calibration of a movie, for a result made of its frames.

        Parameters
        ----------
        meta : MovieMeta
            Of the source.
        frames : sequence of int, optional
            The source frame that each frame of the result begins with, rising; all of them by default.
        summed : int
            How many source frames were added up into one.
        """
        known: dict[str, Any] = {one.name: getattr(meta, one.name) for one in fields(cls)}
        chosen = range(0, meta.frames, summed) if frames is None else frames
        known.update(_timing(meta, chosen))
        for name in ("exposure_s", "dose_e_per_a2", "black_level", "intensity_origin"):
            if known[name] is not None:
                known[name] = known[name] * summed
        return cls(**known)

    def scaled(self, origin: float, scale: float) -> Self:
        """The calibration of a result that stores whole numbers: value = (stored - origin) * scale.

        An intensity calibration of the values themselves is chained behind, gain and black level are brought along.
        """
        gain, black = self.counts_per_electron, self.black_level
        before, factor = self.intensity_origin or 0.0, self.intensity_scale or 1.0
        return replace(
            self,
            counts_per_electron=None if gain is None else gain / scale,
            black_level=None if black is None else black / scale + origin,
            intensity_origin=origin + before / scale,
            intensity_scale=scale * factor,
        )

    @property
    def line(self) -> tuple[float, float] | None:
        """`intensity_origin` and `intensity_scale`, where both are known and make sense."""
        origin, scale = self.intensity_origin, self.intensity_scale
        if scale is None or not math.isfinite(scale) or scale == 0 or not math.isfinite(origin or 0.0):
            return None
        return origin or 0.0, scale

    def as_json(self, shape: tuple[int, int, int]) -> dict[str, Any]:
        """All that is known, and the (frames, height, width) that it is about, as a JSON object."""
        known = {name: value for name, value in asdict(self).items() if value not in (None, ())}
        if "segments" in known:
            known["segments"] = [segment.model_dump() for segment in self.segments]
        return {"shape": list(shape), **{name: value for name, value in known.items() if _finite(value)}}


_SCALE = TypeAdapter(Scale)


def recall(meta: MovieMeta, text: str | None) -> MovieMeta:
    """What a file says of itself, completed by the record that a result of ours carries.

    Parameters
    ----------
    meta : MovieMeta
        As the format's own fields tell it.
    text : str or None
        `Scale.as_json` as the file holds it; what makes no sense, or is about other frames, is ignored.
    """
    scale = _parsed(meta, text)
    if scale is None:
        return meta
    known: dict[str, Any] = {
        name: value
        for name, value in vars(scale).items()
        if value is not None and (getattr(meta, name) in (None, ()) or name in _SHORTENED)
    }
    for name in ("times", "segments", "pixel_size", "pixel_unit", "frame_interval_s"):
        known.pop(name, None)
    if scale.pixel_size is not None and _agree(meta, scale):
        known.update(pixel_size=scale.pixel_size, pixel_unit=scale.pixel_unit)
    if (
        meta.declared_frames > 1
        and scale.frame_interval_s is not None
        and _close(meta.frame_interval_s, scale.frame_interval_s)
    ):
        known["frame_interval_s"] = scale.frame_interval_s
    mine, theirs = scale.line, (meta.intensity_origin, meta.intensity_scale)
    if mine is not None and theirs[0] is not None and _close(theirs[0], mine[0]) and _close(theirs[1], mine[1]):
        # As exact as it was: a file's own line is written as offset and slope.
        known.update(intensity_origin=scale.intensity_origin, intensity_scale=scale.intensity_scale)
        known["intensity_unit"] = scale.intensity_unit or meta.intensity_unit
    if scale.times is not None and meta.times is None and len(scale.times) == meta.declared_frames:
        known["times"] = scale.times[: meta.frames]
    if not meta.segments:
        breaks = {segment.start: segment.reason for segment in scale.segments if segment.start > 0}
        known["segments"] = segments_of(meta.frames, known.get("times"), breaks)
    return meta.model_copy(update=known)


def _parsed(meta: MovieMeta, text: str | None) -> Scale | None:
    if text is None or len(text) > _LONGEST:
        return None
    try:
        found = json.loads(text)
        if not isinstance(found, dict) or found.pop("shape", None) != [meta.declared_frames, meta.height, meta.width]:
            return None
        scale = _SCALE.validate_python(found)
    except (ValueError, ValidationError, RecursionError):
        return None
    return scale if all(_finite(value) for value in asdict(scale).values()) else None


def _agree(meta: MovieMeta, scale: Scale) -> bool:
    if meta.pixel_size is None or scale.pixel_size is None:
        return True
    same = zip(meta.pixel_size, scale.pixel_size, strict=True)
    return meta.pixel_unit == scale.pixel_unit and all(_close(one, other) for one, other in same)


def _close(one: float | None, other: float) -> bool:
    return one is None or math.isclose(one, other, rel_tol=_SAME)


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return all(_finite(item) for item in value) if isinstance(value, tuple | list) else True


def _timing(meta: MovieMeta, chosen: Sequence[int]) -> dict[str, Any]:
    """Interval, times and segments of the chosen frames."""
    steps = {later - earlier for earlier, later in itertools.pairwise(chosen)} or {1}
    step, even = min(steps), len(steps) == 1
    interval = None if meta.frame_interval_s is None else meta.frame_interval_s * step
    times: tuple[float, ...] | None = None
    if meta.times is not None and len(meta.times) == meta.frames:
        times = tuple(meta.times[frame] for frame in chosen)
    elif meta.frame_interval_s is not None and (not even or (chosen and chosen[0] > 0 and meta.start_unix_s is None)):
        # Without a clock the frames of a part are placed by the time since the movie's beginning.
        times = tuple(frame * meta.frame_interval_s for frame in chosen)
    start = meta.start_unix_s
    if chosen and chosen[0] > 0:
        begin = times[0] if times else chosen[0] * (meta.frame_interval_s or math.nan)
        earliest = meta.times[0] if meta.times else 0.0
        start = None if start is None or math.isnan(begin) else start + begin - earliest
    if times is not None and even_interval(times) is not None and times[0] == 0:
        # Evenly spaced from 0 on: the interval says it all.
        interval = interval or even_interval(times)
        times = None
    return {
        "frame_interval_s": interval if len(chosen) > 1 else None,
        "times": times,
        "segments": _segments(meta, chosen),
        "start_unix_s": start,
    }


def _segments(meta: MovieMeta, chosen: Sequence[int]) -> tuple[Segment, ...]:
    """The movie's segments in the numbers of the result."""
    out: list[Segment] = []
    for segment in meta.segments:
        first, last = bisect_left(chosen, segment.start), bisect_left(chosen, segment.stop)
        if first < last:
            out.append(Segment(start=first, stop=last, reason=segment.reason))
    return tuple(out) if len(out) > 1 else ()
