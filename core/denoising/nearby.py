"""The frames around one, asked about a few pixels: what is as bright there is no hit of a single frame."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
import numpy.typing as npt

from core.denoising.scaling import Scaling
from core.movies import Movie
from core.movies.errors import MovieError
from core.noise.references import Correction
from core.protocol.movie import MovieMeta, Segment

Pixels = npt.NDArray[np.intp]

_KEPT, _KEPT_BYTES = 4, 128 << 20


class KeptFrames:
    """A movie whose last few frames are kept: looking around costs no second reading. Safe for many threads."""

    def __init__(self, movie: Movie) -> None:
        self._movie = movie
        self._lock = threading.Lock()
        self._frames: OrderedDict[int, npt.NDArray[np.generic]] = OrderedDict()

    @property
    def meta(self) -> MovieMeta:
        """What the file says of itself."""
        return self._movie.meta

    def frame(self, index: int) -> npt.NDArray[np.generic]:
        """Frame `index` (H, W) as stored. Not to be changed."""
        with self._lock:
            kept = self._frames.get(index)
        if kept is not None:
            return kept
        frame = self._movie.frame(index)
        with self._lock:
            self._frames[index] = frame
            while len(self._frames) > max(1, min(_KEPT, _KEPT_BYTES // max(1, frame.nbytes))):
                self._frames.popitem(last=False)
        return frame


def electrons_nearby(
    movie: KeptFrames,
    start: int,
    summed: int,
    line: Scaling,
    correction: Correction | None,
    rows: Pixels,
    columns: Pixels,
    asked: tuple[int, int] = (0, 0),
) -> npt.NDArray[np.float64]:
    """Electrons of N pixels in the two sums of frames nearest to the one that begins at `start`, of its own segment.

    Frames outside the request count too, so that a draft and a part of a movie show what the whole run makes.

    Parameters
    ----------
    asked : tuple of int
        Source frames (start, stop) of the request.

    Returns
    -------
    float64 (M, N)
        M is 2, or less where the movie has no more frames, or those outside the request can't be read.

    Raises
    ------
    MovieError
        A frame of the request can't be read: without it, this one would not come out as it does in a whole run.
    """
    out = []
    for first in _starts_nearby(movie.meta, start, summed):
        try:
            stored = sum(movie.frame(first + k)[rows, columns].astype(np.float64) for k in range(summed))
        except MovieError:
            if asked[0] <= first < asked[1]:
                raise
            continue
        values = np.asarray(stored, dtype=np.float64)
        if correction is not None:
            values = correction.apply_at(values, rows, columns, summed)
        out.append((values - line.offset * line.frames) / line.gain)
    return np.stack(out) if out else np.empty((0, len(rows)))


def _starts_nearby(meta: MovieMeta, start: int, summed: int) -> list[int]:
    whole = Segment(start=0, stop=meta.frames)
    own = next((one for one in meta.segments if one.start <= start < one.stop), whole)
    near = [start - summed, start + summed, start - 2 * summed, start + 2 * summed]
    return [first for first in near if own.start <= first and first + summed <= own.stop][:2]
