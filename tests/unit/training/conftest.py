from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from core.protocol.recipes import TrainRecipe
from core.training.recipe_file import load_recipe

TINY = """
name = "tiny"
seed = 3
[library]
structures = 3
optics = 1
columns = 2
held_out = 1
size = 80
pixel_angstrom = [0.2, 0.3]
[network]
architecture = "lattice-corrected"
config = { channels = [8, 8], windows = [8, 16] }
[schedule]
steps = 6
decay_steps = 3
warmup_steps = 1
batch = 2
patch = 48
passes = 2
rate = 1e-3
dose_tem = [2.0, 100.0]
dose_stem = [2.0, 50.0]
stem_share = 0.3
blank_share = 0.1
validate_every = 3
checkpoint_every = 4
[card]
title = "Tiny"
version = "0.0.1"
modality = ["HRTEM"]
dose_range_e_px = [0.1, 10.0]
caveats = ["For tests alone."]
"""


@pytest.fixture
def recipe_text() -> str:
    return TINY


@pytest.fixture
def recipe(tmp_path: Path) -> TrainRecipe:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return load_recipe(path)


PLAIN = """
name = "plain"
seed = 4
[scenes]
folder = "{folder}"
binnings = [1]
dose = [0.5, 5.0]
softened = 0.0
[network]
architecture = "{architecture}"
config = {config}
[schedule]
steps = 6
decay_steps = 3
warmup_steps = 1
batch = 2
patch = 32
rate = 1e-3
weight_decay = 0.0
loss = "l2"
validate_every = 2
checkpoint_every = 2
[card]
title = "Plain"
version = "0.0.1"
modality = ["HRTEM"]
dose_range_e_px = [0.5, 5.0]
"""


@pytest.fixture
def scenes_folder(tmp_path: Path) -> Path:
    """Scenes of stripes, made in no time: six to train on, two to validate with."""
    folder = tmp_path / "stripes"
    rows, columns = np.mgrid[:48, :48]
    for number in range(8):
        place = folder / ("train" if number < 6 else "validation")
        place.mkdir(parents=True, exist_ok=True)
        phases = 0.5 * number + np.arange(2).reshape(-1, 1, 1)
        np.save(place / f"{number:06d}.npy", (1 + 0.5 * np.sin(0.8 * columns + 0.3 * rows + phases)).astype(np.float16))
        note = {"views": [{"modality": "HRTEM", "pixel_nm": 0.02}] * 2}
        (place / f"{number:06d}.json").write_text(json.dumps(note))
    return folder


class Plain(Protocol):
    """Makes a recipe of a plain network on stripes; keywords replace keys of its schedule."""

    def __call__(self, architecture: str = ..., config: str = ..., **schedule: Any) -> TrainRecipe: ...


@pytest.fixture
def plain(tmp_path: Path, scenes_folder: Path) -> Plain:
    def make(architecture: str = "unet", config: str = "{ scales = 2, channels = 4 }", **schedule: Any) -> TrainRecipe:
        path = tmp_path / "plain.toml"
        path.write_text(PLAIN.format(folder=scenes_folder.as_posix(), architecture=architecture, config=config))
        recipe = load_recipe(path)
        return recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update=schedule)})

    return make
