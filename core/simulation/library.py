"""A library of clean images for training: many structures, each seen under several imaging conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from core.simulation.columns import column_image
from core.simulation.imaging import Optics, image
from core.simulation.multislice import exit_wave
from core.simulation.specimens import random_specimen

WAVE_SIZE = 384


@dataclass(frozen=True)
class Structure:
    """One simulated structure: its kind, px size in angstrom, and clean images (k, size, size), vacuum near 1."""

    kind: str
    pixel: float
    images: NDArray[np.float32]


def structure_rng(seed: int, index: int) -> np.random.Generator:
    """Return the generator of one structure: it depends on the seed and the index alone, not on the order."""
    return np.random.default_rng([seed, index])


def random_optics(rng: np.random.Generator) -> Optics:
    """Draw imaging conditions: mostly corrected lenses at 300 kV, either sign of defocus and of Cs."""
    corrected = rng.uniform() < 0.85
    spherical = rng.uniform(-2.0e5, 2.0e5) if corrected else rng.uniform(4e6, 1.2e7)
    defocus = rng.uniform(-150, 150) if corrected else rng.uniform(-900, 200)
    return Optics(
        kilovolt=float(rng.choice([300.0, 300.0, 300.0, 200.0, 80.0])),
        defocus=float(defocus),
        spherical=float(spherical),
        astigmatism=float(rng.choice([0.0, 0.0, rng.uniform(0, 30)])),
        astigmatism_angle=float(rng.uniform(0, np.pi)),
        focal_spread=float(rng.uniform(10, 60)),
        blur=float(rng.uniform(0.05, 0.45)),
    )


def simulate_structure(
    seed: int, index: int, optics: int, size: int, pixel_range: tuple[float, float], device: str = "cpu"
) -> Structure:
    """Simulate structure `index`: bright-field TEM by multislice, `optics` images of `size` px a side."""
    rng = structure_rng(seed, index)
    pixel = float(np.exp(rng.uniform(np.log(pixel_range[0]), np.log(pixel_range[1]))))
    box = pixel * size
    specimen = random_specimen(rng, box)
    conditions = [random_optics(rng) for _ in range(optics)]
    kilovolt = conditions[0].kilovolt
    wave = exit_wave(
        specimen.positions,
        specimen.elements,
        box,
        WAVE_SIZE,
        kilovolt,
        debye_waller=float(rng.uniform(0.3, 0.8)),
        device=torch.device(device),
    )
    images = [image(wave, box, _at(c, kilovolt), size).cpu().numpy() for c in conditions]
    return Structure(specimen.kind, pixel, np.stack(images).astype(np.float32))


def _at(optics: Optics, kilovolt: float) -> Optics:
    return Optics(**{**optics.__dict__, "kilovolt": kilovolt})


def simulate_columns(seed: int, index: int, size: int, pixel_range: tuple[float, float]) -> Structure:
    """Simulate structure `index` as one dark-field STEM image of columns."""
    rng = structure_rng(seed + 1_000_003, index)
    pixel = float(np.exp(rng.uniform(np.log(pixel_range[0]), np.log(pixel_range[1]))))
    return Structure("columns", pixel, column_image(rng, pixel * size, size)[None])


def simulate(
    seed: int, indices: range, optics: int, size: int, pixel_range: tuple[float, float], device: str = "cpu"
) -> Iterator[Structure]:
    """Yield the structures of `indices`, in order."""
    for index in indices:
        yield simulate_structure(seed, index, optics, size, pixel_range, device)
