"""Lenses drawn by a recipe."""

from __future__ import annotations

import numpy as np

from core.protocol.simulation import LensRecipe
from core.simulation.imaging import Optics


def draw_objective(rng: np.random.Generator, ranges: LensRecipe, blur: tuple[float, float]) -> Optics:
    """Draw the objective lens of a TEM; `blur` is the range of the image's spread in angstrom."""
    return Optics(
        kilovolt=float(rng.choice(ranges.kilovolt)),
        defocus=10 * float(rng.uniform(*ranges.defocus_nm)),
        spherical=1e4 * float(rng.uniform(*ranges.spherical_um)),
        astigmatism=10 * float(rng.uniform(*ranges.astigmatism_nm)),
        astigmatism_angle=float(rng.uniform(0, np.pi)),
        coma=10 * float(rng.uniform(*ranges.coma_nm)),
        coma_angle=float(rng.uniform(0, 2 * np.pi)),
        threefold=10 * float(rng.uniform(*ranges.threefold_nm)),
        threefold_angle=float(rng.uniform(0, 2 * np.pi)),
        focal_spread=10 * float(rng.uniform(*ranges.focal_spread_nm)),
        convergence=1e-3 * float(rng.uniform(*ranges.convergence_mrad)),
        blur=float(rng.uniform(*blur)),
    )
