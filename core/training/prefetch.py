"""Batches made ahead by other threads, each used several times, always in the same order."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from core.protocol.recipes import ScheduleRecipe
from core.training.examples import Source, draw_batch
from core.training.prepared import Prepared
from core.training.tasks import Task

GROUPS = 8
_MOST_THREADS = 8


class Prefetcher:
    """Gives step number k its batch; what it gives depends on the seed and k alone.

    Parameters
    ----------
    rank, size
        Of several processes, each draws its own share of the batches.
    """

    def __init__(
        self, task: Task, source: Source, schedule: ScheduleRecipe, seed: int, rank: int = 0, size: int = 1
    ) -> None:
        self._task, self._source, self._schedule = task, source, schedule
        self._seed, self._rank, self._size = seed, rank, size
        threads = min(_MOST_THREADS, max(1, (os.cpu_count() or 1) // (2 * size)))
        self._pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        self._ready: dict[int, Future[Prepared]] = {}

    def _make(self, group: int) -> Prepared:
        example = draw_batch(self._source, self._schedule, self._seed, group * self._size + self._rank)
        return self._task.prepare(example)

    def get(self, step: int) -> Prepared:
        """Return the batch of a step, waiting for it if need be, and have the coming ones made."""
        chunk, within = divmod(step, GROUPS * self._schedule.passes)
        current, index = divmod(within, GROUPS)
        first = chunk * GROUPS
        for group in [g for g in self._ready if not first <= g < first + 2 * GROUPS]:
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
