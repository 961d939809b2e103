"""The benchmark: simulated images and movies, fixed by a version, that nothing is ever tuned on.

Forty seeds, an image and a movie each. Structures, materials, detectors and scans are those that no training may use
(`materials.BENCHMARK`, `BENCHMARK_DETECTORS`, `BENCHMARK_SCANS`). Modality, dose and detector go by the seed, so that
each modality meets all doses, and half of all items are ideal counts; everything else is drawn. `development_item`
draws the same way from the training lists, for tuning and for tests.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from core.protocol.simulation import LensRecipe, MotionRecipe, SceneRecipe
from core.simulation.item import Item
from core.simulation.item_files import recording_bytes
from core.simulation.materials import BENCHMARK, TRAINING, Palette
from core.simulation.recording import BENCHMARK_INSTRUMENTS, TRAINING_INSTRUMENTS, Instruments, View, record
from core.simulation.scene import Check, no_check
from core.simulation.scenes import draw_scene

# Counts up whenever an item changes: figures are comparable within a version only.
VERSION = "2"
SEEDS = range(40)
FIRST_DEVELOPMENT_SEED = 1000
Part = Literal["image", "movie"]
PARTS: tuple[Part, ...] = ("image", "movie")
SIDES: dict[Part, int] = {"image": 512, "movie": 256}
DOSES = (0.1, 20.0)
MOTION = MotionRecipe(frames=24, interval_s=0.05, drift_px=(0.02, 1.2), events_share=0.5)

_LENS = LensRecipe(kilovolt=(300.0, 200.0, 80.0))
_SCENES = (
    SceneRecipe(
        modality="HRTEM",
        kinds=("supported particle", "particle on film", "particles"),
        pixel_nm=(0.008, 0.035),
        lens=_LENS,
    ),
    SceneRecipe(
        modality="HAADF", kinds=("supported particle", "particle on film", "particles"), pixel_nm=(0.008, 0.035)
    ),
    SceneRecipe(modality="HRTEM", kinds=("bulk", "defect", "surface"), pixel_nm=(0.008, 0.035), lens=_LENS),
    SceneRecipe(modality="ABF", kinds=("bulk", "defect", "surface"), pixel_nm=(0.006, 0.02)),
    SceneRecipe(modality="HRTEM", kinds=("supported particle", "sheet", "film"), pixel_nm=(0.008, 0.035), lens=_LENS),
    SceneRecipe(modality="HAADF", kinds=("bulk", "defect", "sheet"), pixel_nm=(0.008, 0.035)),
    SceneRecipe(modality="SEM", pixel_nm=(0.8, 15.0)),
    SceneRecipe(
        modality="TEM",
        pixel_nm=(0.08, 0.2),
        lens=LensRecipe(defocus_nm=(-2500.0, -400.0), spherical_um=(1200.0, 2700.0), focal_spread_nm=(3.0, 8.0)),
    ),
)
_LAPS = 5


def benchmark_item(seed: int, part: Part, check: Check = no_check) -> Item:
    """Make one item of the benchmark: `seed` of `SEEDS`; the same seed gives the same item in the same `VERSION`.

    `check` is called between frames, and may raise.
    """
    if seed not in SEEDS:
        raise ValueError(f"the benchmark has seeds {SEEDS.start} to {SEEDS.stop - 1}, not {seed}")
    return _item(seed, part, BENCHMARK, BENCHMARK_INSTRUMENTS, check)


def development_item(seed: int, part: Part) -> Item:
    """Make one item like the benchmark's for tuning and tests: `seed` is 1000 or more."""
    if seed < FIRST_DEVELOPMENT_SEED:
        raise ValueError(f"development items have seeds from {FIRST_DEVELOPMENT_SEED} on, not {seed}")
    return _item(seed, part, TRAINING, TRAINING_INSTRUMENTS, no_check)


def name_of(seed: int, part: Part) -> str:
    """Return the name of an item."""
    return f"{part}-{seed:02d}-{scene_of(seed).modality.lower()}"


def item_bytes(part: Part) -> int:
    """How much room an item takes on disk, about."""
    return recording_bytes(SIDES[part], 1 if part == "image" else MOTION.frames)


def scene_of(seed: int) -> SceneRecipe:
    """Return what a seed images, and how."""
    return _SCENES[seed % len(_SCENES)]


def view_of(seed: int, part: Part, jitter: float) -> View:
    """Return dose and detector of a seed: in five laps each scene meets a dose in each fifth of the decades.

    `jitter` in [0, 1) places the dose within its fifth. Images and movies of one seed have unlike detectors.
    """
    cell, lap = seed % len(_SCENES), seed // len(_SCENES) % _LAPS
    level = ((2 * lap + cell) % _LAPS + jitter) / _LAPS
    dose = float(DOSES[0] * (DOSES[1] / DOSES[0]) ** level)
    return View(dose, (lap + cell + PARTS.index(part)) % 2 == 0)


def _item(seed: int, part: Part, palette: Palette, instruments: Instruments, check: Check) -> Item:
    rng = np.random.default_rng([20_261_121, seed, PARTS.index(part)])
    view = view_of(seed, part, float(rng.uniform()))
    scene = draw_scene(rng, scene_of(seed), SIDES[part], palette, part == "movie")
    item = record(scene, view, MOTION if part == "movie" else None, rng, instruments, check)
    return replace(item, name=name_of(seed, part), seed=seed)
