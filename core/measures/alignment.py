"""How the picture drifts through a stretch of raw frames, and whether that may be relied on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from core.motion.drift import estimate_drift
from core.motion.trajectory import follow

Frames = npt.NDArray[np.float32]
Shifts = npt.NDArray[np.float64]

# Both ways to follow must agree within this, in px (median of the differences).
_AGREE = 1.0


def shifts_of(raw: Frames, check: Callable[[], None]) -> tuple[Shifts, bool]:
    """Return where the picture lies in each frame, (T, 2) rows and columns in px, and whether that is certain.

    Two independent ways must agree; where they don't, or the frames are fewer than eight, the picture is taken to
    stand still. `check` may raise to stop.
    """
    nothing = np.zeros((len(raw), 2))
    rough = estimate_drift(raw, check)
    if rough is None:
        return nothing, False
    path = follow(raw, check)
    apart = (path.shifts - path.shifts.mean(axis=0)) - rough.shifts
    agree = rough.certain and path.certain and float(np.median(np.abs(apart))) < _AGREE
    return (path.shifts - path.shifts[0], True) if agree else (nothing, False)
