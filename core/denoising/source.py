"""The movie of a request: chosen frames, summed, cleaned, in electrons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from core.denoising.checksums import of_frame
from core.denoising.cleaning import CleanFrame, clean
from core.denoising.denoiser import Block
from core.denoising.errors import denoise_error
from core.denoising.nearby import KeptFrames, Nearby
from core.denoising.scaling import STAND_IN_RANGE, Scaling
from core.denoising.tuning import whole_counts_of
from core.denoising.wanted import wanted_frames
from core.movies import Movie
from core.noise.line_noise import line_offsets
from core.noise.references import Correction
from core.protocol.denoise import FrameRange, IntensityScale
from core.protocol.movie import MovieMeta, Segment


@dataclass(frozen=True)
class Selection:
    """Which source frames make which frame of the result.

    Attributes
    ----------
    starts : tuple of int
        First source frame of each frame of the result; it is the sum of `summed` frames from there.
    segments : tuple of (int, int)
        Frames of the result (start, stop) that belong together: nothing crosses a border.
    left_over : int
        Source frames that did not fill a sum.
    """

    starts: tuple[int, ...]
    summed: int
    segments: tuple[tuple[int, int], ...]
    left_over: int

    @property
    def source_frames(self) -> tuple[int, int]:
        """First source frame that is read, and the one behind the last."""
        return self.starts[0], self.starts[-1] + self.summed

    def around(self, frame: int) -> tuple[int, int]:
        """Return the segment (start, stop) of a frame of the result."""
        return next(segment for segment in self.segments if segment[0] <= frame < segment[1])


def select(meta: MovieMeta, frames: FrameRange, summed: int) -> Selection:
    """Choose the frames of a request; sums never cross a segment's border.

    Raises
    ------
    DenoiseError
        The range or the sum asks for more frames than there are.
    """
    wanted = wanted_frames(frames, meta)
    starts: list[int] = []
    segments: list[tuple[int, int]] = []
    for segment in meta.segments or (Segment(start=0, stop=meta.frames),):
        first, last = max(segment.start, wanted.start), min(segment.stop, wanted.stop)
        whole = range(first, last - summed + 1, summed)
        if len(whole):
            segments.append((len(starts), len(starts) + len(whole)))
            starts.extend(whole)
    if not starts:
        raise denoise_error(
            "bad-request",
            f"{summed} frames are to be summed, and no stretch of the movie has so many.",
            meta.path,
            "Sum fewer frames, or choose more of them.",
        )
    return Selection(tuple(starts), summed, tuple(segments), len(wanted) - len(starts) * summed)


class RequestMovie:
    """A movie in electrons, as denoisers see it (`ElectronMovie`). Reading is safe from many threads."""

    def __init__(
        self, movie: Movie, selection: Selection, scale: IntensityScale, correction: Correction | None = None
    ) -> None:
        self._movie = KeptFrames(movie)
        self._correction = correction
        self.selection = selection
        self._scale = scale
        self._line = Scaling.of(scale, selection.summed)
        self._times = frame_times(movie.meta)
        finds_hits = correction is None or correction.xrays
        self._least = _least_excess(movie.meta, scale) if finds_hits else math.inf
        self._finds_lines = correction is None or correction.lines
        self._checksums: dict[int, bytes] = {}

    @property
    def meta(self) -> MovieMeta:
        """What the file says of itself."""
        return self._movie.meta

    @property
    def frames(self) -> int:
        """Number of frames of the result."""
        return len(self.selection.starts)

    @property
    def height(self) -> int:
        """Rows of a whole frame."""
        return self.meta.height

    @property
    def width(self) -> int:
        """Columns of a whole frame."""
        return self.meta.width

    @property
    def segments(self) -> tuple[tuple[int, int], ...]:
        """Frames of the result (start, stop) that belong together."""
        return self.selection.segments

    @property
    def scale(self) -> IntensityScale:
        """How stored values became electrons."""
        return self._scale

    @property
    def line(self) -> Scaling:
        """The scale for this movie's sums."""
        return self._line

    def block(self, start: int, stop: int) -> Block:
        """Read whole frames ``start:stop`` of the result, all of them wanted."""
        return self.assemble([self.read(frame) for frame in range(start, stop)], start, (0, stop - start), (0, 0))

    def read(self, frame: int) -> CleanFrame:
        """Read one whole frame of the result, in electrons and cleaned."""
        stored, correction = self._stored(frame), self._correction
        defects = None if correction is None else correction.bad
        if correction is not None:
            stored = correction.apply(stored, self.selection.summed)

        first, summed, asked = self.selection.starts[frame], self.selection.summed, self.selection.source_frames
        nearby = Nearby(self._movie, first, summed, self._scale, correction, asked)
        return self._without_lines(clean(self._line.electrons(stored), self._least, defects, nearby))

    def _without_lines(self, frame: CleanFrame) -> CleanFrame:
        """Subtract the offsets that rows or columns share; a counting camera has none."""
        if not self._finds_lines or whole_counts_of(frame.electrons) is not None:
            return frame
        found = line_offsets(frame.electrons)
        if found is None:
            return frame
        return replace(frame, electrons=found.subtract(frame.electrons), lines=found.rms)

    def assemble(
        self, frames: Sequence[CleanFrame], first: int, wanted: tuple[int, int], origin: tuple[int, int]
    ) -> Block:
        """Make a block of frames (or of the same part of each) that follow each other from `first` on."""
        masks = [frame.mask for frame in frames]
        mask = None
        if any(one is not None for one in masks):
            shape = frames[0].electrons.shape
            mask = np.stack([np.zeros(shape, dtype=np.bool_) if one is None else one for one in masks])
        starts = self.selection.starts[first : first + len(frames)]
        electrons = frames[0].electrons[None] if len(frames) == 1 else np.stack([frame.electrons for frame in frames])
        return Block(
            electrons=electrons,
            frames=np.arange(first, first + len(frames), dtype=np.int64),
            wanted=wanted,
            dose=np.asarray([frame.dose for frame in frames], dtype=np.float64),
            gain=self._line.gain,
            times=None if self._times is None else self._times[list(starts)],
            mask=mask,
            origin=origin,
        )

    def checksum(self, frame: int) -> bytes:
        """Checksums of the source frames of a frame of the result, one after the other; reads them."""
        self._stored(frame)
        return self.take_checksum(frame)

    def take_checksum(self, frame: int) -> bytes:
        """The same, from the pass that has read the frame; empty if it was not read, or was asked for before."""
        return self._checksums.pop(frame, b"")

    def _stored(self, frame: int) -> npt.NDArray[np.generic]:
        first = self.selection.starts[frame]
        one = self._whole(first)
        checksums = of_frame(one)
        if self.selection.summed == 1:
            self._checksums[frame] = checksums
            return one
        total = one.astype(np.float64)
        for number in range(first + 1, first + self.selection.summed):
            one = self._whole(number)
            checksums += of_frame(one)
            # inf - inf is NaN, which the cleaning deals with.
            with np.errstate(invalid="ignore"):
                total += one
        self._checksums[frame] = checksums
        return total

    def _whole(self, number: int) -> npt.NDArray[Any]:
        return self._movie.frame(number)


