"""Makes many independent things at once, in threads, with progress and cancelling."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from core.denoising.context import RunContext

# How long Ctrl+C may wait to be seen.
_POLL_S = 0.2


class StoppedError(Exception):
    """A unit was told to stop on its way; what it had not finished is made anew next time."""


@dataclass(frozen=True)
class Unit:
    """Something to be made: `make` calls the check it is given now and then, and says how many things it made.

    The check raises `StoppedError` once the work is to end.
    """

    make: Callable[[Callable[[], None]], int]


def produce(units: Sequence[Unit], context: RunContext, stage: str, workers: int = 0) -> int:
    """Make every unit, `workers` at once (0: one a processor); returns how many things were made.

    Each runs in one thread of torch's, so that what it computes does not depend on how many are made at once.

    Raises
    ------
    Cancelled
        Units that were finished stay.
    """
    from core.denoising.devices import torch_threads

    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise StoppedError

    with torch_threads(1):
        pool = ThreadPoolExecutor(workers or os.cpu_count() or 1)
        try:
            return _followed([pool.submit(unit.make, check) for unit in units], context, stage)
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _followed(futures: list[Future[int]], context: RunContext, stage: str) -> int:
    began, made, waiting = time.monotonic(), 0, set(futures)
    context.progress(stage, 0, len(futures), None, None)
    while waiting:
        context.check()
        done, waiting = wait(waiting, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        made += sum(future.result() for future in done)
        count = len(futures) - len(waiting)
        rate = count / max(time.monotonic() - began, 1e-9)
        # Told between units too: one may take minutes, and its user wants to see that it runs.
        context.progress(stage, count, len(futures), len(waiting) / rate if count else None, rate if count else None)
    return made
