"""One installed model: a folder with ``card.json`` and ``weights.safetensors``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from core.models.errors import REINSTALL, ModelError, model_error
from core.protocol.model_card import ModelCard

CARD_NAME = "card.json"
WEIGHTS_NAME = "weights.safetensors"
# A card is a page of text, and the largest networks that there are have less; more is a mistake or an attack.
CARD_BYTES = 1 << 20
WEIGHTS_BYTES = 1 << 30

Weights = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class InstalledModel:
    """A model whose card could be read. Its weights are checked when they are loaded."""

    card: ModelCard
    folder: Path
    built_in: bool = False

    @property
    def weights_path(self) -> Path:
        """Where the weights lie."""
        return self.folder / WEIGHTS_NAME

    def load_weights(self) -> Weights:
        """Read the weights and check them against the card.

        Returns
        -------
        mapping of str to ndarray
            In the types of the file (float16 or float32).

        Raises
        ------
        ModelError
            The file is missing, is not the one that the card names, can't be read, or holds numbers that are not
            finite.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        data = self._weights_bytes()
        if hashlib.sha256(data).hexdigest() != self.card.weights_sha256:
            raise self._unusable("its weights are not those that its card names")
        try:
            weights = load(data)
        except KeyError as error:
            raise self._unusable(f"its weights are numbers of a kind that isn't read here ({error.args[0]})") from error
        except (SafetensorError, TypeError, ValueError) as error:
            raise self._unusable(f"its weights can't be read ({error})") from error
        for name, values in weights.items():
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                raise self._unusable(f"its weights hold numbers that are not finite, in {name}")
        return weights

    def _weights_bytes(self) -> bytes:
        try:
            size = self.weights_path.stat().st_size
            if size > WEIGHTS_BYTES:
                raise self._unusable("its weights are larger than 1 GiB, more than any model needs")
            return self.weights_path.read_bytes()
        except OSError as error:
            raise self._unusable(f"its weights can't be read ({error.strerror or error})") from error

    def _unusable(self, why: str) -> ModelError:
        what = f"The model {self.card.name} {self.card.version} can't be used: {why}."
        return model_error("no-model", what, str(self.folder), REINSTALL)


def read_model(folder: Path, built_in: bool = False) -> InstalledModel:
    """Read the card of the model in a folder.

    Raises
    ------
    ModelError
        The card can't be read, or the weights are not beside it.
    """
    path = folder / CARD_NAME
    try:
        if path.stat().st_size > CARD_BYTES:
            raise model_error("no-model", "The model's card is larger than 1 MiB.", str(folder), REINSTALL)
        card = card_from(path.read_bytes())
    except OSError as error:
        what = f"The model's card can't be read ({error.strerror or error})."
        raise model_error("no-model", what, str(folder), REINSTALL) from error
    except ValueError as error:
        raise model_error("no-model", f"The model's card is damaged: {error}.", str(folder), REINSTALL) from error
    model = InstalledModel(card, folder, built_in)
    if not model.weights_path.is_file():
        what = f"The model {card.name} has no {WEIGHTS_NAME}."
        raise model_error("no-model", what, str(folder), REINSTALL)
    return model


def card_from(data: bytes) -> ModelCard:
    """Read a card; raises ValueError, with the first thing that is wrong with it in words."""
    try:
        return ModelCard.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where + ': ' if where else ''}{first['msg']}") from error
