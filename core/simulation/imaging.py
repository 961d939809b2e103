"""From the exit wave to the clean image: lens, focal spread, blur, and a detector that sums areas."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.simulation.multislice import wavelength


@dataclass(frozen=True)
class Optics:
    """Imaging conditions; lengths in angstrom, angles in radians."""

    kilovolt: float = 300.0
    defocus: float = 60.0
    spherical: float = -1.3e5
    astigmatism: float = 0.0
    astigmatism_angle: float = 0.0
    focal_spread: float = 40.0
    blur: float = 0.2


def image(wave: Tensor, box: float, optics: Optics, size: int) -> Tensor:
    """Return the clean image (size, size): mean intensity of each pixel area, vacuum = 1.

    `wave` is the Fourier transform of the exit wave over a periodic `box` (angstrom). Quasi-coherent: the
    envelope of the focal spread is exp(-(pi lambda f q^2)^2 / 4); `blur` is the sigma of the image's spread.
    """
    grid = wave.shape[0]
    q = torch.fft.fftfreq(grid, d=box / grid, device=wave.device)
    q2 = q[:, None] ** 2 + q[None] ** 2
    angle = torch.atan2(q[:, None].expand(grid, grid), q[None].expand(grid, grid))
    lam = wavelength(optics.kilovolt)
    focus = optics.defocus + optics.astigmatism * torch.cos(2 * (angle - optics.astigmatism_angle))
    chi = math.pi * lam * q2 * focus + 0.5 * math.pi * optics.spherical * lam**3 * q2**2
    envelope = torch.exp(-((math.pi * lam * optics.focal_spread * q2) ** 2) / 4)
    intensity = torch.fft.ifft2(wave * torch.polar(envelope, -chi)).abs() ** 2
    spectrum = torch.fft.fft2(intensity) * torch.exp(-2 * (math.pi * optics.blur) ** 2 * q2)
    attenuation = torch.sinc(q * box / size)
    spectrum = spectrum * attenuation[:, None] * attenuation[None]
    return fourier_resize(spectrum, size)


def fourier_resize(spectrum: Tensor, size: int) -> Tensor:
    """Return the real image (size, size) whose spectrum is the centre of a larger square `spectrum`."""
    grid = spectrum.shape[0]
    half = size // 2
    rows = torch.cat([torch.arange(half), torch.arange(grid - (size - half), grid)]).to(spectrum.device)
    out: Tensor = torch.fft.ifft2(spectrum[rows][:, rows]).real * (size / grid) ** 2
    return out
