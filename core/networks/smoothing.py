"""Gaussians that know the frame's edge, and what is too weak to be shown."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_LONG_KERNEL = 12
# Over which the noise level is taken, in px.
NOISE_SIGMA = 4.8
_WIDE = 9.6
# Weaker than this, patches of false lattice in empty frames pass; chosen on them and on held-out structures.
_QUIET = 1.5e-2
# How far `quieten` looks.
QUIET_REACH = math.ceil(3.5 * _WIDE) + math.ceil(3.5 * NOISE_SIGMA)


def gaussian_blur(image: Tensor, mask: Tensor, sigma: float) -> Tensor:
    """Blur (N, 1, H, W) over the px where `mask` (1, 1, H, W) is 1: outside has no weight, nothing is mirrored."""
    return _blur_with_zeros(image * mask, sigma) / _blur_with_zeros(mask, sigma).clamp(min=1e-6)


def _blur_with_zeros(field: Tensor, sigma: float) -> Tensor:
    radius = math.ceil(3.5 * sigma)
    offsets = torch.arange(-radius, radius + 1, device=field.device, dtype=field.dtype)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    if radius > _LONG_KERNEL:
        return _blur_by_fft(field, kernel)
    field = functional.conv2d(field, kernel.view(1, 1, -1, 1), padding=(radius, 0))
    return functional.conv2d(field, kernel.view(1, 1, 1, -1), padding=(0, radius))


def _blur_by_fft(field: Tensor, kernel: Tensor) -> Tensor:
    """Convolve both axes with a long kernel, zeros outside: what `conv2d` gives, in a time that hardly grows."""
    height, width = field.shape[-2:]
    radius = len(kernel) // 2
    rows, columns = (-(-(extent + 2 * radius) // 32) * 32 for extent in (height, width))
    transfer = torch.fft.fft(kernel, n=rows)[:, None] * torch.fft.rfft(kernel, n=columns)[None]
    blurred = torch.fft.irfft2(torch.fft.rfft2(field, s=(rows, columns)) * transfer, s=(rows, columns))
    out: Tensor = blurred[..., radius : radius + height, radius : radius + width]
    return out


def quieten(estimate: Tensor, deviation: Tensor) -> Tensor:
    """Smooth an estimate (N, 1, H, W) where its structure is too weak to be told from what noise leaves behind.

    Empty vacuum keeps a ripple of two or three hundredths of the noise deviation, wherever the estimate comes from. So
    structure counts by its local energy over the noise's: below `_QUIET` it goes, above it stays whole. At the frame's
    edge, where half of the neighbours are missing and more noise is left, it must be stronger.
    """
    mask = torch.ones_like(estimate[:1])
    smooth = gaussian_blur(estimate, mask, _WIDE)
    structure = estimate - smooth
    energy = gaussian_blur((structure / deviation) ** 2, mask, NOISE_SIGMA)
    least = _QUIET / _blur_with_zeros(mask, _WIDE).clamp(min=0.5) ** 2
    return smooth + structure * (energy**2 / (energy**2 + least**2))
