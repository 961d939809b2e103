"""DnCNN as in the published comparison: 20 convolutions, 64 channels, 41 px of view.

Zhang et al., "Beyond a Gaussian denoiser", IEEE Trans. Image Process. 26 (2017), in the form of Mohan et al. (2022):
it predicts the image, not the residual.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from core.networks.norms import make_norm


class _Hidden(nn.Module):
    def __init__(self, channels: int, bias: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        self.norm: nn.Module = make_norm(channels, bias)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu_(self.norm(self.conv(x)))


class DnCNN(nn.Module):
    """Takes and gives (N, 1, H, W), electrons a pixel; zero padding. `bias` False: f(a x) = a f(x)."""

    def __init__(self, depth: int = 20, channels: int = 64, bias: bool = True) -> None:
        super().__init__()
        if depth < 3:
            raise ValueError(f"a DnCNN has three layers or more, not {depth}")
        self.depth = depth
        self.channels = channels
        self.bias = bias
        self.inlet = nn.Conv2d(1, channels, 3, padding=1, bias=bias)
        self.hidden = nn.ModuleList(_Hidden(channels, bias) for _ in range(depth - 2))
        self.outlet = nn.Conv2d(channels, 1, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu_(self.inlet(x))
        for layer in self.hidden:
            x = layer(x)
        return self.outlet(x)  # type: ignore[no-any-return]

    def receptive_radius(self, binning: int = 1) -> int:
        """How far, in px, an output pixel looks to any side: one px a layer."""
        return self.depth

    def origin_divisor(self, binning: int = 1) -> int:
        """Tiles may begin anywhere."""
        return 1
