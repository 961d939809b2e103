"""Two results compared frame by frame agree with what numpy says of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.denoising.comparing import Comparison
from core.protocol.denoise import StoredScale


class InMemory:
    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def frame(self, index: int) -> np.ndarray:
        return self._values[index]


def compared(first: np.ndarray, second: np.ndarray, scale: StoredScale | None = None) -> Comparison:
    comparison = Comparison(InMemory(first), scale)
    for index in np.random.default_rng(0).permutation(len(first)):
        comparison.add(int(index), second[index])
    return comparison


@given(seed=st.integers(0, 1000), offset=st.floats(-1e6, 1e6), frames=st.integers(1, 6))
def test_largest_and_relative_difference_are_those_of_the_whole(seed, offset, frames):
    rng = np.random.default_rng(seed)
    first = (rng.normal(offset, 3, (frames, 5, 7))).astype(np.float32)
    second = first + rng.normal(0, 0.1, first.shape).astype(np.float32)
    comparison = compared(first, second)
    largest = np.abs(first.astype(np.float64) - second).max()
    assert comparison.largest == pytest.approx(largest)
    assert comparison.relative == pytest.approx(largest / first.astype(np.float64).std(), rel=1e-6)
    assert comparison.different_frames == sum((a != b).any() for a, b in zip(first, second, strict=True))


def test_whole_numbers_are_compared_by_what_they_stand_for():
    first = np.arange(12, dtype=np.uint16).reshape(1, 3, 4)
    second = first.copy()
    second[0, 2, 3] += 5
    comparison = compared(first, second, StoredScale(origin=3, scale=0.5))
    assert comparison.largest == 2.5
    assert comparison.relative == pytest.approx(5 / first.std())


def test_frames_without_a_number_are_the_same_if_both_have_none():
    empty = np.full((2, 3, 4), np.nan, np.float32)
    assert compared(empty, empty.copy()).identical
    assert compared(empty, empty.copy()).relative == 0
    numbers = np.zeros((2, 3, 4), np.float32)
    assert compared(empty, numbers).only_in_one == 24


def test_a_flat_result_has_its_difference_itself():
    flat = np.full((1, 3, 4), 7, np.float32)
    assert compared(flat, flat + 1).relative == 1
