"""Scenes: a structure with a way to image it, from which frames are shot."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.protocol.simulation import MotionRecipe, SceneRecipe
from core.simulation.detectors.presets import TRAINING_DETECTORS
from core.simulation.imaging import Optics, image
from core.simulation.materials import TRAINING, Palette
from core.simulation.moments import Moments, draw_moments
from core.simulation.multislice import exit_wave
from core.simulation.specimens import Specimen, random_specimen
from core.simulation.truth import Columns, project_columns

Array = NDArray[np.float64]
_FAMILY = {"HRTEM": "TEM", "TEM": "TEM", "HAADF": "STEM", "ABF": "STEM", "SEM": "SEM"}
_ATOMIC = ("supported particle", "particle on carbon", "surface", "bulk", "particles", "film")
# Cut from each side of the box, where crystals don't wrap round and where movies drift to.
_MARGIN_SHARE, _MARGIN_ANGSTROM = 0.08, 10.0


@dataclass(frozen=True)
class Shot:
    """What a lens makes of a scene: frames (T, side, side), relative intensity, and the truth that belongs to them."""

    frames: Array
    shifts: Array
    columns: tuple[Columns, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


class Scene(Protocol):
    """A structure with a way to image it. `pixel` is in angstrom."""

    recipe: SceneRecipe
    kind: str
    periodic: bool
    pixel: float
    settings: dict[str, Any]

    def shoot(self, rng: np.random.Generator, motion: MotionRecipe | None) -> Shot:
        """Image it with a lens and a motion drawn for this shot."""


def kinds_of(modality: str) -> tuple[str, ...]:
    """Kinds of structure that a modality can image."""
    del modality
    return _ATOMIC


def particle_names() -> tuple[str, ...]:
    """Materials that training may make particles of."""
    return TRAINING.particles


def support_names() -> tuple[str, ...]:
    """Materials that training may take as supports."""
    return TRAINING.supports


def detector_names(modality: str) -> tuple[str, ...]:
    """Detectors that training may use with a modality."""
    return tuple(name for name, one in TRAINING_DETECTORS.items() if one.family == _FAMILY[modality])


def draw_scene(rng: np.random.Generator, recipe: SceneRecipe, side: int, palette: Palette) -> Scene:
    """Draw the structure of a scene, for frames of `side` px."""
    pixel = float(np.exp(rng.uniform(*np.log(recipe.pixel_nm)))) * 10
    margin = int(np.ceil(max(_MARGIN_SHARE * side, _MARGIN_ANGSTROM / pixel)))
    grid = side + 2 * margin
    specimen = random_specimen(rng, grid * pixel)
    return HrtemScene(recipe, specimen.kind, specimen.kind != "film", pixel, side, margin, specimen)


@dataclass
class HrtemScene:
    """Atoms under a TEM; waves are kept between shots, as only the lens changes."""

    recipe: SceneRecipe
    kind: str
    periodic: bool
    pixel: float
    side: int
    margin: int
    specimen: Specimen
    settings: dict[str, Any] = field(default_factory=dict)

    def shoot(self, rng: np.random.Generator, motion: MotionRecipe | None) -> Shot:
        """Image it with a lens and a motion drawn for this shot."""
        lens = self.recipe.lens
        optics = Optics(
            kilovolt=float(rng.choice(lens.kilovolt)),
            defocus=10 * float(rng.uniform(*lens.defocus_nm)),
            spherical=1e4 * float(rng.uniform(*lens.spherical_um)),
            astigmatism=10 * float(rng.uniform(*lens.astigmatism_nm)),
            astigmatism_angle=float(rng.uniform(0, np.pi)),
            focal_spread=10 * float(rng.uniform(*lens.focal_spread_nm)),
            blur=float(rng.uniform(0.05, 0.4)),
        )
        moments = draw_moments(rng, motion, self.margin * 0.5)
        wave = self._wave(optics.kilovolt)
        frames = np.stack([self._frame(wave, optics, moments, t) for t in range(len(moments))])
        columns = project_columns(self.specimen, self.pixel, self.side + 2 * self.margin)
        settings = {**asdict(optics), **moments.settings}
        seen = tuple(self._seen(columns, shift) for shift in moments.shifts)
        return Shot(frames * moments.beam[:, None, None], moments.shifts, seen, settings)

    def _wave(self, kilovolt: float) -> Tensor:
        grid = self.side + 2 * self.margin
        box = grid * self.pixel
        size = int(min(1024, max(256, grid, 2 * round(box / 0.3))))
        return exit_wave(self.specimen.positions, self.specimen.elements, box, size, kilovolt)

    def _frame(self, wave: Tensor, optics: Optics, moments: Moments, t: int) -> Array:
        grid = self.side + 2 * self.margin
        at = replace(optics, defocus=optics.defocus + float(moments.defocus[t]))
        full = image(wave, grid * self.pixel, at, grid).double().numpy()
        cut = slice(self.margin, self.margin + self.side)
        return shifted(full, moments.shifts[t])[cut, cut]

    def _seen(self, columns: Columns, shift: Array) -> Columns:
        return cropped(columns, shift - self.margin, self.side)


def shifted(picture: Array, shift: Array) -> Array:
    """Move a periodic, band-limited picture by a part of a px, exactly."""
    if not shift.any():
        return picture
    qy, qx = np.fft.fftfreq(picture.shape[0])[:, None], np.fft.rfftfreq(picture.shape[1])[None]
    moved = np.fft.rfft2(picture) * np.exp(-2j * np.pi * (qy * shift[0] + qx * shift[1]))
    return np.asarray(np.fft.irfft2(moved, s=picture.shape))


def cropped(columns: Columns, move: Array, side: int) -> Columns:
    """Move columns by (y, x) px and keep those within a square of `side` px."""
    there = columns.positions + move
    inside = np.all((there >= -0.5) & (there <= side - 0.5), axis=1)
    kept = columns.select(inside)
    return replace(kept, positions=there[inside])
