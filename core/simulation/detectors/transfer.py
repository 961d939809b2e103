"""Spread of a signal over neighbouring pixels: light in a scintillator, scattered electrons, wrongly placed events."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from scipy.fft import dctn, idctn
from scipy.special import erf

from core.simulation.detectors.effect import Array, Effect, require

Profile = tuple[tuple[float, float], ...]
_NARROWEST = 1e-3


def kernel(sigma: float) -> Array:
    """Return half of a Gaussian summed over each px: k_0, k_1, ..; k_0 + 2 (k_1 + ..) = 1. `sigma` is in px."""
    if sigma < _NARROWEST:
        return np.array([1.0])
    edges = np.arange(max(2, math.ceil(5 * sigma) + 2)) - 0.5
    cumulated = erf(edges / (sigma * math.sqrt(2)))
    half = np.diff(cumulated) / 2
    return np.asarray(half / (half[0] + 2 * half[1:].sum()))


def kernel_transfer(sigma: float, frequency: Array) -> Array:
    """Return the transfer of that kernel at `frequency` (cycles a px): k_0 + 2 sum_j k_j cos(2 pi q j)."""
    half = kernel(sigma)
    steps = np.arange(1, len(half))
    return np.asarray(half[0] + 2 * np.cos(2 * np.pi * np.multiply.outer(frequency, steps)) @ half[1:])


def spread(electrons: Array, profile: Profile) -> Array:
    """Spread every pixel's electrons over its neighbours by a mixture of Gaussians, (share, sigma in px) each.

    Beyond the frame the picture goes on mirrored (half-sample symmetry), so the sum of a frame is conserved exactly
    and no signal comes round from the other side. A kernel is never negative.
    """
    height, width = electrons.shape[-2:]
    transfer = np.zeros((height, width))
    for share, sigma in profile:
        transfer += share * np.outer(_along(sigma, height), _along(sigma, width))
    spectrum = dctn(electrons, axes=(-2, -1), norm="ortho") * transfer
    return np.asarray(idctn(spectrum, axes=(-2, -1), norm="ortho"))


@functools.lru_cache(maxsize=256)
def _along(sigma: float, length: int) -> Array:
    """Return the transfer of a kernel at the frequencies of a cosine transform of this length."""
    return kernel_transfer(sigma, np.arange(length) / (2 * length))


def profile_transfer(profile: Profile, frequency: Array) -> Array:
    """Return the transfer of a mixture along a row at `frequency` (cycles a px; Nyquist is 0.5)."""
    return np.asarray(sum(share * kernel_transfer(sigma, frequency) for share, sigma in profile))


def check_profile(profile: Profile) -> None:
    """Shares are positive and add up to 1; widths aren't negative."""
    require(abs(sum(share for share, _ in profile) - 1) < 1e-9, f"shares of a spread must add up to 1: {profile}")
    require(all(share > 0 and sigma >= 0 for share, sigma in profile), f"a share or a width below zero: {profile}")


@dataclass(frozen=True)
class Localisation(Effect):
    """Electrons counted one by one, each placed with an error: the picture is blurred, the noise stays white.

    The expected electrons are convolved with the distribution of the error, a mixture of Gaussians; counts drawn from
    them later are independent Poisson, so MTF = transfer(q) sinc(q) and NPS = 1: DQE falls as the MTF squared.
    Electron counting at low rates: McMullan et al., Ultramicroscopy 109 (2009) 1411.

    Attributes
    ----------
    profile
        (share, sigma in px) of each Gaussian.
    """

    profile: Profile

    def __post_init__(self) -> None:
        check_profile(self.profile)

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Blur the expected electrons."""
        return self.expected(electrons)

    def expected(self, electrons: Array) -> Array:
        """Blur the expected electrons."""
        return np.maximum(spread(electrons, self.profile), 0.0)

    def mtf(self, frequency: Array) -> Array:
        """Return the MTF at `frequency` (cycles a px), the pixel's own sinc included."""
        return np.asarray(profile_transfer(self.profile, frequency) * np.sinc(frequency))
