"""Total variation: the image of least total slope among those near enough to the measured one."""

from __future__ import annotations

import numpy as np

from core.denoising.denoiser import Frames
from core.denoising.methods.stabilised import StabilisedDenoiser
from core.denoising.tuning import Parameters

# Within 0.3 % of the noise's deviation of the minimum; scikit-image's own stop leaves 10 %, by chance less.
_STEPS = 100


class TotalVariationDenoiser(StabilisedDenoiser):
    """min |f - y|^2 / 2 + weight |grad f| (Rudin, Osher and Fatemi, Physica D 60, 1992), isotropic.

    On stabilised sums of px, by the fast gradient projection of Beck and Teboulle (IEEE Trans. Image Process. 18,
    2009); `weight` is in units of the noise's deviation. It looks at the whole image: frames are never cut.
    """

    name = "tv"
    grid = {"weight": (0.2, 0.28, 0.36, 0.45, 0.55, 0.66, 0.78, 0.9, 1.05, 1.25, 1.5, 1.8, 2.2, 2.8)}
    start = {"weight": 0.66}
    bytes_per_binned_pixel = 80.0

    def filter(self, image: Frames, parameters: Parameters) -> Frames:
        """Denoise an image (h, w) of unit noise."""
        weight = np.float32(parameters["weight"])
        flow = np.zeros((2, *image.shape), dtype=np.float32)
        before, ahead, pace = flow.copy(), flow.copy(), 1.0
        slope = np.empty_like(flow)
        for _ in range(_STEPS):
            clean = image + weight * _divergence(ahead)
            slope[0, -1], slope[1, :, -1] = 0, 0
            np.subtract(clean[1:], clean[:-1], out=slope[0, :-1])
            np.subtract(clean[:, 1:], clean[:, :-1], out=slope[1, :, :-1])
            np.multiply(slope, np.float32(1 / 8) / weight, out=flow)
            flow += ahead
            flow /= np.maximum(1, np.hypot(flow[0], flow[1]))
            next_pace = (1 + (1 + 4 * pace**2) ** 0.5) / 2
            np.subtract(flow, before, out=ahead)
            ahead *= np.float32((pace - 1) / next_pace)
            ahead += flow
            before, flow, pace = flow, before, next_pace
        return np.asarray(image + weight * _divergence(before), dtype=np.float32)

    def reach(self, parameters: Parameters) -> None:
        """At the whole image."""


def _divergence(flow: Frames) -> Frames:
    out: Frames = flow[0] + flow[1]
    out[1:] -= flow[0, :-1]
    out[:, 1:] -= flow[1, :, :-1]
    return out