def sample_frames(
    movie: Movie, selection: Selection, most: int = 4, correction: Correction | None = None
) -> list[npt.NDArray[np.generic]]:
    """Return a few raw source frames, evenly spread over the chosen ones; corrected, with NaN where pixels are bad."""
    last = selection.starts[-1] + selection.summed - 1
    wanted = np.unique(np.linspace(selection.starts[0], last, most).astype(int))
    frames = [movie.frame(int(number)) for number in wanted]
    return frames if correction is None else [correction.without_bad(correction.apply(frame)) for frame in frames]


def _least_excess(meta: MovieMeta, scale: IntensityScale) -> float:
    """Return how far, in electrons, a hot pixel must stand out.

    In diffraction a lone bright pixel is a reflection. Without a known gain Poisson's deviation means nothing: only
    what stands out by the whole range of the picture (200 of the stand-in's electrons) is hot then.
    """
    if meta.pixel_unit is not None and meta.pixel_unit.startswith("1/"):
        return math.inf
    return STAND_IN_RANGE if scale.source == "unknown" else 0.0


def frame_times(meta: MovieMeta) -> npt.NDArray[np.float64] | None:
    """Return the start of each frame of a movie in s; None if they are not known."""
    if meta.times is not None and len(meta.times) >= meta.frames:
        return np.asarray(meta.times, dtype=np.float64)
    if meta.frame_interval_s is not None:
        return np.arange(meta.frames, dtype=np.float64) * meta.frame_interval_s
    return None
