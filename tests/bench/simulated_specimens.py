"""The simulated specimens: how long each kind takes, how many atoms, and the picture of the manual's page on them.

    python -m tests.bench.simulated_specimens [--pictures FOLDER]

Prints for each kind the seconds and atoms of a specimen in a box of 8 nm, and for films of several widths the seconds,
the nearest pair over the least distance, and the strongest spot of the power spectrum over its mean (speckle alone:
about the logarithm of the number of pixels, 11). `--pictures docs/manual` draws the picture anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.simulation.imaging import Optics, image
from core.simulation.materials import BENCHMARK, TRAINING
from core.simulation.multislice import exit_wave
from core.simulation.objects.amorphous import amorphous
from core.simulation.objects.biological import biological
from core.simulation.objects.bulk import bulk
from core.simulation.objects.defects import boundary, dislocation
from core.simulation.objects.draw import KINDS, draw
from core.simulation.objects.ice import ice_phase
from core.simulation.objects.particle import Wear, particles, supported_particle
from core.simulation.objects.protein import DISPLACED
from core.simulation.objects.sheet import SheetDefects, sheet
from core.simulation.objects.surface import SURFACES, surface
from core.simulation.phase_object import exit_spectrum, projected_phase
from core.simulation.sem import SemOptics, sem_image
from core.simulation.sheets import Tile
from core.simulation.sheets import sheet as contact_sheet
from core.simulation.specimens import Specimen
from tests.bench.report import arguments, report

_SIDE, _MARGIN = 120, 16
_GRID = _SIDE + 2 * _MARGIN


def kinds(draws: int) -> dict[str, float | int | str]:
    """Seconds and atoms of each kind."""
    out: dict[str, float | int | str] = {}
    for kind in KINDS:
        box = 400.0 if kind == "biological" else 80.0
        start, atoms = time.perf_counter(), 0
        for seed in range(draws):
            atoms += len(draw(np.random.default_rng(seed), box, BENCHMARK, kind).specimen.positions)
        out[f"{kind}: s"] = (time.perf_counter() - start) / draws
        out[f"{kind}: atoms"] = atoms // draws
    for kind in SURFACES:
        start = time.perf_counter()
        surface(np.random.default_rng(0), 512, 2.0, kind)
        out[f"surface of {kind}, 512 px: s"] = time.perf_counter() - start
    return out


def films(widths: tuple[float, ...]) -> dict[str, float | int | str]:
    """Seconds, nearest pair and strongest spot of films of silica."""
    from scipy.spatial import cKDTree

    glass = BENCHMARK.glasses["a-SiO2"]
    out: dict[str, float | int | str] = {}
    for width in widths:
        start = time.perf_counter()
        positions = amorphous(np.random.default_rng(0), glass, (width, width, 30.0)).positions
        name = f"film of {width / 10:g} nm"
        out[f"{name}: s"] = time.perf_counter() - start
        out[f"{name}: nearest"] = float(cKDTree(positions).query(positions, k=2)[0][:, 1].min() / glass.distance)
        picture, _, _ = np.histogram2d(positions[:, 0], positions[:, 1], bins=256)
        power = np.abs(np.fft.fft2(picture - picture.mean())) ** 2
        out[f"{name}: strongest spot"] = float(power.max() / power.mean())
    return out


def _seen(specimen: Specimen, defocus: float = 60.0) -> NDArray[np.float32]:
    wave = exit_wave(specimen.positions, specimen.elements, specimen.box, 448, 300.0)
    optics = Optics(defocus=defocus, focal_spread=30.0, blur=0.3)
    return np.asarray(image(wave, specimen.box, optics, _GRID).numpy()[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN], np.float32)


def _in_ice(kind: str, box: float, seed: int = 3) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    specimen = biological(rng, box, kind)
    size = 2 * _GRID
    phase = projected_phase(specimen.positions, specimen.elements, box, size, 300.0, displaced=DISPLACED)
    spectrum = exit_spectrum(phase + ice_phase(rng, size, box / size, 300.0, 300.0), 0.08)
    optics = Optics(defocus=-15e3, spherical=2.7e7, focal_spread=60.0)
    return np.asarray(image(spectrum, box, optics, _GRID).numpy()[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN], np.float32)


def _scanned(kind: str, seed: int) -> NDArray[np.float32]:
    return sem_image(surface(np.random.default_rng(seed), _SIDE, 4.0, kind), SemOptics())


def picture(folder: Path) -> None:
    """Write simulated-specimens.png."""
    all_of = {**TRAINING.materials, **BENCHMARK.materials}
    glass, layers = TRAINING.glasses["a-C"], {**TRAINING.sheets, **BENCHMARK.sheets}
    worn = Wear(steps=2, vacancies=0.2, adatoms=0.05)
    tiles: dict[str, Callable[[], NDArray[np.float32]]] = {
        "Pt on CeO2": lambda: _seen(
            supported_particle(
                np.random.default_rng(4),
                56.0,
                all_of["Pt"],
                "Wulff",
                26.0,
                all_of["CeO2"],
                level=-6.0,
                wear=(worn, worn),
            )
        ),
        "Ir on carbon": lambda: _seen(
            particles(
                np.random.default_rng(5), 56.0, all_of["Ir"], ("decahedron",), 28.0, 1, np.eye(3), glass, (0.5, 8.0)
            )
        ),
        "Au twin": lambda: _seen(boundary(np.random.default_rng(1), 48.0, all_of["Au"], "twin boundary", angle=0.4)),
        "GaP edge dislocation": lambda: _seen(
            dislocation(np.random.default_rng(3), 60.0, all_of["GaP"], thickness=20.0)
        ),
        "KTaO3 wedge": lambda: _seen(bulk(np.random.default_rng(6), 56.0, all_of["KTaO3"], (0, 0, 1), 40.0, slope=1.0)),
        "ThO2 twist boundary": lambda: _seen(
            boundary(np.random.default_rng(7), 60.0, all_of["ThO2"], "twist boundary", (0, 0, 1), misorientation=0.3)
        ),
        "WS2, holes and dirt": lambda: _seen(
            sheet(
                np.random.default_rng(8),
                64.0,
                layers["WS2 layer"],
                defects=SheetDefects(vacancies=0.04, holes=1, dirt=0.2, ripple=1.0),
            )
        ),
        "graphene, two layers": lambda: _seen(sheet(np.random.default_rng(9), 90.0, layers["graphene"], 2, twist=0.11)),
        "capsids in ice": lambda: _in_ice("capsid", 800.0),
        "barrels in ice": lambda: _in_ice("barrel", 600.0),
        "microtubule in ice": lambda: _in_ice("microtubule", 700.0),
        "vesicle in ice": lambda: _in_ice("vesicle", 800.0),
        "crystallites": lambda: _scanned("crystallites", 21),
        "fracture": lambda: _scanned("fracture", 30),
        "fibres": lambda: _scanned("fibres", 21),
        "grains": lambda: _scanned("grains", 30),
    }
    made = [Tile(make(), name) for name, make in tiles.items()]
    contact_sheet(made, 4, _SIDE).quantize(16).save(folder / "simulated-specimens.png", optimize=True)


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--pictures", type=Path, help="a folder for the manual's picture")
    chosen = parser.parse_args()
    if chosen.pictures is not None:
        picture(chosen.pictures)
    report(kinds(1 if chosen.quick else 12) | films((40.0, 100.0) if chosen.quick else (40.0, 100.0, 200.0)))
