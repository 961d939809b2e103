"""The lattice filter without a network: Fourier windows of many sizes and Gaussians, mixed per place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.denoising.context import RunContext
from core.denoising.denoiser import Block, ElectronMovie, Frames, Geometry, Needs, State
from core.denoising.methods.spikes import spike_limit, without_spikes
from core.denoising.tuning import LOOK_SIDE, Look, frame_looks, middle, noise_of, spectrum_of, spread
from core.networks.binning_choice import BINNINGS, choose_binning
from core.networks.block_spline import SPLINE_RADIUS, bin_counts, spread_blocks
from core.networks.lattice_mixture import (
    CANDIDATES,
    ORIGIN_DIVISOR,
    REACH,
    Spectrum,
    candidates,
    errors,
    mix,
    mixture,
)
from core.networks.smoothing import gaussian_blur
from core.noise.spectrum import NoiseSpectrum

NAME = "lattice-filter"
_LOOKS = 1
_SEED = 20
_LOCAL_SIGMA = 4.8
_COUNT_FLOOR = 0.25
_LEAST_BINNED = 32
_LEAST_VARIANCE = 1e-6
# Measured: windows and candidates of a binned px.
_BYTES_PER_BINNED_PIXEL = 1500.0
_BYTES_PER_PIXEL = 24.0


@dataclass(frozen=True)
class _Noise:
    """The noise of sums of px.

    Attributes
    ----------
    variance : float or None
        Of a px; None is Poisson's.
    spectrum : NoiseSpectrum or None
        Relative to that variance; None is white.
    """

    variance: float | None
    spectrum: NoiseSpectrum | None

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> _Noise:
        """Read what was written into a plan; one of before there were spectra has none."""
        return cls(parameters["variance"], NoiseSpectrum.of(parameters.get("spectrum")))

    def as_parameters(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "variance": self.variance,
            "spectrum": None if self.spectrum is None else self.spectrum.as_parameters(),
        }

    def of_sums(self, sums: Tensor, binning: int) -> Tensor:
        """Return the variance of each sum: the sums' local mean where it is Poisson's."""
        level = 1.0 if self.spectrum is None else self.spectrum.level(binning)
        if self.variance is not None:
            return torch.full_like(sums, self.variance * level * binning**2)
        mean = gaussian_blur(sums, torch.ones_like(sums[:1]), _LOCAL_SIGMA).clamp(min=_COUNT_FLOOR)
        return mean if self.spectrum is None else mean * level

    def spectrum_at(self, binning: int) -> Spectrum | None:
        """Return the power of the sums' noise at the frequencies of a window, in units of its variance."""
        spectrum = self.spectrum
        if spectrum is None:
            return None
        level = spectrum.level(binning)
        return lambda side: torch.from_numpy(spectrum.of_sums(side, binning) / level).float()


