"""Multislice of a scanned probe: slow and right, the measure of the fast model of `stem`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.simulation.errors import OpticsError
from core.simulation.multislice import Slab, WaveGrid, wavelength
from core.simulation.specimens import Specimen
from core.simulation.stem_optics import StemOptics

Array = NDArray[np.float64]
_AT_ONCE = 1 << 24  # px of the waves that are marched together: 128 MB


def scan_probes(
    specimen: Specimen,
    points: Array,
    size: int,
    optics: StemOptics,
    rings: Sequence[tuple[float, float]],
    thicknesses: Sequence[float],
    *,
    phonons: int = 4,
    slice_thickness: float = 2.0,
    seed: int = 0,
) -> Array:
    """Return what share of the beam each detector ring gets, by multislice of every probe (frozen phonons).

    Loane, Xu and Silcox, Acta Cryst. A 47 (1991) 267: intensities are averaged over `phonons` sets of atoms that are
    displaced by Gaussians of B / 8 pi^2. The source's size is left out.

    Parameters
    ----------
    specimen
        Atoms in a periodic box, small enough for `size` px: the band must reach the rings' outer angles.
    points
        (n, 2) y, x of the probes in angstrom.
    rings
        Inner and outer angles of the detectors in radians.
    thicknesses
        Rising depths in angstrom from the first atom at which the rings are read.

    Returns
    -------
    array
        (n, thicknesses, rings), shares of the beam.
    """
    lam = wavelength(optics.kilovolt)
    band = size / specimen.box / 3 * lam
    if max(outer for _, outer in rings) > band:
        words = f"The grid of {specimen.box / size:.3g} angstrom ends at {1e3 * band:.0f} mrad, within a detector."
        raise OpticsError.about(words, "Sample more finely, or take a smaller detector.")
    grid = WaveGrid.of(specimen.box, size, optics.kilovolt, 0.0, None)
    angle = lam * torch.sqrt(grid.q[:, None] ** 2 + grid.q[None] ** 2)
    masks = torch.stack([((angle >= inner) & (angle < outer)).float() for inner, outer in rings])
    lens = optics.lens(grid.q[None].expand(size, size), grid.q[:, None].expand(size, size))
    lens = lens / torch.sqrt((lens.abs() ** 2).sum())
    spread = math.sqrt(optics.debye_waller / 8) / math.pi
    out = np.zeros((len(points), len(thicknesses), len(rings)))
    rng = np.random.default_rng(seed)
    batch = max(1, _AT_ONCE // size**2)
    for _ in range(phonons):
        slab = Slab.of(specimen.positions, specimen.elements, (0.0, 0.0), slice_thickness)
        slab.positions[:, :2] += rng.normal(0, spread, (len(slab.positions), 2))
        plates = [(z, grid.phase(p, e)) for z, p, e in slab.slices(max(thicknesses), -math.inf)]
        for first in range(0, len(points), batch):
            part = slice(first, first + batch)
            out[part] += _march(_probes(points[part], lens, grid), plates, grid, thicknesses, masks) / phonons
    return out


def _probes(points: Array, lens: Tensor, grid: WaveGrid) -> Tensor:
    """Spectra (n, size, size) of probes over the points."""
    places = torch.as_tensor(points, dtype=torch.float32)
    turns = places[:, 0, None, None] * grid.q[None, :, None] + places[:, 1, None, None] * grid.q[None, None]
    return lens * torch.polar(torch.ones_like(turns), -2 * math.pi * turns)


def _march(
    waves: Tensor, plates: list[tuple[float, Tensor]], grid: WaveGrid, thicknesses: Sequence[float], masks: Tensor
) -> Array:
    out = np.zeros((len(waves), len(thicknesses), len(masks)))
    depth, read = 0.0, 0
    for number, (here, phase) in enumerate(plates):
        waves = torch.fft.ifft2(waves * grid.propagator(here - depth))
        waves = torch.fft.fft2(waves * torch.polar(torch.ones_like(phase), phase))
        depth = here
        following = plates[number + 1][0] if number + 1 < len(plates) else math.inf
        # The rings see angles, which empty space does not change: read between the slices.
        while read < len(thicknesses) and thicknesses[read] < following:
            shares = torch.einsum("nyx,ryx->nr", (waves * grid.aperture).abs() ** 2, masks)
            out[:, read] = shares.numpy()
            read += 1
    return out
