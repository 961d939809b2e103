"""The path of a long movie: piece by piece, each short enough that most of the picture stays in view."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from core.motion.trajectory import LEAST_FRAMES, Image, Trajectory, follow, still

# Takes the number of a frame, gives it whole (H, W), finite.
Read = Callable[[int], Image]

_PIECE = 64
_SHORTEST = 8
_TRAVEL_SHARE = 0.3
_OVERLAP_SHARE = 4
_SIDE = 512


def follow_segment(read: Read, start: int, stop: int, check: Callable[[], None]) -> Trajectory:
    """Follow the picture through frames ``start:stop``, which belong together.

    Pieces of up to 64 frames overlap by a quarter and are joined where they overlap. Of a large frame the middle is
    looked at, px summed 2 x 2. Memory: one piece, 64 frames of at most 512 x 512 px and their spectra.

    Parameters
    ----------
    check
        Called now and then; may raise to stop.
    """
    shifts = np.zeros((stop - start, 2))
    errors: list[float] = []
    certain = True
    first, known = start, start
    frames: dict[int, Image] = {}
    factor, length = 1, _PIECE
    while known < stop:
        last = min(first + length, stop)
        for number in range(first, last):
            if number not in frames:
                frames[number], factor = _look(read(number))
                check()
        piece = _piece(np.stack([frames[number] for number in range(first, last)]), check).times(factor)
        last = first + len(piece.shifts)
        # Where the picture runs out of view after a few frames it will again.
        length = min(_PIECE, 2 * len(piece.shifts))
        common = slice(first - start, known - start)
        offset = (shifts[common] - piece.shifts[: known - first]).mean(axis=0) if known > first else np.zeros(2)
        shifts[known - start : last - start] = piece.shifts[known - first :] + offset
        errors.append(piece.error)
        certain &= piece.certain
        first, known = max(first + 1, last - max(LEAST_FRAMES, len(piece.shifts) // _OVERLAP_SHARE)), last
        frames = {number: one for number, one in frames.items() if number >= first}
    return Trajectory(shifts, max(errors), certain) if errors else still(0)


def _piece(frames: Image, check: Callable[[], None]) -> Trajectory:
    """Follow the picture as long as most of it stays in view: all the frames, or fewer."""
    path = follow(frames, check)
    while len(frames) > _SHORTEST:
        gone = np.ptp(path.shifts, axis=0) / np.array(frames.shape[1:])
        if gone.max() <= _TRAVEL_SHARE:
            break
        frames = frames[: max(_SHORTEST, len(frames) // 2)]
        path = follow(frames, check)
    return path


def _look(frame: Image) -> tuple[Image, int]:
    """Return what is looked at of a frame, and how many px of it make one."""
    height, width = frame.shape
    if max(height, width) <= _SIDE:
        return frame, 1
    high, wide = (min(length, 2 * _SIDE) // 2 * 2 for length in (height, width))
    top, left = (height - high) // 2, (width - wide) // 2
    part = frame[top : top + high, left : left + wide]
    return np.asarray(part.reshape(high // 2, 2, wide // 2, 2).sum(axis=(1, 3)), dtype=np.float32), 2


def as_lists(shifts: npt.NDArray[np.float64]) -> list[list[float]]:
    """Shifts as plain numbers, to a hundredth of a px: what a plan keeps."""
    return [[round(float(y), 2), round(float(x), 2)] for y, x in shifts]
