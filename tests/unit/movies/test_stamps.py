"""Times that stand before each frame."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.movies.stamps import MOST_READ, iso, read_stamps, stamp_issues


def _counting(times: Callable[[int], float | None]) -> tuple[Callable[[int], float | None], list[int]]:
    asked: list[int] = []

    def stamp(frame: int) -> float | None:
        asked.append(frame)
        return times(frame)

    return stamp, asked


def test_even_stamps_give_an_interval() -> None:
    stamped = read_stamps(lambda frame: 100 + frame * 0.25, 9, 1e-3)
    assert stamped.start == 100
    assert stamped.interval == 0.25
    assert stamped.times is None
    assert stamped.segments == ()


def test_steps_within_the_resolution_are_even() -> None:
    stamped = read_stamps(lambda frame: round(frame / 30, 3), 200, 1e-3)
    assert stamped.interval == pytest.approx(1 / 30, rel=1e-4)


@pytest.mark.parametrize("frames", [0, 1])
def test_too_few_frames_have_no_interval(frames: int) -> None:
    assert read_stamps(lambda frame: 5.0, frames, 1e-3).interval is None


@pytest.mark.parametrize("value", [None, float("nan"), 7.0])
def test_stamps_that_say_nothing_give_no_times(value: float | None) -> None:
    stamped = read_stamps(lambda frame: value, 5, 1e-3)
    assert (stamped.times, stamped.interval, stamped.segments) == (None, None, ())


def test_long_even_movie_is_read_in_few_places() -> None:
    stamp, asked = _counting(lambda frame: frame * 0.01)
    assert read_stamps(stamp, 1_000_000, 1e-3).interval == pytest.approx(0.01)
    assert len(asked) < 300


@given(st.integers(2000, 100_000), st.data())
def test_gaps_of_a_long_movie_are_found_where_they_are(frames: int, data: st.DataObject) -> None:
    gaps = sorted(data.draw(st.sets(st.integers(1, frames - 1), min_size=1, max_size=5)))
    stamp, asked = _counting(lambda frame: frame * 0.01 + sum(0.7 for gap in gaps if frame >= gap))
    stamped = read_stamps(stamp, frames, 1e-4)
    assert [part.start for part in stamped.segments] == [0, *gaps]
    assert len(asked) <= MOST_READ


def test_more_gaps_than_can_be_looked_for_are_told() -> None:
    stamped = read_stamps(lambda frame: frame * 0.01 + (frame // 10) * 0.5, 100_000, 1e-3)
    assert not stamped.complete
    assert [issue.code for issue in stamp_issues(stamped, 100_000)] == ["times"]
    assert not stamp_issues(read_stamps(lambda frame: frame * 0.01, 100_000, 1e-3), 100_000)


def test_broken_stamp_in_the_middle_gives_no_times() -> None:
    stamped = read_stamps(lambda frame: None if frame == 2500 else frame * 0.01 + 3 * (frame > 2400), 5000, 1e-3)
    assert stamped.start == 0
    assert stamped.interval is None or stamped.times is None


@pytest.mark.parametrize(
    ("unix_s", "told"), [(0.5, "1970-01-01T00:00:00.500000+00:00"), (None, None), (-1, None), (1e18, None)]
)
def test_iso(unix_s: float | None, told: str | None) -> None:
    assert iso(unix_s) == told
