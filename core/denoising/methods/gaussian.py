"""The plain baseline: a Gaussian of the width that is best for this movie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from core.denoising.context import RunContext
from core.denoising.denoiser import Block, ElectronMovie, Frames, Geometry, Needs, State

NAME = "gaussian"
_SIGMAS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5, 1.7, 2.0, 2.3, 2.6, 3.0, 3.5, 4, 4.5, 5, 6, 7, 8, 10, 12)
_CUT = 4.0
_LOOK_SIDE = 768


class GaussianDenoiser:
    """Frame by frame; sigma is chosen once a movie, by an unbiased estimate of the error that needs no truth."""

    name = NAME
    frames_before = 0
    frames_after = 0
    needs = Needs()

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        """Choose sigma on up to three frames, or take it from `parameters`."""
        if parameters and "sigma" in parameters:
            sigma = float(parameters["sigma"])
        else:
            risks = np.zeros(len(_SIGMAS))
            for frame in sorted({0, movie.frames // 2, movie.frames - 1}):
                electrons = _middle(movie.block(frame, frame + 1).electrons[0])
                for number, one in enumerate(_SIGMAS):
                    context.check()
                    risks[number] += poisson_risk(electrons, one)
            sigma = _SIGMAS[int(np.argmin(risks))]
        radius = int(_CUT * sigma + 0.5)
        return State(Geometry(halo=radius, bytes_per_pixel=16.0), {"sigma": sigma}, sigma)

    def apply(self, state: State, block: Block) -> Block:
        """Blur the wanted frames."""
        sigma = float(state.parameters["sigma"])
        first, last = block.wanted
        blurred = np.stack([_blur(frame, sigma) for frame in block.electrons[first:last]])
        return block.denoised(blurred)


def poisson_risk(electrons: Frames, sigma: float) -> float:
    """Estimate the mean squared error of a Gaussian against the unknown truth, up to a constant.

    For a linear filter with the weight k at its centre and Poisson noise, E[(f - l)^2] = E[(f - n)^2] + (2 k - 1) E[n]
    (PURE, Luisier et al., IEEE Trans. Image Process. 20, 2011).
    """
    radius = int(_CUT * sigma + 0.5)
    line = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    centre = float((line[radius] / line.sum()) ** 2)
    residual = float(np.mean(np.square(_blur(electrons, sigma) - electrons), dtype=np.float64))
    return residual + (2 * centre - 1) * float(electrons.mean(dtype=np.float64))


def _blur(frame: Frames, sigma: float) -> Frames:
    out = ndimage.gaussian_filter(frame, sigma, mode="nearest", truncate=_CUT)
    return np.asarray(out, dtype=np.float32)


def _middle(frame: Frames) -> Frames:
    """Return the middle of a large frame: half a million px choose sigma well enough."""
    top, left = (max(0, (length - _LOOK_SIDE) // 2) for length in frame.shape)
    return frame[top : top + _LOOK_SIDE, left : left + _LOOK_SIDE]
