"""Training examples: a patch of a clean image, dimmed, inverted, dosed and drawn as counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.protocol.recipes import ImagesRecipe, ScenesRecipe, ScheduleRecipe
from core.training.errors import TrainingError
from core.training.image_folder import Images
from core.training.library_store import Library
from core.training.scene_store import SceneFile, Scenes

_SEAM = 12
_ATOMIC = ("HRTEM", "HAADF", "ABF")


@dataclass(frozen=True)
class Example:
    """Counts a px (N, 1, p, p), binned or not, the true means of the same, the mean (N,) and the noise factor (N,).

    The noise factor is the variance over the mean: 1 for counts.
    """

    counts: Tensor
    truth: Tensor
    mean: Tensor
    noise: Tensor


@dataclass(frozen=True)
class Source:
    """Where patches come from: small images of atoms, scenes of every modality, or a folder of images."""

    library: Library | None = None
    scenes: Scenes | None = None
    scenes_recipe: ScenesRecipe | None = None
    images: Images | None = None
    images_recipe: ImagesRecipe | None = None


def draw_batch(source: Source, schedule: ScheduleRecipe, seed: int, group: int) -> Example:
    """Draw batch number `group`: it depends on the seed and the number alone."""
    rng = np.random.default_rng([seed, 7, group])
    if source.images is not None and source.images_recipe is not None:
        return _photographs(source.images, source.images_recipe, schedule, rng)
    fields, factors = [], []
    for _ in range(schedule.batch):
        wanted = source.scenes_recipe
        if source.scenes is not None and wanted is not None and (_alone(source) or rng.uniform() < wanted.share):
            fields.append(_scene(source.scenes, wanted, schedule.patch, rng))
        elif source.library is not None:
            fields.append(_clean(source.library, schedule, rng))
        if _alone(source):
            factors.append(1.0)
            continue
        factors.append(1.0 if rng.uniform() < 0.8 else float(np.exp(rng.uniform(np.log(0.7), np.log(1.6)))))
    return count(torch.from_numpy(np.stack(fields))[:, None], torch.tensor(factors), rng)


def count(truth: Tensor, noise: Tensor, rng: np.random.Generator) -> Example:
    """Draw counts whose variance is `noise` (N,) times their mean `truth` (N, 1, H, W)."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    factor = noise.view(-1, 1, 1, 1)
    counts = torch.poisson(truth / factor, generator=generator) * factor
    return Example(counts, truth, counts.mean((1, 2, 3)).clamp(min=1e-3), noise)


