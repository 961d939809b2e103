"""In-situ recordings of a director and raw files: all frames, across the borders of files, and what is missing."""

from __future__ import annotations

import sys
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from core.movies import MovieError, Truncated, Unsupported, list_datasets, open_movie
from tests.movie_files import Sparse, ramp, write_dm4
from tests.movie_files.gatan import in_situ_tags, write_director, write_tree
from tests.movie_files.hdf5 import write_dm5


@pytest.mark.parametrize("part_bytes", [None, 96, 100, 97, 40, 7, 1])
def test_every_frame_comes_back_wherever_the_files_were_cut(tmp_path: Path, part_bytes: int | None) -> None:
    pixels = ramp((5, 6, 8))
    path = write_director(tmp_path / "a.dm4", pixels, part_bytes=part_bytes)
    assert list_datasets(path)[0].shape == (5, 6, 8)
    with open_movie(path) as movie:
        assert movie.shape == (5, 6, 8)
        assert movie.meta.issues == ()
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        np.testing.assert_array_equal(movie.frame(3), pixels[3])
        np.testing.assert_array_equal(movie.region(slice(1, 5, 2), slice(2, 5), slice(1, 8)), pixels[1:5:2, 2:5, 1:8])


def test_director_that_is_a_stack_of_one_frame_stands_for_its_recording_too(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8))
    path = write_dm4(tmp_path / "a.dm4", pixels[:1], image_tags=in_situ_tags(5, pixels))
    with open_movie(path) as movie:
        assert movie.shape[0] == 1
        assert [issue.code for issue in movie.meta.issues] == ["in-situ-director"]
    (tmp_path / "a.raw").write_bytes(pixels.tobytes())
    assert list_datasets(path)[0].shape == (5, 6, 8)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        # The calibration of its axis of frames.
        assert movie.meta.frame_interval_s == 0.1
        assert movie.meta.issues == ()


def test_recording_tells_the_settings_of_its_director(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8))
    path = write_director(tmp_path / "a.dm4", pixels, part_bytes=100)
    with open_movie(path) as movie:
        meta = movie.meta
        assert movie.tags()["ImageList.1.ImageTags.In-situ.Recorded.# Frames"] == 5
    assert (meta.pixel_size, meta.pixel_unit) == ((0.04, 0.05), "nm")
    assert meta.frame_interval_s == pytest.approx(0.0025)
    assert meta.exposure_s == 0.0025
    assert (meta.voltage_kv, meta.magnification, meta.detector, meta.scanned) == (300, 200000, "K3 IS", False)
    assert meta.date == "2019-12-10T15:32:41-05:00"
    # The director shows one of its frames, and its clock is of that one.
    assert meta.start_unix_s is None
    assert meta.file_count == 1 + 5
    assert meta.file_bytes == path.stat().st_size + pixels.nbytes
    assert len(meta.fingerprint) == 32


def test_without_its_raw_files_only_the_director_frame_is_shown_and_said(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8))
    path = write_director(tmp_path / "a.dm4", pixels, raw=False)
    assert list_datasets(path)[0].shape == (6, 8)
    with open_movie(path) as movie:
        assert movie.shape == (1, 6, 8)
        np.testing.assert_array_equal(movie.frame(0), pixels[0])
        (issue,) = movie.meta.issues
    assert issue.code == "in-situ-director"
    assert "only the director frame of 5" in issue.text
    assert "a.raw" in issue.text


def test_cut_recording_opens_with_its_complete_frames(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8))
    path = write_director(tmp_path / "a.dm4", pixels, part_bytes=200)
    last = tmp_path / "a.raw_2"
    last.write_bytes(last.read_bytes()[:-1])
    with open_movie(path) as movie:
        assert (movie.meta.frames, movie.meta.declared_frames) == (4, 5)
        assert [issue.text for issue in movie.meta.issues] == ["truncated: 4 of 5 frames"]
        np.testing.assert_array_equal(movie.region(slice(None)), pixels[:4])


def test_lost_part_is_named_and_what_lies_behind_is_not_taken_for_what_was_lost(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8))
    path = write_director(tmp_path / "a.dm4", pixels, part_bytes=96)
    (tmp_path / "a.raw_2").unlink()
    with open_movie(path) as movie:
        assert movie.meta.frames == 2
        (issue,) = movie.meta.issues
        assert issue.text == "truncated: 2 of 5 frames; a.raw_2 is missing"
        np.testing.assert_array_equal(movie.region(slice(None)), pixels[:2])


