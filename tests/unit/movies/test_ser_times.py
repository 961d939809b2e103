"""When the images of a series were taken: whole seconds in the series, the time of a frame in its EMI."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from core.movies import open_movie
from core.movies.formats.ser_times import date_of, interval_of, timing_of
from tests.movie_files import ramp, write_emi, write_ser

_START = 1456073345


def _with_seconds(path: Path, seconds: list[int]) -> Path:
    """Put these times into a series' tags."""
    data = bytearray(path.read_bytes())
    at = 0
    for place, second in enumerate(seconds):
        at = data.index(struct.pack("<iI", 0x4152, _START + place), at)
        data[at : at + 8] = struct.pack("<iI", 0x4152, second)
    path.write_bytes(bytes(data))
    return path


def test_pause_of_a_series_parts_it(tmp_path: Path) -> None:
    write_emi(tmp_path / "a.emi", frame_time=0.5)
    path = write_ser(tmp_path / "a_1.ser", ramp((9, 3, 4)))
    seconds = [_START + second for second in (0, 0, 1, 1, 2, 60, 60, 61, 61)]
    with open_movie(_with_seconds(path, seconds)) as movie:
        meta = movie.meta
    assert meta.frame_interval_s is None
    assert meta.times == (0, 0.5, 1.0, 1.5, 2.0, 60.0, 60.5, 61.0, 61.5)
    assert [(part.start, part.stop) for part in meta.segments] == [(0, 5), (5, 9)]
    assert "gap of 58 s" in meta.segments[1].reason
    assert meta.start_unix_s == _START


def test_time_of_a_frame_that_the_clock_contradicts_is_not_believed(tmp_path: Path) -> None:
    write_emi(tmp_path / "a.emi", frame_time=0.1)
    path = write_ser(tmp_path / "a_1.ser", ramp((5, 3, 4)))
    with open_movie(_with_seconds(path, [_START + 10 * place for place in range(5)])) as movie:
        assert movie.meta.frame_interval_s == 10
        assert movie.meta.segments == ()


def test_images_of_the_same_second_tell_no_interval(tmp_path: Path) -> None:
    path = write_ser(tmp_path / "a_1.ser", ramp((5, 3, 4)))
    with open_movie(_with_seconds(path, [_START] * 5)) as movie:
        assert (movie.meta.frame_interval_s, movie.meta.times) == (None, None)


def test_series_without_times_has_the_interval_of_its_emi(tmp_path: Path) -> None:
    write_emi(tmp_path / "a.emi", frame_time=0.236)
    with open_movie(write_ser(tmp_path / "a_1.ser", ramp((5, 3, 4)), times=False)) as movie:
        assert movie.meta.frame_interval_s == 0.236
        assert movie.meta.start_unix_s is None


def test_broken_table_of_times_spares_the_pixels(tmp_path: Path) -> None:
    pixels = ramp((3, 3, 4))
    path = write_ser(tmp_path / "a_1.ser", pixels)
    data = bytearray(path.read_bytes())
    (table,) = struct.unpack_from("<q", data, 22)
    data[table + 24 : table + 48] = struct.pack("<3q", -5, 1 << 60, 3)
    path.write_bytes(bytes(data))
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.start_unix_s is None


def test_long_series_at_an_even_pace_has_its_average_interval() -> None:
    seconds = [int(place * 1.7) for place in range(100)]
    assert timing_of(100, seconds, None).interval_s == pytest.approx(1.7, rel=0.01)
    assert timing_of(100, seconds, 1.7).interval_s == 1.7


def test_few_images_far_apart_keep_their_seconds() -> None:
    timing = timing_of(3, [0, 5, 11], None)
    assert timing.times == (0, 5, 11)
    assert timing.breaks == {}


@pytest.mark.parametrize("seconds", [[5, 4, 6], None])
def test_a_clock_that_goes_back_or_is_silent_leaves_the_emi(seconds: list[int] | None) -> None:
    assert timing_of(3, seconds, 0.2).interval_s == 0.2
    assert timing_of(3, seconds, None).interval_s is None


def test_of_a_very_long_series_both_ends_are_compared() -> None:
    assert interval_of(5000, (0, 500), 0.1) == 0.1
    assert interval_of(5000, (0, 5000), 0.1) is None
    assert interval_of(5000, (), 0.1) == 0.1
    assert interval_of(1, (0, 0), 0.1) is None


@pytest.mark.parametrize(
    ("noted", "seconds", "date"),
    [
        ("Sun Feb 21 17:49:06 2016", (_START,), "2016-02-21T17:49:05+01:00"),
        ("Sun Feb 21 17:58:20 2016", (_START, _START + 554), "2016-02-21T17:49:05+01:00"),
        ("Mon Feb 22 09:00:01 2016", (_START,), "2016-02-21T16:49:05+00:00"),
        ("Sun Feb 21 17:49:06 2016", (), "2016-02-21T17:49:06"),
        ("somewhen", (), "somewhen"),
        (None, (_START,), "2016-02-21T16:49:05+00:00"),
        (None, (), None),
    ],
)
def test_date_is_local_with_its_zone_where_both_clocks_tell_it(
    noted: str | None, seconds: tuple[int, ...], date: str | None
) -> None:
    assert date_of(noted, seconds) == date


def test_each_series_has_its_own_part_of_the_emi(tmp_path: Path) -> None:
    path = write_emi(tmp_path / "a.emi", exposure=0.25)
    first = path.read_bytes()
    second = write_emi(tmp_path / "b.emi", exposure=0.5, voltage=80000).read_bytes()
    path.write_bytes(first + b"JL<ObjectInfo><Uuid>tells nothing</Uuid></ObjectInfo>" + second)
    for number, exposure, voltage in ((1, 0.25, 300), (2, 0.5, 80), (7, 0.25, 300)):
        with open_movie(write_ser(tmp_path / f"a_{number}.ser", ramp((2, 3, 4)))) as movie:
            assert (movie.meta.exposure_s, movie.meta.voltage_kv) == (exposure, voltage)
