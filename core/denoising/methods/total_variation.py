"""Total variation: the image of least total slope among those near enough to the measured one."""

from __future__ import annotations

import numpy as np

from core.denoising.denoiser import Frames
from core.denoising.methods.stabilised import StabilisedDenoiser
from core.denoising.tuning import Parameters


class TotalVariationDenoiser(StabilisedDenoiser):
    """min |f - y|^2 / 2 + weight |grad f| (Rudin, Osher and Fatemi 1992), by Chambolle's projection (2004).

    On stabilised sums of px, by scikit-image; `weight` is in units of the noise's deviation. It looks at the whole
    image: frames are never cut.
    """

    name = "tv"
    grid = {"weight": (0.3, 0.45, 0.6, 0.75, 0.9, 1.1, 1.3, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0)}
    start = {"weight": 0.9}
    bytes_per_binned_pixel = 80.0

    def filter(self, image: Frames, parameters: Parameters) -> Frames:
        """Denoise an image (h, w) of unit noise."""
        from skimage.restoration import denoise_tv_chambolle

        weight = float(parameters["weight"])
        out = denoise_tv_chambolle(image, weight=weight, eps=1e-4, max_num_iter=300)  # type: ignore[no-untyped-call]
        return np.asarray(out, dtype=np.float32)

    def reach(self, parameters: Parameters) -> None:
        """At the whole image."""
