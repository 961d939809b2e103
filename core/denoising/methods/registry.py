"""Every method by the name that a user gives: an installed model, or a classical filter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from core.denoising.denoiser import Denoiser
from core.denoising.devices import Device
from core.denoising.errors import denoise_error
from core.denoising.methods.classical import CLASSICAL
from core.denoising.methods.lattice import LatticeDenoiser
from core.denoising.methods.lattice_movie import LatticeMovieDenoiser
from core.denoising.methods.network import NetworkDenoiser
from core.models import InstalledModel, ModelError, ModelStore
from core.models.errors import REINSTALL
from core.networks import registry
from core.networks.lattice_corrected import LatticeCorrectedNet
from core.networks.lattice_movie import LatticeMovieNet
from core.protocol.model_card import ModelCard


@dataclass(frozen=True)
class Method:
    """A method that can be made for a device.

    Attributes
    ----------
    name, version, weights_sha256 : str
        What the plan names; without weights the last is empty.
    on_torch : bool
        Whether it runs on the device; classical filters run on the CPU.
    whole_network_lowered : bool
        In bfloat16 its input is lowered too, so counts must be whole numbers that bfloat16 holds (up to 256).
    make : callable
        Makes the denoiser for a device and a precision.
    card : ModelCard
        What it says of itself; a filter claims nothing.
    """

    name: str
    version: str
    weights_sha256: str
    on_torch: bool
    whole_network_lowered: bool
    make: Callable[[Device, str], Denoiser]
    card: ModelCard


def find_method(name: str, store: ModelStore, version: str | None = None) -> Method:
    """Return a method by name.

    Raises
    ------
    ModelError
        No such model is installed, or it can't be used.
    DenoiseError
        The model needs a newer version of the program.
    """
    if name in CLASSICAL:
        filter_ = CLASSICAL[name]
        return Method(name, filter_.version, "", False, False, lambda device, precision: filter_.make(), filter_.card)
    try:
        model = store.get(name) if version is None else store.get(name, version)
    except ModelError as error:
        if error.info.path is not None:
            raise
        advice = f"{error.info.advice} Filters: {', '.join(CLASSICAL)}."
        raise ModelError(error.info.model_copy(update={"advice": advice})) from error
    card = model.card
    if card.architecture not in registry.ARCHITECTURES:
        known = ", ".join(sorted(registry.ARCHITECTURES))
        raise denoise_error(
            "no-model",
            f"The model {card.name} is a '{card.architecture}', which this version of Quietbeam doesn't know.",
            str(model.folder),
            f"Install a newer Quietbeam, or choose another model (known: {known}).",
        )
    lattice = card.architecture in ("lattice-corrected", "lattice-movie")
    return Method(
        card.name,
        card.version,
        card.weights_sha256,
        True,
        not lattice,
        lambda device, precision: _make(model, device, precision),
        card,
    )


def _make(model: InstalledModel, device: Device, precision: str) -> Denoiser:
    network = _load(model)
    if isinstance(network, LatticeCorrectedNet):
        single = LatticeDenoiser(model.card.name, network, device, precision)
        if isinstance(network, LatticeMovieNet):
            return LatticeMovieDenoiser(model.card.name, single, network.reaches)
        return single
    return NetworkDenoiser(model.card.name, network, device, precision)


def _load(model: InstalledModel) -> nn.Module:
    weights = model.load_weights()
    state = {name: torch.from_numpy(_own(values)) for name, values in weights.items()}
    try:
        return registry.load(model.card.architecture, model.card.config, state)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise denoise_error(
            "no-model",
            f"The weights of the model {model.card.name} don't fit its card.",
            str(model.folder),
            REINSTALL,
        ) from error


def _own(values: Any) -> Any:
    """Return an array that torch may write to: one read from a file's bytes is read-only."""
    return np.array(values)
