"""Times that stand before each frame: read all of a short movie, and of a long one only what finds its gaps.

Frames lie megabytes apart, so that on a slow disk each stamp costs a movement of the head. Of a long movie some are
read, evenly spread; where the time between two of them is not what the frames between them should take, the middle is
looked at, until the gap is found.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median

import numpy as np

from core.movies.timing import segments_of
from core.protocol.movie import Issue, Segment

# So many stamps are read of one movie at most, and so many to begin with of a longer one.
MOST_READ = 1024
_FIRST_READ = 257
# Above this, uneven times are not listed one by one.
_MOST_TIMES = 500_000


@dataclass(frozen=True)
class Stamped:
    """Times of frames in s from the first on, or their even interval; `start` is the first stamp itself.

    `complete` is False where more gaps may lie between the stamps that were read.
    """

    start: float | None = None
    times: tuple[float, ...] | None = None
    interval: float | None = None
    segments: tuple[Segment, ...] = ()
    complete: bool = True


def read_stamps(
    stamp: Callable[[int], float | None], frames: int, resolution: float, breaks: Mapping[int, str] | None = None
) -> Stamped:
    """Times and segments of a movie whose frames carry stamps.

    Parameters
    ----------
    stamp : callable
        Takes a frame's number, gives its time in s, None if it has none.
    frames : int
        Of the movie.
    resolution : float
        Of a stamp in s: steps that differ by no more are even.
    breaks : mapping, optional
        Frame that begins a new stretch to the reason.
    """
    known: dict[int, float] = {}

    def read(frame: int) -> bool:
        if frame not in known:
            value = stamp(frame)
            if value is None or not math.isfinite(value):
                return False
            known[frame] = value
        return True

    first = range(frames) if frames <= MOST_READ else np.linspace(0, frames - 1, _FIRST_READ).round().astype(int)
    if frames < 1 or not all(read(int(frame)) for frame in first):
        return Stamped(start=known.get(0), segments=segments_of(frames, None, breaks))
    start = known[0]
    complete = True
    if frames > MOST_READ:
        found = _look_closer(known, read)
        if found is None:
            return Stamped(start=start, segments=segments_of(frames, None, breaks))
        complete = found
    return replace(_judged(known, frames, start, resolution, breaks), complete=complete)


def _look_closer(known: dict[int, float], read: Callable[[int], bool]) -> bool | None:
    """Halve the stretches that take longer or shorter than they should, the worst first.

    Tells whether all were looked at; None if a stamp is broken.
    """
    places = sorted(known)
    usual = median((known[b] - known[a]) / (b - a) for a, b in itertools.pairwise(places))

    def wrong(a: int, b: int) -> float:
        return abs(known[b] - known[a] - (b - a) * usual)

    queue = [(-wrong(a, b), a, b) for a, b in itertools.pairwise(places)]
    heapq.heapify(queue)
    while queue:
        off, a, b = heapq.heappop(queue)
        if -off <= 0.5 * abs(usual):
            break
        if b - a < 2:
            continue
        if len(known) >= MOST_READ:
            return False
        middle = (a + b) // 2
        if not read(middle):
            return None
        for left, right in ((a, middle), (middle, b)):
            heapq.heappush(queue, (-wrong(left, right), left, right))
    return True


def _judged(
    known: dict[int, float], frames: int, start: float, resolution: float, breaks: Mapping[int, str] | None
) -> Stamped:
    places = np.array(sorted(known))
    stamps = np.array([known[int(place)] for place in places]) - start
    if frames < 2 or not stamps[-1] > 0:
        return Stamped(start=start, segments=segments_of(frames, None, breaks))
    mean = float(stamps[-1]) / (frames - 1)
    if np.max(np.abs(stamps - places * mean)) <= max(1.5 * resolution, 1e-3 * mean):
        return Stamped(start=start, interval=mean, segments=segments_of(frames, None, breaks))
    if frames > _MOST_TIMES:
        return Stamped(start=start, segments=segments_of(frames, None, breaks))
    times = tuple(float(time) for time in np.interp(np.arange(frames), places, stamps))
    return Stamped(start=start, times=times, segments=segments_of(frames, times, breaks))


def stamp_issues(stamped: Stamped, frames: int) -> tuple[Issue, ...]:
    """Say that more gaps may lie between the stamps that were read."""
    if stamped.complete:
        return ()
    text = f"the times of {frames} frames were read at {MOST_READ} places; of their many gaps some may be missed"
    return (Issue(level="info", code="times", text=text),)


def iso(unix_s: float | None) -> str | None:
    """A time since 1970 as ISO 8601 text in UTC; None if it is unknown or no year that a microscope saw."""
    if unix_s is None or not 0 < unix_s < 4e9:
        return None
    return datetime.fromtimestamp(unix_s, UTC).isoformat()
