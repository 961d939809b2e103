"""The simulated detectors: their transfer and noise in figures, and the pictures of the manual's page on them.

    python -m tests.bench.simulated_detectors [--pictures FOLDER]

Prints for each scintillator MTF and DQE at Nyquist, and variance / mean of sums of 1, 4 and 32 px as a share of that at
low frequency; for each detector how long 24 frames of 256 px take. `--pictures docs/manual` draws the pictures anew.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.simulation.columns import column_image
from core.simulation.detectors.arrivals import Scintillator
from core.simulation.detectors.presets import BENCHMARK_DETECTORS, TRAINING_DETECTORS
from core.simulation.dynamics.course import Dynamics
from core.simulation.dynamics.drift import Drift
from core.simulation.imaging import Optics, image
from core.simulation.movie import record, render_picture
from core.simulation.multislice import exit_wave
from core.simulation.scan.presets import STEADY_SCAN, TRAINING_SCANS
from core.simulation.sheets import Tile, sheet
from core.simulation.specimens import random_specimen
from tests.bench.report import arguments, report

SIDE, MARGIN = 96, 16
GRID = SIDE + 2 * MARGIN


def noise_figures(light: Scintillator, frames: int) -> dict[str, float]:
    """MTF, DQE and how variance / mean grows with the area."""
    signal = light(np.full((frames, 256, 256), 10.0), np.random.default_rng(0))
    zero, nyquist = np.array([0.0]), np.array([0.5])
    out = {
        "MTF at Nyquist": float(light.mtf(nyquist)[0]),
        "DQE at 0": float(1 / light.nps(zero)[0]),
        "DQE at Nyquist": float(light.mtf(nyquist)[0] ** 2 / light.nps(nyquist)[0]),
    }
    for side in (1, 4, 32):
        sums = signal.reshape(frames, 256 // side, side, 256 // side, side).sum((2, 4))
        out[f"variance / mean, {side} px"] = float(sums.var(0).mean() / sums.mean() / light.nps(zero)[0])
    return out


def figures(frames: int) -> dict[str, float | int | str]:
    """Figures of all detectors."""
    out: dict[str, float | int | str] = {}
    for name, camera in (TRAINING_DETECTORS | BENCHMARK_DETECTORS).items():
        for step in camera.steps:
            if isinstance(step, Scintillator):
                out |= {f"{name}: {what}": value for what, value in noise_figures(step, frames).items()}
        start = time.perf_counter()
        camera(np.full((frames, 256, 256), 2.0), np.random.default_rng(0))
        out[f"{name}: s for {frames} x 256^2"] = time.perf_counter() - start
    return out


def particle() -> NDArray[np.float64]:
    """A particle on its support, in a TEM."""
    box = GRID * 0.3
    rng = np.random.default_rng(3)
    specimen = random_specimen(rng, box)
    while specimen.kind != "supported particle":
        specimen = random_specimen(rng, box)
    optics = Optics(defocus=-70.0)
    wave = exit_wave(specimen.positions, specimen.elements, specimen.box, 384, optics.kilovolt)
    return np.asarray(image(wave, specimen.box, optics, GRID).double().numpy(), dtype=np.float64)


def _tile(picture: NDArray[np.generic], text: str) -> Tile:
    return Tile(np.asarray(picture, dtype=np.float32), text)


def draw(folder: Path) -> None:
    """Write simulated-detectors.png and simulated-scans.png."""
    rng = np.random.default_rng(1)
    still = render_picture(particle(), Dynamics(exposure=0.0).course(1, rng), SIDE)
    tiles = [_tile(still.images[0], "clean")]
    for name, camera in TRAINING_DETECTORS.items():
        if camera.family == "TEM":
            tiles.append(_tile(record(still, 8.0, camera.numbered(7), rng).values[0], name))
    sheet(tiles, 5, 2 * SIDE).quantize(32).save(folder / "simulated-detectors.png", optimize=True)
    picture = column_image(np.random.default_rng(20), GRID * 0.15, GRID).astype(np.float64)
    drifting = Dynamics(Drift(1.5)).course(1, rng)
    tiles = []
    for name, scan in {STEADY_SCAN.name: STEADY_SCAN, **TRAINING_SCANS}.items():
        rendered = render_picture(picture, drifting, SIDE, scan, rng)
        tiles.append(_tile(record(rendered, 60.0, TRAINING_DETECTORS["haadf-slow"], rng).values[0], name))
    sheet(tiles, 4, 2 * SIDE).quantize(32).save(folder / "simulated-scans.png", optimize=True)


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--pictures", type=Path, help="a folder for the manual's pictures")
    chosen = parser.parse_args()
    if chosen.pictures is not None:
        draw(chosen.pictures)
    report(figures(2 if chosen.quick else 24))
