"""Which binning brings a frame's lattice to the period that the lattice-corrected networks know: decided blindly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

BINNINGS = (1, 2, 4, 8)
WANTED_PERIOD = 10.0
WANTED_PIXEL_NM = 0.0245
_DEFAULT = 4
_WINDOW = 512
_MAX_WINDOWS = 16
_LOWEST_CYCLES = 6


def choose_binning(counts: Tensor, pixel_size_nm: float | None = None) -> int:
    """Choose how many px to sum along each side before denoising.

    Lattice spots above the counting noise decide: their mean period, each weighted by its power and its frequency
    squared, is brought nearest to 10 binned px. Without spots the highest ring above the noise decides (amorphous
    films), then the pixel size, then a middle value.

    Parameters
    ----------
    counts
        (H, W) electrons per px, or (T, H, W) frames of one movie.
    pixel_size_nm
        Full-resolution pixel size, None when unknown.

    Returns
    -------
    int
        1, 2, 4 or 8.
    """
    frames = counts.reshape(-1, *counts.shape[-2:]).float()
    largest = min(_WINDOW, *frames.shape[-2:]) // 16 * 16
    decided = None
    # Large windows see weak lattices, small ones average more where a crystal is small.
    for side in (largest, largest // 32 * 16):
        if side < 4 * _LOWEST_CYCLES:
            break
        power, averaged, frequency = _mean_periodogram(frames, side)
        if averaged == 0:
            break
        medians, ring = _ring_medians(power, frequency)
        log_period = _spot_period(power, averaged, frequency, medians[ring], ring)
        if log_period is not None:
            return _nearest(log_period - math.log2(WANTED_PERIOD))
        if decided is None:
            decided = _by_rings(medians, averaged, side, pixel_size_nm)
    return _by_pixel_size(pixel_size_nm) if decided is None else decided


def _ring_medians(power: Tensor, frequency: Tensor) -> tuple[Tensor, Tensor]:
    """Return the median power of every ring up to Nyquist (0 beyond), and each px's ring in cycles a window."""
    side = power.shape[0]
    ring = (frequency * side).round().long()
    corner = power.new_zeros(())
    medians = [power[ring == r].median() if r <= side // 2 else corner for r in range(int(ring.max()) + 1)]
    return torch.stack(medians), ring


def _spot_period(power: Tensor, averaged: float, frequency: Tensor, median: Tensor, ring: Tensor) -> float | None:
    """Return log2 of the spots' mean period in px, or None where no spot stands above the noise for sure."""
    sure = math.log(1000 * power.numel())
    threshold = sure / averaged + math.sqrt(2 * sure / averaged)
    usable = (ring >= _LOWEST_CYCLES) & (frequency <= 0.5)
    excess = power - median
    spots = usable & (excess > threshold * median.clamp(min=1.0)) & (power > 3 * median)
    if not bool(spots.any()):
        return None
    weight = (excess * frequency**2)[spots]
    return float(-(torch.log2(frequency[spots]) * weight).sum() / weight.sum())


def _nearest(exponent: float) -> int:
    return BINNINGS[min(max(round(exponent), 0), len(BINNINGS) - 1)]


def _by_pixel_size(pixel_size_nm: float | None) -> int:
    if pixel_size_nm is None or pixel_size_nm <= 0:
        return _DEFAULT
    return _nearest(math.log2(WANTED_PIXEL_NM / pixel_size_nm))


def _by_rings(medians: Tensor, averaged: float, side: int, pixel_size_nm: float | None) -> int:
    """Decide by the highest frequency at which a whole ring stands above the noise."""
    floor = float(medians[3 * side // 8 : side // 2].median())
    cycles = torch.arange(len(medians), device=medians.device)
    limit = floor * (1 + 8 / torch.sqrt(averaged * math.pi * cycles.clamp(min=1)))
    above = (medians > limit) & (cycles >= _LOWEST_CYCLES) & (cycles < 3 * side // 8)
    if not bool(above.any()) or pixel_size_nm is not None:
        return _by_pixel_size(pixel_size_nm)
    highest = float(cycles[above].max()) / side
    return _nearest(math.log2(0.25 / highest))


def _starts(extent: int, side: int, most: int) -> list[int]:
    count = min(most, max(1, math.ceil((extent - side) / (side // 2)) + 1))
    return [round(k * (extent - side) / max(count - 1, 1)) for k in range(count)]


def _mean_periodogram(frames: Tensor, side: int) -> tuple[Tensor, float, Tensor]:
    """Return the mean periodogram in units of the counting noise, how many it averages, and |frequency| a px."""
    frequency = torch.fft.fftfreq(side, device=frames.device)
    radius = torch.hypot(frequency[:, None], frequency[None])
    taper = torch.hann_window(side, periodic=False, device=frames.device)
    window = taper[:, None] * taper[None]
    total = torch.zeros(side, side, device=frames.device)
    used = 0
    frames = frames[:: max(1, len(frames) // _MAX_WINDOWS)]
    most = 4 if len(frames) == 1 else 2
    for frame in frames:
        for top in _starts(frame.shape[0], side, most):
            for left in _starts(frame.shape[1], side, most):
                patch = frame[top : top + side, left : left + side]
                noise = float((patch * window**2).sum())
                if noise <= 0:
                    continue
                patch = (patch - (patch * window).sum() / window.sum()) * window
                total += torch.fft.fft2(patch).abs() ** 2 / noise
                used += 1
    # Overlapping windows are not independent: they average no more than the area they share allows.
    area = 1.2 * frames.numel() / side**2
    return total / max(used, 1), min(float(used), max(area, 1.0)) if used else 0.0, radius
