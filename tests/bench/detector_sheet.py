"""Draws the pictures of the manual's page on simulated detectors: one scene, seen by each detector and each scan.

Run: python -m tests.bench.detector_sheet docs/manual
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core.simulation.columns import column_image
from core.simulation.detectors.presets import TRAINING_DETECTORS
from core.simulation.dynamics.course import Dynamics
from core.simulation.dynamics.drift import Drift
from core.simulation.imaging import Optics
from core.simulation.movie import HrtemImage, record, render_picture
from core.simulation.scan.presets import STEADY_SCAN, TRAINING_SCANS
from core.simulation.specimens import random_specimen

SIDE, MARGIN, ZOOM, LABEL = 96, 16, 2, 14
GRID = SIDE + 2 * MARGIN


def shown(values: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    """Stretch to 8 bit, twice as large, with a name below."""
    array = np.asarray(values, dtype=np.float64)
    low, high = np.quantile(array, [0.003, 0.997])
    picture = np.clip((array - low) / max(high - low, 1e-12) * 255, 0, 255).astype(np.uint8)
    picture = picture.repeat(ZOOM, 0).repeat(ZOOM, 1)
    cell = Image.new("L", (picture.shape[1] + 4, picture.shape[0] + LABEL + 4), 255)
    cell.paste(Image.fromarray(picture), (2, 2))
    ImageDraw.Draw(cell).text((4, picture.shape[0] + 3), name, fill=0)
    return np.asarray(cell)


def sheet(cells: list[NDArray[np.uint8]], columns: int, path: Path) -> None:
    """Write the cells as one picture."""
    cells = cells + [np.full_like(cells[0], 255)] * (-len(cells) % columns)
    rows = [np.hstack(cells[k : k + columns]) for k in range(0, len(cells), columns)]
    Image.fromarray(np.vstack(rows)).quantize(32).save(path, optimize=True)


def particle() -> NDArray[np.float64]:
    """A particle on its support, in a TEM."""
    box = GRID * 0.3
    rng = np.random.default_rng(3)
    specimen = random_specimen(rng, box)
    while specimen.kind != "supported particle":
        specimen = random_specimen(rng, box)
    return np.asarray(HrtemImage(Optics(defocus=-70.0), GRID, 384)(specimen, 0.0), dtype=np.float64)


def main(folder: Path) -> None:
    """Write simulated-detectors.png and simulated-scans.png."""
    rng = np.random.default_rng(1)
    course = Dynamics(exposure=0.0).course(1, rng)
    still = render_picture(particle(), course, SIDE)
    cells = [shown(still.images[0], "clean")]
    for name, camera in TRAINING_DETECTORS.items():
        if camera.family == "TEM":
            cells.append(shown(record(still, 8.0, camera.numbered(7), rng).values[0], f"{name}, 8 e/px"))
    sheet(cells, 5, folder / "simulated-detectors.png")
    picture = column_image(np.random.default_rng(20), GRID * 0.15, GRID).astype(np.float64)
    drifting = Dynamics(Drift(1.5)).course(1, rng)
    cells = []
    for name, scan in {STEADY_SCAN.name: STEADY_SCAN, **TRAINING_SCANS}.items():
        rendered = render_picture(picture, drifting, SIDE, scan, rng)
        cells.append(shown(record(rendered, 60.0, TRAINING_DETECTORS["haadf-slow"], rng).values[0], name))
    sheet(cells, 4, folder / "simulated-scans.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
