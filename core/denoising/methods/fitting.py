"""Whether weights fit the architecture that a card names: asked before a model from elsewhere is installed."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from core.models import ModelError, Weights
from core.models.errors import ASK_AGAIN
from core.networks import registry
from core.protocol.model_card import ModelCard

# Arguments of a network are a few small numbers; what is more would only keep the computer busy.
_MOST_VALUES, _LARGEST, _DEEPEST = 64, 4096, 3


def check_fits(card: ModelCard, weights: Weights) -> None:
    """Refuse weights of other names or shapes than the card's architecture has. No memory is taken for the network.

    Raises
    ------
    ModelError
        Code ``bad-model``, with what does not fit.
    """
    if card.architecture not in registry.ARCHITECTURES:
        known = ", ".join(sorted(registry.ARCHITECTURES))
        advice = f"Install a newer Quietbeam, then the model (known: {known})."
        raise _unfit(card, f"it is a {card.architecture!r}, which this version of Quietbeam doesn't know", advice)
    if _values(card.config) > _MOST_VALUES:
        raise _unfit(card, "the card's network has arguments that no network has")
    try:
        with warnings.catch_warnings(), torch.device("meta"):
            # Of layers without weights; the shapes tell.
            warnings.simplefilter("ignore")
            network = registry.build(card.architecture, card.config)
        state = network.state_dict()
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise _unfit(card, f"the card's network can't be built ({error})") from error
    if card.frames > 1 and not registry.looks_over_time(network):
        raise _unfit(card, f"the card says that it looks at {card.frames} frames, and its network looks at one")
    wanted = {name: tuple(value.shape) for name, value in state.items()}
    given = {name: tuple(values.shape) for name, values in weights.items()}
    if wanted.keys() != given.keys():
        missing, more = len(wanted.keys() - given.keys()), len(given.keys() - wanted.keys())
        raise _unfit(card, f"{missing} of the network's {len(wanted)} arrays are missing and {more} don't belong to it")
    for name, shape in wanted.items():
        if given[name] != shape:
            raise _unfit(card, f"{name} has the shape {given[name]}, where the network has {shape}")
    for name, values in weights.items():
        # Some count batches, in whole numbers.
        if values.dtype.kind != "f" and state[name].is_floating_point():
            raise _unfit(card, f"{name} holds {values.dtype} numbers, not float16 or float32")


def _values(value: Any, depth: int = 0) -> int:
    """How many numbers and words there are; more than is allowed if one is too large."""
    if depth > _DEEPEST:
        return _MOST_VALUES + 1
    if isinstance(value, dict):
        return sum(_values(one, depth + 1) for one in value.values())
    if isinstance(value, list | tuple):
        return sum(_values(one, depth + 1) for one in value)
    if isinstance(value, int | float) and not abs(value) <= _LARGEST:
        return _MOST_VALUES + 1
    return 1


def _unfit(card: ModelCard, why: str, advice: str = ASK_AGAIN) -> ModelError:
    what = f"The weights of {card.name} {card.version} don't fit its card: {why}."
    return ModelError.of("bad-model", what, None, advice)
