"""Wavelets: coefficients that do not rise above the noise are dropped, in every position of the grid."""

from __future__ import annotations

import numpy as np

from core.denoising.denoiser import Frames
from core.denoising.methods.stabilised import StabilisedDenoiser
from core.denoising.tuning import Parameters

_WAVELET = "sym4"
_LEVELS = 4
_TAPS = 8


class WaveletDenoiser(StabilisedDenoiser):
    """Thresholding of the stationary transform (Coifman and Donoho 1995), on stabilised sums of px, by PyWavelets.

    The wavelets' norms are 1, so that each coefficient's noise is that of a px; `threshold` is in its deviations.
    Between hard and soft: w (1 - (threshold / w)^2) above the threshold (the garrote of Gao, 1998).
    """

    name = "wavelets"
    grid = {"threshold": (1.0, 1.3, 1.6, 1.9, 2.2, 2.5, 2.8, 3.1, 3.5, 4.0, 5.0)}
    start = {"threshold": 2.5}
    bytes_per_binned_pixel = 160.0

    def filter(self, image: Frames, parameters: Parameters) -> Frames:
        """Denoise an image (h, w) of unit noise."""
        import pywt

        step = 2**_LEVELS
        margin = self.reach(parameters) // step * step + step
        height, width = image.shape
        pad = [(margin, margin + -length % step) for length in (height, width)]
        wide = np.pad(image, pad, mode="symmetric")
        parts = pywt.swt2(wide, _WAVELET, _LEVELS, trim_approx=True, norm=True)
        for level in range(1, _LEVELS + 1):
            deviation = 1 / 2 ** (_LEVELS + 1 - level)
            parts[level] = tuple(_garrote(one, parameters["threshold"] * deviation) for one in parts[level])
        out = pywt.iswt2(parts, _WAVELET, norm=True)
        return np.asarray(out[margin : margin + height, margin : margin + width], dtype=np.float32)

    def reach(self, parameters: Parameters) -> int:
        """Analysis and synthesis over all levels."""
        return (_TAPS - 1) * (int(2**_LEVELS) - 1)


def _garrote(values: Frames, threshold: float) -> Frames:
    squares = np.maximum(np.square(values), 1e-20)
    return np.asarray(values * np.maximum(1 - np.float32(threshold**2) / squares, 0), dtype=np.float32)
