from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.measures.atoms.match import match, quantities


def test_one_invented_and_one_missed_column_count() -> None:
    true = np.array([[0.0, 0], [10, 0], [20, 0], [30, 0]])
    found = np.array([[0.4, 0], [10, 0.3], [20, 0], [50, 0]])
    got = match(true, found, 1.0)
    assert (len(got.true), got.missed, got.invented) == (3, 1, 1)
    assert got.precision == pytest.approx(0.75)
    assert got.recall == pytest.approx(0.75)
    assert got.f1 == pytest.approx(0.75)
    assert got.jaccard == pytest.approx(3 / 5)


def test_each_column_is_used_once() -> None:
    got = match([[0.0, 0.0]], [[0.1, 0.0], [0.2, 0.0]], 1.0)
    assert (len(got.true), got.missed, got.invented) == (1, 0, 1)
    assert got.found.tolist() == [0]


def test_as_many_pairs_as_can_be_are_made_before_the_nearest_ones() -> None:
    # The nearest pair (1 with 0.6) would leave 0 and 1.5 apart.
    got = match([[0.0, 0.0], [1.0, 0.0]], [[0.6, 0.0], [1.9, 0.0]], 1.0)
    assert len(got.true) == 2


def test_nothing_found_and_nothing_there_is_no_mistake() -> None:
    got = match(np.zeros((0, 2)), np.zeros((0, 2)), 1.0)
    assert (got.precision, got.recall, got.f1, got.jaccard) == (1, 1, 1, 1)
    assert quantities(np.zeros((0, 2)), np.zeros((0, 2)), got, 0.1) is None


places = st.lists(st.tuples(st.floats(0, 30), st.floats(0, 30)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(places, places, st.floats(0.1, 8))
def test_pairs_are_near_and_matching_is_symmetric(a: list[tuple[float, float]], b: list, radius: float) -> None:
    one, two = np.array(a).reshape(-1, 2), np.array(b).reshape(-1, 2)
    there, back = match(one, two, radius), match(two, one, radius)
    assert len(there.true) == len(back.true) == len(set(there.true)) == len(set(there.found))
    assert np.all(np.linalg.norm(one[there.true] - two[there.found], axis=1) <= radius)
    assert there.f1 == pytest.approx(back.f1)
    assert there.precision == pytest.approx(back.recall)
    assert len(there.true) + there.missed == len(one)
    assert len(there.true) + there.invented == len(two)
