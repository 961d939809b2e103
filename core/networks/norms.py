"""Norms of the published networks, and how they are folded into the convolution before them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ScaleNorm(nn.Module):
    """Divides each channel by its running standard deviation and scales it, but never shifts it.

    The unused shift is a parameter of the published networks and counts in their tables, so it is registered here too.
    (N, C, H, W) in and out.
    """

    running_variance: Tensor

    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum = momentum
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            # In float32: squares of bfloat16 lose what a variance is made of.
            variance = x.float().var(dim=(0, 2, 3), unbiased=False)
            with torch.no_grad():
                self.running_variance.lerp_(variance.detach().to(self.running_variance), self.momentum)
        else:
            variance = self.running_variance
        scale = self.weight * torch.rsqrt(variance.to(self.weight) + self.eps)
        return x * scale.to(x).view(1, -1, 1, 1)


def make_norm(channels: int, bias: bool) -> nn.Module:
    """BatchNorm for networks with bias, `ScaleNorm` for bias-free ones."""
    return nn.BatchNorm2d(channels) if bias else ScaleNorm(channels)


def fold_norms(network: nn.Module) -> nn.Module:
    """Put each norm into the convolution before it, in place, for inference.

    Pairs are found as the children ``conv`` and ``norm`` of one module. The network must be in evaluation mode; its
    results stay the same to rounding.
    """
    if network.training:
        raise ValueError("norms are folded for inference: call eval() first")
    for module in list(network.modules()):
        conv, norm = getattr(module, "conv", None), getattr(module, "norm", None)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d | ScaleNorm):
            _fold(conv, norm)
            module.norm = nn.Identity()
    return network


@torch.no_grad()
def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d | ScaleNorm) -> None:
    if isinstance(norm, ScaleNorm):
        conv.weight.mul_((norm.weight * torch.rsqrt(norm.running_variance + norm.eps)).view(-1, 1, 1, 1))
        return
    if norm.running_var is None or norm.running_mean is None:
        raise ValueError("a norm without running statistics cannot be folded")
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    before = torch.zeros_like(norm.running_mean) if conv.bias is None else conv.bias
    conv.weight.mul_(scale.view(-1, 1, 1, 1))
    conv.bias = nn.Parameter((before - norm.running_mean) * scale + norm.bias, requires_grad=False)
