"""The frames around one, asked about a few pixels: what is as bright there is no hit of a single frame."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.denoising.scaling import Scaling
from core.movies import Movie
from core.movies.errors import MovieError
from core.noise.clusters import rest_of
from core.noise.references import Correction
from core.noise.stuck import WIDTH, around
from core.protocol.denoise import IntensityScale
from core.protocol.movie import MovieMeta, Segment

Pixels = npt.NDArray[np.intp]

_KEPT, _KEPT_BYTES = 12, 128 << 20
# Pixels that were asked for are noted of each frame that passes, so that large frames needn't be read again.
_NOTED_FRAMES, _NOTED_PIXELS = 128, 20_000
# Single frames in which a pixel is watched; more where as many make a sum. Sums whose brightest places are compared.
_WATCHED, _WATCHED_MOST = 9, 16
_COMPARED, _COMPARED_FRAMES = 8, 16


class KeptFrames:
    """A movie whose last few frames are kept: looking around costs no second reading. Safe for many threads."""

    def __init__(self, movie: Movie) -> None:
        self._movie = movie
        self._lock = threading.Lock()
        self._frames: OrderedDict[int, npt.NDArray[np.generic]] = OrderedDict()
        self._noted: OrderedDict[int, tuple[Pixels, npt.NDArray[np.generic]]] = OrderedDict()
        self._wanted: Pixels = np.empty(0, dtype=np.intp)
        self._rests: dict[int, float | None] = {}

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
            if len(self._wanted):
                self._noted[index] = (self._wanted, frame.reshape(-1)[self._wanted])
                while len(self._noted) > _NOTED_FRAMES:
                    self._noted.popitem(last=False)
            self._frames[index] = frame
            while len(self._frames) > max(1, min(_KEPT, _KEPT_BYTES // max(1, frame.nbytes))):
                self._frames.popitem(last=False)
        return frame

    def values(self, index: int, rows: Pixels, columns: Pixels) -> npt.NDArray[np.float64]:
        """Stored values of some pixels of a frame, by what was noted of it if that is enough."""
        places = rows * self.meta.width + columns
        with self._lock:
            noted = None if index in self._frames else self._noted.get(index)
            fresh = np.setdiff1d(places, self._wanted)
            if len(fresh) and len(self._wanted) + len(fresh) <= _NOTED_PIXELS:
                self._wanted = np.union1d(self._wanted, fresh)
        if noted is not None:
            known, values = noted
            at = np.minimum(np.searchsorted(known, places), len(known) - 1)
            if np.array_equal(known[at], places):
                return values[at].astype(np.float64)
        return self.frame(index)[rows, columns].astype(np.float64)

    def rest(self, start: int, measure: Callable[[], float | None]) -> float | None:
        """What was measured of the sum that begins at a frame, or is now."""
        with self._lock:
            if start in self._rests:
                return self._rests[start]
        found = measure()
        with self._lock:
            self._rests[start] = found
        return found


@dataclass(frozen=True)
class Nearby:
    """What the cleaning of one frame may ask of those around it, in its own segment.

    Frames outside the request count too, so that a draft and a part of a movie show what the whole run makes.
    """

    movie: KeptFrames
    start: int
    summed: int
    scale: IntensityScale
    correction: Correction | None
    asked: tuple[int, int]

    @property
    def counts(self) -> bool:
        """Whether electrons are electrons."""
        return self.scale.source != "unknown"

    @property
    def nothing(self) -> bool:
        """Whether there are no sums before and after."""
        return not self._starts(1)

    def beside(self, rows: Pixels, columns: Pixels) -> npt.NDArray[np.float64]:
        """Electrons (M, N) of N pixels in the sums before and after."""
        line = Scaling.of(self.scale, self.summed)
        return electrons_nearby(self.movie, self.start, self.summed, line, self.correction, rows, columns, self.asked)

    def series(self, rows: Pixels, columns: Pixels) -> npt.NDArray[np.float64]:
        """Electrons (frames, N, 25) of N pixels and those around them in single frames, this one's among them."""
        meta, line = self.movie.meta, Scaling.of(self.scale)
        y, x = (index.reshape(-1) for index in around((meta.height, meta.width), rows, columns))
        own = _segment(meta, self.start)
        middle = self.start + (self.summed - 1) / 2
        most = max(_WATCHED, min(self.summed, _WATCHED_MOST))
        reach = range(max(own.start, int(middle) - most), min(own.stop, int(middle) + most + 1))
        out = []
        for index in sorted(sorted(reach, key=lambda frame: (abs(frame - middle), frame))[:most]):
            try:
                values = self.movie.values(index, y, x)
            except MovieError:
                if self.asked[0] <= index < self.asked[1]:
                    raise
                continue
            if self.correction is not None:
                values = self.correction.apply_at(values, y, x)
            out.append(((values - line.offset) / line.gain).reshape(len(rows), WIDTH))
        return np.stack(out)

    def rest(self) -> float | None:
        """The largest excess, in electrons, of what may be real in the sums around; None where there are none."""
        most = max(2, min(_COMPARED, _COMPARED_FRAMES // self.summed))
        found = [self.movie.rest(first, lambda first=first: self._rest(first)) for first in self._starts(most)]  # type: ignore[misc]
        known = [one for one in found if one is not None]
        return max(known) if known else None

    def _starts(self, most: int) -> list[int]:
        return _starts_nearby(self.movie.meta, self.start, self.summed, most)

    def _rest(self, first: int) -> float | None:
        try:
            stored = self.movie.frame(first)
            if self.summed > 1:
                stored = stored.astype(np.float64)
                for index in range(first + 1, first + self.summed):
                    stored = np.add(stored, self.movie.frame(index).astype(np.float64))
        except MovieError:
            if self.asked[0] <= first < self.asked[1]:
                raise
            return None
        if self.correction is not None:
            stored = self.correction.apply(stored, self.summed)
        electrons = Scaling.of(self.scale, self.summed).electrons(stored)
        good = np.isfinite(electrons)
        if self.correction is not None and self.correction.bad is not None:
            good &= ~self.correction.bad
        if not good.any():
            return None
        if not good.all():
            electrons[~good] = np.median(electrons[good])
        return rest_of(electrons)


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
            stored = sum(movie.values(first + k, rows, columns) for k in range(summed))
        except MovieError:
            if asked[0] <= first < asked[1]:
                raise
            continue
        values = np.asarray(stored, dtype=np.float64)
        if correction is not None:
            values = correction.apply_at(values, rows, columns, summed)
        out.append((values - line.offset * line.frames) / line.gain)
    return np.stack(out) if out else np.empty((0, len(rows)))


def _segment(meta: MovieMeta, start: int) -> Segment:
    whole = Segment(start=0, stop=meta.frames)
    return next((one for one in meta.segments if one.start <= start < one.stop), whole)


def _starts_nearby(meta: MovieMeta, start: int, summed: int, most: int = 2) -> list[int]:
    own = _segment(meta, start)
    near = [start + sign * step * summed for step in range(1, most + 1) for sign in (-1, 1)]
    return [first for first in near if own.start <= first and first + summed <= own.stop][:most]
