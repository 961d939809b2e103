"""Batches made ahead by a second thread, each used several times, always in the same order."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.networks.lattice_corrected import LatticeCorrectedNet
from core.protocol.recipes import ScheduleRecipe
from core.training.examples import Example, Source, draw_batch
from core.training.losses import place_weights

GROUPS = 8


@dataclass(frozen=True)
class Prepared:
    """What one step needs: the network's inputs, the truth in the mean's unit, and the px weights."""

    candidates: Tensor
    deviation: Tensor
    log_counts: Tensor
    truth: Tensor
    weight: Tensor

    def turned(self, number: int) -> Prepared:
        """Return one of the eight turns and mirrorings."""

        def turn(field: Tensor) -> Tensor:
            field = torch.rot90(field, number % 4, (-2, -1))
            return field.flip(-1) if number >= 4 else field

        return Prepared(*(turn(f) for f in (self.candidates, self.deviation, self.log_counts, self.truth, self.weight)))


def prepare(network: LatticeCorrectedNet, example: Example, device: str) -> Prepared:
    """Compute the network's inputs for counted patches."""
    with torch.no_grad():
        mean = example.mean.to(device)
        truth = example.truth.to(device) / mean.view(-1, 1, 1, 1) - 1
        features = network.features(example.counts.to(device), mean, example.noise.to(device))
        return Prepared(*features, truth, place_weights(truth))


class Prefetcher:
    """Gives step number k its batch; what it gives depends on the seed and k alone."""

    def __init__(
        self, network: LatticeCorrectedNet, source: Source, schedule: ScheduleRecipe, seed: int, device: str
    ) -> None:
        self._network, self._source, self._schedule = network, source, schedule
        self._seed, self._device = seed, device
        self._pool = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,))
        self._ready: dict[int, Future[Prepared]] = {}

    def _make(self, group: int) -> Prepared:
        return prepare(self._network, draw_batch(self._source, self._schedule, self._seed, group), self._device)

    def get(self, step: int) -> Prepared:
        """Return the batch of a step, waiting for it if need be, and have the coming ones made."""
        chunk, within = divmod(step, GROUPS * self._schedule.passes)
        current, index = divmod(within, GROUPS)
        first = chunk * GROUPS
        for group in [g for g in self._ready if g < first]:
            del self._ready[group]
        for group in range(first, first + 2 * GROUPS):
            if group not in self._ready:
                self._ready[group] = self._pool.submit(self._make, group)
        batch = self._ready[first + index].result()
        if current == 0:
            return batch
        return batch.turned(int(np.random.default_rng([self._seed, 9, step]).integers(1, 8)))

    def close(self) -> None:
        """Stop making batches."""
        self._pool.shutdown(wait=True, cancel_futures=True)
