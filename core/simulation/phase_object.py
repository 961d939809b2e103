"""Thin specimens of light atoms: one projection instead of many slices, as fast for a million atoms as for none.

A wave that passes a thin specimen keeps its amplitude and gains the phase sigma V, V being the projected potential
(E. J. Kirkland, Advanced Computing in Electron Microscopy, 2nd ed., section 5.1). That holds while the curvature of
the Ewald sphere does not matter: thickness << d^2 / wavelength, 450 angstrom at d = 3 angstrom and 300 kV.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from core.simulation.crystals import Array
from core.simulation.multislice import interaction, scattering_factor

_TO_POTENTIAL = 47.878  # volt * angstrom^2 per angstrom of scattering factor: h^2 / (2 pi m e)


def projected_phase(
    positions: Array,
    elements: np.ndarray,
    box: float,
    size: int,
    kilovolt: float,
    debye_waller: float = 40.0,
    displaced: float = 0.0,
) -> Tensor:
    """Return the phase (size, size), radians, that a wave gains in a cloud of atoms.

    Parameters
    ----------
    positions, elements
        (n, 3) in angstrom in a periodic `box`, and (n,).
    debye_waller
        B in angstrom^2; larger than in crystals: the parts of a macromolecule move.
    displaced
        Angstrom^3 of amorphous ice that each atom takes the place of, counted off its scattering as a Gaussian of that
        volume (R. D. B. Fraser, T. P. MacRae and E. Suzuki, J. Appl. Cryst. 11 (1978) 693):
        f'(q) = f(q) + h f_H(q) - v rho f_ice(q) exp(-pi v^(2/3) q^2), with h = 1 hydrogen for each heavier atom.
        0: in vacuum, without hydrogens.

    Notes
    -----
    Atoms are spread over 4 x 4 grid points by the cubic B-spline, whose transform sinc^4 is divided out again. What is
    left of their sub-pixel place is an error of (f / (1 - f))^4 of the amplitude at f cycles per px: 1 % at half of
    Nyquist, 6 % at 2/3 of it, where the result ends.
    """
    grid_frequency = torch.fft.fftfreq(size, d=box / size)
    q2 = grid_frequency[:, None] ** 2 + grid_frequency[None] ** 2
    spectrum = torch.zeros(size, size, dtype=torch.complex64)
    for element in np.unique(elements):
        factor = scattering_factor(str(element), q2, debye_waller)
        if displaced > 0:
            factor = factor + scattering_factor("H", q2, debye_waller) - _ice(q2, displaced)
        chosen = positions[elements == element, :2]
        spread = torch.from_numpy(_spread(chosen * (size / box), size))
        spectrum += torch.fft.fft2(spread) * factor
    window = torch.sinc(grid_frequency * box / size) ** 4
    spectrum = spectrum / (window[:, None] * window[None])
    spectrum = spectrum * (q2 <= (float(grid_frequency.abs().max()) * 2 / 3) ** 2)
    scale = interaction(kilovolt) * _TO_POTENTIAL * (size / box) ** 2
    out: Tensor = torch.fft.ifft2(spectrum).real * scale
    return out


def exit_spectrum(phase: Tensor, absorbed: float = 0.0) -> Tensor:
    """Return the Fourier transform of the wave behind a phase (size, size), as `multislice.exit_wave` does.

    `absorbed` is the amplitude contrast: the share of the phase by which the wave is weakened (0.07-0.1 in ice).
    """
    out: Tensor = torch.fft.fft2(torch.polar(torch.exp(-absorbed * phase), phase))
    return out


ICE_DENSITY = 0.0314  # molecules of water per cubic angstrom of amorphous ice: 0.94 g / cm^3


def water_factor(q2: Tensor, debye_waller: float) -> Tensor:
    """Return the electron scattering factor (angstrom) of a molecule of water, its hydrogens 0.96 angstrom off."""
    hydrogen = scattering_factor("H", q2, debye_waller) * torch.sinc(2 * 0.96 * torch.sqrt(q2))
    return scattering_factor("O", q2, debye_waller) + 2 * hydrogen


def _ice(q2: Tensor, volume: float) -> Tensor:
    # The whole of the displaced water scatters forwards as its density says; its shape gives the fall.
    forward = float(water_factor(torch.zeros(1), 0.0)) * ICE_DENSITY * volume
    return forward * torch.exp(-math.pi * volume ** (2 / 3) * q2)


def _spread(places: Array, size: int) -> np.ndarray:
    """Return the grid (size, size) of unit masses at `places` (n, 2: x, y in grid points), by cubic B-splines."""
    low = np.floor(places).astype(np.int64)
    part = places - low
    shares = [_cubic(part[:, axis]) for axis in (0, 1)]
    out = np.zeros(size * size)
    for i in range(4):
        for j in range(4):
            flat = ((low[:, 1] + i - 1) % size) * size + (low[:, 0] + j - 1) % size
            out += np.bincount(flat, shares[1][i] * shares[0][j], size * size)
    return out.reshape(size, size).astype(np.float32)


def _cubic(t: Array) -> list[Array]:
    """Return the four values of the cubic B-spline at distances 1 + t, t, 1 - t and 2 - t, t in [0, 1)."""
    return [(1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6, t**3 / 6]
