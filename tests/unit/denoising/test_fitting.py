"""Weights from elsewhere are held against the architecture that their card names, before they are installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.denoising.methods.fitting import check_fits
from core.models import ModelError, Weights
from core.networks import registry
from core.protocol.model_card import ModelCard
from tests.unit.models.test_store import CARD

CONFIG = {"depth": 3, "channels": 4}


def card(architecture: str = "dncnn", config: dict[str, Any] | None = None) -> ModelCard:
    changes = {"architecture": architecture, "config": CONFIG if config is None else config, "weights_sha256": "0"}
    return ModelCard.model_validate({**CARD, **changes})


@pytest.fixture
def weights() -> dict[str, np.ndarray]:
    return {name: value.half().numpy() for name, value in registry.build("dncnn", CONFIG).state_dict().items()}


def test_weights_of_the_architecture_fit(weights: Weights) -> None:
    check_fits(card(), weights)


@pytest.mark.parametrize(
    ("architecture", "config", "words"),
    [
        ("transformer", {}, "doesn't know"),
        ("dncnn", {"depth": 3, "channels": 8}, "has the shape"),
        ("dncnn", {"depth": 4, "channels": 4}, "are missing"),
        ("dncnn", {"depth": 2}, "three layers"),
        ("dncnn", {"layers": 3}, "can't be built"),
        ("dncnn", {"depth": "3"}, "what is given for depth of a dncnn is of the wrong kind"),
        ("dncnn", {"channels": -1}, "can't be built"),
        ("dncnn", {"channels": 10**9}, "no network has"),
        ("dncnn", {"channels": float("nan")}, "no network has"),
        ("lattice-corrected", {"channels": [8] * 1000}, "no network has"),
        ("lattice-corrected", {"channels": [[[[8]]]]}, "no network has"),
        ("dncnn", {"channels": 0}, "don't fit"),
        ("lattice-corrected", {"windows": [16, 0]}, "multiples of 4"),
        ("lattice-corrected", {"windows": [16, -32]}, "multiples of 4"),
        ("lattice-corrected", {"windows": [16, 30]}, "multiples of 4"),
        ("lattice-corrected", {"windows": [16, 4096]}, "up to 512"),
        ("lattice-corrected", {"windows": [16, "32"]}, "multiples of 4"),
        ("lattice-corrected", {"windows": 32}, "of the wrong kind"),
        ("lattice-corrected", {"windows": []}, "multiples of 4"),
        ("lattice-corrected", {"mixture": 2}, "true or false"),
        ("lattice-movie", {"reaches": [1], "windows": [True, 32]}, "multiples of 4"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(
    weights: Weights, architecture: str, config: dict[str, Any], words: str
) -> None:
    with pytest.raises(ModelError, match=words) as raised:
        check_fits(card(architecture, config), weights)
    assert raised.value.info.advice


def test_network_of_single_frames_that_claims_to_look_at_more_is_refused(weights: Weights) -> None:
    with pytest.raises(ModelError, match="looks at 5 frames, and its network looks at one"):
        check_fits(card().model_copy(update={"frames": 5}), weights)


def test_whole_numbers_are_no_weights(weights: dict[str, np.ndarray]) -> None:
    name = next(iter(weights))
    with pytest.raises(ModelError, match="int32"):
        check_fits(card(), {**weights, name: weights[name].astype(np.int32)})
