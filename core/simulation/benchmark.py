"""The benchmark: simulated images and movies, fixed by a version, that nothing is ever tuned on.

`development_item` draws from the same distributions with the materials and settings that training may use, for tuning
and for tests.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.simulation.imaging import image
from core.simulation.item import Item
from core.simulation.item_files import recording_bytes
from core.simulation.library import random_optics
from core.simulation.multislice import exit_wave
from core.simulation.specimens import random_specimen

VERSION = "0"
SEEDS = range(40)
FIRST_DEVELOPMENT_SEED = 1000
Part = Literal["image", "movie"]
PARTS: tuple[Part, ...] = ("image", "movie")

IMAGE_SIDE, MOVIE_SIDE, MOVIE_FRAMES = 512, 256, 24
DOSES = (0.1, 20.0)
_GOLDEN = 0.6180339887498949
_MARGIN = 0.08
_MODALITIES = ("HRTEM", "HAADF", "HRTEM", "HAADF", "HRTEM")


def benchmark_item(seed: int, part: Part) -> Item:
    """Make one item of the benchmark: `seed` of `SEEDS`; the same seed gives the same item in the same `VERSION`."""
    if seed not in SEEDS:
        raise ValueError(f"the benchmark has seeds {SEEDS.start} to {SEEDS.stop - 1}, not {seed}")
    return _item(seed, part)


def development_item(seed: int, part: Part) -> Item:
    """Make one item like the benchmark's for tuning and tests: `seed` is 1000 or more."""
    if seed < FIRST_DEVELOPMENT_SEED:
        raise ValueError(f"development items have seeds from {FIRST_DEVELOPMENT_SEED} on, not {seed}")
    return _item(seed, part)


def name_of(seed: int, part: Part) -> str:
    """Return the name of an item."""
    return f"{part}-{seed:02d}-{_MODALITIES[seed % len(_MODALITIES)].lower()}"


def item_bytes(part: Part) -> int:
    """How much room an item takes on disk, about."""
    return recording_bytes(IMAGE_SIDE, 1) if part == "image" else recording_bytes(MOVIE_SIDE, MOVIE_FRAMES)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _item(seed: int, part: Part) -> Item:
    rng = np.random.default_rng([20_261_121, seed, part == "movie"])
    modality = _MODALITIES[seed % len(_MODALITIES)]
    lap = seed // len(_MODALITIES)
    # Doses lie evenly over the decades for each modality.
    level = (lap * 5 * _GOLDEN + seed % len(_MODALITIES) * _GOLDEN + rng.uniform(0, 0.1)) % 1.0
    dose = DOSES[0] * (DOSES[1] / DOSES[0]) ** level
    counts = (lap + seed % len(_MODALITIES)) % 2 == 0
    side = IMAGE_SIDE if part == "image" else MOVIE_SIDE
    frames = 1 if part == "image" else MOVIE_FRAMES
    pixel = _log_uniform(rng, 0.1, 0.35)
    margin = int(side * _MARGIN)
    grid = side + 2 * margin
    shifts = np.zeros((frames, 2))
    if frames > 1:
        angle, step = rng.uniform(0, 2 * np.pi), _log_uniform(rng, 0.02, 1.0)
        steps = step * np.array([np.sin(angle), np.cos(angle)]) + rng.normal(0, 0.1 + step / 3, (frames, 2))
        shifts = np.cumsum(steps, axis=0) - steps[0]
        shifts *= min(1.0, 0.9 * margin / max(np.abs(shifts).max(), 1e-9))
    maker = _hrtem if modality == "HRTEM" else _haadf
    scene, kind = maker(rng, pixel, grid)
    cut = slice(margin, margin + side)
    clean = np.stack([np.clip(_shifted(scene, shift)[cut, cut], 0, None) for shift in shifts]).astype(np.float32)
    clean *= np.float32(dose / max(float(clean.mean()), 1e-9))
    noisy, gain, offset, name = _detected(clean, counts, rng)
    return Item(
        name=name_of(seed, part),
        seed=seed,
        modality=modality,
        kind=kind,
        periodic=kind != "film",
        noisy=noisy,
        clean=clean,
        gain=gain,
        offset=offset,
        counts=counts,
        pixel_nm=pixel / 10,
        dose=float(clean.mean()),
        interval_s=0.05,
        shifts=shifts,
        settings={"detector": name},
    )


def _detected(
    clean: NDArray[np.float32], counts: bool, rng: np.random.Generator
) -> tuple[NDArray[np.uint16], float, float, str]:
    electrons = rng.poisson(clean)
    if counts:
        return electrons.astype(np.uint16), 1.0, 0.0, "ideal counter"
    gain, offset, read = _log_uniform(rng, 8, 40), rng.uniform(50, 200), rng.uniform(0.05, 0.3)
    values = offset + gain * (electrons + rng.normal(0, read, electrons.shape))
    return np.clip(np.rint(values), 0, 65535).astype(np.uint16), gain, offset, "gain and read noise"


def _shifted(scene: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move a periodic, band-limited scene by a part of a px, exactly."""
    if not shift.any():
        return scene
    qy, qx = np.fft.fftfreq(scene.shape[0])[:, None], np.fft.rfftfreq(scene.shape[1])[None]
    moved = np.fft.rfft2(scene) * np.exp(-2j * np.pi * (qy * shift[0] + qx * shift[1]))
    return np.asarray(np.fft.irfft2(moved, s=scene.shape))


Scene = tuple[NDArray[np.float64], str]


def _hrtem(rng: np.random.Generator, pixel: float, grid: int) -> Scene:
    box = pixel * grid
    specimen = random_specimen(rng, box)
    optics = random_optics(rng)
    size = int(min(768, max(256, grid, 2 * round(box / 0.3))))
    wave = exit_wave(specimen.positions, specimen.elements, box, size, optics.kilovolt)
    return image(wave, box, optics, grid).double().numpy(), specimen.kind


def _haadf(rng: np.random.Generator, pixel: float, grid: int) -> Scene:
    from core.simulation.columns import column_image

    # The same draws as `column_image` makes say which structure it is.
    state = np.random.default_rng(rng.integers(2**32))
    return column_image(state, pixel * grid, grid).astype(np.float64), "columns"
