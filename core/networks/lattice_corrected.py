"""A network that corrects a lattice filter: per place, a mix of Gaussians and lattice filters, plus a residual.

Works on counts summed over binning x binning px, where a lattice has about 8-12 px a period, and returns to full size
by a spline that keeps every block's sum. Everything is local but the frame's mean, which the caller gives: a tile
whose origin is a multiple of `origin_divisor`, with a halo of `receptive_radius`, equals the whole frame.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.networks.block_spline import SPLINE_RADIUS, bin_counts, spread_blocks
from core.networks.lattice_filter import lattice_filter_and_share
from core.networks.lattice_mixture import MIXTURE_REACH, centre_weight, weigh
from core.networks.smoothing import NOISE_SIGMA, QUIET_REACH, gaussian_blur, quieten

_SIGMAS = (0.6, 1.2, 2.4, 4.8, 9.6, 19.2, 38.4)
# The candidate that the others are told relative to: the channel of sigma 9.6.
_BASE = 5
_COUNT_FLOOR = 0.25
_RESIDUAL_SCALE = 0.2
# The widest window of the lattice filter, in binned px.
_WIDEST = 512
# Weight, as a logarithm, of candidates that a trained network has never seen.
_LITTLE = -1.0


class _Pair(nn.Module):
    """Two 3x3 convolutions with ReLU; large activations are bounded place by place, small ones pass as they are.

    The bound, x / sqrt(1 + mean over channels of x^2), looks at no other place: tiles and frames agree. Without it the
    deep levels grow without limit and die in the first hundred steps at any useful rate.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu_(self.second(functional.relu_(self.first(x))))
        return x * torch.rsqrt(1 + (x * x).mean(1, keepdim=True))


