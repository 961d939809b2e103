"""Falcon EER, written by the encoder in `tests.movie_files.eer` and read by `tifffile` as a witness."""

from __future__ import annotations

import contextlib
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from core.movies import Malformed, MovieError, NoSuchDataset, Truncated, Unsupported, list_datasets, open_movie
from tests.movie_files import write_eer


def _events(frames: int, dose: float = 0.05, side: tuple[int, int] = (24, 40)) -> np.ndarray[Any, Any]:
    return (np.random.default_rng(1).random((frames, *side)) < dose).astype(np.uint8)


def _grouped(events: np.ndarray[Any, Any], group: int) -> np.ndarray[Any, Any]:
    whole = len(events) // group
    return events[: whole * group].reshape(whole, group, *events.shape[1:]).sum(axis=1)


@pytest.mark.parametrize(
    ("compression", "bits"), [(65000, (8, 2, 2)), (65001, (7, 2, 2)), (65002, (7, 2, 2)), (65002, (9, 1, 3))]
)
def test_raw_frames_are_what_was_written_and_what_another_reader_sees(
    tmp_path: Path, compression: int, bits: tuple[int, int, int]
) -> None:
    events = _events(5)
    path = write_eer(tmp_path / "a.eer", events, compression=compression, bits=bits)
    with open_movie(path, "group=1") as movie:
        assert movie.dtype == np.uint8
        np.testing.assert_array_equal(movie.region(slice(None)), events)
    with tifffile.TiffFile(path) as witness:
        np.testing.assert_array_equal(witness.series[0].asarray(), events)


@pytest.mark.parametrize("group", [1, 2, 3, 7, 20])
def test_events_are_added_up_as_asked(tmp_path: Path, group: int) -> None:
    events = _events(20)
    with open_movie(write_eer(tmp_path / "a.eer", events), f"group={group}") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _grouped(events, group))
        np.testing.assert_array_equal(
            movie.region(slice(0, 1), slice(3, 9), slice(5, 30)), _grouped(events, group)[:1, 3:9, 5:30]
        )
        rest = [issue.text for issue in movie.meta.issues if issue.code == "grouping-rest"]
        assert bool(rest) == bool(20 % group)


def test_large_groups_count_further_than_a_byte(tmp_path: Path) -> None:
    events = np.ones((300, 4, 6), np.uint8)
    with open_movie(write_eer(tmp_path / "a.eer", events), "group=300") as movie:
        assert movie.dtype == np.uint16
        assert np.all(movie.frame(0) == 300)


def test_grouping_by_default_gives_a_pixel_most_of_an_electron_and_is_said(tmp_path: Path) -> None:
    with open_movie(write_eer(tmp_path / "a.eer", _events(50), dose=2.5, exposure_s=0.5)) as movie:
        # 0.05 electrons in 10 ms a raw frame
        assert movie.meta.dataset == "group=14"
        assert len(movie) == 3
        text = next(issue.text for issue in movie.meta.issues if issue.code == "grouping")
        assert "14 raw frames" in text
        assert "0.7 e/px, 0.14 s" in text


@pytest.mark.parametrize(("dose", "group"), [(0.0001, 40), (5000.0, 1), (100.0, 1)])
def test_grouping_by_default_stays_between_one_and_forty(tmp_path: Path, dose: float, group: int) -> None:
    with open_movie(write_eer(tmp_path / "a.eer", _events(50), dose=dose)) as movie:
        assert movie.meta.dataset == f"group={group}"


def test_without_metadata_the_dose_is_counted(tmp_path: Path) -> None:
    with open_movie(write_eer(tmp_path / "a.eer", _events(60), metadata=False)) as movie:
        group = int(movie.meta.dataset.removeprefix("group="))
        assert 10 <= group <= 18
        assert movie.meta.exposure_s is None
        assert movie.meta.pixel_size is None
        assert movie.meta.dose_e_per_a2 is None


def test_choices_are_listed_with_dose_and_time(tmp_path: Path) -> None:
    infos = list_datasets(write_eer(tmp_path / "a.eer", _events(50), dose=2.5, exposure_s=0.5))
    assert [info.key for info in infos] == ["group=14", "group=1", "group=5", "group=10", "group=20"]
    assert infos[3].title == "10 raw frames added up, 0.5 e/px, 0.1 s"
    assert infos[3].shape == (5, 24, 40)


@pytest.mark.parametrize("key", ["group=0", "group=51", "group=x", "0", "group=-1"])
def test_grouping_that_makes_no_sense_is_refused(tmp_path: Path, key: str) -> None:
    path = write_eer(tmp_path / "a.eer", _events(50))
    with pytest.raises(NoSuchDataset, match="group="):
        open_movie(path, key)


def test_metadata_are_read(tmp_path: Path) -> None:
    with open_movie(write_eer(tmp_path / "a.eer", _events(40), dose=8.0, exposure_s=0.2), "group=10") as movie:
        meta = movie.meta
        assert meta.format == "Falcon EER"
        assert meta.detector == "Falcon 4i"
        assert meta.exposure_s == pytest.approx(0.05)
        assert meta.frame_interval_s == pytest.approx(0.05)
        assert meta.pixel_size == pytest.approx((0.1, 0.1))
        assert meta.pixel_unit == "nm"
        # 2 electrons a pixel of a square angstrom
        assert meta.dose_e_per_a2 == pytest.approx(2.0)
        assert meta.counts_per_electron == 1
        assert meta.black_level == 0
        assert meta.date == "2024-05-01T10:00:00.500000+00:00"
        assert movie.tags()["acquisition"]["totalDose [e/pixel]"] == "8.0"
        assert movie.tags()["raw frames"] == 40


