"""How well columns are found and fitted: python -m tests.bench.atoms [clean|noisy]

Clean: noise-free dark-field images of the fast column model (core.simulation.stem), with a surface across them, over px
sizes; distance from the true columns in pm. Noisy: the same with counting noise over doses, raw and after the plain
Gaussian filter: precision, recall and F1 within 50 pm, positions and intensities. Columns nearer than 4 angstrom to the
frame's border are not judged: the lattice is cut off 6 angstrom before it, but noise can put columns there.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import numpy.typing as npt

from core.measures.atoms.compare import compare_atoms
from core.measures.atoms.locate import Search, locate_columns
from core.measures.atoms.match import match
from core.simulation.crystals import CATALOGUE, fill, small_tilt, zone_rotation
from core.simulation.specimens import Specimen
from core.simulation.stem import stem_columns, stem_image
from core.simulation.stem_optics import StemOptics
from core.simulation.truth import Columns

Array = npt.NDArray[np.float64]

CRYSTALS = (
    ("Au", (1, 1, 0)),
    ("Au", (1, 0, 0)),
    ("Pt", (1, 1, 1)),
    ("SrTiO3", (1, 0, 0)),
    ("Si", (1, 1, 0)),
    ("GaAs", (1, 1, 0)),
    ("CeO2", (1, 1, 0)),
)
PIXELS = (0.05, 0.08, 0.12, 0.16, 0.2, 0.25)
DOSES = (0.1, 0.3, 1.0, 3.0, 10.0, 20.0)
_RIM, _SIDE = 6.0, 42.0


def half_crystal(name: str, zone: tuple[int, int, int], box: float) -> Specimen:
    """A crystal 3 nm thick that ends at a surface across the box, and before the box's border."""
    atoms, elements = fill(CATALOGUE[name], small_tilt(0, 0, 0.2) @ zone_rotation(CATALOGUE[name], zone), box, 15.0)
    keep = atoms[:, :2] @ np.array([np.cos(1.0), np.sin(1.0)]) < 0.15 * box
    atoms = atoms + np.array([box / 2, box / 2, 0.0])
    keep &= np.all((atoms[:, :2] > _RIM) & (atoms[:, :2] < box - _RIM), axis=1)
    return Specimen(name, atoms[keep], elements[keep], box)


def scene(name: str, zone: tuple[int, int, int], pixel: float) -> tuple[Array, Columns]:
    """The clean image and its true columns."""
    size = round(_SIDE / pixel) if pixel >= 0.1 else round(30.0 / pixel)
    specimen = half_crystal(name, zone, size * pixel)
    optics = StemOptics()
    return stem_image(specimen, pixel, size, optics).astype(np.float64), stem_columns(specimen, pixel, size, optics)


def clean() -> None:
    """Distances from the truth without noise."""
    say(f"{'crystal':<14}{'px (A)':>8}{'true':>6}{'found':>6}{'median pm':>11}{'worst pm':>10}{'s':>6}")
    worst, medians = [], []
    for name, zone in CRYSTALS:
        for pixel in PIXELS:
            image, true = scene(name, zone, pixel)
            began = time.process_time()
            found = locate_columns(image, Search(pixel_nm=pixel / 10)).columns
            took = time.process_time() - began
            pairs = match(true.positions, found.positions, 0.5 / pixel)
            off = found.positions[pairs.found] - true.positions[pairs.true]
            far = np.hypot(off[:, 0], off[:, 1]) * pixel * 100
            if not len(far):
                say(f"{name} {''.join(map(str, zone))}: nothing found")
                continue
            worst.append(far.max())
            medians.append(np.median(far))
            label = f"{name} {''.join(map(str, zone))}"
            row = f"{label:<14}{pixel:>8}{len(true):>6}{len(found):>6}{np.median(far):>11.3f}{far.max():>10.3f}"
            say(f"{row}{took:>6.1f}")
    say(f"worst of all {max(worst):.3f} pm; of medians {np.median(medians):.3f}; of worsts {np.median(worst):.3f}")


def noisy() -> None:
    """Precision, recall, F1, positions and intensities over doses."""
    from core.denoising.arrays import denoise_array
    from core.denoising.methods.gaussian import GaussianDenoiser

    say("dose e/px, method: precision recall F1 (surface F1); positions pm, intensities %, strain %")
    for name, zone in (("Au", (1, 1, 0)), ("SrTiO3", (1, 0, 0))):
        image, true = scene(name, zone, 0.2)
        strong = true.select(true.heights > 0.25 * true.heights.max())
        for dose in DOSES:
            expected = image * dose / image.mean()
            counts = np.random.default_rng(0).poisson(expected).astype(np.float32)
            smooth = denoise_array(GaussianDenoiser(), counts[None], 0.02)[0]
            for method, one in (("raw", counts), ("gaussian", smooth)):
                found = locate_columns(one, Search(pixel_nm=0.02)).columns
                report = compare_atoms(
                    strong.positions, found, image.shape, 0.02, 0.05, strong.heights, margin_px=4.0 / 0.2
                )
                pairs, figures = report.columns, report.quantities
                row = f"{name:<8}{dose:>5} {method:<9}{pairs.precision:>6.2f}{pairs.recall:>6.2f}{pairs.f1:>6.2f}"
                row += f" ({report.surface.f1:.2f})"
                if figures is not None:
                    row += f"; {figures.spread_pm:5.1f} pm, {figures.intensity_spread:5.1f} %"
                if report.strain_spread is not None:
                    row += f", strain {report.strain_spread:.2f} %"
                say(row)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["clean", "noisy"]
    if "clean" in wanted:
        clean()
    if "noisy" in wanted:
        noisy()
