"""Simulated scenes on disk for training: clean images of every modality, made once by a `simulate` recipe."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import core
from core.denoising.devices import torch_threads
from core.protocol.simulation import SimulateRecipe
from core.simulation import generator, item_files
from core.simulation.clean_sets import is_whole, open_structure, write_structure
from core.training.errors import StoppedError, TrainingError


@dataclass(frozen=True)
class SceneFile:
    """A structure's images (views, side, side), float16 with mean 1 each.

    Attributes
    ----------
    path
        Of the array.
    modality
        ``HRTEM``, ``HAADF``, ``ABF``, ``SEM`` or ``TEM``.
    pixel_nm
        Size of a px.
    """

    path: Path
    modality: str
    pixel_nm: float

    def view(self, number: int) -> NDArray[np.float16]:
        """Return one image, mapped from the disk; numbers go round."""
        images = open_structure(self.path)
        return np.asarray(images[number % len(images)])


@dataclass(frozen=True)
class Scenes:
    """What there is to train on, and what only validates; no structure is on both sides."""

    train: tuple[SceneFile, ...]
    validation: tuple[SceneFile, ...]


def open_scenes(
    recipe: SimulateRecipe,
    folder: Path,
    progress: Callable[[float, str], None],
    should_stop: Callable[[], bool],
    modalities: Sequence[str] = (),
    workers: int = 2,
) -> Scenes:
    """Open the scenes of a recipe in `folder`, simulating what is missing first.

    What ``quietbeam simulate`` wrote into a folder by the same recipe is taken. Of `modalities` alone if there are any.

    Raises
    ------
    TrainingError
        The folder holds scenes of another recipe.
    StoppedError
        If `should_stop` became true; the finished structures stay.
    """
    _claim(folder, recipe)

    def check() -> None:
        if should_stop():
            raise StoppedError

    def make(index: int) -> None:
        place = folder / generator.split_of(recipe, index)
        place.mkdir(parents=True, exist_ok=True)
        write_structure(place, recipe, index, check)

    missing = [i for i in range(recipe.structures) if not is_whole(folder / generator.split_of(recipe, i), recipe, i)]
    with torch_threads(1), ThreadPoolExecutor(workers) as pool:
        for done, _ in enumerate(pool.map(make, missing), 1):
            progress(done / len(missing), f"simulating scene {done} of {len(missing)}")
    return scenes_of(folder, modalities)


def _claim(folder: Path, recipe: SimulateRecipe) -> None:
    """Note which recipe a new folder is for; refuse one of another. Old folders have no note, and are taken."""
    note = folder / item_files.NOTE
    if not note.exists():
        if not any(folder.glob("*/*.json")):
            folder.mkdir(parents=True, exist_ok=True)
            made_by = f"quietbeam {core.__version__}"
            document = {"recipe": recipe.model_dump(mode="json"), "version": generator.VERSION, "made_by": made_by}
            item_files.write_json(note, document)
        return
    try:
        there = SimulateRecipe.model_validate(json.loads(note.read_text(encoding="utf-8"))["recipe"])
    except (ValueError, KeyError, TypeError):
        return
    if _of_scenes(there) != _of_scenes(recipe):
        advice = "Name another 'scenes.folder' in the recipe, or another folder for the training (-o)."
        raise TrainingError("The folder holds scenes of another recipe.", folder, advice)


def _of_scenes(recipe: SimulateRecipe) -> dict[str, Any]:
    """Return what of a recipe makes its scenes: not how many are wanted, nor where its CIFs lie."""
    document = recipe.model_dump(mode="json", exclude={"name", "structures"})
    for scene in document["scenes"]:
        for key in ("materials", "particles", "supports"):
            scene[key] = [Path(one).name for one in scene[key]]
    return document


def scenes_of(folder: Path, modalities: Sequence[str] = ()) -> Scenes:
    """Open what lies in a folder, as it is, or what of it is of some modalities.

    Raises
    ------
    TrainingError
        There is nothing to train on, or nothing to validate with.
    """
    if not folder.is_dir():
        advice = "Mend 'scenes.folder' in the recipe: it is named as seen from the training's own folder (-o)."
        raise TrainingError("There is no such folder of scenes.", folder, advice)
    every = [_files(folder / split) for split in ("train", "validation")]
    train, validation = (tuple(one for one in some if not modalities or one.modality in modalities) for some in every)
    if every[0] and not train:
        known = ", ".join(sorted({one.modality for one in every[0]}))
        what = f"None of the {len(every[0])} scenes to train on is {' or '.join(modalities)}; they are {known}."
        raise TrainingError(what, folder, "Mend 'scenes.modalities', or choose other scenes.")
    if not train or not validation:
        what = f"{len(train)} scenes to train on and {len(validation)} to validate with are too few."
        advice = "Raise 'scenes.structures', or the shares in the [split] of the recipe that simulates them."
        raise TrainingError(what, folder, advice)
    return Scenes(train, validation)


def _files(folder: Path) -> tuple[SceneFile, ...]:
    found = []
    for note in sorted(folder.glob("*.json")):
        said = json.loads(note.read_text(encoding="utf-8"))["views"][0]
        found.append(SceneFile(note.with_suffix(".npy"), said["modality"], float(said["pixel_nm"])))
    return tuple(found)
