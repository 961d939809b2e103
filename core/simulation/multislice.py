"""Multislice: the wave that leaves a thin specimen, by Cowley and Moodie's method, in torch."""

from __future__ import annotations

import functools
import math

import gemmi
import numpy as np
import torch
from torch import Tensor

_SCATTERING_TO_POTENTIAL = 47.878  # h^2 / (2 pi m e), in volt * angstrom^2


def wavelength(kilovolt: float) -> float:
    """Return the relativistic electron wavelength in angstrom."""
    volt = kilovolt * 1e3
    return 12.2643 / math.sqrt(volt * (1 + 0.978476e-6 * volt))


def interaction(kilovolt: float) -> float:
    """Return the interaction constant sigma in rad / (volt * angstrom) (Kirkland, Advanced Computing in EM)."""
    rest = 510.99895
    return 2 * math.pi / (wavelength(kilovolt) * kilovolt * 1e3) * (rest + kilovolt) / (2 * rest + kilovolt)


@functools.lru_cache(maxsize=128)
def _gaussians(element: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    factor = gemmi.Element(element).c4322
    return tuple(factor.a), tuple(factor.b)


def scattering_factor(element: str, q_squared: Tensor, debye_waller: float) -> Tensor:
    """Return the electron scattering factor (angstrom) at spatial frequencies q (1/angstrom), damped by heat.

    Five Gaussians from the International Tables, vol. C, table 4.3.2.2; `debye_waller` is B in angstrom^2.
    """
    out = torch.zeros_like(q_squared)
    for a, b in zip(*_gaussians(element), strict=True):
        out += a * torch.exp(-(b + debye_waller) * q_squared / 4)
    return out


def _frequencies(size: int, box: float, device: torch.device) -> Tensor:
    out: Tensor = torch.fft.fftfreq(size, d=box / size, device=device)
    return out


def exit_wave(
    positions: np.ndarray,
    elements: np.ndarray,
    box: float,
    size: int,
    kilovolt: float,
    slice_thickness: float = 2.0,
    debye_waller: float = 0.5,
    device: torch.device | None = None,
) -> Tensor:
    """Propagate a plane wave through atoms and return its Fourier transform at the exit plane.

    Parameters
    ----------
    positions
        (n, 3) in angstrom; x and y within the periodic `box` (rows follow y, columns x), z along the beam.
    elements
        (n,) chemical symbols.
    box, size
        Side of the square supercell in angstrom, and of the wave in px.

    Returns
    -------
    Tensor
        (size, size) complex64, band-limited to 2/3 of Nyquist; the zero frequency holds size^2 for an empty box.
    """
    device = device or torch.device("cpu")
    q = _frequencies(size, box, device)
    keep = q.abs() <= q.abs().max() * 2 / 3
    band = torch.nonzero(keep)[:, 0]
    qb = q[band]
    q2 = qb[:, None] ** 2 + qb[None] ** 2
    disc = q2 <= (q.abs().max() * 2 / 3) ** 2
    factors = {
        str(e): scattering_factor(str(e), q2, debye_waller) * disc * (interaction(kilovolt) * _SCATTERING_TO_POTENTIAL)
        for e in np.unique(elements)
    }
    q2_full = q[:, None] ** 2 + q[None] ** 2
    aperture = q2_full <= (q.abs().max() * 2 / 3) ** 2
    propagator = torch.polar(aperture.float(), -math.pi * wavelength(kilovolt) * slice_thickness * q2_full)
    wave = torch.ones(size, size, dtype=torch.complex64, device=device)
    if len(positions) == 0:
        empty: Tensor = torch.fft.fft2(wave)
        return empty
    index = np.floor((positions[:, 2] - positions[:, 2].min()) / slice_thickness).astype(int)
    for number in range(int(index.max()) + 1):
        here = index == number
        phase = _slice_phase(positions[here], elements[here], factors, qb, band, size, box)
        wave = torch.fft.ifft2(torch.fft.fft2(wave * torch.polar(torch.ones_like(phase), phase)) * propagator)
    out: Tensor = torch.fft.fft2(wave)
    return out


def _slice_phase(
    positions: np.ndarray,
    elements: np.ndarray,
    factors: dict[str, Tensor],
    qb: Tensor,
    band: Tensor,
    size: int,
    box: float,
) -> Tensor:
    """Return the phase shift (size, size) of one slice; the structure factor is one matrix product an element."""
    spectrum = torch.zeros(len(qb), len(qb), dtype=torch.complex64, device=qb.device)
    for element in np.unique(elements):
        chosen = torch.as_tensor(positions[elements == element], dtype=torch.float32, device=qb.device)
        ex = torch.polar(torch.ones(1, device=qb.device), -2 * math.pi * chosen[:, 0:1] * qb)
        ey = torch.polar(torch.ones(1, device=qb.device), -2 * math.pi * chosen[:, 1:2] * qb)
        spectrum += (ey.T @ ex) * factors[str(element)]
    full = torch.zeros(size, size, dtype=torch.complex64, device=qb.device)
    full[band[:, None], band[None]] = spectrum
    out: Tensor = torch.fft.ifft2(full).real * (size / box) ** 2
    return out
