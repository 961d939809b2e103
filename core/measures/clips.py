"""What is judged: stretches of neighbouring frames, raw and denoised, with the way the picture drifts in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.float32]
Shifts = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Clip:
    """Frames that follow each other, of one segment.

    Attributes
    ----------
    raw, result : float32 (T, H, W)
        In electrons, finite; `result` was made from `raw`.
    shifts : float64 (T, 2)
        Where the picture lies, rows and columns in px: ``frame(y, x) = picture(y - shift_y, x - shift_x)``.
    certain : bool
        Whether the shifts may be relied on.
    """

    raw: Frames
    result: Frames
    shifts: Shifts
    certain: bool = True

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self.raw)

    def move(self, start: int, to: int) -> Shifts:
        """How far the picture goes from frame `start` to frame `to`, (rows, columns) in px."""
        return np.asarray(self.shifts[to] - self.shifts[start])

    @property
    def drift(self) -> float:
        """Mean way of the picture from one frame to the next, in px, smoothed over three frames."""
        if self.frames < 2:
            return 0.0
        steps = np.diff(self.shifts, axis=0)
        if len(steps) >= 3:
            steps = (steps[:-2] + steps[1:-1] + steps[2:]) / 3
        return float(np.hypot(steps[:, 0], steps[:, 1]).mean())
