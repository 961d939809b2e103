"""Pictures of everything that is simulated, to be looked at: would a microscopist take them for real?

    python -m tests.bench.gallery [FOLDER] [--real FOLDER] [--side PX]
    python -m tests.bench.gallery docs/manual --manual      (the small picture of the manual alone)

Writes one sheet a modality (every kind of structure, as recorded above and clean below, at doses that rise from left to
right), one of movies (frames of each modality), one of every detector, and, where real images are at hand
(../shared/data/files), one of these beside simulated ones of the same kind.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.movies import open_movie
from core.protocol.simulation import LensRecipe, MotionRecipe, SceneRecipe
from core.simulation.item import Item
from core.simulation.materials import TRAINING, Palette
from core.simulation.recording import TRAINING_INSTRUMENTS, Instruments, View, record
from core.simulation.scenes import PIXELS_NM, draw_scene, kinds_of
from core.simulation.sheets import Tile, sheet
from tests.bench.report import arguments, report

ROOT = Path(__file__).parents[2]
Picture = NDArray[np.float32]


_FAR_FROM_FOCUS = LensRecipe(
    kilovolt=(300.0, 200.0), defocus_nm=(-2500.0, -400.0), spherical_um=(1200.0, 2700.0), focal_spread_nm=(3.0, 8.0)
)


def make(
    modality: str,
    kind: str,
    seed: int,
    side: int,
    dose: float,
    counted: bool = False,
    motion: MotionRecipe | None = None,
    palette: Palette = TRAINING,
    instruments: Instruments = TRAINING_INSTRUMENTS,
    pixel_nm: tuple[float, float] | None = None,
    detectors: tuple[str, ...] = (),
) -> Item:
    """Simulate one item of one kind."""
    rng = np.random.default_rng([seed, 11])
    recipe = SceneRecipe(
        modality=modality,  # type: ignore[arg-type]
        kinds=(kind,),
        pixel_nm=pixel_nm or PIXELS_NM[modality],
        detectors=detectors,
        lens=_FAR_FROM_FOCUS if modality == "TEM" else LensRecipe(kilovolt=(300.0, 200.0)),
    )
    scene = draw_scene(rng, recipe, side, palette, motion is not None)
    return record(scene, View(dose, counted), motion, rng, instruments)


def modality_sheet(modality: str, side: int, palette: Palette) -> list[Tile]:
    """Every kind at a rising dose, noisy above, clean below."""
    kinds = kinds_of(modality, palette)
    doses = np.geomspace(2.0, 20.0, len(kinds))
    items = [
        make(modality, kind, number, side, float(dose), palette=palette)
        for number, (kind, dose) in enumerate(zip(kinds, doses, strict=True))
    ]
    noisy = [
        Tile(item.electrons[0], f"{item.kind}, {item.dose:.2g} e/px, {item.settings['detector']}") for item in items
    ]
    clean = [Tile(item.clean[0], f"{item.pixel_nm:.3g} nm/px") for item in items]
    return noisy + clean


def movie_sheet(modalities: tuple[str, ...], side: int, frames: int) -> list[Tile]:
    """Six frames of a movie of each modality, noisy above, clean below."""
    tiles = []
    motion = MotionRecipe(frames=frames, drift_px=(0.5, 0.5), events_share=1.0, events=(0.05, 0.05))
    for number, modality in enumerate(modalities):
        item = make(modality, kinds_of(modality)[0], 40 + number, side, 8.0, motion=motion)
        chosen = np.linspace(0, frames - 1, 6).astype(int)
        tiles += [Tile(item.electrons[t], f"{modality} {item.kind}, frame {t}") for t in chosen]
        tiles += [Tile(item.clean[t], f"shift {item.shifts[t, 0]:.1f}, {item.shifts[t, 1]:.1f} px") for t in chosen]
    return tiles


def detector_sheet(side: int) -> list[Tile]:
    """One scene by every detector of the training list, at 2 e/px."""
    tiles = []
    for modality in ("HRTEM", "HAADF", "SEM"):
        for name in TRAINING_INSTRUMENTS.names(modality):
            counted = TRAINING_INSTRUMENTS.cameras[name].counts
            item = make(modality, kinds_of(modality)[0], 3, side, 2.0, counted, detectors=(name,))
            tiles.append(Tile(item.electrons[0], f"{modality}: {item.settings['detector']}"))
    return tiles


# A real file, which of its frames, and what to simulate beside it: modality, kind, nm a px, dose, detector.
_REAL = (
    ("dm3/example_Se_implanted_MoS2.dm3", "HAADF", "sheet", 0.0127, 15.0, "haadf-fast"),
    ("hspy/stem_abf_data_imagestack.hspy", "ABF", "bulk", 0.0092, 120.0, "bf-stem"),
    ("ser/data/hrstem_example.ser", "HAADF", "bulk", 0.0524, 4.0, "haadf-fast"),
    ("tiff/fei-sem-rbc.tif", "SEM", "rough film", 7.7, 12.0, "etd"),
)


def beside_sheet(real: Path, side: int) -> list[Tile]:
    """Real images, and below each a simulated one with the same size of px."""
    above, below = [], []
    for number, (name, modality, kind, pixel, dose, detector) in enumerate(_REAL):
        with open_movie(real / name) as movie:
            frame = np.asarray(movie.frame(0), np.float32)
        middle = [(length - min(side, length)) // 2 for length in frame.shape]
        above.append(Tile(frame[middle[0] :, middle[1] :][:side, :side], f"real: {Path(name).name}"))
        item = make(modality, kind, 70 + number, side, dose, pixel_nm=(pixel, pixel), detectors=(detector,))
        below.append(Tile(item.electrons[0], f"simulated: {modality} {item.kind}, {item.pixel_nm:.3g} nm/px"))
    return above + below


# Modality, kind, seed and dose of the manual's picture.
_SHOWN = (
    ("HRTEM", "supported particle", 61, 6.0),
    ("HRTEM", "particle on film", 1, 8.0),
    ("HAADF", "sheet", 13, 6.0),
    ("ABF", "bulk", 71, 20.0),
    ("SEM", "particles", 0, 3.0),
    ("TEM", "membrane", 5, 20.0),
)
_SMALL = 124


def manual_picture(folder: Path) -> None:
    """Write the manual's picture: few grey levels, so that it stays small."""
    items = [make(modality, kind, seed, 256, dose) for modality, kind, seed, dose in _SHOWN]
    tiles = [Tile(item.electrons[0], f"{item.modality}, {item.dose:.2g} e/px") for item in items]
    tiles += [Tile(item.clean[0], "without noise") for item in items]
    sheet(tiles, len(items), _SMALL).quantize(24).save(folder / "simulated-kinds.png", optimize=True)


