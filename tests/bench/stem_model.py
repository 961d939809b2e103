"""How well the fast STEM model agrees with multislice of scanned probes.

    python -m tests.bench.stem_model [--points N] [--phonons N] [--quick]

For each crystal: N x N probes over a unit cell, frozen phonons, both images spread by the same source (0.4 angstrom).
For each thickness: correlation over the cell, then mean and peak of the model over multislice's (dark field), or the
depth of the darkest spot in the model and in multislice (bright field). The model's constants were fitted to the first
six crystals at 200 kV; the rest are predictions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.simulation.crystals import CATALOGUE, fill, zone_rotation
from core.simulation.multislice import wavelength
from core.simulation.specimens import Specimen
from core.simulation.stem import stem_image
from core.simulation.stem_multislice import scan_probes
from core.simulation.stem_optics import StemOptics
from tests.bench.report import arguments, report

Array = NDArray[np.float64]
_SOURCE = 0.4


@dataclass(frozen=True)
class Case:
    """A crystal seen along its cube axis, `cells` periods wide, tilted by `tilt` (rad), and a microscope."""

    name: str
    cells: int
    kilovolt: float = 200.0
    convergence: float = 0.025
    tilt: float = 0.0

    def optics(self, dark: bool) -> StemOptics:
        """The detector: 3.2 to 4.8 times the cone (dark), or 0.44 to 0.88 of it."""
        inner, outer = (3.2, 4.8) if dark else (0.44, 0.88)
        return StemOptics(
            kilovolt=self.kilovolt,
            convergence=self.convergence,
            inner=inner * self.convergence,
            outer=outer * self.convergence,
            focal_spread=0.0,
            source=0.0,
        )

    def specimen(self, thickness: float) -> tuple[Specimen, float]:
        """The atoms of the whole cells, and the period (angstrom)."""
        crystal = CATALOGUE[self.name]
        period = crystal.cell[0][0]
        box = period * self.cells
        positions, elements = fill(crystal, zone_rotation(crystal, (0, 0, 1)), box * 1.5, thickness / 2 + period)
        inside = np.all((positions[:, :2] >= -1e-3) & (positions[:, :2] < box - 1e-3), axis=1)
        atoms, elements = positions[inside], elements[inside]
        atoms[:, 2] -= atoms[:, 2].min()
        shallow = atoms[:, 2] <= thickness + 1e-6
        atoms, elements = atoms[shallow], elements[shallow]
        # A shear keeps the box periodic.
        atoms[:, 0] = (atoms[:, 0] + atoms[:, 2] * np.tan(self.tilt)) % box
        return Specimen(self.name, atoms, elements, box), period


CASES = (
    Case("Au", 3), Case("Cu", 3), Case("Si", 2), Case("MgO", 3), Case("SrTiO3", 3), Case("CeO2", 2),
    Case("Pt", 3), Case("GaAs", 2), Case("SrTiO3", 3, 300.0, 0.021), Case("SrTiO3", 3, 80.0, 0.03),
    Case("SrTiO3", 3, tilt=0.02), Case("Au", 3, tilt=0.02),
)  # fmt: skip
THICKNESSES = (8.0, 16.0, 30.0, 60.0)


def blurred(cell: Array, period: float, sigma: float) -> Array:
    """Spread a periodic cell by a Gaussian."""
    q = np.fft.fftfreq(len(cell), period / len(cell))
    soft = np.exp(-2 * (np.pi * sigma) ** 2 * (q[:, None] ** 2 + q[None] ** 2))
    return np.asarray(np.fft.ifft2(np.fft.fft2(cell) * soft).real)


def compare(case: Case, points: int, phonons: int) -> dict[str, str]:
    """Return a line for each detector: for each thickness r, mean and peak (dark), or r and both depths (bright)."""
    specimen, period = case.specimen(max(THICKNESSES))
    steps = np.arange(points) * period / points
    places = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2)
    dark, bright = case.optics(True), case.optics(False)
    size = 2 * round(1.5 * 1.02 * specimen.box * dark.outer / wavelength(case.kilovolt)) + 4
    rings = [(one.inner, one.outer) for one in (dark, bright)]
    true = scan_probes(specimen, places, size, dark, rings, THICKNESSES, phonons=phonons)
    label = f"{case.name} {case.kilovolt:.0f}kV {1e3 * case.tilt:.0f}mrad"
    out: dict[str, str] = {}
    for number, optics in enumerate((dark, bright)):
        cells = []
        for level, thickness in enumerate(THICKNESSES):
            thin = specimen.positions[:, 2] <= thickness + 1e-6
            part = replace(specimen, positions=specimen.positions[thin], elements=specimen.elements[thin])
            ours = stem_image(part, period / points, points, replace(optics, source=_SOURCE)).astype(float)
            theirs = blurred(true[:, level, number].reshape(points, points), period, _SOURCE)
            like = np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]
            if number == 0:
                cells.append(f"{like:.3f} {ours.mean() / theirs.mean():.2f} {ours.max() / theirs.max():.2f}")
            else:
                depths = [float(1 - one.min() / one.max()) for one in (ours, theirs)]
                cells.append(f"{like:.3f} {depths[0]:.2f} {depths[1]:.2f}")
        out[f"{label} {'dark' if number == 0 else 'bright'}"] = " | ".join(cells)
    return out


def main() -> None:
    """Compare every case."""
    parser = arguments(__doc__)
    parser.add_argument("--points", type=int, default=12)
    parser.add_argument("--phonons", type=int, default=2)
    options = parser.parse_args()
    figures: dict[str, float | int | str] = {"thicknesses": " | ".join(f"{t:.0f} A" for t in THICKNESSES)}
    for case in CASES[:1] if options.quick else CASES:
        figures |= compare(case, 6 if options.quick else options.points, options.phonons)
    report(figures)


if __name__ == "__main__":
    main()
