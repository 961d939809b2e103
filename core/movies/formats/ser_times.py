"""When the images of a SER series were taken: whole seconds from the series, the time of a frame from its EMI."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median

from core.movies.files import RandomAccessFile
from core.movies.formats.dm_dates import asctime, plausible, zone

_TAG = struct.Struct("<iI")
# More are not read one by one when a series is opened: on a network drive each costs a millisecond.
_MOST_READ = 1024
# What counts in whole seconds is off by up to this at both ends together.
_CLOCK_S = 1.0
_AGREES = 0.05
# From so many seconds on, whole ones tell the average interval within a few percent.
_LONG_S = 30


@dataclass(frozen=True)
class Timing:
    """Interval of an even series, or times of another; `breaks` are frames behind a pause, with the reason."""

    interval_s: float | None = None
    times: tuple[float, ...] | None = None
    breaks: Mapping[int, str] = field(default_factory=dict)


def read_seconds(file: RandomAccessFile, tags: Sequence[int], frames: int) -> list[int] | None:
    """Seconds since 1970 (UTC) of each image; None if they are not all there, or too many to read."""
    if not 0 < frames <= min(len(tags), _MOST_READ):
        return None
    found = []
    for at in tags[:frames]:
        seconds = first_second(file, [at])
        if seconds is None:
            return None
        found.append(seconds)
    return found


def first_second(file: RandomAccessFile, tags: Sequence[int]) -> int | None:
    """Seconds since 1970 (UTC) of the first image; None if the series does not say."""
    if not tags or not 0 < tags[0] <= file.size - _TAG.size:
        return None
    _, seconds = _TAG.unpack(file.read(tags[0], _TAG.size))
    return int(seconds) if plausible(seconds) is not None else None


def ends_of(file: RandomAccessFile, tags: Sequence[int], frames: int) -> tuple[int, ...]:
    """Seconds since 1970 of the first and the last image, where the series tells them."""
    if not 0 < frames <= len(tags):
        return ()
    first, last = first_second(file, tags[:1]), first_second(file, tags[frames - 1 : frames])
    return () if first is None else (first,) if last is None else (first, last)


def interval_of(frames: int, ends: Sequence[int], frame_s: float | None) -> float | None:
    """The EMI's time of a frame, unless a series of which only both ends were looked at took longer or shorter."""
    if frames < 2 or frame_s is None or len(ends) < 2:
        return frame_s if frames > 1 else None
    return frame_s if _agrees(ends[1] - ends[0], (frames - 1) * frame_s) else None


def timing_of(frames: int, seconds: Sequence[int] | None, frame_s: float | None) -> Timing:
    """Put both sources together.

    Parameters
    ----------
    frames : int
        Of the series.
    seconds : sequence of int or None
        Of each image, whole.
    frame_s : float or None
        What one frame takes by the EMI; images may follow each other more slowly, and a series may pause.

    Returns
    -------
    Timing
        Nothing is known of images that fell into the same few seconds if the EMI does not tell more.
    """
    if frames < 2:
        return Timing()
    if seconds is None or any(later < earlier for earlier, later in itertools.pairwise(seconds)):
        return Timing(frame_s)
    elapsed = seconds[-1] - seconds[0]
    if frame_s is not None and _agrees(elapsed, (frames - 1) * frame_s):
        return Timing(frame_s)
    breaks = _pauses(seconds, frame_s)
    starts = [0, *sorted(breaks), frames]
    stretches = list(itertools.pairwise(starts))
    if breaks and frame_s is not None:
        even = all(_agrees(seconds[b - 1] - seconds[a], (b - 1 - a) * frame_s) for a, b in stretches)
        if even:
            times = [seconds[a] - seconds[0] + place * frame_s for a, b in stretches for place in range(b - a)]
            return Timing(None, tuple(times), breaks)
    if not breaks and elapsed >= _LONG_S:
        return Timing(elapsed / (frames - 1))
    if breaks or elapsed >= 2 * (frames - 1):
        return Timing(None, tuple(float(second - seconds[0]) for second in seconds), breaks)
    return Timing()


def _agrees(elapsed: float, expected: float) -> bool:
    return abs(elapsed - expected) <= _CLOCK_S + _AGREES * expected


def _pauses(seconds: Sequence[int], frame_s: float | None) -> dict[int, str]:
    steps = [later - earlier for earlier, later in itertools.pairwise(seconds)]
    usual = max(median(steps), frame_s or 0.0)
    return {
        place: f"a gap of {step} s, where {usual:.3g} s are usual"
        for place, step in enumerate(steps, 1)
        if step > 1.5 * usual + _CLOCK_S
    }


def date_of(noted: str | None, seconds: Sequence[int]) -> str | None:
    """The date in ISO 8601: of the first image, in the zone in which the EMI's local clock agrees with the series.

    Parameters
    ----------
    noted : str or None
        The EMI's date, such as ``Sun Feb 21 17:49:06 2016``: of the first image, or of the last.
    seconds : sequence of int
        Of the first and last image in s since 1970; empty if unknown.
    """
    local = asctime(noted) if noted else None
    if not seconds:
        return local.isoformat() if local is not None else noted
    for moment in seconds:
        found = zone(local, moment) if local is not None else None
        if found is not None:
            return datetime.fromtimestamp(seconds[0], found).isoformat()
    return datetime.fromtimestamp(seconds[0], UTC).isoformat()
