"""Between the loop and a network: how patches become what the network takes, and its output an estimate."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from core.networks.lattice_corrected import LatticeCorrectedNet
from core.training.examples import Example
from core.training.losses import place_weights
from core.training.prepared import Prepared


class Task(Protocol):
    """One family of networks, as the loop sees it. A new family is one class here."""

    @property
    def network(self) -> nn.Module:
        """What is trained."""

    def prepare(self, example: Example) -> Prepared:
        """Compute the network's inputs for noisy patches, without gradients, on its device."""

    def estimate(self, batch: Prepared) -> Tensor:
        """Run the network; returns (N, 1, H, W) in the unit of the batch's truth."""


class LatticeTask:
    """Lattice-corrected networks: candidates made beforehand, estimates relative to the mean."""

    def __init__(self, network: LatticeCorrectedNet, device: str) -> None:
        self._network, self._device = network, device

    @property
    def network(self) -> LatticeCorrectedNet:
        """What is trained."""
        return self._network

    def prepare(self, example: Example) -> Prepared:
        """Compute candidates, deviation and log counts."""
        with torch.no_grad():
            mean = example.mean.to(self._device)
            level = mean.view(-1, 1, 1, 1)
            truth = example.truth.to(self._device) / level - 1
            inputs = self._network.features(example.counts.to(self._device), mean, example.noise.to(self._device))
            return Prepared(inputs, truth, inputs[1], place_weights(truth), level, 1.0)

    def estimate(self, batch: Prepared) -> Tensor:
        """Correct the candidates."""
        candidates, deviation, log_counts = batch.inputs
        return self._network.correct(candidates, deviation, log_counts)


class PlainTask:
    """Networks that take electrons a px and give electrons a px: DnCNN and the UNets."""

    def __init__(self, network: nn.Module, device: str) -> None:
        self._network, self._device = network, device

    @property
    def network(self) -> nn.Module:
        """What is trained."""
        return self._network

    def prepare(self, example: Example) -> Prepared:
        """Put the patches on the device, as they are."""
        with torch.no_grad():
            counts = example.counts.to(self._device).contiguous(memory_format=torch.channels_last)
            truth = example.truth.to(self._device)
            deviation = (example.mean * example.noise).sqrt().to(self._device).view(-1, 1, 1, 1)
            ones = torch.ones_like(deviation)
            return Prepared((counts,), truth, deviation, ones, ones, 0.0)

    def estimate(self, batch: Prepared) -> Tensor:
        """Run the network."""
        estimate: Tensor = self._network(*batch.inputs)
        return estimate.float()


def task_for(network: nn.Module, device: str) -> Task:
    """Return the task that trains a network."""
    if isinstance(network, LatticeCorrectedNet):
        return LatticeTask(network, device)
    return PlainTask(network, device)
