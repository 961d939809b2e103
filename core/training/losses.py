"""Losses for training with known clean images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from core.training.prepared import Prepared

_FLOOR = 0.002
# Below this share of the patch's mean, the likelihood is continued as a parabola.
_LEAST_SHARE = 0.05
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


def poisson_deviance(estimate: Tensor, truth: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Return the mean negative Poisson log-likelihood of `truth` under `estimate`, less its least value.

    ``estimate - truth + truth * log(truth / estimate)`` for electrons a px (N, 1, H, W), 0 where the two are equal and
    never negative. Below a twentieth of a patch's mean the logarithm is continued by its parabola, so that a negative
    estimate has a finite loss and a gradient that leads out.
    """
    least = (_LEAST_SHARE * truth.mean((1, 2, 3), keepdim=True)).clamp(min=1e-3)
    inside = torch.maximum(estimate, least)
    below = estimate - inside
    loss = inside - torch.xlogy(truth, inside) - truth + torch.xlogy(truth, truth)
    loss = loss + (1 - truth / least) * below + 0.5 * truth / least**2 * below**2
    return (weight * loss).mean()


def _log_error(estimate: Tensor, batch: Prepared) -> Tensor:
    return log_error(estimate, batch.truth, batch.deviation, batch.weight)


def _poisson(estimate: Tensor, batch: Prepared) -> Tensor:
    return poisson_deviance(batch.electrons(estimate), batch.electrons(batch.truth), batch.weight)


def _l2(estimate: Tensor, batch: Prepared) -> Tensor:
    return (batch.weight * (estimate - batch.truth) ** 2).mean()


def _l1(estimate: Tensor, batch: Prepared) -> Tensor:
    return (batch.weight * (estimate - batch.truth).abs()).mean()


# By the name that a recipe gives.
LOSSES: dict[str, Callable[[Tensor, Prepared], Tensor]] = {
    "log-error": _log_error,
    "poisson": _poisson,
    "l2": _l2,
    "l1": _l1,
}
