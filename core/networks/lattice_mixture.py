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
from collections.abc import Callable

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

# The power of correlated noise, in units of its variance, at the frequencies of `rfft2` of so many px a side.
Spectrum = Callable[[int], Tensor]

_SPECTRUM_SIDE = 128
_TEMPERATURE = 4.0
_PLACE_SIGMA = 8.0
_PRIOR_PIXELS = 300.0
_BLEND_SIGMA = 2.0
# How far the weights look.
MIXTURE_REACH = math.ceil(3.5 * _PLACE_SIGMA) + math.ceil(3.5 * _BLEND_SIGMA)


def candidates(x: Tensor, variance: Tensor, spectrum: Spectrum | None = None) -> tuple[Tensor, Tensor]:
    """Return every candidate (N, c, H, W) and its share of each px' own noise, for images (N, 1, H, W).

    `variance` is the noise variance of each px of x, both in the same unit; `spectrum` is as in `mixture`. The first
    candidate is x itself.
    """
    mask = torch.ones_like(x[:1])
    found, shares = [x], [torch.ones_like(x)]
    for sigma in SIGMAS:
        found.append(gaussian_blur(x, mask, sigma))
        shares.append(torch.full_like(x, centre_weight(sigma) if spectrum is None else _left(sigma, spectrum)))
    for size in WINDOWS:
        power = None if spectrum is None else spectrum(size)
        filtered, share = lattice_filter_and_share(x[:, 0], variance[:, 0], size, power)
        found.append(filtered[:, None])
        shares.append(share[:, None])
    return torch.cat(found, 1), torch.cat(shares, 1)


def errors(found: Tensor, variance: Tensor, target: Tensor) -> Tensor:
    """Return each candidate's mean squared distance (c,) from another look at the images, in units of the variance.

    `target` has noise that is not correlated with that of the candidates; its own variance is in all of them alike.
    """
    return (found - target).square().mean((0, 2, 3)) / variance.mean()


def mixture(x: Tensor, variance: Tensor, prior: Tensor, spectrum: Spectrum | None = None) -> Tensor:
    """Denoise images.

    Parameters
    ----------
    x
        (N, 1, H, W) float32, in any unit; its noise is white and independent, or as `spectrum` says.
    variance
        (N, 1, H, W) float32, its noise variance in that unit squared, smooth.
    prior
        (c,) the candidates' `errors` over the movie; zeros where they are not known.
    spectrum
        Gives for a window's side the noise power (side, side // 2 + 1) at each frequency of `rfft2`, in units of the
        variance, its mean over the whole spectrum 1. None is white.

    Returns
    -------
    Tensor
        (N, 1, H, W) float32. What is too weak to be told from what noise leaves behind is smoothed (`quieten`).
    """
    return mix(*candidates(x, variance, spectrum), variance, prior, spectrum)


def mix(found: Tensor, shares: Tensor, variance: Tensor, prior: Tensor, spectrum: Spectrum | None = None) -> Tensor:
    """Mix `candidates` as `mixture` does; the first of them is the image itself."""
    mixed = (weigh(found, shares, variance, prior) * found).sum(1, keepdim=True)
    if spectrum is None:
        return quieten(mixed, variance.sqrt())
    # What noise leaves behind lies where most of it was: the power counts there, not the mean over all frequencies.
    power = spectrum(_SPECTRUM_SIDE)
    return quieten(mixed, (variance * _mean_of_half(power**2)).sqrt())


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


def _left(sigma: float, spectrum: Spectrum) -> float:
    """Covariance of a px' noise with what `gaussian_blur` leaves of it, in units of its variance."""
    radius = math.ceil(3.5 * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float64)
    line = torch.exp(-(offsets**2) / (2 * sigma**2))
    line = line / line.sum()
    frequency = torch.arange(_SPECTRUM_SIDE, dtype=torch.float64) / _SPECTRUM_SIDE
    transfer = torch.cos(2 * math.pi * frequency[:, None] * offsets[None]) @ line
    power = spectrum(_SPECTRUM_SIDE).to(transfer)
    left = power * transfer[:, None] * transfer[None, : _SPECTRUM_SIDE // 2 + 1]
    return _mean_of_half(left)


def _mean_of_half(half: Tensor) -> float:
    """Return the mean over a square spectrum of which `rfft2` keeps the half."""
    return float((2 * half.sum() - half[:, 0].sum() - half[:, -1].sum()) / half.shape[0] ** 2)


def _each(images: Tensor, sigma: float) -> Tensor:
    """Blur every channel of (N, c, H, W) alone."""
    count, channels, height, width = images.shape
    flat = images.reshape(count * channels, 1, height, width)
    return gaussian_blur(flat, torch.ones_like(flat[:1]), sigma).view(count, channels, height, width)
