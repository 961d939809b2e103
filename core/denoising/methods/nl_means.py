"""Non-local means: an average over px whose surroundings look alike."""

from __future__ import annotations

import numpy as np

from core.denoising.denoiser import Frames
from core.denoising.methods.stabilised import StabilisedDenoiser
from core.denoising.tuning import Parameters

_STRIP = 256


class NlMeansDenoiser(StabilisedDenoiser):
    """Buades, Coll and Morel (CVPR 2005) on stabilised sums of px, by scikit-image.

    `patch` is the side of what is compared, `distance` how far it is looked for (binned px), `h` how unlike a patch
    may be, in units of the noise's deviation; the noise's own part of the difference is taken off.
    """

    name = "nl-means"
    grid = {
        "patch": (3, 5, 9, 13, 17),
        "h": (0.3, 0.4, 0.5, 0.6, 0.75, 0.95),
        "distance": (7, 11, 16, 22),
    }
    start = {"patch": 9, "h": 0.5, "distance": 7}
    looks = 1
    look_side = 512
    costly = True
    jointly = ("patch", "h")

    def filter(self, image: Frames, parameters: Parameters) -> Frames:
        """Denoise an image (h, w) of unit noise, in strips, so that it can be stopped between them."""
        from skimage.restoration import denoise_nl_means

        reach, height = self.reach(parameters), image.shape[0]
        out = np.empty_like(image)
        for top in range(0, height, _STRIP):
            self.check()
            first, bottom = max(0, top - reach), min(height, top + _STRIP)
            strip = denoise_nl_means(
                image[first : min(height, bottom + reach)],
                patch_size=int(parameters["patch"]),
                patch_distance=int(parameters["distance"]),
                h=float(parameters["h"]),
                sigma=1.0,
                fast_mode=True,
            )
            # Of a single px it makes a number.
            out[top:bottom] = np.reshape(strip, (-1, image.shape[1]))[top - first : bottom - first]
        return out

    def reach(self, parameters: Parameters) -> int:
        """Where the farthest patch ends."""
        return int(parameters["distance"]) + int(parameters["patch"]) // 2 + 1
