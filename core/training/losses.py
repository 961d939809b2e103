"""Losses for training with known clean images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_FLOOR = 0.002
_BLOCK = 16
_BLOCK_WEIGHT = 0.005


def place_weights(truth: Tensor) -> Tensor:
    """Weight the px of clean images (N, 1, H, W), mean 1: surfaces most, vacuum as much as the inside of a specimen.

    A place's activity is its local contrast, against a quarter of the frame's largest; surfaces lie in between.
    """
    smooth = functional.avg_pool2d(truth, 11, 1, 5, count_include_pad=False)
    power = functional.avg_pool2d((truth - smooth) ** 2, 13, 1, 6, count_include_pad=False)
    activity = power.sqrt()
    half = 0.25 * activity.amax((-2, -1), keepdim=True).clamp(min=1e-6)
    inside = activity / (activity + half)
    weight = 1 + 0.5 * (1 - inside) + 4 * 0.8 * inside * (1 - inside)
    return weight / weight.mean((-2, -1), keepdim=True)


def log_error(estimate: Tensor, truth: Tensor, deviation: Tensor, weight: Tensor) -> Tensor:
    """Return the batch mean of log(mean squared error over the noise's variance).

    The logarithm lets every dose and specimen count alike, as a mean PSNR does; means over blocks of 16 px count
    besides, in units of their own standard error, so that electrons are preserved and vacuum has no ripple.
    """
    error = (estimate - truth) / deviation
    pixels = (weight * error**2).mean((1, 2, 3))
    blocks = (functional.avg_pool2d(error, _BLOCK) * _BLOCK) ** 2
    return torch.log(pixels + _BLOCK_WEIGHT * blocks.mean((1, 2, 3)) + _FLOOR).mean()
