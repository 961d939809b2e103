from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from core.denoising.context import Cancelled, QuietContext
from core.jobs.producing import Unit, produce


class _Told(QuietContext):
    """Keeps the progress, and cancels after so many units."""

    def __init__(self, cancel_after: int | None = None) -> None:
        self.done: list[tuple[int, int]] = []
        self.cancel_after = cancel_after

    def progress(self, stage: str, done: int, total: int, eta_s: float | None, rate: float | None) -> None:
        self.done.append((done, total))

    def check(self) -> None:
        if self.cancel_after is not None and self.done and self.done[-1][0] >= self.cancel_after:
            raise Cancelled


def test_every_unit_is_made_and_told() -> None:
    made: list[int] = []
    units = [Unit(lambda check, n=n: made.append(n) or n) for n in range(5)]  # type: ignore[misc]
    told = _Told()
    assert produce(units, told, "making", workers=2) == 10
    assert sorted(made) == list(range(5))
    assert told.done[0] == (0, 5)
    assert told.done[-1] == (5, 5)


def test_progress_is_told_while_a_unit_takes_long() -> None:
    told = _Told()

    def long(check: Callable[[], None]) -> int:
        while len(told.done) < 3:
            threading.Event().wait(0.001)
        return 1

    produce([Unit(long)], told, "making")
    assert told.done[:3] == [(0, 1)] * 3


def test_cancelling_stops_running_units_and_begins_no_more() -> None:
    begun: list[int] = []
    released = threading.Event()

    def slow(check: Callable[[], None], number: int) -> int:
        begun.append(number)
        # Ends only when it is told to.
        while not released.wait(0.001):
            check()
        return 0

    units = [Unit(lambda check: 1), *(Unit(lambda check, n=n: slow(check, n)) for n in range(50))]  # type: ignore[misc]
    with pytest.raises(Cancelled):
        produce(units, _Told(cancel_after=1), "making", workers=2)
    assert len(begun) <= 3


def test_an_error_in_a_unit_is_raised_to_the_caller() -> None:
    def broken(check: object) -> int:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        produce([Unit(broken)], QuietContext(), "making")


def test_units_compute_with_one_thread_and_the_number_is_put_back() -> None:
    import torch

    before = torch.get_num_threads()
    seen: list[int] = []
    torch.set_num_threads(3)
    try:
        produce([Unit(lambda check: seen.append(torch.get_num_threads()) or 1)], QuietContext(), "making")  # type: ignore[func-returns-value]
        assert seen == [1]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
