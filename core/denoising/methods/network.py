"""Networks that take electrons and give electrons, frame by frame: UNets and DnCNN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from torch import nn

from core.denoising.context import RunContext
from core.denoising.denoiser import Block, ElectronMovie, Geometry, Needs, State
from core.denoising.devices import Device
from core.denoising.methods.torch_runner import TorchRunner

# Activations of the first layer's size that are alive at once; 5.5 to 10 measured, by allocator and network.
_ACTIVATIONS = 9.0


class Viewing(Protocol):
    """What a tiled network says of its field of view, in px of the frame."""

    def receptive_radius(self, binning: int = 1) -> int:
        """How far an output pixel looks to any side."""

    def origin_divisor(self, binning: int = 1) -> int:
        """Tiles begin at multiples of it."""


class NetworkDenoiser:
    """A single-frame network. Height and width are continued to multiples of its pooling."""

    frames_before = 0
    frames_after = 0
    needs = Needs()

    def __init__(self, name: str, network: nn.Module, device: Device, precision: str) -> None:
        self.name = name
        view = cast(Viewing, network)
        divisor = view.origin_divisor()
        first = next(module.out_channels for module in network.modules() if isinstance(module, nn.Conv2d))
        self._geometry = Geometry(
            halo=view.receptive_radius(),
            origin_divisor=divisor,
            size_divisor=divisor,
            bytes_per_pixel=first * _ACTIVATIONS * (2 if precision == "bfloat16" else 4) + 16.0,
        )
        self._run = TorchRunner(network, device, precision)
        self._context: RunContext | None = None

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        """Nothing of the movie is needed."""
        return State(self._geometry, {}, context)

    def apply(self, state: State, block: Block) -> Block:
        """Denoise the wanted frames, as one batch."""
        first, last = block.wanted
        with self._run.stoppable(cast(RunContext, state.data).check):
            electrons = self._run(block.electrons[first:last])
        return block.denoised(electrons)
