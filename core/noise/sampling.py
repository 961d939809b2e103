"""Which frames of a movie are looked at: pairs of neighbours, evenly spread, none across a segment's border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.protocol.denoise_parts import FrameRange
from core.protocol.movie import MovieMeta, Segment


@dataclass(frozen=True)
class Sample:
    """Frames to read, in order.

    Attributes
    ----------
    frames : tuple of int
        Their numbers in the movie.
    pairs : tuple of int
        Places k in `frames` where frame k + 1 follows frame k directly in the movie.
    """

    frames: tuple[int, ...]
    pairs: tuple[int, ...]

    def spread(self, most: int) -> tuple[int, ...]:
        """Places of at most `most` frames, evenly spread."""
        return tuple(int(k) for k in np.unique(np.linspace(0, len(self.frames) - 1, most).astype(int)))


def choose_frames(meta: MovieMeta, frames: FrameRange, most: int) -> Sample:
    """Choose at most `most` frames of the range; all of them where there are no more."""
    stop = meta.frames if frames.stop is None else min(frames.stop, meta.frames)
    segments = meta.segments or (Segment(start=0, stop=meta.frames),)
    ranges = [range(max(one.start, frames.start), min(one.stop, stop)) for one in segments]
    every = [number for one in ranges for number in one]
    border = {one.stop - 1 for one in ranges if len(one)}
    if len(every) <= most:
        chosen = every
    else:
        starts = [number for number in every if number not in border]
        picked = np.unique(np.linspace(0, len(starts) - 1, max(1, most // 2)).astype(int)) if starts else ()
        chosen = sorted({starts[k] for k in picked} | {starts[k] + 1 for k in picked})
        if not starts:
            chosen = [every[int(k)] for k in np.unique(np.linspace(0, len(every) - 1, most).astype(int))]
    pairs = [k for k in range(len(chosen) - 1) if chosen[k + 1] == chosen[k] + 1 and chosen[k] not in border]
    return Sample(tuple(chosen), tuple(pairs))
