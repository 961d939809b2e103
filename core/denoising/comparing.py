"""Two results compared frame by frame as the second one is made: nothing is held but sums."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from core.denoising.checksums import of_all, of_frame
from core.denoising.storing import decode
from core.movies import Movie
from core.protocol.denoise import StoredScale


class Comparison:
    """How the frames of a new result differ from those of the first one.

    Parameters
    ----------
    first : Movie
        The result that lies there.
    scale : StoredScale or None
        How its whole numbers become values; the new one's are the same.

    Attributes
    ----------
    largest : float
        Largest difference of a pixel, in the units of the values.
    different_frames : int
        Frames that differ by a bit or more.
    only_in_one : int
        Pixels that hold a number in only one of the two.
    """

    def __init__(self, first: Movie, scale: StoredScale | None) -> None:
        self._first = first
        self._scale = scale
        self._checksums: dict[int, bytes] = {}
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0
        self.largest = 0.0
        self.different_frames = 0
        self.only_in_one = 0

    def add(self, index: int, stored: npt.NDArray[Any]) -> None:
        """Compare frame `index`, (height, width), as it would be stored."""
        was = self._first.frame(index)
        self._checksums[index] = of_frame(was)
        values = decode(was, self._scale)
        known = np.isfinite(values)
        self._take(values[known])
        if was.tobytes() == stored.tobytes():
            return
        self.different_frames += 1
        again = decode(stored, self._scale)
        both = known & np.isfinite(again)
        if both.any():
            self.largest = max(self.largest, float(np.abs(values[both] - again[both]).max()))
        self.only_in_one += int(np.count_nonzero(known != np.isfinite(again)))

    def _take(self, values: npt.NDArray[np.float64]) -> None:
        """Add to mean and squared deviations (Chan, Golub and LeVeque 1979), which stay exact for large offsets."""
        if not values.size:
            return
        mean = float(values.mean())
        squares = float(np.square(values - mean).sum())
        total = self._count + values.size
        shift = mean - self._mean
        self._squares += squares + shift * shift * self._count * values.size / total
        self._mean += shift * values.size / total
        self._count = total

    @property
    def identical(self) -> bool:
        """Whether every frame is the same, bit for bit."""
        return self.different_frames == 0

    @property
    def relative(self) -> float:
        """The largest difference in standard deviations of the first result's pixels."""
        spread = math.sqrt(self._squares / self._count) if self._count else 0.0
        return self.largest / spread if spread > 0 else self.largest

    def checksum(self) -> str:
        """Checksum of the first result's frames, as the provenance has it."""
        return of_all(one for _, one in sorted(self._checksums.items()))
