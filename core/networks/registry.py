"""Which architectures exist, and how to build one with its weights."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from core.networks.dncnn import DnCNN
from core.networks.lattice_corrected import LatticeCorrectedNet
from core.networks.lattice_movie import LatticeMovieNet
from core.networks.unet import SmallUNet, UNet

ARCHITECTURES: dict[str, type[nn.Module]] = {
    "lattice-corrected": LatticeCorrectedNet,
    "lattice-movie": LatticeMovieNet,
    "unet": UNet,
    "small-unet": SmallUNet,
    "dncnn": DnCNN,
}


class UnknownArchitectureError(ValueError):
    """A model asks for an architecture that this version does not have."""


def build(architecture: str, config: Mapping[str, Any]) -> nn.Module:
    """Build a network with fresh weights.

    Raises
    ------
    UnknownArchitectureError
        There is none of this name.
    ValueError
        It has no such argument, or not of this kind or size.
    """
    if architecture not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise UnknownArchitectureError(f"there is no {architecture!r}; there are: {known}")
    network = ARCHITECTURES[architecture]
    known_names = _arguments(network)
    strange = next((name for name in config if name not in known_names), None)
    if strange is not None:
        raise ValueError(f"a {architecture} has no {strange!r}; it has: {', '.join(known_names)}")
    try:
        return network(**config)
    except TypeError as error:
        raise ValueError(f"what is given for {', '.join(config)} of a {architecture} is of the wrong kind") from error


def _arguments(network: type[nn.Module]) -> tuple[str, ...]:
    """Names of what builds it, its ancestors' where it hands them on."""
    names: list[str] = []
    for kind in network.__mro__:
        if "__init__" not in vars(kind):
            continue
        wanted = list(inspect.signature(vars(kind)["__init__"]).parameters.values())[1:]
        names += [one.name for one in wanted if one.kind is not one.VAR_KEYWORD]
        if all(one.kind is not one.VAR_KEYWORD for one in wanted):
            break
    return tuple(names)


def looks_over_time(network: nn.Module) -> bool:
    """Whether it is made for sums of neighbouring frames, not for single ones alone."""
    return isinstance(network, LatticeMovieNet)


def load(architecture: str, config: Mapping[str, Any], state: Mapping[str, Tensor]) -> nn.Module:
    """Build a network, give it float32 copies of the weights in `state`, and set it to evaluation."""
    network = build(architecture, config)
    network.load_state_dict({key: value.float() for key, value in state.items()})
    return network.eval().requires_grad_(False)
