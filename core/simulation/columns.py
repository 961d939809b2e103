"""STEM images as sums of columns: Gaussian-like probes on projected lattices, over supports and background."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from core.simulation.specimens import random_specimen

_NUMBERS = {
    "Pt": 78, "Au": 79, "Pd": 46, "Ag": 47, "Cu": 29, "Ni": 28, "Al": 13, "Rh": 45, "Fe": 26, "W": 74, "Mo": 42,
    "Mg": 12, "O": 8, "Pb": 82, "Te": 52, "Ti": 22, "N": 7, "Ce": 58, "Zr": 40, "Ga": 31, "As": 33, "Cd": 48,
    "Se": 34, "Zn": 30, "S": 16, "In": 49, "P": 15, "Si": 14, "Ge": 32, "Sr": 38, "Ba": 56, "Co": 27, "C": 6,
}  # fmt: skip


def column_image(rng: np.random.Generator, box: float, size: int) -> NDArray[np.float32]:
    """Return a clean dark-field image (size, size), mean 1, of a random specimen in a box of `box` angstrom.

    Every atom adds Z^n times a probe (a Gaussian core with weak Gaussian tails): incoherent imaging of thin specimens.
    It stands on a background that may be nearly empty.
    """
    specimen = random_specimen(rng, box)
    exponent = rng.uniform(1.3, 1.9)
    weights = np.array([_NUMBERS[str(e)] for e in specimen.elements], float) ** exponent
    if len(weights) == 0:
        return np.ones((size, size), np.float32)
    grid = np.zeros((size * 2, size * 2))
    spot = specimen.positions[:, :2] / box * size * 2
    # Bilinear deposition on a grid twice as fine: its blur is far below the probe's.
    low = np.floor(spot).astype(int)
    part = spot - low
    for dx in (0, 1):
        for dy in (0, 1):
            share = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
            np.add.at(grid, ((low[:, 1] + dy) % (2 * size), (low[:, 0] + dx) % (2 * size)), weights * share)
    pixel = box / size
    sigma = max(rng.uniform(0.35, 0.75), 0.9 * pixel)
    tail, share = rng.uniform(1.5, 5.0), rng.uniform(0.0, 0.3)
    image = _probe(grid, pixel / 2, sigma, tail * sigma, share)
    image = image.reshape(size, 2, size, 2).mean((1, 3))
    image /= max(float(np.percentile(image, 99.5)), 1e-9)
    background = 10 ** rng.uniform(-2.3, 0.5)
    image = np.clip(image, 0, None) + background
    return np.asarray(image / image.mean(), np.float32)


def _probe(grid: NDArray[np.float64], pixel: float, sigma: float, wide: float, share: float) -> NDArray[np.float64]:
    q = np.fft.fftfreq(grid.shape[0], d=pixel)
    q2 = q[:, None] ** 2 + np.fft.rfftfreq(grid.shape[0], d=pixel)[None] ** 2
    transfer = (1 - share) * np.exp(-2 * (np.pi * sigma) ** 2 * q2) + share * np.exp(-2 * (np.pi * wide) ** 2 * q2)
    spectrum = torch.fft.rfft2(torch.from_numpy(grid)) * torch.from_numpy(transfer)
    return np.asarray(torch.fft.irfft2(spectrum, s=grid.shape).numpy())