def test_more_frames_than_the_director_tells_are_shown_and_said(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8))
    path = write_director(tmp_path / "a.dm4", pixels, recorded=3)
    with open_movie(path) as movie:
        assert movie.shape[0] == 5
        assert [issue.code for issue in movie.meta.issues] == ["more-frames"]


def test_recording_still_being_written_shows_more_when_opened_again(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8))
    path = write_director(tmp_path / "a.dm4", pixels)
    raw = tmp_path / "a.raw"
    whole = raw.read_bytes()
    raw.write_bytes(whole[:200])
    with open_movie(path) as movie:
        assert movie.meta.frames == 2
        raw.write_bytes(whole)
        # What was opened stays as it was.
        assert movie.meta.frames == 2
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


def test_empty_raw_file_counts_as_none(tmp_path: Path) -> None:
    path = write_director(tmp_path / "a.dm4", ramp((5, 6, 8)), raw=False)
    (tmp_path / "a.raw").touch()
    with open_movie(path) as movie:
        assert movie.shape[0] == 1
        assert [issue.code for issue in movie.meta.issues] == ["in-situ-director"]


def test_raw_file_of_less_than_a_frame_is_a_typed_error(tmp_path: Path) -> None:
    path = write_director(tmp_path / "a.dm4", ramp((5, 6, 8)), raw=False)
    (tmp_path / "a.raw").write_bytes(b"short")
    with pytest.raises(Truncated, match="5 bytes"):
        open_movie(path)


def test_raw_files_vanishing_after_opening_are_a_typed_error(tmp_path: Path) -> None:
    path = write_director(tmp_path / "a.dm4", ramp((40, 6, 8)), part_bytes=96)
    with open_movie(path) as movie:
        for part in tmp_path.glob("a.raw_*"):
            part.unlink()
        with pytest.raises(MovieError):
            # At most sixteen files are held open, so one of these has to be opened anew.
            movie.region(slice(None))


@pytest.mark.parametrize("name", ["a.raw", "a.raw_1", "a.raw_2"])
def test_opening_a_raw_file_finds_its_director(tmp_path: Path, name: str) -> None:
    pixels = ramp((5, 6, 8))
    write_director(tmp_path / "a.dm4", pixels, part_bytes=200)
    with open_movie(tmp_path / name) as movie:
        assert movie.meta.path == str(tmp_path / name)
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.pixel_unit == "nm"


def test_raw_file_alone_says_that_its_director_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(1000))
    with pytest.raises(Unsupported, match="no director") as caught:
        open_movie(tmp_path / "a.raw")
    assert "dm4" in caught.value.info.advice
    # A DM4 of the same name that is a movie itself is no director.
    write_dm4(tmp_path / "a.dm4", ramp((3, 4, 5)))
    with pytest.raises(Unsupported, match="no director"):
        open_movie(tmp_path / "a.raw")


def test_director_of_several_images_has_raw_files_for_each(tmp_path: Path) -> None:
    pixels, other = ramp((5, 6, 8)), ramp((5, 6, 8), "float32")
    tags = in_situ_tags(5, pixels)
    path = write_dm4(tmp_path / "STEM SI.dm4", pixels[0], name="ADF Image", image_tags=tags, more=[other[0]])
    (tmp_path / "STEM SI_ADF Image.raw").write_bytes(pixels.tobytes())
    (tmp_path / "STEM SI_EELS LL SI.raw").write_bytes(other.tobytes())
    with open_movie(path, "1") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
    with open_movie(tmp_path / "STEM SI_ADF Image.raw") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
    with pytest.raises(Unsupported):
        open_movie(tmp_path / "STEM SI_EELS LL SI.raw")


@pytest.mark.parametrize("name", ["../a", "..\\a", "/etc/passwd", "a\x00b", "a" * 400, "..", "."])
def test_name_of_an_image_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "a.raw").write_bytes(ramp((5, 6, 8)).tobytes())
    path = write_director(inner / "b.dm4", ramp((5, 6, 8)), raw=False, name=name)
    with open_movie(path) as movie:
        assert movie.shape[0] == 1


def test_raw_files_of_another_type_than_the_director_are_told(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8), "uint8")
    path = write_director(tmp_path / "a.dm4", ramp((5, 6, 8)), raw=False, tags=in_situ_tags(5, pixels))
    (tmp_path / "a.raw").write_bytes(pixels.tobytes())
    with open_movie(path) as movie:
        assert movie.dtype == np.uint8
        assert [issue.code for issue in movie.meta.issues] == ["raw-type"]
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


