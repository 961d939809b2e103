"""Logs of sample holders (temperature, gas, bias over time), joined to the frames of a movie by time.

Logs of Protochips, DENSsolutions (Impulse, DigiHeater) and plain tables are read by one way: a delimited text with a
header, a column of time and columns of numbers. What is not surely understood is left out, never guessed.
"""

from __future__ import annotations

import csv
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.movies.clock import Clock, read_clocks, read_date, read_date_and_time, read_time_of_day
from core.movies.errors import Malformed, MovieError, Unsupported, unreadable
from core.movies.timing import usual_interval
from core.protocol.movie import MovieMeta
from core.protocol.reader import LogColumn

LARGEST_BYTES = 32 << 20
_DELIMITERS = "\t;,"
_TIME_NAME = re.compile(
    r"^\W*(experiment time|elapsed time|elapsed|timestamp|time stamp|time|zeit|date ?time)\b", re.IGNORECASE
)
# A small t is time, a capital one temperature.
_T_NAME = re.compile(r"^t\s*([(\[](s|ms|min|h)[)\]])?$")
_DATE_NAME = re.compile(r"^\W*(date|datum)\W*$", re.IGNORECASE)
_UNIT = re.compile(r"[(\[]\s*([^()\[\]]{1,16}?)\s*[)\]]\s*$")
_TIME_UNITS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "milliseconds": 1e-3, "min": 60.0, "minutes": 60.0}
_TIME_UNITS |= {"h": 3600.0, "hours": 3600.0, "us": 1e-6, "µs": 1e-6}
# Notes such as "Temperature units = Degrees C" stand in a column of their own in Protochips logs.
_NOTE = re.compile(r"^\s*(\w+) units\s*=\s*(.+?)\s*$", re.IGNORECASE)
_NOTED_DATE = re.compile(r"^\s*Date \(yyyy\.mm\.dd\)\s*=\s*(.+?)\s*$", re.IGNORECASE)
_NOTED_TIME = re.compile(r"^\s*Time \(hh:mm:ss\.ms\)\s*=\s*(.+?)\s*$", re.IGNORECASE)
# Impulse writes no units; these are the ones of its manual.
_IMPULSE_UNITS = {"temperature": "°C", "power": "mW", "pin": "mbar", "pout": "mbar", "mfc1": "mln/min"}
_CLOCKS = (read_time_of_day, read_date, read_date_and_time)
_DAY_S = 86400.0
_QUARTER_S = 900.0
# From the zone of Baker Island to that of Kiribati.
_MOST_ZONES_S = 14 * 3600


@dataclass(frozen=True)
class HolderLog:
    """A log as read.

    Attributes
    ----------
    times : float64 (N,)
        Of each row in s: since the first row, or since 1970 (UTC, or the local clock's) if `absolute`.
    absolute : bool
        Whether the log says date and time of day.
    columns : tuple of (name, unit, float64 (N,))
        NaN where the log is silent.
    """

    times: NDArray[np.float64]
    absolute: bool
    columns: tuple[tuple[str, str, NDArray[np.float64]], ...]


def read_log(path: str | Path) -> HolderLog:
    """Read a holder log.

    Raises
    ------
    MovieError
        It can't be read, is too large, or holds no column of time beside numbers.
    """
    text = _text(path)
    delimiter = _delimiter(text)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=delimiter)]
    except csv.Error as error:
        raise Malformed.about(path, f"The log is no table: {error}.", "Export it as CSV with a header line.") from error
    first = _first_data_row(rows, delimiter)
    if first is None:
        raise Malformed.about(
            path, "No table of times and numbers was found in this log.", "Export it as CSV with a header line."
        )
    width = len(rows[first])
    header = _header(rows[:first], width)
    data = [row for row in rows[first:] if len(row) == width and any(row)]
    table = np.array([[_number(cell, delimiter) for cell in row] for row in data], dtype=np.float64)
    notes = [cell for row in rows for cell in row if "=" in cell]
    times, absolute, used = _times(path, header, data, table, notes, "\n".join(map(" ".join, rows[:first])))
    order = np.argsort(times, kind="stable")
    columns = []
    for place in range(width):
        values = table[:, place]
        if place not in used and np.isfinite(values).any():
            name, unit = _name_and_unit(header[place] or f"column {place + 1}", notes)
            columns.append((name, unit, values[order]))
    if not columns:
        raise Malformed.about(path, "The log holds times, but no column of numbers.", "Choose another file.")
    return HolderLog(times[order], absolute, tuple(columns))


