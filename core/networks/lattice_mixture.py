"""Gaussians and lattice filters of many widths, mixed per place by an estimate of each one's error: no training.

A lattice filter's window rings: beside a surface its lattice fades into the vacuum over half a window, and in a film
without order it finds order. No one window serves a frame. But how far each candidate is from the truth can be told
without it: Stein's unbiased risk (f - x)^2 - v + 2 v s, s the share of a px' own noise that is left in f, summed over
the surroundings. Weights exp(-risk / (4 v)) give a mixture that is about as good as the best candidate of each place
(Leung and Barron, IEEE Trans. Inf. Theory 52, 2006). A prior, the candidates' errors over the whole movie, holds
where the place alone says little.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from core.networks.lattice_filter import lattice_filter_and_share
from core.networks.smoothing import gaussian_blur, quieten

SIGMAS = (0.7, 1.2, 2.0, 3.5, 6.0, 12.0, 24.0)
WINDOWS = (16, 32, 64, 128)
CANDIDATES = 1 + len(SIGMAS) + len(WINDOWS)
# Tiles begin at multiples of the longest window's step; what comes from farther than the reach is rounding (measured).
ORIGIN_DIVISOR = max(WINDOWS) // 4
REACH = 224

_TEMPERATURE = 4.0
_PLACE_SIGMA = 8.0
_PRIOR_PIXELS = 300.0
_BLEND_SIGMA = 2.0
# How far the weights look.
MIXTURE_REACH = math.ceil(3.5 * _PLACE_SIGMA) + math.ceil(3.5 * _BLEND_SIGMA)


def candidates(x: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return every candidate (N, c, H, W) and its share of each px' own noise, for images (N, 1, H, W).

    `variance` is the noise variance of each px of x, both in the same unit. The first candidate is x itself.
    """
    mask = torch.ones_like(x[:1])
    found, shares = [x], [torch.ones_like(x)]
    for sigma in SIGMAS:
        found.append(gaussian_blur(x, mask, sigma))
        shares.append(torch.full_like(x, centre_weight(sigma)))
    for size in WINDOWS:
        filtered, share = lattice_filter_and_share(x[:, 0], variance[:, 0], size)
        found.append(filtered[:, None])
        shares.append(share[:, None])
    return torch.cat(found, 1), torch.cat(shares, 1)


def errors(found: Tensor, variance: Tensor, target: Tensor) -> Tensor:
    """Return each candidate's mean squared distance (c,) from another look at the images, in units of the variance.

    `target` has noise that is not correlated with that of the candidates; its own variance is in all of them alike.
    """
    return (found - target).square().mean((0, 2, 3)) / variance.mean()


def mixture(x: Tensor, variance: Tensor, prior: Tensor) -> Tensor:
    """Denoise images.

    Parameters
    ----------
    x
        (N, 1, H, W) float32, in any unit; noise white and independent.
    variance
        (N, 1, H, W) float32, its noise variance in that unit squared, smooth.
    prior
        (c,) the candidates' `errors` over the movie; zeros where they are not known.

    Returns
    -------
    Tensor
        (N, 1, H, W) float32. What is too weak to be told from what noise leaves behind is smoothed (`quieten`).
    """
    return mix(*candidates(x, variance), variance, prior)


def mix(found: Tensor, shares: Tensor, variance: Tensor, prior: Tensor) -> Tensor:
    """Mix `candidates` as `mixture` does; the first of them is the image itself."""
    mixed = (weigh(found, shares, variance, prior) * found).sum(1, keepdim=True)
    return quieten(mixed, variance.sqrt())


def weigh(found: Tensor, shares: Tensor, variance: Tensor, prior: Tensor) -> Tensor:
    """Return each candidate's weight (N, c, H, W) in every place; they add up to 1."""
    risk = (found - found[:, :1]).square() / variance - 1 + 2 * shares
    area = 4 * math.pi * _PLACE_SIGMA**2
    total = area * _each(risk, _PLACE_SIGMA) + _PRIOR_PIXELS * prior.to(found).view(1, -1, 1, 1)
    return _each(torch.softmax(-total / _TEMPERATURE, 1), _BLEND_SIGMA)


def centre_weight(sigma: float) -> float:
    """Weight of the middle px of `gaussian_blur`."""
    radius = math.ceil(3.5 * sigma)
    line = torch.exp(-(torch.arange(-radius, radius + 1, dtype=torch.float64) ** 2) / (2 * sigma**2))
    return float(1 / line.sum() ** 2)


def _each(images: Tensor, sigma: float) -> Tensor:
    """Blur every channel of (N, c, H, W) alone."""
    count, channels, height, width = images.shape
    flat = images.reshape(count * channels, 1, height, width)
    return gaussian_blur(flat, torch.ones_like(flat[:1]), sigma).view(count, channels, height, width)
