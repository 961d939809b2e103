"""UNets with a large field of view, and the small UNet they are compared with.

Mohan et al., "Deep denoising for scientific discovery", IEEE Trans. Comput. Imaging 8 (2022), arXiv:2010.12970.
Written from the published description. One thing differs on purpose: the bilinear up-sampling keeps pixels, not
corners, in place (``align_corners=False``), so that a tile with a halo gives exactly what the whole frame gives.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.networks.norms import make_norm


class ConvNorm(nn.Module):
    """Replication pad 1, convolution 3x3, norm, ReLU. `norm` becomes an identity when it is folded.

    An input that is padded already is told by `padded`.
    """

    def __init__(self, channels_in: int, channels_out: int, bias: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, bias=bias)
        self.norm: nn.Module = make_norm(channels_out, bias)

    def forward(self, x: Tensor, padded: bool = False) -> Tensor:
        if not padded:
            x = functional.pad(x, (1, 1, 1, 1), mode="replicate")
        return functional.relu_(self.norm(self.conv(x)))


class DoubleConv(nn.Module):
    """Two `ConvNorm` in a row: in, middle, out."""

    def __init__(self, channels_in: int, channels_out: int, bias: bool, middle: int | None = None) -> None:
        super().__init__()
        middle = channels_out if middle is None else middle
        self.first = ConvNorm(channels_in, middle, bias)
        self.second = ConvNorm(middle, channels_out, bias)

    def forward(self, x: Tensor, padded: bool = False) -> Tensor:
        x = self.first(x, padded)
        return self.second(x)  # type: ignore[no-any-return]


_DOWN = {2: (1, 1), 4: (1, 1, 2, 2), 6: (1, 1, 2, 4, 8, 8)}
_UP = {
    2: ((2, 1), (2, 1)),
    4: ((4, 1), (2, 1), (2, 1), (2, 1)),
    6: ((16, 4), (8, 2), (4, 1), (2, 1), (2, 1), (2, 1)),
}


class UNet(nn.Module):
    """The UNet of the published table, by number of scales and channels.

    Parameters
    ----------
    scales : int
        2, 4 or 6 poolings.
    channels : int
        Channels at full resolution (32, 64 or 128 in the table).
    bias : bool
        False: convolutions without bias and a norm that scales but never shifts, so that f(a x) = a f(x).

    Notes
    -----
    Takes and gives (N, 1, H, W), any floating dtype, electrons a pixel. Height and width of any size pass; multiples
    of ``2**scales`` keep clear of the zero row that the published code appends to odd sizes.
    """

    def __init__(self, scales: int = 4, channels: int = 32, bias: bool = True) -> None:
        super().__init__()
        if scales not in _DOWN:
            raise ValueError(f"a UNet has 2, 4 or 6 scales, not {scales}")
        self.scales = scales
        self.channels = channels
        self.bias = bias
        c = channels
        self.inlet = DoubleConv(1, c, bias)
        widths = [c, *(c * factor for factor in _DOWN[scales])]
        self.down = nn.ModuleList(DoubleConv(a, b, bias) for a, b in pairwise(widths))
        self.up = nn.ModuleList(DoubleConv(a * c, b * c, bias, a * c // 2) for a, b in _UP[scales])
        self.outlet = nn.Conv2d(c, 1, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.inlet(x)]
        for number, block in enumerate(self.down):
            x = block(functional.max_pool2d(skips[-1], 2))
            if number + 1 < len(self.down):
                skips.append(x)
        for block in self.up:
            # The list gives its skip away: at full resolution each activation is 100 MB a megapixel and more.
            x = block(_join(skips.pop(), x), padded=True)
        return self.outlet(x)  # type: ignore[no-any-return]

    def receptive_radius(self, binning: int = 1) -> int:
        """How far, in px, an output pixel looks to any side (the worst place on the pooling grid)."""
        radius = 0
        for place in range(2**self.scales):
            low, high = self._looks_at(place)
            radius = max(radius, place - low, high - place)
        return radius

    def origin_divisor(self, binning: int = 1) -> int:
        """Tiles must begin at multiples of this many px to share the frame's pooling grid."""
        return int(2**self.scales)

    def _looks_at(self, place: int) -> tuple[int, int]:
        """First and last input pixel that output pixel `place` depends on, on an endless frame."""
        low = high = place
        needed: list[tuple[int, int]] = []
        for _ in range(self.scales):
            low, high = low - 2, high + 2
            needed.append((low, high))
            low, high = (low - 1) // 2, (high + 1) // 2
        for skip_low, skip_high in reversed(needed):
            low, high = 2 * (low - 2), 2 * (high + 2) + 1
            low, high = min(low, skip_low), max(high, skip_high)
        return low - 2, high + 2


def _join(skip: Tensor, x: Tensor) -> Tensor:
    """Double `x` in size, put it behind the skip, and repeat the outermost px once to each side.

    Odd sizes: a row or column of zeros is appended to `x`, as published. Written into one buffer: joining first and
    padding then would hold twice as many activations at the full resolution, where memory is decided.
    """
    x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    count, first, height, width = skip.shape
    layout = torch.channels_last if skip.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    size = (count, first + x.shape[1], height + 2, width + 2)
    out = torch.empty(size, dtype=skip.dtype, device=skip.device, memory_format=layout)
    out[:, :first, 1:-1, 1:-1] = skip
    out[:, first:, 1 : x.shape[2] + 1, 1 : x.shape[3] + 1] = x
    out[:, first:, x.shape[2] + 1 :] = 0
    out[:, first:, :, x.shape[3] + 1 :] = 0
    out[:, :, 0, 1:-1] = out[:, :, 1, 1:-1]
    out[:, :, -1, 1:-1] = out[:, :, -2, 1:-1]
    out[:, :, :, 0] = out[:, :, :, 1]
    out[:, :, :, -1] = out[:, :, :, -2]
    return out


class SmallUNet(nn.Module):
    """One strided scale with dilated convolutions, no norm: 45 px of view. Takes and gives (N, 1, H, W)."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.bias = bias
        self.inlet = nn.Conv2d(1, 32, 5, padding=2, bias=bias)
        self.skip = nn.Conv2d(32, 32, 3, padding=1, bias=bias)
        self.down = nn.Conv2d(32, 64, 3, stride=2, padding=1, bias=bias)
        self.middle = nn.ModuleList(
            nn.Conv2d(64, 64, 3, padding=dilation, dilation=dilation, bias=bias) for dilation in (1, 2, 4)
        )
        self.up = nn.ConvTranspose2d(64, 64, 4, stride=2, padding=1, bias=bias)
        self.merge = nn.Conv2d(96, 32, 3, padding=1, bias=bias)
        self.outlet = nn.Conv2d(32, 1, 5, padding=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        skip = functional.relu_(self.skip(functional.relu_(self.inlet(x))))
        x = functional.relu_(self.down(skip))
        for layer in self.middle:
            x = functional.relu_(layer(x))
        x = functional.relu_(self.up(x))[..., : skip.shape[-2], : skip.shape[-1]]
        x = functional.relu_(self.merge(torch.cat([skip, x], dim=1)))
        return self.outlet(x)  # type: ignore[no-any-return]

    def receptive_radius(self, binning: int = 1) -> int:
        """How far, in px, an output pixel looks to any side."""
        # conv5, conv3, transposed conv4 (1 coarse px), dilations 1 + 2 + 4 (coarse), strided conv3, conv3, conv5.
        return 2 + 1 + 2 * (1 + 7) + 1 + 1 + 2

    def origin_divisor(self, binning: int = 1) -> int:
        """Tiles must begin at even pixels."""
        return 2
