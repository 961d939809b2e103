"""Several processes train one network: as torchrun starts them, on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from core.networks.registry import build
from core.training.examples import Source
from core.training.loop import rate_at
from core.training.losses import LOSSES
from core.training.prefetch import Prefetcher
from core.training.recipe_file import load_recipe
from core.training.scene_store import scenes_of
from core.training.tasks import task_for

ROOT = Path(__file__).parents[2]
RECIPE = """
name = "together"
seed = 4
[scenes]
folder = "{folder}"
binnings = [1]
[network]
architecture = "small-unet"
[schedule]
steps = 4
decay_steps = 2
warmup_steps = 0
batch = 2
patch = 32
rate = 1e-3
loss = "l2"
precision = "float32"
validate_every = 2
checkpoint_every = 2
[card]
title = "Together"
version = "0.0.1"
modality = ["HRTEM"]
dose_range_e_px = [0.5, 5.0]
"""


def _scenes(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(4):
        place = folder / ("train" if number else "validation")
        place.mkdir(parents=True, exist_ok=True)
        np.save(place / f"{number}.npy", rng.uniform(0.5, 1.5, (1, 40, 40)).astype(np.float16))
        (place / f"{number}.json").write_text(json.dumps({"views": [{"modality": "HRTEM", "pixel_nm": 0.02}]}))


def _expected(path: Path, scenes: Path) -> dict[str, torch.Tensor]:
    """Weights after the same steps in one process, with the gradients of both shares averaged by hand."""
    recipe = load_recipe(path)
    schedule = recipe.schedule
    torch.manual_seed(recipe.seed)
    network = build("small-unet", {})
    task = task_for(network, "cpu")
    source = Source(scenes=scenes_of(scenes), scenes_recipe=recipe.scenes)
    shares = [Prefetcher(task, source, schedule, recipe.seed, rank, 2) for rank in range(2)]
    optimizer = torch.optim.AdamW(network.parameters(), lr=schedule.rate, weight_decay=schedule.weight_decay)
    for step in range(schedule.steps):
        optimizer.param_groups[0]["lr"] = rate_at(schedule, step)
        optimizer.zero_grad()
        for share in shares:
            batch = share.get(step)
            (LOSSES["l2"](task.estimate(batch), batch) / 2).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), schedule.clip)
        optimizer.step()
    for share in shares:
        share.close()
    return network.state_dict()


def test_two_processes_average_their_gradients_and_the_first_one_writes(tmp_path: Path) -> None:
    _scenes(tmp_path / "scenes")
    recipe = tmp_path / "together.toml"
    recipe.write_text(RECIPE.format(folder=(tmp_path / "scenes").as_posix()))
    out = tmp_path / "out"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "app", "train", str(recipe), "-o", str(out), "--device", "cpu", "--json"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=160)
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(run.stdout)["steps"] == 4, "one process speaks, and only one"
    assert len((out / "log.jsonl").read_text().splitlines()) == 2
    trained = load_file(out / "checkpoint.safetensors")
    for name, value in _expected(recipe, tmp_path / "scenes").items():
        assert torch.allclose(trained[f"network.{name}"], value, atol=1e-5), name
