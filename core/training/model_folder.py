"""A trained model as a folder: card.json and weights.safetensors."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from core.protocol.model_card import HELD_OUT, ModelCard, TrainingRecord
from core.protocol.recipes import TrainRecipe
from core.training.checkpoint import TrainState, write_tensors


def write_model(recipe: TrainRecipe, state: TrainState, scores: dict[str, float], device: str, folder: Path) -> Path:
    """Write the averaged weights as float16, and the card that describes them; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "weights.safetensors"
    write_tensors({k: _stored(k, v) for k, v in state.average.items()}, weights)
    weights.chmod(0o644)
    card = ModelCard(
        name=recipe.name,
        version=recipe.card.version,
        title=recipe.card.title,
        architecture=recipe.network.architecture,
        config=recipe.network.config,
        modality=recipe.card.modality,
        pixel_size_nm=recipe.card.pixel_size_nm,
        dose_range_e_px=recipe.card.dose_range_e_px,
        frames=recipe.card.frames,
        series=recipe.card.series,
        training=TrainingRecord(
            recipe=recipe.name,
            data=data_words(recipe),
            device=device,
            duration_s=round(state.seconds),
            steps=state.step,
            seed=recipe.seed,
        ),
        scores={f"{HELD_OUT}{k}": round(v, 3) for k, v in scores.items()},
        licence=recipe.card.licence,
        author=recipe.card.author,
        weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        created=datetime.now(UTC).date().isoformat(),
        caveats=recipe.card.caveats,
    )
    partial = folder / "card.json.partial"
    partial.write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / "card.json")
    return folder


def data_words(recipe: TrainRecipe) -> str:
    """Say what a recipe trains on."""
    words = []
    if recipe.library is not None:
        library = recipe.library
        words.append(
            f"{library.structures} structures x {library.optics} imaging conditions by multislice and "
            f"{library.columns} dark-field STEM images of columns, all simulated by core.simulation; blank frames"
        )
    if recipe.scenes is not None and recipe.scenes.recipe is not None:
        scenes = recipe.scenes
        words.append(f"{scenes.structures or 'all'} structures of the simulation '{Path(scenes.recipe or '').stem}'")
    elif recipe.scenes is not None:
        words.append("simulated scenes")
    if recipe.images is not None:
        words.append(f"clean images with Gaussian noise of {recipe.images.noise[0]:g} to {recipe.images.noise[1]:g}")
    return "; ".join(words)


def _stored(name: str, value: Tensor) -> Tensor:
    """Half precision, but for a norm's statistics: variances leave its range."""
    return value.to(torch.float16) if value.is_floating_point() and ".running_" not in name else value