def with_gaussian(truth: Tensor, deviation: Tensor, rng: np.random.Generator) -> Example:
    """Add Gaussian noise of one standard deviation (N,) an image to `truth` (N, 1, H, W)."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    noisy = truth + deviation.view(-1, 1, 1, 1) * torch.randn(truth.shape, generator=generator)
    mean = truth.mean((1, 2, 3)).clamp(min=1e-3)
    return Example(noisy, truth, mean, deviation**2 / mean)


def _photographs(images: Images, recipe: ImagesRecipe, schedule: ScheduleRecipe, rng: np.random.Generator) -> Example:
    patches, side = [], schedule.patch
    for _ in range(schedule.batch):
        image = images.train[int(rng.integers(len(images.train)))]
        top, left = (int(rng.integers(0, length - side + 1)) for length in image.shape)
        patches.append(turned(image[top : top + side, left : left + side], int(rng.integers(8))))
    noise = [_log_uniform(rng, recipe.noise) / 255 for _ in patches]
    truth = torch.from_numpy(np.stack([np.ascontiguousarray(patch) for patch in patches]))[:, None]
    return with_gaussian(truth, torch.tensor(noise, dtype=torch.float32), rng)


def _alone(source: Source) -> bool:
    """Whether there is nothing but scenes: then the noise is that of counts, as the recipe says it."""
    return source.library is None


def _log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]))))


def _clean(library: Library, schedule: ScheduleRecipe, rng: np.random.Generator) -> NDArray[np.float32]:
    kind = rng.uniform()
    if kind < schedule.blank_share:
        return illuminate(np.ones((schedule.patch,) * 2, np.float32), rng) * np.float32(
            _log_uniform(rng, schedule.dose_tem)
        )
    if kind < schedule.blank_share + schedule.stem_share:
        patch = crop(library.stem, library.held_out, schedule.patch, rng)
        return patch * np.float32(_log_uniform(rng, schedule.dose_stem) / max(patch.mean(), 0.05))
    patch = crop(library.tem, library.held_out, schedule.patch, rng)
    return illuminate(vary_contrast(patch, rng), rng) * np.float32(_log_uniform(rng, schedule.dose_tem))


def _scene(scenes: Scenes, recipe: ScenesRecipe, side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    scene = scenes.train[int(rng.integers(len(scenes.train)))]
    image = scene.view(int(rng.integers(1 << 16)))
    fitting = binnings_of(scene, recipe, image.shape[0], side)
    binning = fitting[int(rng.integers(len(fitting)))]
    top, left = rng.integers(0, image.shape[0] - side * binning + 1, 2)
    patch = binned(image[top : top + side * binning, left : left + side * binning], binning)
    patch = np.ascontiguousarray(turned(patch, int(rng.integers(8))))
    if scene.modality in ("HRTEM", "TEM") and rng.uniform() < recipe.softened:
        # Thick crystals have more contrast here than in a microscope.
        patch = 1 + np.float32(rng.uniform(0.3, 1.0)) * (patch - 1)
    return patch * np.float32(_log_uniform(rng, recipe.dose) * binning**2)


def binnings_of(scene: SceneFile, recipe: ScenesRecipe, length: int, side: int) -> list[int]:
    """Return the binnings that suit a scene whose images have sides of `length`, for patches of `side` px.

    Raises
    ------
    TrainingError
        The images are too small for every one.
    """
    possible = [one for one in recipe.binnings if side * one <= length]
    if not possible:
        least = min(recipe.binnings)
        what = f"Images of {length} px have no room for patches of {side} px, binned by {least}."
        raise TrainingError(what, scene.path, "Lower 'schedule.patch', or give 'scenes.binnings' a smaller one.")
    low, high = recipe.binned_nm
    good = [one for one in possible if low <= one * scene.pixel_nm <= high]
    return good if good and scene.modality in _ATOMIC else possible


def binned(image: NDArray[np.float16], binning: int) -> NDArray[np.float32]:
    """Return the means of blocks of binning x binning px of an image (h, w)."""
    rows, columns = (length // binning for length in image.shape)
    blocks = image.astype(np.float32).reshape(rows, binning, columns, binning)
    return np.asarray(blocks.mean((1, 3)), np.float32)


def crop(stack: NDArray[np.float16], held_out: int, side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Cut a patch of a training structure, clear of the periodic box's seam, turned or mirrored at random."""
    image = stack[rng.integers(stack.shape[0] - held_out), rng.integers(stack.shape[1])]
    seam = min(_SEAM, (image.shape[0] - side) // 2)
    top, left = rng.integers(seam, image.shape[0] - side - seam + 1, 2)
    patch = np.asarray(image[top : top + side, left : left + side], np.float32)
    return np.ascontiguousarray(turned(patch, int(rng.integers(8))))


def turned(patch: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    """Return one of the eight turns and mirrorings of the last two axes."""
    patch = np.rot90(patch, number % 4, (-2, -1))
    return np.asarray(patch[..., ::-1] if number >= 4 else patch)


def vary_contrast(patch: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Scale the contrast by 0.25 to 1.1, inverted in three of ten; vacuum stays 1 and nothing falls below 0.02."""
    contrast = rng.uniform(0.25, 1.1) * (-1 if rng.uniform() < 0.3 else 1)
    out: NDArray[np.float32] = np.clip(1 + np.float32(contrast) * (patch - 1), 0.02, None)
    return out


def illuminate(patch: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Tilt the illumination by up to a quarter from side to side, half of the time."""
    if rng.uniform() < 0.5:
        return patch
    slope, angle = rng.uniform(0, 0.25), rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-0.5, 0.5, patch.shape[-1], dtype=np.float32)
    ramp = np.cos(angle) * axis[None] + np.sin(angle) * axis[:, None]
    return np.asarray(patch * (1 + slope * ramp), np.float32)