def test_frames_with_padding_between_them_are_read_and_told(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8))
    path = write_director(tmp_path / "a.dm4", pixels, raw=False)
    (tmp_path / "a.raw").write_bytes(b"".join(frame.tobytes() + bytes(16) for frame in pixels))
    with open_movie(path) as movie:
        assert [issue.code for issue in movie.meta.issues] == ["raw-stride"]
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


def test_stack_saved_from_a_recording_is_itself_and_no_director(tmp_path: Path) -> None:
    pixels = ramp((3, 6, 8))
    path = write_dm4(tmp_path / "a.dm4", pixels, image_tags=in_situ_tags(50, pixels))
    (tmp_path / "a.raw").write_bytes(bytes(6 * 8 * 2 * 50))
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.issues == ()


@pytest.mark.parametrize("recorded", [0, 335_544_323, 2**31 - 1, 2**32 - 1])
def test_nonsense_count_of_frames_allocates_nothing(tmp_path: Path, recorded: int) -> None:
    pixels = ramp((5, 6, 8))
    path = write_director(tmp_path / "a.dm4", pixels, recorded=recorded)
    tracemalloc.start()
    start = time.process_time()
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.frames == 5
    assert time.process_time() - start < 2
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16e6


@pytest.mark.parametrize(("name", "head"), [("a.gtg", b"\0" * 64), ("a_1.bin", b"\xff\xff\x00\x55" + bytes(60))])
def test_raw_stream_of_the_k2_is_refused_by_name(tmp_path: Path, name: str, head: bytes) -> None:
    (tmp_path / name).write_bytes(head)
    with pytest.raises(Unsupported, match="K2") as caught:
        open_movie(tmp_path / name)
    assert "DigitalMicrograph" in caught.value.info.advice


@pytest.mark.skipif(sys.platform == "win32", reason="files with holes need another call on Windows")
@pytest.mark.parametrize("part_bytes", [None, 2**31 + 12345])
def test_recording_above_four_gigabytes_is_read_at_the_right_place(tmp_path: Path, part_bytes: int | None) -> None:
    shape = (1500, 1024, 2048)
    # Frame 512 begins in the first part of two gigabytes and ends in the second.
    frames = {index: ramp(shape[1:]) + np.uint16(index) for index in (0, 512, 1100, 1499)}
    path = write_director(tmp_path / "a.dm4", Sparse(shape, np.dtype("uint16"), frames), part_bytes=part_bytes)
    tracemalloc.start()
    with open_movie(path) as movie:
        assert movie.shape == shape
        for index, frame in frames.items():
            assert np.array_equal(movie.frame(index), frame)
        assert not movie.frame(748).any()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6


def test_director_of_a_tree_of_folders_shows_all_of_its_frames(tmp_path: Path) -> None:
    pixels = ramp((9, 6, 8))
    write_tree(tmp_path, pixels, name="Insitu 3")
    path = write_director(tmp_path / "Insitu 3.dm4", pixels, raw=False)
    assert list_datasets(path)[0].shape == (9, 6, 8)
    with open_movie(path) as movie:
        assert movie.meta.path == str(path)
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.issues == ()


def test_opening_a_raw_file_finds_a_director_that_is_a_dm5(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8))
    path = write_dm5(tmp_path / "a.dm5", pixels[0])
    with h5py.File(path, "r+") as file:
        group = file["ImageList/[0]"].require_group("ImageTags").require_group("In-situ").require_group("Recorded")
        group.attrs["# Frames"] = np.uint32(5)
    for number in range(3):
        part = pixels.tobytes()[200 * number : 200 * (number + 1)]
        (tmp_path / ("a.raw" + (f"_{number}" if number else ""))).write_bytes(part)
    for name in ("a.dm5", "a.raw", "a.raw_1"):
        with open_movie(tmp_path / name) as movie:
            np.testing.assert_array_equal(movie.region(slice(None)), pixels)
            assert movie.meta.path == str(tmp_path / name)


@pytest.mark.parametrize("tree", [False, True])
def test_eight_threads_agree_on_random_frames(tmp_path: Path, tree: bool) -> None:
    pixels = ramp((120, 16, 16))
    if tree:
        path = write_tree(tmp_path / "a", pixels, rate=25)
    else:
        # More raw files than are held open at once.
        path = write_director(tmp_path / "a.dm4", pixels, part_bytes=1000)
    with open_movie(path) as movie:

        def check(seed: int) -> bool:
            order = np.random.default_rng(seed).integers(0, 120, 60)
            return all(np.array_equal(movie.frame(int(index)), pixels[index]) for index in order)

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(check, range(8)))