class LatticeFilterDenoiser:
    """Frame by frame, on sums of px (`core.networks.lattice_mixture`).

    The binning that brings the lattice nearest to 10 px a period (`choose_binning`) and its neighbours are tried on
    looks that the filter did not see; the candidates' errors on them become the prior of the mixture.
    """

    name = NAME
    frames_before = 0
    frames_after = 0
    needs = Needs()

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        """Choose binning and prior on the first frame, or take them from `parameters`."""
        known = parameters is not None and {"binning", "prior", "variance"} <= set(parameters)
        chosen = dict(parameters) if parameters is not None and known else self._choose(movie, context)
        binning = int(chosen["binning"])
        geometry = Geometry(
            halo=(REACH + SPLINE_RADIUS) * binning,
            origin_divisor=ORIGIN_DIVISOR * binning,
            bytes_per_pixel=_BYTES_PER_PIXEL + _BYTES_PER_BINNED_PIXEL / binning**2,
        )
        return State(geometry, chosen)

    def apply(self, state: State, block: Block) -> Block:
        """Denoise the wanted frames."""
        first, last = block.wanted
        return block.denoised(self.run(block.electrons[first:last], state.parameters))

    def run(self, electrons: Frames, parameters: Mapping[str, Any]) -> Frames:
        """Denoise frames (T, H, W) in electrons."""
        binning, noise = int(parameters["binning"]), _Noise.of(parameters)
        prior, spike = torch.tensor(parameters["prior"], dtype=torch.float32), parameters.get("spike")
        out = np.empty(electrons.shape, dtype=np.float32)
        with torch.inference_mode():
            for number, frame in enumerate(electrons):
                sums = _sums(without_spikes(frame, spike), binning)
                clean = mixture(sums, noise.of_sums(sums, binning), prior, noise.spectrum_at(binning))
                out[number] = _full_size(clean, binning, frame.shape)[0]
        return out

    def _choose(self, movie: ElectronMovie, context: RunContext) -> dict[str, Any]:
        looks: list[Look] = []
        frames = []
        noise = _Noise(None, None)
        spike = None
        for number, frame in enumerate(spread(movie.frames, _LOOKS)):
            context.check()
            electrons = middle(movie.block(frame, frame + 1).electrons, LOOK_SIDE)
            if number == 0:
                variance = noise_of(movie, electrons)
                variance = None if variance is None else max(variance, _LEAST_VARIANCE)
                noise = _Noise(variance, spectrum_of(movie, variance, context))
                spike = spike_limit(electrons[0], noise.spectrum, noise.variance)
            electrons = np.stack([without_spikes(one, spike) for one in electrons])
            frames.append(electrons[0] if noise.spectrum is None else noise.spectrum.whiten(electrons[0]))
            looks += frame_looks(electrons, noise.variance, _SEED + number, noise.spectrum)
        found = []
        for binning in _worth_trying(frames, movie, noise.spectrum is not None):
            loss, prior = _judge(looks, noise, binning, context)
            found.append((loss, {"binning": binning, "prior": prior, "spike": spike, **noise.as_parameters()}))
        best = min(found, key=lambda one: one[0])
        if noise.spectrum is not None:
            # Structure that was taken for noise makes the filter timid: the looks tell whether it does better unaware.
            white, binning = replace(noise, spectrum=None), best[1]["binning"]
            loss, prior = _judge(looks, white, binning, context)
            if loss < best[0]:
                return {"binning": binning, "prior": prior, "spike": spike, **white.as_parameters()}
        return best[1]


def _worth_trying(frames: Sequence[Frames], movie: ElectronMovie, coarser: bool) -> list[int]:
    """Return the binning that suits the lattice, its neighbours, and if need be all that are coarser.

    Whether coloured noise hides a lattice or feigns one is told by the looks alone, and coarse sums are quick.
    """
    size = None
    if movie.meta.pixel_size is not None and movie.meta.pixel_unit == "nm":
        size = float(np.mean(movie.meta.pixel_size))
    with torch.inference_mode():
        suits = choose_binning(torch.from_numpy(np.stack(frames)).clamp(min=0), size)
    side = min(frames[0].shape)
    most = max(BINNINGS) if coarser else 2 * suits
    near = [one for one in BINNINGS if suits / 2 <= one <= most and side // one >= _LEAST_BINNED]
    return near or [1]


def _judge(looks: Sequence[Look], noise: _Noise, binning: int, context: RunContext) -> tuple[float, list[float]]:
    """Return the mean loss at a binning, and the candidates' errors, each less the smallest: the prior."""
    made = []
    spectrum = noise.spectrum_at(binning)
    total = torch.zeros(CANDIDATES)
    with torch.inference_mode():
        for look in looks:
            context.check()
            sums = _sums(look.given[0], binning)
            variance = noise.of_sums(sums, binning)
            found, shares = candidates(sums, variance, spectrum)
            total += errors(found, variance, _sums(look.target[0], binning))
            made.append((found, shares, variance))
        # Rounded, so that what is written into a plan is what is used.
        prior = [round(float(one), 6) for one in (total - total.min()) / len(looks)]
        losses = []
        for look, (found, shares, variance) in zip(looks, made, strict=True):
            clean = mix(found, shares, variance, torch.tensor(prior), spectrum)
            losses.append(look.loss(_full_size(clean, binning, look.given.shape)))
    return float(np.mean(losses)), prior


def _full_size(sums: Tensor, binning: int, shape: tuple[int, ...]) -> Frames:
    """Return electrons a px (1, H, W) of sums (1, 1, h, w)."""
    spread_out = spread_blocks(sums, binning) / binning**2
    out: Frames = spread_out[0, :, : shape[-2], : shape[-1]].numpy()
    return out


def _sums(frame: Frames, binning: int) -> Tensor:
    return bin_counts(torch.from_numpy(np.ascontiguousarray(frame, dtype=np.float32))[None, None], binning)
