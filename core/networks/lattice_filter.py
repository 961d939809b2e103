"""A classical filter that knows lattices: local Fourier coefficients kept where they rise above counting noise.

Overlapping windows (step a quarter, sine taper) are filtered twice: a hard threshold gives a first estimate, and a
Wiener filter with that estimate as the signal gives the second (the two steps of BM3D, Dabov et al. 2007, on one
window instead of a group). The noise is Poisson's own: every coefficient of a window has the variance sum(w^2 n),
times the noise's relative power at its frequency where that isn't white.
Windows lie on an absolute grid, and what lies outside the frame has no weight: the first step's estimate, divided by
what the window's own main lobe lets through there, continues the lattice beyond the edge for the second step.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

_THRESHOLD = 2.6
_RAMP = 0.5
# How much more than its gain a coefficient keeps of its own noise, since the noise helps to choose it: by Stein's lemma
# gain x (1 + c (1 - gain)), c = 1 of a Wiener gain alone; 3 behind the threshold (measured, white and damped noise).
_CHOICE = 3.0
_LOBE = 1
_LEAST_REACH = 1.0
_BAND_PIXELS = 2**22

# Weighted sums over windows, the weights' sum last.
_Band = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, ...]]


def sine_window(size: int, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the 1-D taper sin(pi (i + 1/2) / size)."""
    return torch.sin(math.pi * (torch.arange(size, device=device, dtype=dtype) + 0.5) / size)


def _windows(image: Tensor, size: int, step: int) -> Tensor:
    """View (N, H, W) as overlapping windows (N, rows, columns, size, size)."""
    return image.unfold(1, size, step).unfold(2, size, step)


def _overlap_add(windows: Tensor, step: int) -> Tensor:
    """Sum windows (N, rows, columns, size, size) back onto their grid, (N, H, W); size is a multiple of step."""
    count, rows, columns, size, _ = windows.shape
    parts = size // step
    out = windows.new_zeros(count, rows + parts - 1, step, columns + parts - 1, step)
    for i in range(parts):
        for j in range(parts):
            block = windows[..., i * step : (i + 1) * step, j * step : (j + 1) * step]
            out[:, i : i + rows, :, j : j + columns] += block.permute(0, 1, 3, 2, 4)
    return out.reshape(count, (rows + parts - 1) * step, (columns + parts - 1) * step)


def _lobe(taper: Tensor, mask: Tensor, step: int) -> Tensor:
    """Return (windows, size): taper x mask seen through the lowest Fourier bins alone, as a lattice spot would be."""
    size = len(taper)
    spectrum = torch.fft.rfft(mask.unfold(0, size, step) * taper)
    spectrum[:, _LOBE + 1 :] = 0
    out: Tensor = torch.fft.irfft(spectrum, n=size).clamp(min=0)
    return out


