"""Make the manual's picture of one specimen under many conditions, and time its parts.

    python -m tests.bench.contact_sheet [--output FILE.png] [--quick]

Platinum on ceria, thickness x tilt x defocus: one pass of multislice a tilt.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from core.simulation.contact_sheet import contact_sheet, write_sheet
from core.simulation.crystals import CATALOGUE, fill, small_tilt, zone_rotation
from core.simulation.imaging import Optics, enough_foci, image
from core.simulation.multislice import exit_wave, wave_size
from core.simulation.specimens import Specimen
from tests.bench.report import arguments, report


def platinum_on_ceria(box: float, thickness: float) -> Specimen:
    """A half-sunk particle on the edge of its support, both along [110]."""
    ceria, platinum = CATALOGUE["CeO2"], CATALOGUE["Pt"]
    base, base_elements = fill(ceria, zone_rotation(ceria, (1, 1, 0)), box, thickness / 2)
    kept = base[:, 1] < -0.15 * box
    turn = small_tilt(0.0, 0.0, 0.3) @ zone_rotation(platinum, (1, 1, 0))
    particle, elements = fill(platinum, turn, 0.25 * box, thickness / 2)
    particle += [0.0, 0.06 * box, 0.0]
    above = particle[:, 1] > -0.15 * box + 1.5
    atoms, names = np.concatenate([base[kept], particle[above]]), np.concatenate([base_elements[kept], elements[above]])
    inside = np.all(np.abs(atoms[:, :2]) < box / 2, axis=1)
    return Specimen("Pt on CeO2", atoms[inside] + np.array([box / 2, box / 2, 0.0]), names[inside], box)


def main() -> None:
    """Write the sheet and report times."""
    parser = arguments(__doc__)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    box, size = (24.0, 64) if options.quick else (51.2, 180)
    specimen = platinum_on_ceria(box, 40.0)
    optics = Optics(convergence=2e-4, blur=0.3)
    pixel = 0.2
    began = time.perf_counter()
    thicknesses, tilts = ([20.0], [0.0]) if options.quick else ([15.0, 39.0], [0.0, np.deg2rad(1.5)])
    sheet = contact_sheet(specimen, pixel, size, optics, thicknesses, tilts, [-100.0, -50.0, 0.0, 50.0, 100.0])
    figures: dict[str, float | int | str] = {
        "sheet_s": time.perf_counter() - began,
        "sheet_images": int(np.prod(sheet.images.shape[:3])),
    }
    if options.output:
        write_sheet(sheet, options.output, 72)
    grid = wave_size(box, round(box / 0.1))
    began, cpu = time.perf_counter(), time.process_time()
    wave = exit_wave(specimen.positions, specimen.elements, box, grid, 300.0)
    figures |= {"atoms": len(specimen.elements), "wave_px": grid, "wave_cpu_s": time.process_time() - cpu}
    cpu = time.process_time()
    image(wave, box, optics, round(box / 0.1), enough_foci(optics))
    figures |= {"foci": enough_foci(optics), "image_cpu_s": time.process_time() - cpu}
    report(figures)


if __name__ == "__main__":
    main()
