"""When frames were taken: even intervals, gaps, and the segments that these make."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from statistics import median

from core.protocol.movie import Segment

# A step that is longer than so many usual ones is a gap: a frame was dropped, or the beam was blanked.
_GAP = 1.5
# Steps that differ by less than this from the usual one are even.
_EVEN = 1e-3


def usual_interval(times: Sequence[float]) -> float | None:
    """The median step between frames in s; None if there are fewer than two frames or the times don't rise."""
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    if not steps or not all(math.isfinite(step) for step in steps):
        return None
    usual = median(steps)
    return usual if usual > 0 else None


def even_interval(times: Sequence[float]) -> float | None:
    """The step between frames in s if all steps are equal within a thousandth; else None."""
    usual = usual_interval(times)
    if usual is None:
        return None
    even = all(abs(later - earlier - usual) <= _EVEN * usual for earlier, later in itertools.pairwise(times))
    return usual if even else None


def segments_of(
    frames: int, times: Sequence[float] | None = None, breaks: Mapping[int, str] | None = None
) -> tuple[Segment, ...]:
    """The stretches into which gaps in time, and known breaks, part a movie.

    Parameters
    ----------
    frames : int
        Of the movie.
    times : sequence of float, optional
        Start of each frame in s.
    breaks : mapping, optional
        Frame that begins a new stretch to the reason ("magnification changed").

    Returns
    -------
    tuple of Segment
        Empty if there is no break: the whole movie belongs together.
    """
    reasons = dict(breaks or {})
    usual = usual_interval(times) if times is not None and len(times) == frames else None
    if times is not None and usual is not None:
        for frame in range(1, frames):
            step = times[frame] - times[frame - 1]
            if step > _GAP * usual:
                reasons.setdefault(frame, f"a gap of {step:.3g} s, where {usual:.3g} s are usual")
            elif step <= 0:
                reasons.setdefault(frame, "time goes back")
    starts = sorted(frame for frame in reasons if 0 < frame < frames)
    if not starts:
        return ()
    bounds = [0, *starts, frames]
    return tuple(
        Segment(start=start, stop=stop, reason=reasons.get(start, "") if start else "")
        for start, stop in itertools.pairwise(bounds)
    )
