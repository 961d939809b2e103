"""A trained model as a folder: card.json and weights.safetensors."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import torch
from safetensors.torch import save_file

from core.protocol.model_card import ModelCard, TrainingRecord
from core.protocol.recipes import TrainRecipe
from core.training.checkpoint import TrainState


def write_model(recipe: TrainRecipe, state: TrainState, scores: dict[str, float], device: str, folder: Path) -> Path:
    """Write the averaged weights as float16, and the card that describes them; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "weights.safetensors"
    save_file({k: v.detach().cpu().to(torch.float16).contiguous() for k, v in state.average.items()}, weights)
    weights.chmod(0o644)
    library = recipe.library
    data = (
        f"{library.structures} structures x {library.optics} imaging conditions by multislice and {library.columns} "
        "dark-field STEM images of columns, all simulated by core.simulation; blank frames"
    )
    card = ModelCard(
        name=recipe.name,
        version=recipe.card.version,
        title=recipe.card.title,
        architecture=recipe.network.architecture,
        config=recipe.network.config,
        modality=recipe.card.modality,
        pixel_size_nm=recipe.card.pixel_size_nm,
        dose_range_e_px=recipe.card.dose_range_e_px,
        training=TrainingRecord(
            recipe=recipe.name,
            data=data,
            device=device,
            duration_s=round(state.seconds),
            steps=state.step,
            seed=recipe.seed,
        ),
        scores={f"held-out {k}": round(v, 3) for k, v in scores.items()},
        licence="BSD-3-Clause",
        author="Quietbeam contributors",
        weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        created=datetime.now(UTC).date().isoformat(),
        caveats=recipe.card.caveats,
    )
    (folder / "card.json").write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return folder
