"""The local Wiener filter: each px moves to its surroundings' mean, as far as they show no signal above the noise."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from core.denoising.denoiser import Frames
from core.denoising.methods.stabilised import StabilisedDenoiser
from core.denoising.tuning import Parameters


class WienerDenoiser(StabilisedDenoiser):
    """f = m + max(v - s^2, 0) / max(v, s^2) (y - m), m and v the mean and variance of `window` x `window` px.

    The adaptive filter of Lee (IEEE Trans. Pattern Anal. 2, 1980), as in SciPy and MATLAB, on stabilised sums of px;
    s^2 is `strength` times the noise's variance.
    """

    name = "wiener"
    grid = {
        "window": (3, 5, 7, 9, 11, 15, 21, 31),
        "strength": (0.8, 1.0, 1.25, 1.6, 2.0, 2.5),
    }
    start = {"window": 5, "strength": 1.0}
    look_side = 768

    def filter(self, image: Frames, parameters: Parameters) -> Frames:
        """Denoise an image (h, w) of unit noise."""
        size, noise = int(parameters["window"]), np.float32(parameters["strength"])
        values = image.astype(np.float64)
        mean = ndimage.uniform_filter(values, size, mode="reflect")
        variance = ndimage.uniform_filter(values**2, size, mode="reflect") - mean**2
        gain = np.maximum(variance - noise, 0) / np.maximum(variance, noise)
        return np.asarray(mean + gain * (values - mean), dtype=np.float32)

    def reach(self, parameters: Parameters) -> int:
        """Half the window."""
        return int(parameters["window"]) // 2