def test_mdoc_of_serialem_beside_it_is_read(tmp_path: Path) -> None:
    text = "Voltage = 300\n[FrameSet = 0]\nMagnification = 130000\nPixelSpacing = 0.65\n"
    (tmp_path / "a.eer.mdoc").write_text(text, encoding="utf-8")
    with open_movie(write_eer(tmp_path / "a.eer", _events(4), pixel_m=14e-6)) as movie:
        assert movie.meta.voltage_kv == 300
        assert movie.meta.magnification == 130_000
        assert movie.meta.pixel_size == pytest.approx((0.065, 0.065))
        assert "a.eer.mdoc" in movie.tags()


def test_pixel_of_the_camera_itself_is_not_taken_for_that_at_the_specimen(tmp_path: Path) -> None:
    with open_movie(write_eer(tmp_path / "a.eer", _events(4), pixel_m=14e-6)) as movie:
        assert movie.meta.pixel_size is None
        assert movie.meta.dose_e_per_a2 is None


def test_sum_before_the_frames_is_a_dataset_of_its_own(tmp_path: Path) -> None:
    events = _events(6)
    picture = events.sum(axis=0).astype(np.float32)
    path = write_eer(tmp_path / "a.eer", events, picture=picture)
    assert list_datasets(path)[-1].key == "sum"
    with open_movie(path, "sum") as movie:
        np.testing.assert_array_equal(movie.frame(0), picture)
    with open_movie(path, "group=3") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _grouped(events, 3))
        assert movie.meta.detector == "Falcon 4i"


def test_movie_cut_anywhere_keeps_its_complete_raw_frames(tmp_path: Path) -> None:
    events = _events(8, side=(8, 10))
    whole = write_eer(tmp_path / "a.eer", events).read_bytes()
    path = tmp_path / "cut.eer"
    opened: list[int] = []
    for length in range(1, len(whole), 41):
        path.write_bytes(whole[:length])
        with contextlib.suppress(MovieError), open_movie(path, "group=1") as movie:
            assert movie.meta.truncated
            assert "truncated" in [issue.code for issue in movie.meta.issues]
            np.testing.assert_array_equal(movie.region(slice(None)), events[: len(movie)])
            opened.append(len(movie))
    assert max(opened) == 7


def test_recording_that_was_stopped_is_told(tmp_path: Path) -> None:
    with open_movie(write_eer(tmp_path / "a.eer", _events(20), declared=40), "group=10") as movie:
        assert len(movie) == 2
        assert movie.meta.declared_frames == 4
        assert "truncated: 20 of 40 raw frames" in [issue.text for issue in movie.meta.issues]


def test_pages_in_a_circle_end_in_a_typed_error(tmp_path: Path) -> None:
    path = write_eer(tmp_path / "a.eer", _events(2))
    data = bytearray(path.read_bytes())
    (count,) = struct.unpack_from("<Q", data, 16)
    struct.pack_into("<Q", data, 16 + 8 + 20 * count, 16)
    path.write_bytes(bytes(data))
    with pytest.raises(Malformed, match="circle"):
        open_movie(path)


def test_size_that_no_stream_could_fill_allocates_nothing(tmp_path: Path) -> None:
    path = write_eer(tmp_path / "a.eer", _events(2), metadata=False)
    data = bytearray(path.read_bytes())
    for entry in (0, 1):
        struct.pack_into("<I", data, 16 + 8 + 20 * entry + 12, 16_000)
    path.write_bytes(bytes(data))
    with pytest.raises(Malformed, match="16000 x 16000"):
        open_movie(path)


def test_damaged_events_are_a_typed_error(tmp_path: Path) -> None:
    path = write_eer(tmp_path / "a.eer", _events(1, 0.5, (8, 8)), metadata=False)
    data = bytearray(path.read_bytes())
    data[-50:] = b"\xff" * 50
    path.write_bytes(bytes(data))
    with open_movie(path, "group=1") as movie, pytest.raises(Malformed, match="damaged"):
        movie.frame(0)


def test_plain_picture_named_eer_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "gain.eer"
    tifffile.imwrite(path, np.ones((8, 8), np.float32), bigtiff=True, metadata=None)
    with pytest.raises(Unsupported, match=r"\.tif"):
        open_movie(path)


def test_events_in_a_file_named_tif_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match=r"\.eer"):
        open_movie(write_eer(tmp_path / "a.tif", _events(2)))


def test_unknown_coding_is_named(tmp_path: Path) -> None:
    path = write_eer(tmp_path / "a.eer", _events(1), compression=65002, bits=(7, 2, 2))
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<HHQQ", 65008, 3, 1, 2), struct.pack("<HHQQ", 65008, 3, 1, 6)))
    with pytest.raises(Unsupported, match=r"7 \+ 6 \+ 2"):
        open_movie(path)


def test_metadata_with_declarations_are_not_parsed(tmp_path: Path) -> None:
    path = write_eer(tmp_path / "a.eer", _events(3))
    data = path.read_bytes()
    path.write_bytes(data.replace(b"<item name=", b"<!ENTITY a ", 1))
    with open_movie(path) as movie:
        assert movie.meta.exposure_s is None


def test_no_complete_frame_is_truncated(tmp_path: Path) -> None:
    path = write_eer(tmp_path / "a.eer", _events(1), metadata=False)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(Truncated):
        open_movie(path)


def test_library_gives_no_warning(tmp_path: Path) -> None:
    path = write_eer(tmp_path / "a.eer", _events(5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list_datasets(path)
