"""Vitreous ice as a random field: what millions of water molecules do to the wave, without placing them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core.simulation.multislice import interaction
from core.simulation.objects.atoms import require
from core.simulation.phase_object import ICE_DENSITY, water_factor


def structure_factor(q: Tensor) -> Tensor:
    """Return S(q) of amorphous ice at spatial frequencies q (1/angstrom): dense at large scales, a ring at 1/3.7.

    A fit, ours, to the measured curve of low-density amorphous ice (the neutron and X-ray data reviewed by
    D. T. Bowron et al., J. Chem. Phys. 125 (2006) 194502): S = 0.05 at 0, its first peak 1.9 at q = 0.27 (a halo at
    3.7 angstrom), 1 at high q.
    """
    rise = 1 / (1 + torch.exp(-(q - 0.235) / 0.017))
    peak = 0.9 * torch.exp(-((q - 0.272) ** 2) / (2 * 0.022**2))
    second = 0.12 * torch.exp(-((q - 0.48) ** 2) / (2 * 0.05**2))
    return 0.05 + 0.95 * rise + peak + second


def ice_phase(
    rng: np.random.Generator, size: int, pixel: float, thickness: float, kilovolt: float, debye_waller: float = 60.0
) -> Tensor:
    """Return the phase (size, size), radians, mean 0, of `thickness` angstrom of ice on pixels of `pixel` angstrom.

    The projected potential of rho t A molecules is by their number a Gaussian field with the power spectrum
    rho t f(q)^2 S(q) an area: white noise, coloured. The wave gains its mean too, but no image shows it.
    """
    require(thickness >= 0, f"The ice is {thickness:g} Å thick.", "Give a thickness of 0 Å or more.")
    q = torch.fft.fftfreq(size, d=pixel)
    q2 = q[:, None] ** 2 + torch.fft.rfftfreq(size, d=pixel)[None] ** 2
    amplitude = water_factor(q2, debye_waller) * torch.sqrt(structure_factor(torch.sqrt(q2)) * ICE_DENSITY * thickness)
    amplitude[0, 0] = 0
    white = torch.from_numpy(rng.normal(size=(size, size)).astype(np.float32))
    field = torch.fft.irfft2(torch.fft.rfft2(white) * amplitude, s=(size, size)) / pixel
    out: Tensor = field * (interaction(kilovolt) * 47.878)
    return out
