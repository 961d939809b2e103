"""Lattice-corrected networks: whole-frame mean and binning are chosen once a movie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch

from core.denoising.context import RunContext
from core.denoising.denoiser import Block, ElectronMovie, Geometry, Needs, State
from core.denoising.devices import Device
from core.denoising.methods.torch_runner import TorchRunner
from core.networks.binning_choice import choose_binning
from core.networks.lattice_corrected import LatticeCorrectedNet

_LOOKS = 4
_LEAST_MEAN = 1e-3
# Measured: a binned px costs about this much (overlapping windows, candidates and the UNet's activations) ...
_BYTES_PER_BINNED_PIXEL = 3000.0
# ... and a px of the frame this much (counts, spline, result).
_BYTES_PER_PIXEL = 40.0


class LatticeDenoiser:
    """A single-frame network that works on binned counts and knows the dose."""

    frames_before = 0
    frames_after = 0
    needs = Needs(gain=True)

    def __init__(self, name: str, network: LatticeCorrectedNet, device: Device, precision: str) -> None:
        self.name = name
        self._network = network
        # Windows and splines keep float32; only the correcting network is lowered.
        self._run = TorchRunner(network, device, precision, heavy="net")

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        """Choose the binning on up to four frames, or take it from `parameters`."""
        if parameters and "binning" in parameters:
            binning = int(parameters["binning"])
        else:
            binning = self._choose(movie, context)
        geometry = Geometry(
            halo=self._network.receptive_radius(binning),
            origin_divisor=self._network.origin_divisor(binning),
            bytes_per_pixel=_BYTES_PER_PIXEL + _BYTES_PER_BINNED_PIXEL / binning**2,
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
            frames.append(movie.block(int(frame), int(frame) + 1).electrons[0])
        size = None
        if movie.meta.pixel_size is not None and movie.meta.pixel_unit == "nm":
            size = float(np.mean(movie.meta.pixel_size))
        with torch.inference_mode():
            return choose_binning(torch.from_numpy(np.stack(frames)).clamp(min=0), size)
