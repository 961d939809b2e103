"""Which architectures exist, and how to build one with its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from core.networks.dncnn import DnCNN
from core.networks.lattice_corrected import LatticeCorrectedNet
from core.networks.lattice_movie import LatticeMovieNet
from core.networks.unet import SmallUNet, UNet

ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    "lattice-corrected": LatticeCorrectedNet,
    "lattice-movie": LatticeMovieNet,
    "unet": UNet,
    "small-unet": SmallUNet,
    "dncnn": DnCNN,
}


class UnknownArchitectureError(KeyError):
    """A model asks for an architecture that this version does not have."""


def build(architecture: str, config: Mapping[str, Any]) -> nn.Module:
    """Build a network with fresh weights; raises UnknownArchitectureError."""
    if architecture not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise UnknownArchitectureError(f"unknown architecture '{architecture}'; this version has: {known}")
    return ARCHITECTURES[architecture](**config)


def load(architecture: str, config: Mapping[str, Any], state: Mapping[str, Tensor]) -> nn.Module:
    """Build a network, give it float32 copies of the weights in `state`, and set it to evaluation."""
    network = build(architecture, config)
    network.load_state_dict({key: value.float() for key, value in state.items()})
    return network.eval().requires_grad_(False)