def main() -> None:
    """Write the sheets and say what they took."""
    parser = arguments(__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("gallery"))
    parser.add_argument("--real", type=Path, default=ROOT.parent / "shared" / "data" / "files")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--manual", action="store_true", help="only the small picture of the manual")
    chosen = parser.parse_args()
    if chosen.manual:
        manual_picture(chosen.folder)
        return
    side = 64 if chosen.quick else chosen.side
    modalities = ("HRTEM",) if chosen.quick else tuple(PIXELS_NM)
    figures: dict[str, float | int | str] = {}
    sheets = {}
    for modality in modalities:
        began = time.perf_counter()
        tiles = modality_sheet(modality, side, TRAINING)
        sheets[modality.lower()] = (tiles, len(tiles) // 2)
        figures[f"{modality}: s an image"] = (time.perf_counter() - began) / (len(tiles) / 2)
    if not chosen.quick:
        sheets["movies"] = (movie_sheet(modalities, side, 16), 6)
        sheets["detectors"] = (detector_sheet(side), 6)
        if chosen.real.is_dir():
            sheets["beside"] = (beside_sheet(chosen.real, side), len(_REAL))
        chosen.folder.mkdir(parents=True, exist_ok=True)
        for name, (tiles, across) in sheets.items():
            sheet(tiles, across, side).save(chosen.folder / f"{name}.png")
    report(figures | {"sheets": len(sheets)})


if __name__ == "__main__":
    main()
