from __future__ import annotations

from pathlib import Path

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
