"""A Gaussian in space and time, along the drift: both widths are chosen on the movie's own noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from core.denoising.methods.aligned import TimeWeights
from core.denoising.methods.along_drift import AlongDriftDenoiser, Grid

_SIGMAS = (0.0, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0, 2.4, 2.8, 3.4, 4.0, 4.8, 5.6, 6.7, 8.0, 10.0, 12.0)
# In frames; 0 is the frame alone.
_DURATIONS = (0.0, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 22.0, 32.0, 64.0)
_CUT = 2.5


class SpaceTimeGaussianDenoiser(AlongDriftDenoiser):
    """`sigma` px wide and `duration` frames long (standard deviations)."""

    name = "space-time-gaussian"

    def grid(self, most: int) -> Grid:
        """No longer than the frames that may be looked at."""
        return {"sigma": _SIGMAS, "duration": [one for one in _DURATIONS if one <= most]}

    def weights(self, choice: Mapping[str, Any]) -> TimeWeights:
        """Return a Gaussian, cut where it is below a twentieth."""
        duration = float(choice["duration"])

        def weights(apart: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
            if duration <= 0:
                return np.asarray(apart == 0, dtype=np.float64)
            near = np.abs(apart) <= self.reach(choice)
            return np.asarray(np.where(near, np.exp(-np.square(apart) / (2 * duration**2)), 0.0))

        return weights

    def sigma(self, choice: Mapping[str, Any]) -> float:
        """Return the width in space, in px."""
        return float(choice["sigma"])

    def reach(self, choice: Mapping[str, Any]) -> int:
        """Return where the Gaussian is cut."""
        return math.ceil(_CUT * float(choice["duration"]))
