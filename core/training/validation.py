"""Scores on held-out structures: never on a test image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.networks.lattice_corrected import LatticeCorrectedNet
from core.training.examples import Source, binned, binnings_of, count
from core.training.prefetch import Prepared, prepare
from core.training.scene_store import SceneFile

VACUUM = 0.45
_TEM_COUNTS = {"tem s=1": 7.2, "tem s=5": 36.0, "tem s=25": 180.0}
_STEM_COUNTS = {"stem low": 8.0, "stem high": 60.0}
# Electrons a px before the binning, and how many structures of each modality.
_SCENE_DOSES = {"low": 0.4, "high": 5.0}
_SCENES = 12
_BATCH = 8


@dataclass(frozen=True)
class Held:
    """One group of held-out images at one dose, ready to be corrected; `scale` turns errors into image units."""

    name: str
    prepared: Prepared
    scale: Tensor


def held_out_set(network: LatticeCorrectedNet, source: Source, side: int, seed: int, device: str) -> list[Held]:
    """Draw the validation set: fixed noise on the middle of every held-out structure, and blank frames."""
    rng = np.random.default_rng([seed, 11])
    library = source.library
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
            scale = example.mean.to(device).view(-1, 1, 1, 1) / dose * unit
            out.append(Held(name, prepare(network, example, device), scale))
    return out + _held_scenes(network, source, side, rng, device)


def _held_scenes(
    network: LatticeCorrectedNet, source: Source, side: int, rng: np.random.Generator, device: str
) -> list[Held]:
    """Two doses of the middles of scenes that only validate; errors are relative to each image's range."""
    if source.scenes is None or source.scenes_recipe is None:
        return []
    groups: dict[str, list[SceneFile]] = {}
    for scene in source.scenes.validation:
        groups.setdefault(scene.modality, []).append(scene)
    out = []
    for modality, scenes in groups.items():
        for name, dose in _SCENE_DOSES.items():
            for scene in scenes[:_SCENES]:
                image = scene.view(0)
                fitting = binnings_of(scene, source.scenes_recipe, image.shape[0], side)
                binning = fitting[len(fitting) // 2]
                patch = binned(_middle(image[None], side * binning)[0], binning)
                truth = torch.from_numpy(patch)[None, None] * (dose * binning**2)
                example = count(truth, torch.ones(1), rng)
                scale = example.mean.to(device).view(-1, 1, 1, 1) / float(truth.max() - truth.min())
                out.append(Held(f"{modality} {name}", prepare(network, example, device), scale))
    return out


def _middle(stack: np.ndarray, side: int) -> np.ndarray:
    start = (stack.shape[-1] - side) // 2
    return np.asarray(stack[..., start : start + side, start : start + side], np.float32)


def score(network: LatticeCorrectedNet, held: list[Held]) -> dict[str, float]:
    """Return mean PSNR (dB, peak 1 = 0.45 of vacuum's unit) by group, and a blank frame's rms in per cent."""
    collected: dict[str, list[float]] = {}
    with torch.no_grad():
        for item in held:
            ready = item.prepared
            estimate = network.correct(ready.candidates, ready.deviation, ready.log_counts)
            error = ((estimate - ready.truth) * item.scale) ** 2
            collected.setdefault(item.name, []).extend(error.mean((1, 2, 3)).tolist())
    out = {}
    for name, errors in collected.items():
        if name.startswith("blank"):
            out[f"{name} rms %"] = float(100 * np.sqrt(np.mean(errors)))
        else:
            out[name] = float(np.mean(-10 * np.log10(np.maximum(errors, 1e-12))))
    return out
