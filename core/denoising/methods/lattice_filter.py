"""The lattice filter without a network: Fourier windows of many sizes and Gaussians, mixed per place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.denoising.context import RunContext
from core.denoising.denoiser import Block, ElectronMovie, Frames, Geometry, Needs, State
from core.denoising.tuning import LOOK_SIDE, Look, frame_looks, middle, noise_of, spread
from core.networks.binning_choice import BINNINGS, choose_binning
from core.networks.block_spline import SPLINE_RADIUS, bin_counts, spread_blocks
from core.networks.lattice_mixture import CANDIDATES, ORIGIN_DIVISOR, REACH, candidates, errors, mix, mixture
from core.networks.smoothing import gaussian_blur

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
        binning, variance = int(parameters["binning"]), parameters["variance"]
        prior = torch.tensor(parameters["prior"], dtype=torch.float32)
        out = np.empty(electrons.shape, dtype=np.float32)
        with torch.inference_mode():
            for number, frame in enumerate(electrons):
                sums = _sums(frame, binning)
                clean = mixture(sums, _noise(sums, variance, binning), prior)
                out[number] = _full_size(clean, binning, frame.shape)[0]
        return out

    def _choose(self, movie: ElectronMovie, context: RunContext) -> dict[str, Any]:
        looks: list[Look] = []
        frames = []
        variance = None
        for number, frame in enumerate(spread(movie.frames, _LOOKS)):
            context.check()
            electrons = middle(movie.block(frame, frame + 1).electrons, LOOK_SIDE)
            if number == 0:
                variance = noise_of(movie, electrons)
                variance = None if variance is None else max(variance, _LEAST_VARIANCE)
            frames.append(electrons[0])
            looks += frame_looks(electrons, variance, _SEED + number)
        found = []
        for binning in _worth_trying(frames, movie):
            loss, prior = _judge(looks, variance, binning, context)
            found.append((loss, {"binning": binning, "prior": prior, "variance": variance}))
        return min(found, key=lambda one: one[0])[1]


def _worth_trying(frames: Sequence[Frames], movie: ElectronMovie) -> list[int]:
    """Return the binning that suits the lattice, and its neighbours."""
    size = None
    if movie.meta.pixel_size is not None and movie.meta.pixel_unit == "nm":
        size = float(np.mean(movie.meta.pixel_size))
    with torch.inference_mode():
        suits = choose_binning(torch.from_numpy(np.stack(frames)).clamp(min=0), size)
    side = min(frames[0].shape)
    near = [one for one in BINNINGS if suits / 2 <= one <= 2 * suits and side // one >= _LEAST_BINNED]
    return near or [1]


def _judge(
    looks: Sequence[Look], variance: float | None, binning: int, context: RunContext
) -> tuple[float, list[float]]:
    """Return the mean loss at a binning, and the candidates' errors, each less the smallest: the prior."""
    made = []
    total = torch.zeros(CANDIDATES)
    with torch.inference_mode():
        for look in looks:
            context.check()
            sums = _sums(look.given[0], binning)
            noise = _noise(sums, variance, binning)
            found, shares = candidates(sums, noise)
            total += errors(found, noise, _sums(look.target[0], binning))
            made.append((found, shares, noise))
        # Rounded, so that what is written into a plan is what is used.
        prior = [round(float(one), 6) for one in (total - total.min()) / len(looks)]
        losses = []
        for look, (found, shares, noise) in zip(looks, made, strict=True):
            clean = mix(found, shares, noise, torch.tensor(prior))
            losses.append(look.loss(_full_size(clean, binning, look.given.shape)))
    return float(np.mean(losses)), prior


def _full_size(sums: Tensor, binning: int, shape: tuple[int, ...]) -> Frames:
    """Return electrons a px (1, H, W) of sums (1, 1, h, w)."""
    spread_out = spread_blocks(sums, binning) / binning**2
    out: Frames = spread_out[0, :, : shape[-2], : shape[-1]].numpy()
    return out


def _sums(frame: Frames, binning: int) -> Tensor:
    return bin_counts(torch.from_numpy(np.ascontiguousarray(frame, dtype=np.float32))[None, None], binning)


def _noise(sums: Tensor, variance: float | None, binning: int) -> Tensor:
    """Return the noise variance of sums: their local mean where it is Poisson's."""
    if variance is not None:
        return torch.full_like(sums, variance * binning**2)
    return gaussian_blur(sums, torch.ones_like(sums[:1]), _LOCAL_SIGMA).clamp(min=_COUNT_FLOOR)
