"""Lattice-corrected networks: the binning is chosen once a movie, by the error against looks not shown to them.

They know counts. Of what is none the noise's spectrum is measured, and they are shown what looks like counts
(`core.noise.whitening`), unless the looks say that they do better unaware of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from core.denoising.context import RunContext
from core.denoising.denoiser import Block, ElectronMovie, Frames, Geometry, Needs, State
from core.denoising.devices import Device
from core.denoising.methods.spikes import spike_limit, without_spikes
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
from core.noise.spectrum import NoiseSpectrum
from core.noise.whitening import RADIUS, Whitening

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


@dataclass(frozen=True)
class Recorded:
    """What was measured of frames that are no counts.

    Attributes
    ----------
    whitening : Whitening or None
        None where the frames are taken for counts.
    spike : float or None
        By how much a hit exceeds its surroundings, in electrons.
    """

    whitening: Whitening | None = None
    spike: float | None = None

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Recorded:
        """Read what `as_parameters` wrote; nothing is known of counts."""
        found = NoiseSpectrum.of(parameters.get("spectrum"))
        whitening = None if found is None else Whitening(found, float(parameters["factor"]))
        return cls(whitening, parameters.get("spike"))

    def as_parameters(self) -> dict[str, Any]:
        """Return plain JSON values; none of counts."""
        known: dict[str, Any] = {} if self.spike is None else {"spike": self.spike}
        if self.whitening is not None:
            known |= {"spectrum": self.whitening.spectrum.as_parameters(), "factor": self.whitening.factor}
        return known


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
        known = parameters is not None and "binning" in parameters
        chosen = dict(parameters) if parameters is not None and known else self._choose(movie, context)
        binning = int(chosen["binning"])
        reach = min(round(_REACH * max(self._network.windows)) * binning, self._network.receptive_radius(binning))
        geometry = Geometry(
            halo=reach + (2 * RADIUS if "spectrum" in chosen else 0),
            origin_divisor=self._network.origin_divisor(binning),
            bytes_per_pixel=_BYTES_PER_PIXEL + self._binned_bytes / binning**2,
        )
        return State(geometry, chosen, context)

    def apply(self, state: State, block: Block) -> Block:
        """Denoise the wanted frames, as one batch."""
        first, last = block.wanted
        recorded, binning = Recorded.of(state.parameters), int(state.parameters["binning"])
        context = cast(RunContext, state.data)
        return block.denoised(self.run(block.electrons[first:last], block.dose[first:last], binning, recorded, context))

    def run(
        self,
        electrons: Frames,
        dose: npt.NDArray[np.floating[Any]],
        binning: int,
        recorded: Recorded,
        context: RunContext,
    ) -> Frames:
        """Denoise frames (T, H, W) in electrons, whole frames of mean `dose` (T,) or parts of them."""
        whitening = recorded.whitening
        if recorded.spike is not None:
            electrons = np.stack([without_spikes(frame, recorded.spike) for frame in electrons])
        mean = np.maximum(dose, _LEAST_MEAN)
        if whitening is not None:
            electrons, mean = whitening.counts(electrons), mean / whitening.factor
        with self._run.stoppable(context.check):
            clean = self._run(electrons, mean.astype(np.float32), binning)
        return clean if whitening is None else whitening.electrons(clean)

    def _choose(self, movie: ElectronMovie, context: RunContext) -> dict[str, Any]:
        looks = list(neighbour_looks(movie, context))
        first = middle(movie.block(0, 1).electrons, LOOK_SIDE)
        variance = noise_of(movie, first)
        spectrum = spectrum_of(movie, variance, context)
        recorded = _recorded(first[0], variance, spectrum)
        for number, frame in enumerate(spread(movie.frames, 0 if looks else _LOOKS)):
            context.check()
            electrons = middle(movie.block(frame, frame + 1).electrons, LOOK_SIDE)
            variance = noise_of(movie, electrons)
            electrons = np.stack([without_spikes(one, recorded.spike) for one in electrons])
            looks += folded_looks(electrons, variance, _SEED + number, _FOLDS, spectrum)
        # All folds of the coarse, quick ones; of the fine ones the first of each frame suffice.
        looks.sort(key=lambda look: look.fold)
        side = min(movie.height, movie.width, LOOK_SIDE)
        possible = [one for one in BINNINGS if side // one >= _LEAST_BINNED] or [1]
        best, losses = possible[-1], self._losses(looks, possible[-1], recorded, context)
        # From coarse to fine: finer sums cost four times as much, and are not worth it once they have become worse.
        for binning in reversed(possible[:-1]):
            found = self._losses(looks, binning, recorded, context)
            if np.mean(found) < np.mean(losses[: len(found)]):
                best, losses = binning, found
            elif binning <= _STOP_FROM:
                break
        if recorded.whitening is not None:
            # Structure may have passed for noise.
            unaware = replace(recorded, whitening=None)
            if np.mean(self._losses(looks, best, unaware, context)) < np.mean(losses):
                recorded = unaware
        return {"binning": best, **recorded.as_parameters()}

    def _losses(self, looks: Sequence[Look], binning: int, recorded: Recorded, context: RunContext) -> list[float]:
        """Return the error against each look, or against some of them where it is slow."""
        most = len(looks) if len(looks) < _FOLDS else len(looks) * _FOLDS_AT[binning] // _FOLDS
        out = []
        for look in looks[:most]:
            dose = look.given.mean((1, 2))
            out.append(look.loss(self.run(look.given, dose, binning, recorded, context)))
        return out


def _recorded(frame: Frames, variance: float | None, spectrum: NoiseSpectrum | None) -> Recorded:
    """Return what is known of a frame (H, W); nothing of counts."""
    if spectrum is None:
        return Recorded()
    whitening = Whitening.of(spectrum, variance, float(frame.mean()))
    return Recorded(whitening, spike_limit(frame, spectrum, variance))
