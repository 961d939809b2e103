"""Holder logs of several makers, and their join to a movie's frames by time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from core.movies.errors import MovieError
from core.movies.holder_log import LARGEST_BYTES, join_log, read_log
from core.protocol.movie import MovieMeta

PROTOCHIPS = """Time, Notes, Channel A Temperature
0, Calibration file = E:\\AD21013_8.cal, 25
0, Date (yyyy.mm.dd) = 2014.12.03, 25
0, Time (hh:mm:ss.ms) = 17:15:37.192, 25
0, Time units = Milliseconds, 25
0, Temperature units = Degrees C, 25
100, , 30
200, , 40
300, heating, NaN
"""
DIGIHEATER = (
    "\r\n16/04/'15 13:53\tDigiheater 3.1\r\nR0 = 282.7\ta = 0.0\tb = 0.225\tc = 278.222\r\n"
    "sample\ttime\tTset[C]\tTmeas[C]\tPheat [mW]\r\n"
    "1\t13:54:37.68\t23.0\t15.091\t0.02\tnorm\r\n2\t13:54:38.01\t23.0\t16.828\t0.03\tnorm\r\n"
)
IMPULSE = (
    "TimeStamp,Experiment time,Temperature Setpoint,Temperature Measured,% Gas1 Measured\n"
    "2026-11-21 10:00:00.0,0.0,300,299.5,10\n2026-11-21 10:00:01.0,1.0,310,305.5,20\n"
)
SEMICOLONS = "Zeit (s);Temperatur (°C);Druck (mbar)\n0,5;20,25;1,0\n1,5;21,75;1,5\n"


def _write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "log.csv"
    path.write_text(text, encoding=encoding, newline="")
    return path


def _meta(frames: int, **known: object) -> MovieMeta:
    return MovieMeta.model_validate(
        {"path": "m.dm4", "format": "DM4", "frames": frames, "height": 8, "width": 8, "dtype": "uint16"}
        | {"declared_frames": frames}
        | known
    )


def _unix(*when: int) -> float:
    return datetime(*when, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


def test_protochips_log_has_its_units_and_date(tmp_path: Path) -> None:
    log = read_log(_write(tmp_path, PROTOCHIPS))
    assert log.absolute
    assert log.times[0] == pytest.approx(_unix(2014, 12, 3, 17, 15, 37) + 0.192)
    assert log.times[-1] - log.times[0] == pytest.approx(0.3)
    ((name, unit, values),) = log.columns
    assert (name, unit) == ("Channel A Temperature", "Degrees C")
    np.testing.assert_array_equal(values[-3:], [30, 40, np.nan])


def test_digiheater_log_of_tabs_and_times_of_day(tmp_path: Path) -> None:
    log = read_log(_write(tmp_path, DIGIHEATER))
    assert log.absolute
    assert log.times[0] == pytest.approx(_unix(2015, 4, 16, 13, 54, 37) + 0.68)
    found = {name: (unit, values[0]) for name, unit, values in log.columns}
    assert found == {"sample": ("", 1.0), "Tset": ("C", 23.0), "Tmeas": ("C", 15.091), "Pheat": ("mW", 0.02)}


def test_digiheater_header_above_three_columns_is_put_right(tmp_path: Path) -> None:
    rows = "1\t13:54:37.68\t278.2\tnorm\t23.0\t15.1\n2\t13:54:38\t278.2\tnorm\t24.0\t16.1\n"
    text = "sample\ttime\tc Tset[C]\tTmeas[C]\t\n" + rows
    found = {name: values[0] for name, _, values in read_log(_write(tmp_path, text)).columns}
    assert found == {"sample": 1.0, "c": 278.2, "Tset": 23.0, "Tmeas": 15.1}


def test_impulse_log_takes_its_time_stamps(tmp_path: Path) -> None:
    log = read_log(_write(tmp_path, IMPULSE))
    assert log.absolute
    assert list(log.times) == [_unix(2026, 11, 21, 10), _unix(2026, 11, 21, 10, 0, 1)]
    assert [(name, unit) for name, unit, _ in log.columns][:2] == [
        ("Temperature Setpoint", "°C"),
        ("Temperature Measured", "°C"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_decimal_commas_and_encodings(tmp_path: Path, encoding: str) -> None:
    log = read_log(_write(tmp_path, SEMICOLONS, encoding))
    assert not log.absolute
    assert list(log.times) == [0.0, 1.0]
    assert [(name, unit) for name, unit, _ in log.columns] == [("Temperatur", "°C"), ("Druck", "mbar")]
    assert list(log.columns[0][2]) == [20.25, 21.75]


def test_line_of_units_below_the_names(tmp_path: Path) -> None:
    log = read_log(_write(tmp_path, "Time,Temperature,Bias\n(min),(K),(V)\n0,300,1\n1,400,2\n2,500,3\n"))
    assert list(log.times) == [0.0, 60.0, 120.0]
    assert [(name, unit) for name, unit, _ in log.columns] == [("Temperature", "K"), ("Bias", "V")]


def test_each_frame_gets_the_nearest_row(tmp_path: Path) -> None:
    path = _write(tmp_path, "Time (s),T (C)\n0,10\n1,20\n2,30\n3,40\n")
    columns, covered, said = join_log(path, _meta(4, frame_interval_s=0.8))
    assert columns[0].values == (10.0, 20.0, 30.0, 30.0)
    assert (covered, columns[0].unit) == (4, "C")
    assert "first row was taken for the beginning of the recording" in said


def test_offset_moves_the_log(tmp_path: Path) -> None:
    path = _write(tmp_path, "Time (s),T (C)\n0,10\n1,20\n2,30\n3,40\n")
    columns, _, _ = join_log(path, _meta(3, frame_interval_s=1.0), offset_s=-1.0)
    assert columns[0].values == (20.0, 30.0, 40.0)


def test_frames_far_from_any_row_get_nothing(tmp_path: Path) -> None:
    path = _write(tmp_path, "Time (s),T (C)\n0,10\n1,20\n")
    columns, covered, said = join_log(path, _meta(20, frame_interval_s=1.0))
    assert columns[0].values[:2] == (10.0, 20.0)
    assert columns[0].values[-1] is None
    assert 2 <= covered <= 4
    assert f"no row near {20 - covered} of 20 frames" in said


def test_clocks_of_both_join_log_and_movie(tmp_path: Path) -> None:
    path = _write(tmp_path, IMPULSE)
    meta = _meta(2, times=(5.0, 6.0), start_unix_s=_unix(2026, 11, 21, 10))
    columns, covered, said = join_log(path, meta)
    assert columns[1].values == (299.5, 305.5)
    assert covered == 2
    assert said == "Joined by date and time of both."


def test_clocks_two_zones_apart_are_joined_and_told(tmp_path: Path) -> None:
    path = _write(tmp_path, IMPULSE)
    meta = _meta(2, frame_interval_s=1.0, start_unix_s=_unix(2026, 11, 21, 8))
    columns, covered, said = join_log(path, meta)
    assert (columns[1].values, covered) == ((299.5, 305.5), 2)
    assert "+2 h" in said
    assert "check" in said


def test_log_of_another_day_gives_no_values(tmp_path: Path) -> None:
    path = _write(tmp_path, IMPULSE)
    columns, covered, said = join_log(path, _meta(2, frame_interval_s=1.0, start_unix_s=_unix(2026, 11, 23, 8)))
    assert covered == 0
    assert set(columns[0].values) == {None}
    assert "not taken at the same time" in said


def test_movie_without_times_can_not_be_joined(tmp_path: Path) -> None:
    with pytest.raises(MovieError) as caught:
        join_log(_write(tmp_path, SEMICOLONS), _meta(5))
    assert "Enter the time from frame to frame" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "hello world\n",
        "a,b\nc,d\n",
        "Time,T\n",
        "T,p\n5,1\n3,2\n1,3\n",
        "Time,Note\n0,a\n1,b\n",
        "\x00\x01\x02,\x03",
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(MovieError):
        read_log(_write(tmp_path, text))


def test_missing_and_huge_logs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MovieError):
        read_log(tmp_path / "none.csv")
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    with pytest.raises(MovieError):
        read_log(huge)


def test_stamps_with_a_zone_are_times(tmp_path: Path) -> None:
    log = read_log(_write(tmp_path, "Timestamp,T\n2025-02-14T14:30:00Z,0.0\n2025-02-14T14:30:01Z,0.1\n"))
    assert log.absolute
    assert list(log.times) == [_unix(2025, 2, 14, 14, 30), _unix(2025, 2, 14, 14, 30, 1)]


def test_date_of_the_movie_serves_where_its_start_is_unknown(tmp_path: Path) -> None:
    rows = "".join(f"14.02.2025;15:{30 + k}:00;{k},5\n" for k in range(10))
    path = _write(tmp_path, "Date;Time;Temperature [C]\n" + rows)
    columns, covered, said = join_log(path, _meta(2, frame_interval_s=60.0, date="2025-02-14T15:32:00"))
    assert columns[0].values == (2.5, 3.5)
    assert covered == 2
    assert "check" in said


def test_zone_that_could_be_several_is_not_guessed(tmp_path: Path) -> None:
    # A log of six hours and a movie of a minute: many whole hours would fit.
    rows = "".join(f"2026-11-21 {10 + k // 60:02}:{k % 60:02}:00,{k}\n" for k in range(360))
    path = _write(tmp_path, "Time,T [C]\n" + rows)
    columns, covered, said = join_log(path, _meta(60, frame_interval_s=1.0, start_unix_s=_unix(2026, 11, 21, 8, 30)))
    assert covered == 0
    assert set(columns[0].values) == {None}
    assert "between +2 and +7 h" in said
    assert "offset" in said


def test_part_of_a_movie_keeps_its_place_in_the_log(tmp_path: Path) -> None:
    path = _write(tmp_path, "Time (s),T (C)\n" + "".join(f"{k},{k}\n" for k in range(100)))
    columns, _, _ = join_log(path, _meta(3, times=(50.0, 51.0, 52.0)))
    assert columns[0].values == (50.0, 51.0, 52.0)


def test_points_that_part_thousands_before_a_decimal_comma(tmp_path: Path) -> None:
    log = read_log(_write(tmp_path, "Zeit;Druck (mbar)\n0,0;1.000,5\n5,0;1.005,5\n"))
    assert list(log.columns[0][2]) == [1000.5, 1005.5]
