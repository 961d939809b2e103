"""Even intervals, gaps, and the segments that they make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.movies.timing import even_interval, segments_of, usual_interval


def test_usual_interval_is_the_median_step() -> None:
    assert usual_interval([0.0, 1.0, 2.0, 9.0]) == 1.0
    assert usual_interval([0.0]) is None
    assert usual_interval([3.0, 2.0, 1.0]) is None
    assert usual_interval([0.0, float("nan"), 1.0]) is None


def test_only_even_steps_have_an_interval() -> None:
    assert even_interval([0.0, 0.1, 0.2, 0.3]) == pytest.approx(0.1)
    assert even_interval([0.0, 0.1, 0.2, 0.4]) is None


def test_gap_parts_the_movie_and_says_how_long_it_is() -> None:
    before, after = segments_of(6, [0.0, 1.0, 2.0, 7.0, 8.0, 9.0])
    assert (before.start, before.stop, before.reason) == (0, 3, "")
    assert (after.start, after.stop) == (3, 6)
    assert "5 s" in after.reason


def test_time_that_goes_back_parts_the_movie() -> None:
    segments = segments_of(6, [0.0, 1.0, 2.0, 0.0, 1.0, 2.0])
    assert [(one.start, one.stop) for one in segments] == [(0, 3), (3, 6)]


def test_jitter_is_no_gap() -> None:
    assert segments_of(5, [0.0, 1.0, 2.2, 2.9, 4.1]) == ()


def test_known_breaks_keep_their_reason_and_join_the_gaps() -> None:
    segments = segments_of(6, [0.0, 1.0, 2.0, 3.0, 9.0, 10.0], {2: "magnification changed", 0: "x", 6: "y"})
    assert [(one.start, one.stop, one.reason[:13]) for one in segments] == [
        (0, 2, ""),
        (2, 4, "magnification"),
        (4, 6, "a gap of 6 s,"),
    ]


def test_movie_without_times_or_breaks_is_one_piece() -> None:
    assert segments_of(10) == ()
    assert segments_of(3, [0.0, 1.0]) == ()  # times of another number of frames tell nothing


@given(st.lists(st.floats(min_value=1e-3, max_value=1e3), min_size=1, max_size=60))
def test_segments_cover_every_frame_once(steps: list[float]) -> None:
    times = [0.0]
    for step in steps:
        times.append(times[-1] + step)
    segments = segments_of(len(times), times)
    covered = [frame for one in segments for frame in range(one.start, one.stop)]
    assert covered in ([], list(range(len(times))))
    assert all(one.reason for one in segments[1:])
