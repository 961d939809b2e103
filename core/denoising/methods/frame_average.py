"""The mean of a few frames along the drift: how many is chosen on the movie's own noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from core.denoising.methods.aligned import TimeWeights
from core.denoising.methods.along_drift import AlongDriftDenoiser, Grid

# Frames to either side.
_REACHES = (0, 1, 2, 3, 4, 5, 6, 8, 11, 16, 22, 32, 45, 64, 80)


class FrameAverageDenoiser(AlongDriftDenoiser):
    """The frame and `before` frames to either side, all with the same weight; nothing is blurred in space."""

    name = "frame-average"

    def grid(self, most: int) -> Grid:
        """No longer than the frames that may be looked at."""
        return {"before": [float(one) for one in _REACHES if one <= most]}

    def weights(self, choice: Mapping[str, Any]) -> TimeWeights:
        """Return 1 for each frame."""
        reach = self.reach(choice)

        def weights(apart: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
            return (np.abs(apart) <= reach).astype(np.float64)

        return weights

    def sigma(self, choice: Mapping[str, Any]) -> float:
        """Return 0."""
        return 0.0

    def reach(self, choice: Mapping[str, Any]) -> int:
        """Return the frames to either side."""
        return int(choice["before"])
