"""What a model says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from core.protocol.base import Record

# Counts up when an older program could no longer make sense of a card.
CARD_FORMAT = 1


class TrainingRecord(Record):
    """How the weights came to be."""

    recipe: str
    data: str
    device: str
    duration_s: float
    steps: int
    seed: int


class ModelCard(Record):
    """The card that lies beside a model's weights. What may stand in one that is installed: `core.protocol.card_rules`.

    Attributes
    ----------
    format : int
        Of the card itself: `CARD_FORMAT`.
    name, version : str
        ``name`` is what the command line takes; an update adds a version and never replaces one.
    architecture : str
        A key of `core.networks`; `config` holds its arguments.
    modality : tuple of str
        Such as ``HRTEM``, ``STEM``.
    pixel_size_nm : tuple of float or None
        The range of pixel sizes that it was trained for; None where it adapts by binning.
    dose_range_e_px : tuple of float
        Electrons a pixel, lowest and highest.
    frames : int
        How many neighbouring frames, at least, it looks at for one; 1: each alone.
    series : str
        Name of the models, this one among them, that differ in the seed alone and show by it how far to trust any of
        them; empty: it is no such model.
    scores : dict
        Measure by name; each is a measured number. Names say the unit, but for those of `HELD_OUT`.
    licence, author : str
        Empty: not said.
    weights_sha256 : str
        Of ``weights.safetensors``.
    """

    format: Literal[1] = 1
    name: str
    version: str
    title: str
    architecture: str
    config: dict[str, Any]
    modality: tuple[str, ...]
    pixel_size_nm: tuple[float, float] | None = None
    dose_range_e_px: tuple[float, float]
    frames: int = Field(default=1, ge=1)
    series: str = ""
    training: TrainingRecord
    scores: dict[str, float] = {}
    licence: str
    author: str
    weights_sha256: str
    created: str
    caveats: tuple[str, ...] = ()


# Begins the names of what a training watched: means of PSNR in dB over held-out images, but for names ending in %.
HELD_OUT = "held-out "


def held_out_and_others(scores: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Part a card's scores for showing: those that its training watched, without `HELD_OUT`, and all others."""
    held = {name.removeprefix(HELD_OUT): value for name, value in scores.items() if name.startswith(HELD_OUT)}
    return held, {name: value for name, value in scores.items() if not name.startswith(HELD_OUT)}
