"""Sums of neighbouring frames as frames of more electrons, and their results brought to where another frame lies.

A window is summed as the frame in its middle sees it: each frame is moved by whole px along the drift, so that counts
stay counts. By how much the px left over put the sum off is known, and taken out when a result, which is smooth, is
moved to another frame. Windows lie on a grid in time, half a reach apart: frames near each other share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.denoising.denoiser import Frames
from core.denoising.methods.over_time import Course

Shift = npt.NDArray[np.float64]

_LEAST_MOVE = 1 / 64


@dataclass(frozen=True, order=True)
class Window:
    """Frames ``start:stop`` of one segment, summed as `centre` sees them; `reach` is how far it looks to each side."""

    reach: int
    centre: int
    start: int
    stop: int


def windows_around(course: Course, frame: int, reach: int) -> tuple[Window, ...]:
    """Return the windows of one reach for a frame: the nearest, the last that begins and the first that ends with it.

    Where something changed just before the frame or just after it, one of those saw only one side of the change.
    """
    if reach == 0:
        return (Window(0, frame, frame, frame + 1),)
    start, stop = course.segment_of(frame)
    step = max(1, reach // 2)
    last = (stop - 1 - start) // step
    nearest = round((frame - start) / step)
    after, before = (frame + reach - start) // step, -((reach - frame + start) // step)
    out: list[Window] = []
    for place in (nearest, after, before):
        centre = start + step * min(max(place, 0), last)
        one = Window(reach, centre, max(start, centre - reach), min(stop, centre + reach + 1))
        if one.start <= frame < one.stop and all((one.start, one.stop) != (w.start, w.stop) for w in out):
            out.append(one)
    return tuple(out)


def centred(course: Course, frame: int, reach: int) -> Window:
    """Return the window of a frame that has it in its middle."""
    return Window(reach, frame, *course.neighbours(frame, reach))


def look_around(reach: int) -> int:
    """How many frames to either side the windows of a reach can hold."""
    return 2 * reach


@dataclass(frozen=True)
class Summed:
    """A window's sum.

    Attributes
    ----------
    electrons : float32 (H, W)
        Where not all frames cover a place, as if they did.
    covered : float32 (H, W)
        Share of the frames that cover it.
    position : float64 (2,)
        Where the picture lies in it, as in `Course.shifts`.
    frames : int
    dose : float
        The frames' mean electrons a px, added up.
    """

    electrons: Frames
    covered: Frames
    position: Shift
    frames: int
    dose: float


def summed(
    frames: Mapping[int, Frames], doses: Mapping[int, float], window: Window, course: Course, without: int | None = None
) -> Summed | None:
    """Add up a window's frames (H, W) by their numbers.

    Frames of no dose (the beam was off) are left out but for the one in the middle, and so is the frame `without`.
    None if no frame is left. Places that no frame covers hold the mean.
    """
    shape = frames[window.centre].shape
    total, cover = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    numbers = np.arange(window.start, window.stop)
    moves = course.moves(window.centre, numbers)
    whole = np.rint(moves).astype(int)
    used = []
    for number, step in zip(numbers.tolist(), whole.tolist(), strict=True):
        dark = not doses[number] > 0 and number != window.centre
        if dark or number == without or abs(step[0]) >= shape[0] or abs(step[1]) >= shape[1]:
            continue
        to, of = _places(step, shape)
        total[to] += frames[number][of]
        cover[to] += 1
        used.append(number)
    if not used:
        return None
    places = np.array(used) - window.start
    dose = float(sum(doses[one] for one in used))
    cover /= len(used)
    electrons = np.where(cover > 0, total / np.maximum(cover, 1e-6), np.float32(dose)).astype(np.float32)
    position = course.shifts[window.centre] + (whole - moves)[places].mean(axis=0)
    return Summed(electrons, cover, position, len(used), dose)


def brought(image: Frames, move: Shift) -> Frames:
    """Return a smooth image (H, W) moved by any number of px, by bicubic interpolation; its edge is repeated."""
    import cv2

    if np.all(np.abs(move) < _LEAST_MOVE):
        return image
    matrix = np.array([[1, 0, move[1]], [0, 1, move[0]]], dtype=np.float64)
    size = (image.shape[1], image.shape[0])
    out = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, dtype=np.float32)


def covered_after(covered: Frames, move: Shift) -> Frames:
    """Return a `Summed.covered` (H, W) moved by any number of px; nothing covers what has come into view."""
    import cv2

    matrix = np.array([[1, 0, move[1]], [0, 1, move[0]]], dtype=np.float64)
    size = (covered.shape[1], covered.shape[0])
    out = cv2.warpAffine(covered, matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(out, dtype=np.float32)


def _places(move: list[int], size: tuple[int, ...]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a moved frame's px go, and where they come from."""
    to, of = [], []
    for step, length in zip(move, size, strict=True):
        to.append(slice(max(0, step), min(length, length + step)))
        of.append(slice(max(0, -step), min(length, length - step)))
    return (to[0], to[1]), (of[0], of[1])
