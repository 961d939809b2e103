"""Which names are the numbered images of one movie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.movies.numbered import runs


def _only(names: list[str]) -> tuple[str, ...]:
    (run,) = runs(names)
    return run.names


def test_numbers_order_the_images_and_not_the_alphabet() -> None:
    assert _only(["a10.tif", "a9.tif", "a100.tif"]) == ("a9.tif", "a10.tif", "a100.tif")


def test_the_number_that_counts_is_found_among_others() -> None:
    names = [f"exp3_{frame:04}_{frame * 40 + frame % 3}ms_320kx.tif" for frame in range(20)]
    (run,) = runs(reversed(names))
    assert run.names == tuple(names)
    assert run.numbers == tuple(range(20))
    assert run.pattern == "exp3_*_*ms_320kx.tif"


def test_two_series_in_a_folder_are_two_runs() -> None:
    names = [f"run{run}_{frame}.tif" for run in (1, 2) for frame in range(5)]
    assert [(run.pattern, len(run)) for run in runs(names)] == [("run1_*.tif", 5), ("run2_*.tif", 5)]


def test_other_endings_and_other_words_are_other_runs() -> None:
    names = ["a1.tif", "a2.tif", "b1.tif", "b2.tif", "a1.png", "a2.png", "alone7.tif", "none.tif"]
    assert [run.pattern for run in runs(names)] == ["a*.png", "a*.tif", "b*.tif"]


def test_missing_numbers_are_found() -> None:
    (run,) = runs([f"{number:03}.tif" for number in (0, 2, 4, 6, 12, 14)])
    assert run.step == 2
    assert run.gaps() == {4: (8, 10)}
    assert run.missing() == 2
    assert run.counted


def test_dates_do_not_count() -> None:
    (run,) = runs([f"{date}.tif" for date in (20230105, 20230317, 20230318, 20231224, 20240101)])
    assert not run.counted


def test_a_gap_of_a_thousand_million_numbers_takes_no_time() -> None:
    (run,) = runs(["1.tif", "2.tif", "3.tif", "999999999999999.tif"])
    assert run.missing() == 999999999999999 - 4
    assert len(run.gaps()[3]) == 10


@pytest.mark.parametrize("names", [[], ["a.tif"], ["a1.tif"], ["a.tif", "b.tif"]])
def test_no_run_is_no_run(names: list[str]) -> None:
    assert runs(names) == []


@given(st.lists(st.text("ab01239_.", min_size=1, max_size=8), unique=True, max_size=40))
def test_each_name_belongs_to_at_most_one_run(names: list[str]) -> None:
    found = runs(names)
    listed = [name for run in found for name in run.names]
    assert len(set(listed)) == len(listed)
    assert set(listed) <= set(names)
    for run in found:
        assert list(run.numbers) == sorted(set(run.numbers))
        assert len(run) >= 2
