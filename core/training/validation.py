"""Scores on held-out structures: never on a test image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.measures.fidelity import VACUUM
from core.protocol.recipes import ScenesRecipe
from core.training.examples import Source, binned, binnings_of, count, with_gaussian
from core.training.library_store import Library
from core.training.prepared import Prepared
from core.training.scene_store import SceneFile
from core.training.tasks import Task

_TEM_COUNTS = {"tem s=1": 7.2, "tem s=5": 36.0, "tem s=25": 180.0}
_STEM_COUNTS = {"stem low": 8.0, "stem high": 60.0}
# Electrons a px before the binning, and how many structures of each modality.
_SCENE_DOSES = {"low": 0.4, "high": 5.0}
_SCENES = 12
_BATCH = 8


@dataclass(frozen=True)
class Held:
    """Held-out images of one group at one dose, one of each structure; `scale` turns errors into image units."""

    name: str
    prepared: Prepared
    scale: Tensor


def held_out_set(task: Task, source: Source, side: int, seed: int) -> list[Held]:
    """Draw the validation set: fixed noise on the middle of every held-out structure, and blank frames."""
    rng = np.random.default_rng([seed, 11])
    if source.images is not None:
        return _held_images(task, source, side, rng)
    held = [] if source.library is None else _held_library(task, source.library, side, rng)
    return held + _held_scenes(task, source, side, rng)


def _held_library(task: Task, library: Library, side: int, rng: np.random.Generator) -> list[Held]:
    groups: list[tuple[str, np.ndarray, float, float]] = []
    for name, dose in _TEM_COUNTS.items():
        groups.append((name, _middle(library.tem[-library.held_out :, 0], side), dose, VACUUM))
    for name, dose in _STEM_COUNTS.items():
        if len(library.stem):
            stem = _middle(library.stem[-library.held_out :, 0], side)
            top = np.percentile(stem, 99.9, (1, 2)).reshape(-1, 1, 1)
            groups.append((name, stem, dose, 1 / float(top.mean())))
    groups.append(("blank s=1", np.ones((4, side, side), np.float32), 7.2, 1.0))
    out = []
    for name, images, dose, unit in groups:
        for start in range(0, len(images), _BATCH):
            truth = torch.from_numpy(images[start : start + _BATCH])[:, None] * dose
            example = count(truth, torch.ones(len(truth)), rng)
            prepared = task.prepare(example)
            out.append(Held(name, prepared, prepared.level / dose * unit))
    return out


def _held_scenes(task: Task, source: Source, side: int, rng: np.random.Generator) -> list[Held]:
    """Doses of the middles of scenes that only validate; errors are relative to each image's range."""
    if source.scenes is None or source.scenes_recipe is None:
        return []
    groups: dict[str, list[SceneFile]] = {}
    for scene in source.scenes.validation:
        groups.setdefault(scene.modality, []).append(scene)
    out = []
    for modality, scenes in groups.items():
        for name, dose in _doses(source.scenes_recipe, modality).items():
            for scene in scenes[:_SCENES]:
                image = scene.view(0)
                fitting = binnings_of(scene, source.scenes_recipe, image.shape[0], side)
                binning = fitting[len(fitting) // 2]
                patch = binned(_middle(image[None], side * binning)[0], binning)
                truth = torch.from_numpy(patch)[None, None] * (dose * binning**2)
                example = count(truth, torch.ones(1), rng)
                prepared = task.prepare(example)
                out.append(Held(name, prepared, prepared.level / float(truth.max() - truth.min())))
    return out


def _doses(recipe: ScenesRecipe, modality: str) -> dict[str, float]:
    """Return a low and a high dose by the names of their groups, or the only one that the recipe knows."""
    low, high = recipe.dose
    found = {f"{modality} {name}": min(max(dose, low), high) for name, dose in _SCENE_DOSES.items()}
    return found if len(set(found.values())) > 1 else {modality: low}


def _held_images(task: Task, source: Source, side: int, rng: np.random.Generator) -> list[Held]:
    """Least and most noise on the middles of the images that only validate; white is 1."""
    if source.images is None or source.images_recipe is None:
        return []
    out = []
    for noise in dict.fromkeys(source.images_recipe.noise):
        for image in source.images.validation:
            top, left = ((length - side) // 2 for length in image.shape)
            truth = torch.from_numpy(image[top : top + side, left : left + side].copy())[None, None]
            prepared = task.prepare(with_gaussian(truth, torch.tensor([noise / 255]), rng))
            out.append(Held(f"noise {noise:g}", prepared, prepared.level))
    return out


def _middle(stack: np.ndarray, side: int) -> np.ndarray:
    start = (stack.shape[-1] - side) // 2
    return np.asarray(stack[..., start : start + side, start : start + side], np.float32)


def measure(scores: dict[str, float]) -> float:
    """Return what decides on epochs and rates: the mean PSNR over the groups (dB), blank frames apart."""
    return float(np.mean([value for name, value in scores.items() if not name.endswith("%")]))


def score(task: Task, held: list[Held]) -> dict[str, float]:
    """Return mean PSNR over the structures (dB) by group, and a blank frame's rms in per cent.

    The peak is 1 / 0.45 of vacuum for the library's TEM, and the range of each scene for scenes.
    """
    collected: dict[str, list[float]] = {}
    with torch.no_grad():
        for item in held:
            error = ((task.estimate(item.prepared) - item.prepared.truth) * item.scale) ** 2
            collected.setdefault(item.name, []).extend(error.mean((1, 2, 3)).tolist())
    out = {}
    for name, errors in collected.items():
        if name.startswith("blank"):
            out[f"{name} rms %"] = float(100 * np.sqrt(np.mean(errors)))
        else:
            out[name] = float(np.mean(-10 * np.log10(np.maximum(errors, 1e-12))))
    return out
