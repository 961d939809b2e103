"""Lattice-corrected networks: the binning is chosen once a movie, by the error against looks not shown to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from core.denoising.context import RunContext
from core.denoising.denoiser import Block, ElectronMovie, Geometry, Needs, State
from core.denoising.devices import Device
from core.denoising.methods.torch_runner import TorchRunner
from core.denoising.tuning import (
    LOOK_SIDE,
    Look,
    folded_looks,
    middle,
    neighbour_looks,
    noise_of,
    spectrum_of,
    spread,
)
from core.networks.binning_choice import BINNINGS
from core.networks.lattice_corrected import LatticeCorrectedNet

_LOOKS = 2
_SEED = 20
# A fifth of the electrons judges, each fifth in turn: one alone is too noisy to tell 4 from 8 (measured).
_FOLDS = 5
_FOLDS_AT = {1: 2, 2: 3, 4: 5, 8: 5}
# Coarse sums are quick: a worse one of these doesn't end the search.
_STOP_FROM = 2
# Below this many binned px a side there is too little to judge by.
_LEAST_BINNED = 32
_LEAST_MEAN = 1e-3
# Measured: a binned px costs this much (windows, candidates, the UNet's activations), and more where the mixture of all
# is a candidate too; a px of the frame that much.
_BYTES_PER_BINNED_PIXEL = {"bfloat16": 1000.0, "float32": 1300.0}
_BYTES_OF_MIXTURE = 500.0
_BYTES_PER_PIXEL = 16.0
# How far a binned px really looks, in longest windows. By construction the windows twice and the UNet reach further,
# but what arrives from beyond is rounding (the trained networks' change over their own error: 1e-5 at this reach, 4e-3
# at 1.25), and with the whole reach a tile would be nearly all halo.
_REACH = 1.75


class LatticeDenoiser:
    """A single-frame network that works on binned counts and knows the dose."""

    frames_before = 0
    frames_after = 0
    needs = Needs(gain=True)

    def __init__(self, name: str, network: LatticeCorrectedNet, device: Device, precision: str) -> None:
        self.name = name
        self._network = network
        self._binned_bytes = _BYTES_PER_BINNED_PIXEL[precision] + network.mixture * _BYTES_OF_MIXTURE
        # Windows and splines keep float32; only the correcting network is lowered.
        self._run = TorchRunner(network, device, precision, heavy="net")

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        """Choose the binning on up to four frames, or take it from `parameters`."""
        if parameters and "binning" in parameters:
            binning = int(parameters["binning"])
        else:
            binning = self._choose(movie, context)
        geometry = Geometry(
            halo=min(round(_REACH * max(self._network.windows)) * binning, self._network.receptive_radius(binning)),
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
        looks = list(neighbour_looks(movie, context))
        spectrum = None
        for number, frame in enumerate(spread(movie.frames, 0 if looks else _LOOKS)):
            context.check()
            electrons = middle(movie.block(frame, frame + 1).electrons, LOOK_SIDE)
            variance = noise_of(movie, electrons)
            if number == 0:
                spectrum = spectrum_of(movie, variance, context)
            looks += folded_looks(electrons, variance, _SEED + number, _FOLDS, spectrum)
        # All folds of the coarse, quick ones; of the fine ones the first of each frame suffice.
        looks.sort(key=lambda look: look.fold)
        side = min(movie.height, movie.width, LOOK_SIDE)
        possible = [one for one in BINNINGS if side // one >= _LEAST_BINNED] or [1]
        best, losses = possible[-1], self._losses(looks, possible[-1], context)
        # From coarse to fine: finer sums cost four times as much, and are not worth it once they have become worse.
        for binning in reversed(possible[:-1]):
            found = self._losses(looks, binning, context)
            if np.mean(found) < np.mean(losses[: len(found)]):
                best, losses = binning, found
            elif binning <= _STOP_FROM:
                break
        return best

    def _losses(self, looks: Sequence[Look], binning: int, context: RunContext) -> list[float]:
        """Return the error against each look, or against some of them where it is slow."""
        most = len(looks) if len(looks) < _FOLDS else len(looks) * _FOLDS_AT[binning] // _FOLDS
        out = []
        for look in looks[:most]:
            mean = np.maximum(look.given.mean((1, 2)), _LEAST_MEAN).astype(np.float32)
            with self._run.stoppable(context.check):
                out.append(look.loss(self._run(look.given, mean, binning)))
        return out
