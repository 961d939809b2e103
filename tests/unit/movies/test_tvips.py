"""TVIPS streams."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from core.movies import Malformed, Truncated, Unreadable, Unsupported, list_datasets, open_movie
from tests.movie_files import ramp, write_tvips


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("version", [1, 2])
def test_stream_in_one_part_reads_as_written(tmp_path: Path, dtype: str, version: int) -> None:
    pixels = ramp((4, 5, 6), dtype)
    with open_movie(write_tvips(tmp_path, pixels, version=version)) as movie:
        assert movie.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.voltage_kv == 200
        assert movie.meta.frame_interval_s == pytest.approx(0.5)
        assert movie.meta.start_unix_s == 1_600_000_000
        assert movie.meta.date == "2020-09-13T12:26:40+00:00"
        assert movie.meta.scanned is False


@pytest.mark.parametrize("opened", [0, 1, 2])
def test_any_part_opens_the_whole_stream(tmp_path: Path, opened: int) -> None:
    pixels = ramp((7, 3, 4))
    write_tvips(tmp_path, pixels, parts=(3, 2, 2))
    with open_movie(tmp_path / f"rec_{opened:03}.tvips") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        np.testing.assert_array_equal(movie.region(slice(4, 5), slice(1, 3), slice(2, 4)), pixels[4:5, 1:3, 2:4])
        assert movie.meta.file_count == 3
        assert movie.meta.path == str(tmp_path / "rec_000.tvips")
        assert movie.meta.file_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
        assert not movie.meta.issues


def test_part_without_the_first_one_says_what_is_missing(tmp_path: Path) -> None:
    write_tvips(tmp_path, ramp((4, 3, 4)), parts=(2, 2)).unlink()
    with pytest.raises(Unreadable, match="rec_000"):
        open_movie(tmp_path / "rec_001.tvips")


def test_hole_between_the_parts_ends_the_movie_and_is_told(tmp_path: Path) -> None:
    pixels = ramp((6, 3, 4))
    path = write_tvips(tmp_path, pixels, parts=(2, 2, 2))
    (tmp_path / "rec_001.tvips").unlink()
    with open_movie(path) as movie:
        assert movie.shape == (2, 3, 4)
        assert [issue.code for issue in movie.meta.issues] == ["missing-part"]


def test_part_cut_within_a_frame_keeps_its_complete_ones(tmp_path: Path) -> None:
    pixels = ramp((4, 3, 4))
    path = write_tvips(tmp_path, pixels, parts=(2, 2))
    last = tmp_path / "rec_001.tvips"
    last.write_bytes(last.read_bytes()[:-5])
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels[:3])
        assert movie.meta.truncated
        assert [issue.code for issue in movie.meta.issues] == ["truncated"]


def test_other_streams_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    pixels = ramp((2, 3, 4))
    path = write_tvips(tmp_path, pixels)
    write_tvips(tmp_path, ramp((3, 3, 4)), parts=(1, 2), stem="rec_2_")
    with open_movie(path) as movie:
        assert len(movie) == 2


def test_gap_in_time_parts_the_movie(tmp_path: Path) -> None:
    times = [100.0 + 0.1 * frame + (5 if frame > 3 else 0) for frame in range(8)]
    with open_movie(write_tvips(tmp_path, ramp((8, 3, 4)), times=times)) as movie:
        assert movie.meta.times == pytest.approx([time - 100 for time in times], abs=2e-3)
        assert [(part.start, part.stop) for part in movie.meta.segments] == [(0, 4), (4, 8)]
        assert movie.meta.frame_interval_s is None


def test_long_movie_is_not_read_frame_by_frame_to_find_its_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = [100.0 + 0.1 * frame + (5 if frame > 1789 else 0) for frame in range(3000)]
    mags = [50_000] * 2345 + [80_000] * 655
    path = write_tvips(tmp_path, ramp((3000, 1, 2), "uint8"), times=times, magnifications=mags)
    reads = []
    whole = "core.movies.files.RandomAccessFile.read_into"
    from core.movies.files import RandomAccessFile

    real = RandomAccessFile.read_into
    monkeypatch.setattr(whole, lambda *given: (reads.append(given[1]), real(*given))[1])
    with open_movie(path) as movie:
        parts = [(part.start, part.reason) for part in movie.meta.segments]
        assert [start for start, _ in parts] == [0, 1790, 2345]
        assert "gap" in parts[1][1]
        assert parts[2][1] == "the magnification changed"
        assert movie.meta.times is not None
        assert movie.meta.times[1790] - movie.meta.times[1789] == pytest.approx(5.1, abs=2e-3)
    assert len(reads) < 400


def test_change_to_diffraction_parts_the_movie(tmp_path: Path) -> None:
    with open_movie(write_tvips(tmp_path, ramp((5, 3, 4)), modes=[1, 1, 2, 2, 2])) as movie:
        assert [(part.start, part.reason) for part in movie.meta.segments] == [(0, ""), (2, "the mode changed")]


def test_scan_is_said_not_to_be_a_movie_in_time(tmp_path: Path) -> None:
    with open_movie(write_tvips(tmp_path, ramp((4, 3, 4)), scan=[(0, 0), (0, 1), (1, 0), (1, 1)])) as movie:
        assert [issue.code for issue in movie.meta.issues] == ["scan"]


def test_pixel_of_the_camera_becomes_that_at_the_specimen(tmp_path: Path) -> None:
    with open_movie(write_tvips(tmp_path, ramp((2, 3, 4)), pixel_nm=15500, magnification=50_000)) as movie:
        assert movie.meta.pixel_size == pytest.approx((0.31, 0.31))
        assert movie.meta.pixel_unit == "nm"
        assert movie.meta.magnification == 50_000


@pytest.mark.parametrize(("modes", "binning"), [([2, 2], 1), ([1, 1], 4)])
def test_pixel_that_is_not_surely_known_is_unknown(tmp_path: Path, modes: list[int], binning: int) -> None:
    with open_movie(write_tvips(tmp_path, ramp((2, 3, 4)), modes=modes, binning=binning)) as movie:
        assert movie.meta.pixel_size is None
        assert [issue.code for issue in movie.meta.issues] == ["pixel-size"]


def test_temperature_of_the_holder_is_among_the_tags(tmp_path: Path) -> None:
    path = write_tvips(tmp_path, ramp((3, 3, 4)), temperatures=[20.0, 30.0, 40.0])
    with open_movie(path) as movie:
        assert movie.tags()["frames"]["holder_temperature"].tolist() == [20, 30, 40]
        assert movie.tags()["header"]["magnification"] == 50_000


@pytest.mark.parametrize(
    ("at", "value", "error"),
    [
        (0, 300, Malformed),
        (4, 7, Unsupported),
        (8, 0, Malformed),
        (12, 1 << 30, Malformed),
        (16, 32, Unsupported),
        (48, 4, Malformed),
        (48, -1, Malformed),
        (12, 60_000, Truncated),
    ],
)
def test_impossible_header_is_a_typed_error(tmp_path: Path, at: int, value: int, error: type[Exception]) -> None:
    path = write_tvips(tmp_path, ramp((2, 3, 4)))
    data = bytearray(path.read_bytes())
    struct.pack_into("<i", data, at, value)
    path.write_bytes(bytes(data))
    with pytest.raises(error):
        open_movie(path)


@pytest.mark.skipif(sys.platform == "win32", reason="files with holes take their whole room there")
def test_frames_beyond_four_gigabytes_are_right(tmp_path: Path) -> None:
    pixels = ramp((2, 1024, 1024), "uint16")
    path = write_tvips(tmp_path, pixels, parts=(1, 1))
    stride = path.stat().st_size - 256
    last = (tmp_path / "rec_001.tvips").read_bytes()
    # 2,200 frames of 2 MB, all but the last of which are holes.
    with path.open("r+b") as stream:
        stream.truncate(256 + 2199 * stride)
    with open_movie(path) as movie:
        assert len(movie) == 2200
        np.testing.assert_array_equal(movie.frame(2199), pixels[1])
        assert last[-2:] == movie.frame(2199)[-1, -1].tobytes()


def test_name_without_a_number_opens_too(tmp_path: Path) -> None:
    pixels = ramp((2, 3, 4))
    path = write_tvips(tmp_path, pixels).rename(tmp_path / "movie.tvips")
    assert list_datasets(path)[0].shape == (2, 3, 4)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


def test_real_stream_carries_its_settings(shared_files: Path) -> None:
    with open_movie(shared_files / "files" / "tvips" / "test_tvips_2345_split_001.tvips") as movie:
        assert movie.shape == (6, 4, 5)
        assert movie.meta.voltage_kv == 200
        assert (movie.meta.pixel_size, movie.meta.pixel_unit) == ((1.0, 1.0), "1/nm")