def lattice_filter_and_share(
    x: Tensor, variance: Tensor, size: int, spectrum: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Filter frames in windows of `size` px; return the estimate, and how much of each px' own noise is left in it.

    Parameters
    ----------
    x
        (N, H, W) float32: the signal, any offset and scale.
    variance
        (N, H, W) float32: its noise variance per px (independent).
    size
        Window side; a multiple of 4. The window grid starts at row and column 0, so a tile whose origin is a multiple
        of size / 4 sees the windows that the whole frame sees.
    spectrum
        (size, size // 2 + 1) the noise's power at each of `rfft2`'s frequencies, in units of the variance; its mean
        over the whole spectrum is 1. None is white.

    Returns
    -------
    estimate : Tensor
        (N, H, W) float32, the signal.
    share : Tensor
        (N, H, W) the windows' mean gain: the derivative of the estimate by the px itself, if the choice of
        coefficients were fixed. That the choice follows the noise adds as much again and more, which a probe can
        measure. With a spectrum, the covariance of a px' noise with what is left of it, in units of the variance: the
        mean of gain x power, and of what the choice of coefficients adds to it.
    """
    step = size // 4
    height, width = x.shape[-2:]
    before = size - step
    after = [before + (-extent) % step for extent in (height, width)]
    pad = (before, after[1], before, after[0])
    rows = functional.pad(x.new_ones(height), (before, after[0]))
    columns = functional.pad(x.new_ones(width), (before, after[1]))
    taper = sine_window(size, x.device)
    fields = functional.pad(torch.stack([x, variance]), pad)
    threshold, wiener = (functools.partial(band, spectrum=spectrum) for band in (_threshold_band, _wiener_band))
    (basic,) = _in_bands(threshold, fields, rows, columns, taper)
    inside = (rows[:, None] * columns[None]).expand_as(basic)
    extended = torch.where(inside > 0, fields[0], basic)
    faith = torch.where(inside > 0, inside, _reach(rows, columns, taper))
    known = torch.cat([fields, torch.stack([basic, extended, faith])])
    final, share = _in_bands(wiener, known, rows, columns, taper)
    inner = (slice(None), slice(before, before + height), slice(before, before + width))
    return final[inner], share[inner]


def _in_bands(band: _Band, fields: Tensor, rows: Tensor, columns: Tensor, taper: Tensor) -> list[Tensor]:
    """Run one step over bands of windows, so that memory stays small; `fields` is (k, N, H, W)."""
    size = len(taper)
    step = size // 4
    lines = (len(rows) - size) // step + 1
    across = (len(columns) - size) // step + 1
    bundle = max(1, _BAND_PIXELS // (fields.shape[1] * across * size**2))
    sums: list[Tensor] = []
    for first in range(0, lines, bundle):
        last = min(first + bundle, lines)
        part = slice(first * step, (last - 1) * step + size)
        found = band(fields[:, :, part], rows[part], columns, taper)
        sums = sums or [fields.new_zeros(fields.shape[1:]) for _ in found]
        for total, one in zip(sums, found, strict=True):
            total[:, part] += one
    return [total / sums[-1].clamp(min=1e-9) for total in sums[:-1]]


def _reach(rows: Tensor, columns: Tensor, taper: Tensor) -> Tensor:
    """Return (H, W): 1 in the frame and beside it, falling to 0 where only the windows' faint borders reach."""
    step = len(taper) // 4
    lines = []
    for mask in (rows, columns):
        lobes = _lobe(taper, mask, step) * taper
        line = torch.zeros_like(mask)
        for number in range(len(lobes)):
            line[number * step : number * step + len(taper)] += lobes[number]
        lines.append((line / _LEAST_REACH).clamp(max=1))
    return lines[0][:, None] * lines[1][None]


def _window_statistics(
    x: Tensor, variance: Tensor, rows: Tensor, columns: Tensor, taper: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return each window's mean, its noise power a coefficient, and the inside share of its taper's energy."""
    size = len(taper)
    step = size // 4
    energy = taper**2
    row_share = (rows.unfold(0, size, step) * energy).sum(-1)
    column_share = (columns.unfold(0, size, step) * energy).sum(-1)
    share = (row_share[:, None] * column_share[None]).clamp(min=1e-6)
    sums = [torch.einsum("nabij,i,j->nab", _windows(field, size, step), energy, energy) for field in (x, variance)]
    # An edge window is judged as if it were whole, with the noise of its inside.
    whole = float(energy.sum()) ** 2
    power = (sums[1] * (whole / share)).clamp(min=1e-12)
    return (sums[0] / share)[..., None, None], power[..., None, None], (share / whole)[..., None, None]


def _threshold_band(
    fields: Tensor, rows: Tensor, columns: Tensor, taper: Tensor, spectrum: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the weighted sum of thresholded windows, and the weights' sum, over a band."""
    size = len(taper)
    step = size // 4
    x, variance = fields.unbind()
    mean, power, share = _window_statistics(x, variance, rows, columns, taper)
    window = taper[:, None] * taper[None]
    inside = _windows((rows[:, None] * columns[None])[None], size, step)
    found = torch.fft.rfft2((_windows(x, size, step) - mean * inside) * window)
    # Outside the frame there is nothing, noise included: the threshold falls with the inside share.
    # It is a short ramp, not a step: a tile's rounding must not decide whether a coefficient stays.
    power = power if spectrum is None else power * spectrum
    strength = (found.real**2 + found.imag**2) / (_THRESHOLD**2 * power * share)
    kept = ((strength - 1 + _RAMP) / (2 * _RAMP)).clamp(0, 1)
    weight = share / (1 + 2 * kept.sum((-2, -1), keepdim=True))
    lobes = _lobe(taper, rows, step)[:, None, :, None] * _lobe(taper, columns, step)[None, :, None, :]
    part = torch.fft.irfft2(found * kept, s=(size, size)) + mean * lobes
    return _overlap_add(part * (weight * window), step), _overlap_add(lobes * (weight * window), step)


def _wiener_band(
    fields: Tensor, rows: Tensor, columns: Tensor, taper: Tensor, spectrum: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weighted sums of Wiener-filtered windows and of their mean gains, and the weights' sum."""
    size = len(taper)
    step = size // 4
    x, variance, basic, extended, faith = fields.unbind()
    mean, power, share = _window_statistics(x, variance, rows, columns, taper)
    window = taper[:, None] * taper[None]
    # The continuation beyond the frame fades to the window's mean, as far as the first step can vouch for it.
    trusted = _windows(faith, size, step) * window
    signal = torch.fft.rfft2((_windows(basic, size, step) - mean) * trusted)
    strength = signal.real**2 + signal.imag**2
    gain = strength / (strength + (power if spectrum is None else power * spectrum))
    found = torch.fft.rfft2((_windows(extended, size, step) - mean) * trusted)
    weight = share / (1 + 2 * (gain**2).sum((-2, -1), keepdim=True))
    part = torch.fft.irfft2(found * gain, s=(size, size)) + mean * window
    weights = (window * window) * weight
    # Half of a spectrum is stored: columns but the first and the last stand for two.
    left = gain if spectrum is None else gain * (1 + _CHOICE * (1 - gain)) * spectrum
    mean_gain = (2 * left.sum((-2, -1)) - left[..., (0, -1)].sum((-2, -1)))[..., None, None] / size**2
    return (
        _overlap_add(part * (weight * window), step),
        _overlap_add(weights * mean_gain, step),
        _overlap_add(weights, step),
    )