def join_log(path: str | Path, meta: MovieMeta, offset_s: float = 0.0) -> tuple[tuple[LogColumn, ...], int, str]:
    """Give each frame the log's nearest value in time; a frame far from any row gets none.

    Parameters
    ----------
    path : str or Path
        The log.
    meta : MovieMeta
        The movie's, with what the user typed applied.
    offset_s : float
        Added to the log's times.

    Returns
    -------
    columns, frames covered, how the clocks were matched (a sentence)

    Raises
    ------
    MovieError
        The log can't be read, or the movie's frames have no times.
    """
    log = read_log(path)
    frames = _frame_times(meta)
    if frames is None:
        raise MovieError.about(
            path,
            "The log can't be joined: it is not known when the movie's frames were taken.",
            "Enter the time from frame to frame first.",
            "bad-request",
        )
    start, said = _start(log, frames, meta)
    rows = log.times - start + offset_s
    nearest = _nearest(rows, frames)
    reach = 2 * max(usual_interval(rows.tolist()) or 0.0, usual_interval(frames.tolist()) or 0.0, 0.5)
    near = np.abs(rows[nearest] - frames) <= reach
    covered = int(np.count_nonzero(near))
    columns = tuple(
        LogColumn(
            name=name,
            unit=unit,
            values=tuple(
                float(value) if ok and np.isfinite(value) else None
                for value, ok in zip(values[nearest], near, strict=True)
            ),
        )
        for name, unit, values in log.columns
    )
    if covered < len(frames):
        said += f" The log has no row near {len(frames) - covered} of {len(frames)} frames."
    return columns, covered, said


