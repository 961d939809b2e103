"""When DigitalMicrograph says that a movie was taken: a clock in UTC, and texts in the language of the system."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone

from core.movies.formats.dm_tags import TagTree

# A Windows file time counts 100 ns from 1601 on; these are the years 1990 to 2100.
_FILETIME_TICK_S = 1e-7
_FILETIME_EPOCH_S = 11_644_473_600
_EARLIEST_S, _LATEST_S = 631_152_000.0, 4_102_444_800.0
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = re.compile(r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?\s*([AaPp])?\.?(?:[Mm]\.?)?")
_ASCTIME = re.compile(r"\w{3} (\w{3}) +(\d{1,2}) (\d{2}:\d{2}:\d{2}) (\d{4})")
_QUARTER = timedelta(minutes=15)
# Time zones lie within this of UTC, and in whole quarters of an hour; the two clocks may differ by a little.
_FARTHEST = timedelta(hours=14)
_DISAGREEMENT = timedelta(minutes=3)


def plausible(seconds: float) -> float | None:
    """A clock's reading in s since 1970, where it lies between 1990 and 2100; else None."""
    return seconds if math.isfinite(seconds) and _EARLIEST_S < seconds < _LATEST_S else None


def file_time(value: float | None) -> float | None:
    """A Windows file time in s since 1970 (UTC)."""
    return None if value is None else plausible(value * _FILETIME_TICK_S - _FILETIME_EPOCH_S)


def _day(year: int, month: int, day: int) -> datetime | None:
    try:
        return datetime(year + (2000 if year < 100 else 0), month, day)
    except ValueError:
        return None


def days_of(text: str) -> list[datetime]:
    """The days that a date may mean: none, one, or two where day and month could be either."""
    text = text.strip()
    if found := re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\.?", text):
        possible = [_day(int(found[1]), int(found[2]), int(found[3]))]
    elif found := re.fullmatch(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4}|\d{2})", text):
        possible = [_day(int(found[3]), int(found[2]), int(found[1]))]
    elif found := re.fullmatch(r"(\d{1,2})[-/](\d{1,2})[-/](\d{4}|\d{2})", text):
        first, second, year = int(found[1]), int(found[2]), int(found[3])
        possible = [_day(year, first, second), _day(year, second, first)]
    elif (found := re.fullmatch(r"(\d{1,2})[- ]([A-Za-z]{3})[a-z]*[- ](\d{4}|\d{2})", text)) and (
        found[2].lower() in _MONTHS
    ):
        possible = [_day(int(found[3]), _MONTHS.index(found[2].lower()) + 1, int(found[1]))]
    else:
        possible = []
    return sorted({day for day in possible if day is not None})


def time_of(text: str) -> timedelta | None:
    """The time of day that a text gives, with or without AM and PM."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if found[4]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[4].lower() == "p" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    return timedelta(hours=hour, minutes=minute, seconds=second)


def asctime(text: str) -> datetime | None:
    """A local time such as ``Sun Jul 03 18:20:12 2016``."""
    found = _ASCTIME.match(text.strip())
    if found is None or found[1].lower() not in _MONTHS:
        return None
    day = _day(int(found[4]), _MONTHS.index(found[1].lower()) + 1, int(found[2]))
    time = time_of(found[3])
    return None if day is None or time is None else day + time


def zone(local: datetime, unix_s: float) -> timezone | None:
    """The time zone in which a local clock and UTC agree; None if there is none."""
    offset = local - datetime.fromtimestamp(unix_s, UTC).replace(tzinfo=None)
    whole = round(offset / _QUARTER) * _QUARTER
    if abs(offset - whole) > _DISAGREEMENT or abs(whole) > _FARTHEST:
        return None
    return timezone(whole)


def iso(texts: tuple[str, str], unix_s: float | None) -> str | None:
    """A date in ISO 8601, where it is sure what the file means; else as the file spells it.

    Parameters
    ----------
    texts : tuple of str
        The date and the time of day, in the language of the system; empty if absent.
    unix_s : float or None
        The same moment (or a little before or after) in UTC; it tells month from day, and the time zone.

    Returns
    -------
    str or None
        With the offset from UTC where that is known. ``7/9/2014`` without a clock in UTC stays as it is: it is known
        neither as July nor as September.
    """
    time = time_of(texts[1])
    possible = [] if time is None else [day + time for day in days_of(texts[0])]
    if unix_s is not None:
        for local in possible:
            found = zone(local, unix_s)
            if found is not None:
                return local.replace(tzinfo=found).isoformat()
        return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="seconds")
    if len(possible) == 1:
        return possible[0].isoformat()
    days = days_of(texts[0])
    if not texts[1] and len(days) == 1:
        return days[0].date().isoformat()
    return " ".join(text for text in texts if text) or None


def date_and_start(tree: TagTree, prefixes: tuple[str, ...], frames: int) -> tuple[str | None, float | None]:
    """The date of a movie, and when its first frame began in s since 1970, where the file tells it.

    DigitalMicrograph notes the data bar's time when a frame is there, so it begins a movie of many frames only where
    the camera's own start is given as well.
    """
    noted = _noted(tree, prefixes)
    begun = _camera_start(tree, prefixes)
    scan = next((at for prefix in prefixes if (at := asctime(tree.text(f"{prefix}.DigiScan.TimeStamp")))), None)
    texts = _texts(tree, prefixes)
    if scan is not None and not any(texts):
        texts = scan.date().isoformat(), scan.time().isoformat()
    if begun is None and frames == 1 and noted is not None:
        begun = noted if scan is None else _scan_start(scan, noted)
    return iso(texts, noted if noted is not None else begun), begun


def _noted(tree: TagTree, prefixes: tuple[str, ...]) -> float | None:
    names = (f"{prefix}.DataBar.Acquisition Time (OS)" for prefix in prefixes)
    return next((at for name in names if (at := file_time(tree.number(name))) is not None), None)


def _texts(tree: TagTree, prefixes: tuple[str, ...]) -> tuple[str, str]:
    # Old files keep the data bar beside the image list.
    for group in (*(f"{prefix}.DataBar" for prefix in prefixes), "DataBar"):
        texts = tree.text(f"{group}.Acquisition Date"), tree.text(f"{group}.Acquisition Time")
        if any(texts):
            return texts
    return "", ""


def _camera_start(tree: TagTree, prefixes: tuple[str, ...]) -> float | None:
    names = (f"{prefix}.Acquisition.Frame.Sequence.Acquisition Start Time (epoch)" for prefix in prefixes)
    given = (tree.number(name) for name in names)
    return next((at for value in given if value is not None and (at := plausible(value / 1000)) is not None), None)


def _scan_start(scan: datetime, noted: float) -> float:
    """When a scan began: by its local start, in the zone in which that clock and the data bar's agree."""
    noted_utc = datetime.fromtimestamp(noted, UTC).replace(tzinfo=None)
    # Zones differ by whole quarters of an hour, so what is left of the difference is how long before it began.
    earlier = (noted_utc - scan) % _QUARTER
    # Its clock gives whole seconds: a scan that seems to begin a little later than it was noted began just then.
    return noted if _QUARTER - earlier < timedelta(seconds=2) else noted - earlier.total_seconds()
