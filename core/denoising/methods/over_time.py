"""What methods over time share: which frames belong together, where the picture lies in each, and how far they look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.denoising.context import RunContext
from core.denoising.denoiser import Block, ElectronMovie, Frames
from core.motion.following import as_lists, follow_segment
from core.motion.trajectory import LEAST_FRAMES, Trajectory
from core.protocol.denoise import Notice

_BLOCK_BYTES = 384 << 20
_LOOKS_FARTHEST = 80


@dataclass(frozen=True)
class Course:
    """How a movie goes on.

    Attributes
    ----------
    shifts : float64 (frames, 2)
        Where the picture lies in each frame, rows and columns in px.
    segments : tuple of (int, int)
        Frames that belong together; nothing crosses a border.
    paths : tuple of Trajectory
        One a segment; empty if the shifts were given.
    """

    shifts: npt.NDArray[np.float64]
    segments: tuple[tuple[int, int], ...]
    paths: tuple[Trajectory, ...] = ()

    def still(self) -> Course:
        """The same without motion."""
        return Course(np.zeros_like(self.shifts), self.segments, self.paths)

    def segment_of(self, frame: int) -> tuple[int, int]:
        """Return the first frame of a frame's segment, and the one behind its last."""
        return next((one for one in self.segments if one[0] <= frame < one[1]), (frame, frame + 1))

    def neighbours(self, frame: int, reach: int) -> tuple[int, int]:
        """Return the frames (start, stop) up to `reach` away that belong to the same segment."""
        start, stop = self.segment_of(frame)
        return max(start, frame - reach), min(stop, frame + reach + 1)

    def moves(self, frame: int, others: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return by how much each of the others has to be moved to lie where `frame` lies (n, 2), in px."""
        return np.asarray(self.shifts[frame] - self.shifts[others])

    def farthest(self, reach: int) -> int:
        """Return the longest move between frames up to `reach` apart in one segment, in whole px."""
        most = 0.0
        for start, stop in self.segments:
            path = self.shifts[start:stop]
            for apart in range(1, min(reach, len(path) - 1) + 1):
                most = max(most, float(np.abs(path[apart:] - path[:-apart]).max()))
        return int(np.ceil(most))


def course_of(movie: ElectronMovie, context: RunContext) -> Course:
    """Follow the picture through a movie, segment by segment; it is read once."""
    shifts = np.zeros((movie.frames, 2))
    paths = []
    done = 0

    def read(frame: int) -> Frames:
        nonlocal done
        done = max(done, frame + 1)
        context.progress("following the drift", done, movie.frames, None, None)
        electrons: Frames = movie.block(frame, frame + 1).electrons[0]
        return electrons

    for start, stop in movie.segments:
        path = follow_segment(read, start, stop, context.check)
        shifts[start:stop] = path.shifts
        paths.append(path)
    # To a hundredth of a px, as the plan keeps them: a resumed run must see the same.
    return Course(np.array(as_lists(shifts)).reshape(-1, 2), movie.segments, tuple(paths))


def course_from(movie: ElectronMovie, parameters: Mapping[str, Any]) -> Course:
    """Return the course that an earlier run found; its list of shifts is empty if the picture stood still."""
    given = parameters.get("drift", [])
    shifts = np.array(given, dtype=np.float64).reshape(-1, 2)
    if len(shifts) < movie.frames:
        shifts = np.concatenate([shifts, np.repeat(shifts[-1:], movie.frames - len(shifts), axis=0)])
    if not given:
        shifts = np.zeros((movie.frames, 2))
    return Course(shifts, movie.segments)


def notices_of(course: Course, followed: bool) -> tuple[Notice, ...]:
    """Say how sure the drift is, in words for the user.

    Parameters
    ----------
    followed
        Whether its own noise says that the movie is better understood with the drift than without.
    """
    known = [path for path, (start, stop) in zip(course.paths, course.segments, strict=True) if stop - start > 1]
    if not known:
        return ()
    speed = max(path.speed for path in known)
    if not followed:
        short = all(stop - start < LEAST_FRAMES for start, stop in course.segments)
        text = "No drift is taken into account: " + (
            "the movie is too short to tell it." if short else "following it predicted the frames no better."
        )
        return (Notice(level="info", code="drift", text=text),)
    error = max(path.error for path in known)
    if all(path.certain for path in known):
        text = f"The picture drifts by {speed:.2f} px a frame (known to {error:.2f} px); neighbours are moved along."
        return (Notice(level="info", code="drift", text=text),)
    text = (
        f"The drift (about {speed:.2f} px a frame) could not be measured with certainty: too few electrons, or nothing "
        "to hold on to. Following it still predicted the frames better than not; look for blur."
    )
    return (Notice(level="warning", code="drift-uncertain", text=text),)


def most_reach(movie: ElectronMovie) -> int:
    """How many frames to either side fit into the memory that a block may take."""
    pixels = movie.height * movie.width
    return max(1, min(_LOOKS_FARTHEST, int((_BLOCK_BYTES // (4 * pixels) - 1) // 2)))


def levels_of(block: Block, wanted: int) -> npt.NDArray[np.float64]:
    """Beam level of each frame relative to the wanted one: by the mean of the whole frames."""
    own = float(block.dose[wanted])
    return np.asarray(block.dose / own) if own > 0 else np.ones(len(block.dose))
