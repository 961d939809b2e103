"""The frames and the region of a movie that are to be exported."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.denoising.context import RunContext
from core.denoising.wanted import wanted_frames, wanted_region
from core.movies import Movie, open_movie
from core.movies.calibration import Scale
from core.protocol.denoise_parts import FrameRange, Region
from core.protocol.entered import Entered
from core.protocol.movie import MovieMeta

# Frames read ahead, in number and in bytes: reading and writing overlap, memory stays small.
_MOST_AHEAD = 8
_AHEAD_BYTES = 192 << 20
_THREADS = 4


@dataclass(frozen=True)
class Chosen:
    """Frames and region of a movie. `frames` are numbers in the movie, rising; `meta` has what was typed applied."""

    movie: Movie
    meta: MovieMeta
    frames: Sequence[int]
    region: Region

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, height, width) of what is exported."""
        return (len(self.frames), self.region.y1 - self.region.y0, self.region.x1 - self.region.x0)

    @property
    def scale(self) -> Scale:
        """The calibration of what is exported."""
        return Scale.of(self.meta, self.frames)

    @property
    def dtype(self) -> np.dtype[Any]:
        """As stored."""
        return self.movie.dtype

    def read(self, place: int) -> NDArray[Any]:
        """Frame number `place` of the chosen ones, (height, width), as stored."""
        frame, part = self.frames[place], self.region
        found = self.movie.region(slice(frame, frame + 1), slice(part.y0, part.y1), slice(part.x0, part.x1))
        return np.asarray(found[0])

    def ahead(self, context: RunContext) -> Generator[NDArray[Any], None, None]:
        """All chosen frames in order, read a few ahead; asks for a cancel before each."""
        _, height, width = self.shape
        window = max(1, min(_MOST_AHEAD, _AHEAD_BYTES // max(1, height * width * self.dtype.itemsize)))
        with ThreadPoolExecutor(min(_THREADS, window)) as pool:
            waiting: list[Future[NDArray[Any]]] = []
            try:
                for place in range(len(self.frames)):
                    waiting.append(pool.submit(self.read, place))
                    if len(waiting) >= window:
                        context.check()
                        yield waiting.pop(0).result()
                while waiting:
                    context.check()
                    yield waiting.pop(0).result()
            finally:
                for future in waiting:
                    future.cancel()


@contextmanager
def opened(path: str, dataset: str | None, entered: Entered | None) -> Iterator[Movie]:
    """A movie, open, with what was typed in place of what its file says."""
    with open_movie(path, dataset) as movie:
        if entered is not None:
            movie.meta = entered.applied_to(movie.meta)
        yield movie


def choose(movie: Movie, frames: FrameRange, every: int, region: Region | None) -> Chosen:
    """Choose frames and region.

    Raises
    ------
    DenoiseError
        They do not exist.
    """
    meta = movie.meta
    wanted = wanted_frames(frames, meta)
    return Chosen(movie, meta, wanted[::every], wanted_region(region, meta))
