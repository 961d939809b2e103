"""Lattice-corrected networks: whole-frame mean and binning are chosen once a movie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch

from core.denoising.context import RunContext
from core.denoising.denoiser import Block, ElectronMovie, Frames, Geometry, Needs, State
from core.denoising.devices import Device
from core.denoising.methods.torch_runner import TorchRunner
from core.networks.binning_choice import choose_binning
from core.networks.lattice_corrected import LatticeCorrectedNet

_LOOKS = 4
_LOOK_SIDE = 1536
_LEAST_MEAN = 1e-3
# Measured: a binned px costs this much (windows, candidates, the UNet's activations), a px of the frame that much.
_BYTES_PER_BINNED_PIXEL = {"bfloat16": 1000.0, "float32": 1300.0}
_BYTES_PER_PIXEL = 16.0
# How far a binned px really looks. By construction the windows and the UNet reach nearly 400 px, but what arrives from
# beyond 144 is rounding (the trained network's change over its own error: 4e-6 to 3e-5, no less at 336; at 96 px 4e-3),
# and with the whole reach a tile would be nearly all halo.
_REACH = 160


class LatticeDenoiser:
    """A single-frame network that works on binned counts and knows the dose."""

    frames_before = 0
    frames_after = 0
    needs = Needs(gain=True)

    def __init__(self, name: str, network: LatticeCorrectedNet, device: Device, precision: str) -> None:
        self.name = name
        self._network = network
        self._binned_bytes = _BYTES_PER_BINNED_PIXEL[precision]
        # Windows and splines keep float32; only the correcting network is lowered.
        self._run = TorchRunner(network, device, precision, heavy="net")

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        """Choose the binning on up to four frames, or take it from `parameters`."""
        if parameters and "binning" in parameters:
            binning = int(parameters["binning"])
        else:
            binning = self._choose(movie, context)
        geometry = Geometry(
            halo=min(_REACH * binning, self._network.receptive_radius(binning)),
            origin_divisor=self._network.origin_divisor(binning),
            bytes_per_pixel=_BYTES_PER_PIXEL + self._binned_bytes / binning**2,
        )
        return State(geometry, {"binning": binning}, context)

    def apply(self, state: State, block: Block) -> Block:
        """Denoise the wanted frames, as one batch."""
        first, last = block.wanted
        mean = np.maximum(block.dose[first:last], _LEAST_MEAN).astype(np.float32)
        with self._run.stoppable(cast(RunContext, state.data).check):
            electrons = self._run(block.electrons[first:last], mean, int(state.parameters["binning"]))
        return block.denoised(electrons)

    def _choose(self, movie: ElectronMovie, context: RunContext) -> int:
        frames = []
        for frame in np.unique(np.linspace(0, movie.frames - 1, _LOOKS).astype(int)):
            context.check()
            whole = movie.block(int(frame), int(frame) + 1).electrons[0]
            # A copy: a view would keep the whole frame, and four frames of 4k are 256 MB.
            frames.append(_middle(whole).copy())
        size = None
        if movie.meta.pixel_size is not None and movie.meta.pixel_unit == "nm":
            size = float(np.mean(movie.meta.pixel_size))
        with torch.inference_mode():
            return choose_binning(torch.from_numpy(np.stack(frames)).clamp(min=0), size)


def _middle(frame: Frames) -> Frames:
    """Return the middle of a large frame."""
    top, left = (max(0, (length - _LOOK_SIDE) // 2) for length in frame.shape)
    return frame[top : top + _LOOK_SIDE, left : left + _LOOK_SIDE]
