"""What the classical single-frame methods share: sums of px, noise of variance 1, blind tuning, and the way back."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from core.denoising.context import QuietContext, RunContext
from core.denoising.denoiser import Block, ElectronMovie, Frames, Geometry, Needs, State
from core.denoising.tuning import (
    Look,
    Parameters,
    frame_looks,
    mean_loss,
    middle,
    neighbour_looks,
    noise_of,
    search,
    spread,
    whole_counts_of,
)
from core.networks.block_spline import SPLINE_RADIUS, bin_counts, spread_blocks
from core.noise.stabilising import ConstantNoise, Stabiliser

BINNINGS = (1, 2, 4, 8)
# A sum of px must leave this many of them along a side of the frame.
_LEAST_BINNED = 24
_LEAST_VARIANCE = 1e-6
_SEED = 20


class StabilisedDenoiser(ABC):
    """Frame by frame: sum px, stabilise (generalised Anscombe), filter, invert without bias, interpolate back.

    The binning and the filter's own parameters are chosen once a movie, by looks that the filter did not see
    (`core.denoising.tuning`). A method names itself and says:

    - `grid`: the values of its own parameters, in units of the noise's deviation and of binned px;
    - `start`: where the search begins;
    - `filter`: what it does to an image of unit noise;
    - `reach`: how far that looks.

    Parameters
    ----------
    binnings
        The sums to choose from, in px a side.
    """

    name: str
    grid: Mapping[str, Sequence[float]]
    start: Parameters
    frames_before = 0
    frames_after = 0
    needs = Needs()
    # Frames that are looked at for tuning, their side at binning 1, and memory in bytes a binned px.
    looks = 2
    look_side = 512
    bytes_per_binned_pixel = 40.0
    # A costly method filters single px only where the finest sum was the best, walks there from what was best for that,
    # and looks at a quarter of the area. What is tried jointly: all of the grid, or these.
    costly = False
    jointly: tuple[str, ...] = ()

    def __init__(self, binnings: Sequence[int] = BINNINGS) -> None:
        self._binnings = tuple(binnings)
        self._context: RunContext = QuietContext()

    @abstractmethod
    def filter(self, image: Frames, parameters: Parameters) -> Frames:
        """Denoise an image (h, w) whose noise has variance 1."""

    @abstractmethod
    def reach(self, parameters: Parameters) -> int | None:
        """How far `filter` looks to any side, in its px; None: at the whole image."""

    def check(self) -> None:
        """Let a filter that takes long be stopped in between; raises Cancelled."""
        self._context.check()

    def alignment(self, parameters: Parameters) -> int:
        """Tiles begin at multiples of this many binned px."""
        return 1

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        """Choose binning and parameters on up to two frames, or take them from `parameters`."""
        self._context = context
        names = {"binning", "variance", *self.grid}
        chosen = dict(parameters) if parameters and names <= set(parameters) else self._choose(movie, context)
        binning, reach = int(chosen["binning"]), self.reach(chosen)
        around = 0 if binning == 1 else SPLINE_RADIUS
        geometry = Geometry(
            halo=None if reach is None else binning * (reach + around),
            origin_divisor=binning * self.alignment(chosen),
            bytes_per_pixel=24.0 + self.bytes_per_binned_pixel / binning**2,
        )
        return State(geometry, chosen)

    def apply(self, state: State, block: Block) -> Block:
        """Denoise the wanted frames."""
        first, last = block.wanted
        return block.denoised(self.run(block.electrons[first:last], state.parameters))

    def run(self, electrons: Frames, parameters: Mapping[str, Any]) -> Frames:
        """Denoise frames (T, H, W) in electrons."""
        variance, binning = parameters["variance"], int(parameters["binning"])
        noise = (Stabiliser() if variance is None else ConstantNoise(float(variance) ** 0.5)).binned(binning)
        height, width = electrons.shape[-2:]
        out = np.empty_like(electrons, dtype=np.float32)
        for number, frame in enumerate(electrons):
            sums = _binned(frame, binning)
            clean = noise.inverse(self.filter(noise.forward(sums), parameters))
            out[number] = _spread(clean, binning)[:height, :width]
        return out

    def _choose(self, movie: ElectronMovie, context: RunContext) -> dict[str, Any]:
        """Tune on looks at the middles of a few frames."""
        first = middle(movie.block(0, 1).electrons, self.look_side)
        variance = noise_of(movie, first)
        if variance is not None:
            variance = max(variance, _LEAST_VARIANCE)
        looks: list[Look] = []
        if variance is not None or whole_counts_of(first) is None:
            looks += neighbour_looks(movie, context, self.look_side)
        if not looks:
            for number, frame in enumerate(spread(movie.frames, self.looks)):
                context.check()
                electrons = middle(movie.block(frame, frame + 1).electrons, self.look_side)
                looks += frame_looks(electrons, variance, _SEED + number)
        return {"variance": variance, **self.tune(looks, variance, context)}

    def tune(self, looks: Sequence[Look], variance: float | None, context: RunContext) -> dict[str, float]:
        """Return the binning and the parameters of least loss over looks."""
        side = min(looks[0].given.shape[-2:])
        fits = tuple(one for one in self._binnings if side // one >= _LEAST_BINNED)
        seen = looks

        def loss(choice: Parameters) -> float:
            context.check()
            return mean_loss(seen, lambda frames: self.run(frames, {"variance": variance, **choice}))

        # What is best depends on the sum: each is searched.
        found: list[dict[str, float]] = []
        for binning in sorted(fits or self._binnings[:1], reverse=True):
            start = dict(self.start)
            if self.costly and binning == 1 and found:
                if len(found) > 1 and found[-1] != min(found, key=loss):
                    break
                seen = [look.middle(side // 2) for look in looks]
                start = {name: found[-1][name] for name in self.grid}
            best = self._best(lambda choice, binning=binning: loss({"binning": binning, **choice}), start, binning)  # type: ignore[misc]
            found.append({"binning": binning, **best})
        return min(found, key=loss)

    def _best(self, loss: Callable[[Parameters], float], start: Parameters, binning: int) -> dict[str, float]:
        """Try all choices of what is to be tried jointly, so that no valley is missed; walk from the best of them."""
        known: dict[tuple[float, ...], float] = {}

        def of(choice: Parameters) -> float:
            key = tuple(choice[name] for name in self.grid)
            if key not in known:
                known[key] = loss(choice)
            return known[key]

        best = dict(start)
        if binning > 1 or not self.costly:
            names = self.jointly or tuple(self.grid)
            tried = itertools.product(*(self.grid[name] for name in names))
            best = min(({**best, **dict(zip(names, values, strict=True))} for values in tried), key=of)
        if self.jointly:
            best = search(self.grid, best, of)
        return best


def _binned(frame: Frames, binning: int) -> Frames:
    if binning == 1:
        return frame
    sums: Frames = bin_counts(torch.from_numpy(np.ascontiguousarray(frame))[None, None], binning)[0, 0].numpy()
    return sums


def _spread(sums: Frames, binning: int) -> Frames:
    """Return electrons a px, at full resolution, of sums over blocks."""
    if binning == 1:
        return sums
    blocks = torch.from_numpy(sums / np.float32(binning**2))[None, None]
    out: Frames = spread_blocks(blocks, binning)[0, 0].numpy()
    return out
