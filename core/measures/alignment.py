"""How the picture drifts through a stretch of raw frames, and whether that may be relied on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from core.motion.trajectory import follow

Frames = npt.NDArray[np.float32]
Shifts = npt.NDArray[np.float64]


def shifts_of(raw: Frames, check: Callable[[], None]) -> tuple[Shifts, bool]:
    """Return where the picture lies in each frame, (T, 2) rows and columns in px, and whether that is certain.

    Where nothing can be followed, or the frames are fewer than four, the picture is taken to stand still. `check` may
    raise to stop.
    """
    path = follow(raw, check)
    if not np.isfinite(path.error) or not np.isfinite(path.shifts).all():
        return np.zeros((len(raw), 2)), False
    return np.asarray(path.shifts, dtype=np.float64), path.certain