class CorrectingUNet(nn.Module):
    """Plain UNet (He initialisation, last layer zero); the sides must divide by 2^(levels - 1)."""

    def __init__(self, inputs: int, outputs: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.down = nn.ModuleList(_Pair(i, o) for i, o in zip((inputs, *channels[:-1]), channels, strict=True))
        self.up = nn.ModuleList(_Pair(deep + skip, skip) for skip, deep in itertools.pairwise(channels))
        self.last = nn.Conv2d(channels[0], outputs, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H, W)."""
        skips = []
        for number, pair in enumerate(self.down):
            x = pair(functional.max_pool2d(x, 2) if number else x)
            skips.append(x)
        for pair, skip in zip(reversed(self.up), reversed(skips[:-1]), strict=True):
            x = pair(torch.cat([skip, functional.interpolate(x, scale_factor=2.0, mode="nearest")], 1))
        out: Tensor = self.last(x)
        return out


class LatticeCorrectedNet(nn.Module):
    """Denoise counted images: lattice filters and Gaussians mixed per place by a UNet, plus a small residual.

    Parameters
    ----------
    channels
        Channels of the UNet's levels.
    windows
        Sides of the lattice filter's windows in binned px; multiples of 4, up to 512.
    mixture
        Whether the mixture by Stein's risk (`core.networks.lattice_mixture`) of all the others is a candidate too.

    Raises
    ------
    ValueError
        The windows or the mixture are nothing that a filter can be made of: no weight's shape would tell.
    """

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 96, 128, 128),
        windows: Sequence[int] = (32, 64, 96),
        mixture: bool = False,
    ) -> None:
        super().__init__()
        if not windows or not all(type(size) is int and size in range(4, _WIDEST + 1, 4) for size in windows):
            raise ValueError(f"windows in px are multiples of 4 up to {_WIDEST}, not {windows}")
        if type(mixture) is not bool:
            raise ValueError(f"the mixture is there or not (true or false), not {mixture!r}")
        self.channels = tuple(channels)
        self.windows = tuple(windows)
        self.mixture = mixture
        self.candidates = 1 + len(_SIGMAS) + len(self.windows) + mixture
        self.net = CorrectingUNet(self.candidates + 1, self.candidates + 1, self.channels)
        self.by_dose = nn.Sequential(nn.Conv2d(1, 16, 1), nn.ReLU(), nn.Conv2d(16, self.candidates, 1))
        nn.init.zeros_(self.by_dose[2].weight)  # type: ignore[arg-type]
        start = torch.full((self.candidates,), -2.0)
        start[-(len(self.windows) + mixture) :] = 1.0
        self.by_dose[2].bias.data.copy_(start)  # type: ignore[operator]

    @property
    def config(self) -> dict[str, Any]:
        """Return the keyword arguments that build this network again."""
        return {"channels": list(self.channels), "windows": list(self.windows), "mixture": self.mixture}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the candidates in their order."""
        filters = [f"window {size}" for size in self.windows] + ["mixture"] * self.mixture
        return ("counts", *(f"gaussian {sigma:g}" for sigma in _SIGMAS), *filters)

    def begin_with(self, other: LatticeCorrectedNet) -> None:
        """Take over the weights of a network with the same channels and fewer candidates; new ones weigh little.

        Raises
        ------
        ValueError
            The channels differ, or the other one has a candidate that this one lacks.
        """
        if self.channels != other.channels or not set(other.names) <= set(self.names):
            raise ValueError(f"a network with {other.config} can't become one with {self.config}")
        kept = [self.names.index(name) for name in other.names]
        # The network is shown all but the base, then counts and a border of ones; it gives a residual, then weights.
        shown = [k - (k > _BASE) for k in kept if k != _BASE] + [self.candidates - 1, self.candidates]
        given = [0, *(1 + k for k in kept)]
        mine, theirs = self.state_dict(), other.state_dict()
        for key, value in theirs.items():
            if key == "net.down.0.first.weight":
                mine[key].zero_()[:, shown] = value
            elif key in ("net.last.weight", "net.last.bias"):
                mine[key].zero_()[given] = value
            elif key == "by_dose.2.weight":
                mine[key].zero_()[kept] = value
            elif key == "by_dose.2.bias":
                mine[key].fill_(_LITTLE)[kept] = value
            else:
                mine[key].copy_(value)

    def origin_divisor(self, binning: int) -> int:
        """Return what a tile's origin must be a multiple of, in full-resolution px."""
        steps = [window // 4 for window in self.windows]
        return math.lcm(*steps, 2 ** (len(self.channels) - 1)) * binning

    def receptive_radius(self, binning: int) -> int:
        """Return how far one output px looks, in full-resolution px: the halo for tiles."""
        levels = len(self.channels)
        unet = sum(2 * 2**k for k in range(levels)) + sum(3 * 2**k for k in range(levels - 1)) + 2 ** (levels - 1)
        # The windows twice, and the blur before them that estimates the noise.
        filters = 2 * (max(self.windows) - 1) + math.ceil(3.5 * NOISE_SIGMA)
        widest = max(filters, math.ceil(3.5 * max(_SIGMAS))) + self.mixture * MIXTURE_REACH
        radius: int = (unet + widest + QUIET_REACH + SPLINE_RADIUS) * binning
        return radius

    def forward(self, counts: Tensor, mean: Tensor, binning: int, noise: Tensor | None = None) -> Tensor:
        """Denoise frames.

        Parameters
        ----------
        counts
            (N, 1, H, W) float32, electrons per px.
        mean
            (N,) float32, the whole frame's mean electrons per px.
        binning
            The network sees sums over binning x binning px.
        noise
            (N,) variance of the binned counts over Poisson's (1 when not given).

        Returns
        -------
        Tensor
            (N, 1, H, W) float32 expected electrons per px, never negative.
        """
        binned = bin_counts(counts.float(), binning)
        given = mean.to(binned)
        mean = given.clamp(min=1e-6) * binning**2
        candidates, deviation, log_counts = self.features(binned, mean, noise)
        relative = quieten(self.correct(candidates, deviation, log_counts), deviation)
        height, width = counts.shape[-2:]
        clean = spread_blocks(mean.view(-1, 1, 1, 1) * (1 + relative), binning) / binning**2
        # A frame without beam stays empty: there is no dose to be relative to.
        lit = (given > 0).to(clean).view(-1, 1, 1, 1)
        return clean[..., :height, :width].clamp(min=0) * lit

    def features(self, binned: Tensor, mean: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Compute what the network corrects, without parameters: candidates, noise deviation, counts.

        `binned` (N, 1, h, w) and `mean` (N,) are counts per binned px. Returns the candidates (N, c, h, w) as
        deviations from 1 in units of the mean, the noise deviation (N, 1, h, w) in the same unit, and log10 of the
        local counts (N, 1, h, w), which is the dose over the noise factor.
        """
        mean = mean.view(-1, 1, 1, 1)
        factor = torch.ones_like(mean) if noise is None else noise.to(mean).view(-1, 1, 1, 1)
        mask = torch.ones_like(binned[:1])
        x = binned / mean - 1
        local = gaussian_blur(binned, mask, NOISE_SIGMA).clamp(min=_COUNT_FLOOR)
        variance = local * factor / mean**2
        blurred = [gaussian_blur(x, mask, sigma) for sigma in _SIGMAS]
        shares = [torch.ones_like(x), *(torch.full_like(x, centre_weight(sigma)) for sigma in _SIGMAS)]
        found = [x, *blurred]
        for window in self.windows:
            filtered, share = lattice_filter_and_share(x[:, 0], variance[:, 0], window)
            found.append(filtered[:, None])
            shares.append(share[:, None])
        if self.mixture:
            every = torch.cat(found, 1)
            weights = weigh(every, torch.cat(shares, 1), variance, every.new_zeros(every.shape[1]))
            found.append((weights * every).sum(1, keepdim=True))
        return torch.cat(found, 1), variance.sqrt(), torch.log10(local / factor)

    def correct(self, candidates: Tensor, deviation: Tensor, log_counts: Tensor) -> Tensor:
        """Mix the candidates and add the residual; returns (N, 1, h, w), a deviation from 1 in units of the mean."""
        base = candidates[:, _BASE : _BASE + 1]
        contrast = (candidates - base) / deviation
        shown = [contrast[:, :_BASE], contrast[:, _BASE + 1 :], log_counts - 1, torch.ones_like(base)]
        height, width = base.shape[-2:]
        divisor = 2 ** (len(self.channels) - 1)
        pad = (0, (-width) % divisor, 0, (-height) % divisor)
        out = self.net(functional.pad(torch.cat(shown, 1), pad).contiguous(memory_format=torch.channels_last))
        out = out[..., :height, :width].float()
        weights = torch.softmax(out[:, 1:] + self.by_dose(log_counts - 1).float(), 1)
        mixed = (weights * (candidates - base)).sum(1, keepdim=True)
        clean: Tensor = base + mixed + _RESIDUAL_SCALE * deviation * out[:, :1]
        return clean
