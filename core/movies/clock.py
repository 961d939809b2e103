"""Dates and times of day as logs and tags spell them; what is ambiguous is not guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

_TIME = re.compile(r"^(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,:](\d{1,9}))?)?\s*([AaPp][Mm])?$")
_YEAR_FIRST = re.compile(r"^(\d{4})[-./](\d{1,2})[-./](\d{1,2})$")
_YEAR_LAST = re.compile(r"^(\d{1,2})([-./])(\d{1,2})\2(\d{4})$")
_BOTH = re.compile(r"^(\S+?)(?:T|\s+)(\d{1,2}:\d\d[\d:.,]*(?:\s*[AaPp][Mm])?)\s*(Z|[+-]\d\d:?\d\d)?$")
_DAY_S = 86400.0


@dataclass(frozen=True)
class Clock:
    """Times of rows in s: since 1970 if `dated`, else since midnight before the first row, never going back."""

    times: NDArray[np.float64]
    dated: bool


def read_time_of_day(text: str) -> float | None:
    """Seconds since midnight of ``13:54:37.68``, ``1:54 PM``; None if it is no time of day."""
    found = _TIME.match(text.strip())
    if not found:
        return None
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    half = (found[5] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour > 23 or minute > 59 or second > 60:
        return None
    return hour * 3600.0 + minute * 60.0 + second + (float(f"0.{found[4]}") if found[4] else 0.0)


def read_date(text: str) -> float | None:
    """Seconds since 1970 of a day: year first, or day-month-year with dots or dashes.

    With slashes day and month can't be told apart unless one is above 12: None then.
    """
    found = _YEAR_FIRST.match(text.strip())
    if found:
        return _day(int(found[1]), int(found[2]), int(found[3]))
    found = _YEAR_LAST.match(text.strip())
    if not found:
        return None
    first, second, year = int(found[1]), int(found[3]), int(found[4])
    if found[2] != "/" or first > 12:
        return _day(year, second, first)
    return _day(year, first, second) if second > 12 or first == second else None


def read_date_and_time(text: str) -> float | None:
    """Seconds since 1970 of ``2026-11-21 13:54:37.5``; without a zone the clock is taken as it is written (as UTC)."""
    found = _BOTH.match(text.strip())
    if not found:
        return None
    day, clock = read_date(found[1]), read_time_of_day(found[2])
    if day is None or clock is None:
        return None
    zone = 0.0
    if found[3] and found[3] != "Z":
        digits = found[3].replace(":", "")
        zone = (int(digits[1:3]) * 3600 + int(digits[3:5]) * 60) * (-1.0 if digits[0] == "-" else 1.0)
    return day + clock - zone


def read_clocks(cells: Sequence[str]) -> Clock | None:
    """Times of a column; None if a cell is no time."""
    full = [read_date_and_time(cell) for cell in cells]
    if full and all(one is not None for one in full):
        return Clock(np.asarray(full, dtype=np.float64), dated=True)
    clocks = [read_time_of_day(cell) for cell in cells]
    if not clocks or any(one is None for one in clocks):
        return None
    times = np.asarray(clocks, dtype=np.float64)
    # A step back of half a day and more is midnight.
    nights = np.concatenate([[0], np.cumsum(np.diff(times) < -_DAY_S / 2)])
    return Clock(times + nights * _DAY_S, dated=False)


def _day(year: int, month: int, day: int) -> float | None:
    try:
        return datetime(year, month, day, tzinfo=UTC).timestamp()
    except ValueError:
        return None