def _nearest(rows: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.intp]:
    """For each wanted time the place of the row nearest to it; rows rise."""
    after = np.minimum(np.searchsorted(rows, wanted), len(rows) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(np.abs(rows[before] - wanted) <= np.abs(rows[after] - wanted), before, after)


def _start(log: HolderLog, frames: NDArray[np.float64], meta: MovieMeta) -> tuple[float, str]:
    """The log's time at the movie's first frame, and how that is known."""
    first = float(log.times[0])
    if not log.absolute:
        return first, "The log does not say the date: its first row was taken for the beginning of the recording."
    start = meta.start_unix_s
    if start is not None:
        how = "Joined by date and time of both."
    else:
        start = read_date_and_time(meta.date or "")
        how = "Joined by the movie's date, which may be that of its end or of saving it: check it, or type its start."
    if start is None:
        what = "The movie does not say when it began: the log's first row was taken for its first frame."
        return first, f"{what} Type its start, or an offset, if that is wrong."
    if _covers(log, frames, start):
        return start, how
    # One clock may be local time and the other UTC: they differ by whole quarters of an hour, mostly whole hours.
    quarters = range(-round(_MOST_ZONES_S / _QUARTER_S), round(_MOST_ZONES_S / _QUARTER_S) + 1)
    shifts = [quarter / 4 for quarter in quarters if _covers(log, frames, start + quarter * _QUARTER_S)]
    likely = [shift for shift in shifts if shift == round(shift)] or shifts
    if len(likely) == 1:
        told = f"The clocks of log and movie differ by {likely[0]:+g} h; taken for a time zone: check it."
        return start + likely[0] * 3600, told
    if likely:
        told = f"between {likely[0]:+g} and {likely[-1]:+g} h"
        return start, f"The clocks of log and movie differ by a time zone, {told}: type an offset to join them."
    return start, "The log and the movie were not taken at the same time."


def _covers(log: HolderLog, frames: NDArray[np.float64], start: float) -> bool:
    """Whether the log has rows at half of the movie or more, if this was its start."""
    last = start + float(frames[-1])
    common = min(float(log.times[-1]), last) - max(float(log.times[0]), start)
    return common >= 0 and common >= 0.5 * (last - start)


def _frame_times(meta: MovieMeta) -> NDArray[np.float64] | None:
    if meta.times is not None and len(meta.times) >= meta.frames:
        times = np.asarray(meta.times[: meta.frames], dtype=np.float64)
        # With a known start the first frame is at 0; without one the times count from the recording's own zero, which
        # the part of a movie keeps.
        return times - times[0] if meta.start_unix_s is not None else times
    if meta.frame_interval_s is not None:
        even: NDArray[np.float64] = np.arange(meta.frames, dtype=np.float64) * meta.frame_interval_s
        return even
    single: NDArray[np.float64] = np.zeros(1)
    return single if meta.frames == 1 else None


def _text(path: str | Path) -> str:
    try:
        status = Path(path).stat()
        size = status.st_size
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise Unsupported.about(path, "The log is no ordinary file.", "Choose another file.")
        if size > LARGEST_BYTES:
            raise Unsupported.about(path, f"The log has {size / 1e6:.0f} MB, more than a log should.", "Cut it.")
        data = Path(path).read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _delimiter(text: str) -> str:
    """The character that cuts most lines into the same number of cells."""
    lines = [line for line in text.splitlines()[:2000] if line.strip()]
    best, score = ",", 0
    for one in _DELIMITERS:
        counts = [line.count(one) for line in lines]
        usual = max(set(counts), key=counts.count, default=0)
        found = counts.count(usual) if usual else 0
        if found > score:
            best, score = one, found
    return best


def _number(cell: str, delimiter: str) -> float:
    if delimiter != "," and "," in cell:
        # A comma for the decimals; a point before it parts thousands.
        cell = cell.replace(".", "").replace(",", ".")
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _first_data_row(rows: Sequence[Sequence[str]], delimiter: str) -> int | None:
    """The first row with a time and a number whose shape the next row shares."""
    for place, row in enumerate(rows):
        if len(row) < 2 or not any(row):
            continue
        numbers = sum(np.isfinite(_number(cell, delimiter)) for cell in row)
        clocks = sum(any(read(cell) is not None for read in _CLOCKS) for cell in row)
        if numbers + clocks >= 2 and numbers >= 1:
            follows = place + 1 >= len(rows) or len(rows[place + 1]) in (0, 1, len(row))
            if follows:
                return place
    return None


def _header(before: Sequence[Sequence[str]], width: int) -> list[str]:
    """The names of the columns; a line of units below them is put into brackets."""
    # A last column without a name (DigiHeater's state) makes the header shorter.
    named = [
        [*row, *[""] * (width - len(row))] for row in before if max(2, width - 1) <= len(row) <= width and any(row)
    ]
    if not named:
        return [""] * width
    if (
        len(named) > 1
        and any(named[-1])
        and all(len(cell) <= 12 and " " not in cell.strip("()[]") for cell in named[-1])
    ):
        units = [cell.strip("()[]") for cell in named[-1]]
        return [f"{name} ({unit})" if unit else name for name, unit in zip(named[-2], units, strict=True)]
    names = list(named[-1])
    quirk = next((place for place, name in enumerate(names) if name.startswith("c Tset")), None)
    if quirk is not None:
        # Some DigiHeater versions write one header cell above three columns: c, its state, and the set temperature.
        names[quirk : quirk + 1] = ["c", "", names[quirk][2:]]
    return names[:width]


def _times(
    path: str | Path,
    header: Sequence[str],
    data: Sequence[Sequence[str]],
    table: NDArray[np.float64],
    notes: Sequence[str],
    preamble: str,
) -> tuple[NDArray[np.float64], bool, set[int]]:
    """Times of the rows, whether they are of the calendar, and which columns they took."""
    named = [place for place, name in enumerate(header) if _TIME_NAME.match(name) or _T_NAME.match(name)]
    dates = [place for place, name in enumerate(header) if _DATE_NAME.match(name)]
    used = {*named, *dates}
    # Without a name, a column of clocks is the time; a column of rising numbers may be a counter.
    clocks = [read_clocks([row[place] for row in data]) for place in named or range(len(header))]
    for clock in clocks:
        if clock is not None and clock.dated:
            return clock.times, True, used
    noted = _noted_start(notes, preamble)
    for clock in clocks:
        if clock is not None:
            return *_dated(clock, data, dates, noted), used
    # Without a name, only the first column is taken for the time.
    for place in named or [0]:
        values = table[:, place]
        if np.isfinite(values).all() and np.all(np.diff(values) >= 0) and (named or values[-1] > values[0]):
            if values[0] > 1e9:
                # Seconds, or milliseconds, since 1970.
                return values / (1e3 if values[0] > 1e11 else 1.0), True, {*used, place}
            seconds = (values - values[0]) * _time_unit(header[place], notes)
            return (seconds if noted is None else seconds + noted), noted is not None, {*used, place}
    raise Malformed.about(path, "The log has no column of rising times.", "Name that column Time, and give its unit.")


def _dated(
    clock: Clock, data: Sequence[Sequence[str]], dates: Sequence[int], noted: float | None
) -> tuple[NDArray[np.float64], bool]:
    """Times of day with the date of their own column, or of the log's head."""
    for place in dates:
        days = [read_date(row[place]) for row in data]
        if all(day is not None for day in days):
            # The clock counts on over midnight; the date has done so already.
            return np.asarray(days, dtype=np.float64) + np.mod(clock.times, _DAY_S), True
    if noted is not None:
        return clock.times + noted - noted % _DAY_S, True
    return clock.times, False


def _noted_start(notes: Sequence[str], preamble: str) -> float | None:
    """When the log began, in s since 1970, by its head."""
    day = next((read_date(found.group(1)) for note in notes if (found := _NOTED_DATE.match(note))), None)
    clock = next((read_time_of_day(found.group(1)) for note in notes if (found := _NOTED_TIME.match(note))), None)
    if day is not None and clock is not None:
        return day + clock
    # DigiHeater: "16/04/'15 13:53" in the first line.
    found = re.search(r"\b(\d\d)/(\d\d)/'(\d\d) (\d\d:\d\d)", preamble)
    if found:
        day = read_date(f"20{found.group(3)}-{found.group(2)}-{found.group(1)}")
        clock = read_time_of_day(found.group(4))
        return None if day is None or clock is None else day + clock
    return None


def _time_unit(name: str, notes: Sequence[str]) -> float:
    found = _UNIT.search(name)
    if found and found.group(1).lower() in _TIME_UNITS:
        return _TIME_UNITS[found.group(1).lower()]
    for note in notes:
        noted = _NOTE.match(note)
        if noted and noted.group(1).lower() == "time":
            return _TIME_UNITS.get(noted.group(2).lower(), 1.0)
    return 1.0


def _name_and_unit(title: str, notes: Sequence[str]) -> tuple[str, str]:
    found = _UNIT.search(title)
    if found:
        return title[: found.start()].strip(), found.group(1)
    for note in notes:
        noted = _NOTE.match(note)
        if noted and noted.group(1).lower() in title.lower():
            return title, noted.group(2)
    if re.search(r"(Measured|Setpoint)$|^Measured power$", title):
        word = re.sub(r"^(measured )", "", title.lower()).split()[0]
        return title, _IMPULSE_UNITS.get(word, "")
    return title, ""
