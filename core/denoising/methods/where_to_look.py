"""Where in a large frame to tune: its middle may be vacuum, and what suits vacuum wipes out a lattice."""

from __future__ import annotations

import numpy as np

from core.denoising.context import RunContext
from core.denoising.denoiser import ElectronMovie, Frames

_FRAMES = 3
_FINE, _COARSE = 1.0, 8.0


def structured_part(movie: ElectronMovie, side: int, context: RunContext) -> tuple[slice, slice]:
    """Return the rows and columns, `side` of each at most, where most is to be seen.

    By what two sums of frames that follow each other have in common (their noise is independent), summed 2 x 2 px and
    between 2 and 16 px coarse. In a frame that is hardly larger, or a single one, it is the middle.
    """
    height, width = movie.height, movie.width
    start, stop = max(movie.segments, key=lambda one: one[1] - one[0])
    if max(height, width) <= 1.5 * side or stop - start < 2:
        return _part(height, (height - side) // 2, side), _part(width, (width - side) // 2, side)
    from scipy import ndimage

    centre, count = (start + stop) // 2, min(_FRAMES, (stop - start) // 2)
    halves = []
    for first in (centre - count, centre):
        total = np.zeros((height // 2, width // 2), dtype=np.float32)
        for frame in range(first, first + count):
            context.check()
            total += _halved(movie.block(frame, frame + 1).electrons[0])
        halves.append(ndimage.gaussian_filter(total, _FINE) - ndimage.gaussian_filter(total, _COARSE))
        context.check()
    common = ndimage.uniform_filter(halves[0] * halves[1], min(side // 2, height // 2, width // 2), mode="constant")
    row, column = np.unravel_index(int(np.argmax(common)), common.shape)
    return _part(height, 2 * int(row) - side // 2, side), _part(width, 2 * int(column) - side // 2, side)


def _halved(frame: Frames) -> Frames:
    high, wide = frame.shape[0] // 2, frame.shape[1] // 2
    out = frame[: 2 * high, : 2 * wide].reshape(high, 2, wide, 2).sum(axis=(1, 3))
    return np.asarray(out, dtype=np.float32)


def _part(length: int, first: int, side: int) -> slice:
    """Return `side` px from `first` on, moved into the frame."""
    first = max(0, min(first, length - side))
    return slice(first, min(length, first + side))
