"""Dates and times of day as logs and tags spell them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.movies.clock import read_clocks, read_date, read_date_and_time, read_time_of_day


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("13:54:37.68", 50077.68),
        ("1:54 PM", 50040.0),
        ("12:00:00 AM", 0.0),
        ("0:00", 0.0),
        ("24:00", None),
        ("13:61", None),
        ("13:00 PM", None),
        ("37.68", None),
        ("", None),
    ],
)
def test_time_of_day(text: str, seconds: float | None) -> None:
    assert read_time_of_day(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2014.12.03", (2014, 12, 3)),
        ("2014-12-03", (2014, 12, 3)),
        ("03.12.2014", (2014, 12, 3)),
        ("03-12-2014", (2014, 12, 3)),
        ("25/12/2014", (2014, 12, 25)),
        ("12/25/2014", (2014, 12, 25)),
        ("03/12/2014", None),
        ("31.02.2014", None),
        ("soon", None),
    ],
)
def test_day_and_month_are_never_guessed(text: str, day: tuple[int, int, int] | None) -> None:
    expected = None if day is None else datetime(*day, tzinfo=UTC).timestamp()
    assert read_date(text) == expected


def test_zone_is_taken_off() -> None:
    assert read_date_and_time("2026-11-21T13:00:00Z") == read_date_and_time("2026-11-21 15:00:00+02:00")
    assert read_date_and_time("2026-11-21 13:00") == read_date_and_time("2026-11-21 13:00:00.000")


def test_clock_counts_on_over_midnight() -> None:
    clock = read_clocks(["23:59:59", "00:00:01", "00:00:02"])
    assert clock is not None
    assert not clock.dated
    assert list(clock.times - clock.times[0]) == [0.0, 2.0, 3.0]


def test_column_with_anything_else_is_no_clock() -> None:
    assert read_clocks(["13:00:00", "norm"]) is None
    assert read_clocks([]) is None
