"""Counts summed over blocks, and back: a cubic spline whose mean over every block is the block's value."""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn import functional

SPLINE_RADIUS = 16


def bin_counts(counts: Tensor, binning: int) -> Tensor:
    """Sum (N, 1, H, W) over blocks of binning x binning px; a block cut by the frame counts for its whole area.

    Returns (N, 1, ceil(H / binning), ceil(W / binning)).
    """
    if binning == 1:
        return counts
    height, width = counts.shape[-2:]
    pad = (0, (-width) % binning, 0, (-height) % binning)
    sums = functional.avg_pool2d(functional.pad(counts, pad), binning) * binning**2
    if pad[1]:
        sums[..., -1] *= binning / (binning - pad[1])
    if pad[3]:
        sums[..., -1, :] *= binning / (binning - pad[3])
    return sums


def _cubic(x: Tensor) -> Tensor:
    """Cubic B-spline."""
    x = x.abs()
    return torch.where(x < 1, 2 / 3 - x**2 + x**3 / 2, torch.where(x < 2, (2 - x) ** 3 / 6, torch.zeros_like(x)))


@functools.lru_cache(maxsize=8)
def _polyphase(binning: int) -> Tensor:
    """Return (binning, 2 radius + 1): the weights of the blocks around in each px of a block.

    The spline's own means over blocks form a five-tap filter; its inverse, cut where it has fallen below 1e-6, makes
    the spline's means equal the given ones. So nothing of the box's attenuation is left, and no mesh.
    """
    length = 128
    offsets = (torch.arange(binning, dtype=torch.float64) + 0.5) / binning - 0.5
    blocks = torch.arange(-2, 3, dtype=torch.float64)
    samples = _cubic(offsets[:, None] - blocks[None])
    ring = torch.zeros(length, dtype=torch.float64)
    ring[(blocks.long()) % length] = samples.mean(0)
    inverse = torch.fft.ifft(1 / torch.fft.fft(ring)).real
    out = torch.zeros(binning, length, dtype=torch.float64)
    for column, block in enumerate(blocks.long().tolist()):
        out += samples[:, column : column + 1] * torch.roll(inverse, block)[None]
    taps = torch.cat([out[:, -SPLINE_RADIUS:], out[:, : SPLINE_RADIUS + 1]], 1)
    return (taps / taps.sum(1, keepdim=True)).float()


def spread_blocks(blocks: Tensor, binning: int) -> Tensor:
    """Return (N, 1, h x binning, w x binning) per-px values x binning^2 whose block sums are `blocks` x binning^2.

    In other words: the result's mean over every block is the block's value.
    """
    if binning == 1:
        return blocks
    count, _, height, width = blocks.shape
    kernel = _polyphase(binning).to(blocks)
    radius = SPLINE_RADIUS
    padded = functional.pad(blocks, (radius, radius, radius, radius), mode="replicate")
    rows = functional.conv2d(padded, kernel.view(binning, 1, -1, 1))
    rows = rows.permute(0, 2, 1, 3).reshape(count, 1, height * binning, width + 2 * radius)
    columns = functional.conv2d(rows, kernel.view(binning, 1, 1, -1))
    return columns.permute(0, 2, 3, 1).reshape(count, 1, height * binning, width * binning)
