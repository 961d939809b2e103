"""Noise-free images of columns whose places are known, by arithmetic of its own: sums over areas of px."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import erf

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Lattice:
    """What to draw; lengths in angstrom."""

    pixel: float = 0.15
    sigma: float = 0.45
    a: float = 2.2
    b: float = 2.9
    second: tuple[float, float] | None = None
    jitter: float = 0.05
    tail: float = 0.0
    turn: float = 0.3
    size: int = 128
    surface: bool = True


def lattice_image(what: Lattice, seed: int = 0) -> tuple[Array, Array, Array]:
    """Return the image (size, size), places (n, 2) in px, and volumes (n,); columns reach beyond the border."""
    rng = np.random.default_rng(seed)
    side = what.size * what.pixel
    count = int(side / min(what.a, what.b)) + 3
    i, j = np.mgrid[-count : count + 1, -count : count + 1]
    places = np.stack([i.ravel() * what.a, j.ravel() * what.b], axis=1)
    if what.second is not None:
        places = np.concatenate([places, places + what.second])
    c, s = np.cos(what.turn), np.sin(what.turn)
    places = places @ np.array([[c, s], [-s, c]]) + side / 2
    places += rng.normal(size=places.shape) * what.jitter
    margin = 6 * what.sigma
    keep = np.all((places > -margin) & (places < side + margin), axis=1)
    if what.surface:
        keep &= (places - side / 2) @ [np.cos(1.0), np.sin(1.0)] < 0.15 * side
    places = places[keep] / what.pixel
    volumes = rng.uniform(0.6, 1.4, len(places)) * 100
    image = np.full((what.size, what.size), 10.0)
    for share, width in ((1 - what.tail, what.sigma), (what.tail, 2.5 * what.sigma)):
        edges = (np.arange(what.size + 1) - 0.5 - places[:, :, None]) / (width / what.pixel)
        inside = np.diff(erf(edges / np.sqrt(2)) / 2, axis=-1)
        image += share * np.einsum("n,ny,nx->yx", volumes, inside[:, 0], inside[:, 1])
    return image, places, volumes


def well_inside(places: Array, what: Lattice, widths: float = 3.0) -> npt.NDArray[np.bool_]:
    """Columns so many sigmas inside the frame."""
    margin = widths * what.sigma / what.pixel
    return np.all((places > margin) & (places < what.size - 1 - margin), axis=1)
