"""Merlin MIB and HDR."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.movies import Malformed, Truncated, Unreadable, Unsupported, open_movie
from tests.movie_files import ramp, write_mib

_HDR = {
    "Chip Type (Medipix 3.0, Medipix 3.1, Medipix 3RX)": "Medipix 3RX",
    "Frames in Acquisition (Number)": "3",
}


def _pixels(shape: tuple[int, int, int], depth: int) -> np.ndarray[Any, Any]:
    kind = {1: "uint8", 6: "uint8", 12: "uint16", 24: "uint32"}[depth]
    return np.random.default_rng(depth).integers(0, 1 << depth, shape).astype(kind)


@pytest.mark.parametrize("depth", [6, 12, 24])
@pytest.mark.parametrize("extension", [True, False])
def test_processed_frames_read_as_written(tmp_path: Path, depth: int, extension: bool) -> None:
    pixels = _pixels((3, 5, 6), depth)
    with open_movie(write_mib(tmp_path / "a.mib", pixels, extension=extension)) as movie:
        assert movie.meta.format == "Merlin MIB"
        assert movie.dtype == pixels.dtype
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        np.testing.assert_array_equal(movie.region(slice(1, 2), slice(1, 3), slice(2, 5)), pixels[1:2, 1:3, 2:5])
        assert movie.meta.exposure_s == pytest.approx(1e-3)
        assert movie.meta.frame_interval_s == pytest.approx(1e-3, rel=1e-3)
        assert movie.meta.black_level == 0
        assert movie.meta.scanned is False


@pytest.mark.parametrize("depth", [1, 6, 12, 24])
def test_raw_frames_of_one_chip_are_unpacked(tmp_path: Path, depth: int) -> None:
    pixels = _pixels((3, 4, 128), depth)
    with open_movie(write_mib(tmp_path / "a.mib", pixels, raw=depth)) as movie:
        assert movie.dtype == pixels.dtype
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


@pytest.mark.parametrize("depth", [1, 6, 12])
def test_raw_frames_of_four_chips_are_put_together(tmp_path: Path, depth: int) -> None:
    pixels = _pixels((2, 6, 256), depth)
    with open_movie(write_mib(tmp_path / "a.mib", pixels, raw=depth, quad=True)) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.detector == "Merlin, 4 x Medipix 3RX"


def test_raw_mode_that_nobody_has_shown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="24 bits"):
        open_movie(write_mib(tmp_path / "a.mib", _pixels((1, 2, 256), 24), raw=24, quad=True))


def test_start_is_told_in_universal_time(tmp_path: Path) -> None:
    with open_movie(write_mib(tmp_path / "a.mib", ramp((2, 3, 4)), times=[0.25, 0.5])) as movie:
        assert movie.meta.date == "2024-05-01T12:00:00.250000+00:00"
        assert movie.meta.start_unix_s == pytest.approx(1_714_564_800.25, abs=1e-6)
        assert movie.meta.frame_interval_s == pytest.approx(0.25)


def test_gap_between_triggers_parts_the_movie(tmp_path: Path) -> None:
    times = [0, 0.01, 0.02, 1.0, 1.01]
    with open_movie(write_mib(tmp_path / "a.mib", ramp((5, 3, 4)), times=times)) as movie:
        assert [(part.start, part.stop) for part in movie.meta.segments] == [(0, 3), (3, 5)]
        assert movie.meta.times == pytest.approx(times, abs=1e-6)


def test_settings_beside_it_are_read(tmp_path: Path) -> None:
    with open_movie(write_mib(tmp_path / "a.mib", ramp((3, 3, 4)), hdr=_HDR)) as movie:
        assert movie.meta.detector == "Merlin, Medipix 3RX"
        assert movie.tags()["hdr"]["Frames in Acquisition (Number)"] == "3"
        assert not movie.meta.issues


def test_acquisition_that_was_stopped_is_told(tmp_path: Path) -> None:
    path = write_mib(tmp_path / "a.mib", ramp((2, 3, 4)), hdr=_HDR)
    with open_movie(path) as movie:
        assert [issue.text for issue in movie.meta.issues] == ["truncated: 2 of 3 frames"]
        assert movie.meta.declared_frames == 3


def test_file_cut_within_a_frame_keeps_its_complete_ones(tmp_path: Path) -> None:
    pixels = ramp((3, 3, 4))
    path = write_mib(tmp_path / "a.mib", pixels)
    path.write_bytes(path.read_bytes()[:-3])
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels[:2])
        assert [issue.code for issue in movie.meta.issues] == ["truncated"]


def test_scan_is_said_not_to_be_a_movie_in_time(tmp_path: Path) -> None:
    hdr = {**_HDR, "Frames in Acquisition (Number)": "6", "ScanX": "3", "ScanY": "2"}
    with open_movie(write_mib(tmp_path / "a.mib", ramp((6, 3, 4)), hdr=hdr)) as movie:
        assert [issue.code for issue in movie.meta.issues] == ["scan"]
        assert "2 x 3" in movie.meta.issues[0].text


@pytest.mark.parametrize("name", ["a.mib", "a_1.mib", "a2.mib"])
def test_header_file_opens_the_frames_beside_it(tmp_path: Path, name: str) -> None:
    pixels = ramp((3, 3, 4))
    write_mib(tmp_path / "a.mib", pixels, hdr=_HDR).rename(tmp_path / name)
    with open_movie(tmp_path / "a.hdr") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.path == str(tmp_path / name)
        assert movie.meta.file_bytes == (tmp_path / name).stat().st_size


def test_header_file_alone_says_what_is_missing(tmp_path: Path) -> None:
    write_mib(tmp_path / "a.mib", ramp((3, 3, 4)), hdr=_HDR).unlink()
    with pytest.raises(Unreadable, match=r"a\.mib") as caught:
        open_movie(tmp_path / "a.hdr")
    assert caught.value.info.code == "not-found"
    assert ".mib" in caught.value.info.advice


def test_content_is_known_without_the_extension(tmp_path: Path) -> None:
    with open_movie(write_mib(tmp_path / "a.dat", ramp((2, 3, 4)))) as movie:
        assert movie.meta.format == "Merlin MIB"


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (b",00384,", b",99999,", Malformed),
        (b",00384,", b",-0384,", Malformed),
        (b",0004,0003,", b",0000,0003,", Malformed),
        (b",0004,0003,", b",9999,9999,", Truncated),
        (b",0004,0003,", b",999x,0003,", Malformed),
        (b",U16,", b",U99,", Unsupported),
        (b",U16,", b",R64,", Malformed),
    ],
)
def test_impossible_header_is_a_typed_error(tmp_path: Path, old: bytes, new: bytes, error: type[Exception]) -> None:
    path = write_mib(tmp_path / "a.mib", ramp((2, 3, 4)))
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    with pytest.raises(error):
        open_movie(path)


@pytest.mark.skipif(sys.platform == "win32", reason="files with holes take their whole room there")
def test_frames_beyond_four_gigabytes_are_right(tmp_path: Path) -> None:
    pixels = ramp((1, 2048, 4096), "uint32")
    one = write_mib(tmp_path / "one.mib", pixels).read_bytes()
    path = tmp_path / "a.mib"
    with path.open("wb") as stream:
        for frame in range(140):
            stream.seek(frame * len(one))
            stream.write(one[:384])
        stream.seek(139 * len(one))
        stream.write(one)
    with open_movie(path) as movie:
        assert len(movie) == 140
        np.testing.assert_array_equal(movie.frame(139), pixels[0])
        assert not movie.frame(138)[0].any()


def test_frames_without_headers_in_the_middle_still_open_and_it_is_told(tmp_path: Path) -> None:
    pixels = ramp((3, 3, 4))
    path = write_mib(tmp_path / "a.mib", pixels)
    data = bytearray(path.read_bytes())
    stride = len(data) // 3
    data[stride : stride + 8] = b"nonsense"
    path.write_bytes(bytes(data))
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert [issue.code for issue in movie.meta.issues] == ["frame-header"]


def test_real_file_tells_its_times(shared_files: Path) -> None:
    with open_movie(shared_files / "files" / "mib" / "Single_9_Frame_CounterDepth_6_Rows_256.mib") as movie:
        assert movie.meta.exposure_s == pytest.approx(1e-3)
        assert movie.meta.frame_interval_s == pytest.approx(1e-3, rel=1e-3)
        assert movie.meta.date == "2021-04-15T14:01:00.320786+00:00"
