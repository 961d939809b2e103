"""In-situ recordings that are folders of hours, minutes and seconds: order, dropped frames, and speed."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from core.movies import MovieError, Truncated, Unsupported, list_datasets, open_movie
from core.movies.formats.gatan_tree import Stamp, timing_of
from tests.movie_files import ramp, write_dm4
from tests.movie_files.gatan import write_tree


def test_every_frame_comes_back_in_order(tmp_path: Path) -> None:
    pixels = ramp((23, 6, 8))
    folder = write_tree(tmp_path / "Insitu 3", pixels, rate=4)
    (info,) = list_datasets(folder)
    assert (info.key, info.shape, info.dtype) == ("Insitu 3", (23, 6, 8), "uint16")
    with open_movie(folder) as movie:
        assert movie.shape == (23, 6, 8)
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        np.testing.assert_array_equal(movie.region(slice(5, 23, 7), slice(1, 4), slice(2, 8)), pixels[5::7, 1:4, 2:])
        meta = movie.meta
    assert meta.frame_interval_s == pytest.approx(0.25)
    assert (meta.times, meta.segments, meta.issues) == (None, (), ())
    assert (meta.file_count, meta.voltage_kv, meta.detector, meta.pixel_unit) == (23, 300, "K3 IS", "nm")
    assert meta.file_bytes == sum(path.stat().st_size for path in folder.rglob("*.dm4"))
    # 2019-12-10 20:32:41.436 UTC, of the first frame.
    assert meta.start_unix_s == pytest.approx(1576009961.436, abs=1e-3)
    assert len(meta.fingerprint) == 32


def test_dropped_frames_make_gaps_and_segments(tmp_path: Path) -> None:
    pixels = ramp((20, 6, 8))
    folder = write_tree(tmp_path / "a", pixels, rate=5, dropped=(7, 8))
    with open_movie(folder) as movie:
        meta = movie.meta
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
    assert meta.times is not None
    assert meta.times == pytest.approx([place / 5 for place in range(22) if place not in (7, 8)])
    assert meta.frame_interval_s is None
    assert [(part.start, part.stop, part.reason) for part in meta.segments] == [
        (0, 7, ""),
        (7, 20, "2 frames are missing"),
    ]
    assert [issue.code for issue in meta.issues] == ["dropped-frames"]


@pytest.mark.parametrize("level", ["Hour_00", "Hour_00/Minute_00", "Hour_00/Minute_00/Second_02"])
def test_a_part_of_the_tree_opens_as_a_movie_too(tmp_path: Path, level: str) -> None:
    pixels = ramp((12, 6, 8))
    folder = write_tree(tmp_path / "a", pixels, rate=4)
    with open_movie(folder / level) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels[8:] if "Second" in level else pixels)


def test_single_frame_of_a_tree_opens_alone(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "a", ramp((5, 6, 8)))
    with open_movie(next(folder.rglob("*.dm4"))) as movie:
        assert movie.shape == (1, 6, 8)
        assert [issue.code for issue in movie.meta.issues] == ["in-situ-director"]


def test_two_recordings_in_one_tree_are_two_datasets(tmp_path: Path) -> None:
    pixels, other = ramp((5, 6, 8)), ramp((3, 4, 4), "float32")
    write_tree(tmp_path / "a", pixels, name="one")
    folder = write_tree(tmp_path / "a", other, name="two")
    assert [info.key for info in list_datasets(folder)] == ["one", "two"]
    with open_movie(folder, "two") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), other)


@pytest.mark.parametrize("pattern", ["Frame_{:04}.dm4", "{:05}.DM4", "run 3 frame-{}.dm4", "a_{}.dm4"])
def test_frames_of_other_names_are_in_the_order_of_folders_and_numbers(tmp_path: Path, pattern: str) -> None:
    pixels = ramp((23, 6, 8))
    folder = write_tree(tmp_path / "a", pixels, rate=12)
    for path in list(folder.rglob("*.dm4")):
        path.rename(path.with_name(pattern.format(int(path.stem[-4:]))))
    for level in ("", "Hour_00", "Hour_00/Minute_00"):
        with open_movie(folder / level) as movie:
            np.testing.assert_array_equal(movie.region(slice(None)), pixels)
            assert movie.meta.frame_interval_s == pytest.approx(1 / 12)


def test_frames_that_are_stacks_of_one_are_read(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8))
    folder = write_tree(tmp_path / "a", pixels)
    for path, frame in zip(sorted(folder.rglob("*.dm4")), pixels, strict=True):
        write_dm4(path, frame[np.newaxis], thumbnail=False)
    with open_movie(folder) as movie:
        assert movie.shape == (5, 6, 8)
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


def test_files_of_others_in_the_tree_are_left_alone(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8))
    folder = write_tree(tmp_path / "a", pixels)
    second = folder / "Hour_00" / "Minute_00" / "Second_00"
    (second / "._Insitu 3_Hour_00_Minute_00_Second_00_Frame_0000.dm4").write_bytes(b"mac")
    (second / "notes.txt").write_text("notes")
    (folder / "Hour_00" / "Minute_xx").mkdir()
    with open_movie(folder) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


def test_fewer_files_than_the_tags_tell_are_said(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "a", ramp((8, 6, 8)), recorded=20)
    with open_movie(folder) as movie:
        assert (movie.meta.frames, movie.meta.declared_frames) == (8, 20)
        assert [issue.text for issue in movie.meta.issues] == ["truncated: 8 of 20 frames"]


def test_frame_whose_pixels_lie_elsewhere_in_its_file_is_read_right(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8))
    folder = write_tree(tmp_path / "a", pixels)
    path = sorted(folder.rglob("*.dm4"))[2]
    write_dm4(path, pixels[2])
    with open_movie(folder) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


@pytest.mark.parametrize("shape", [(8, 6), (3, 16), (5, 8), (2, 6, 8)])
def test_frame_of_another_size_is_a_typed_error_and_never_wrong_pixels(tmp_path: Path, shape: tuple[int, ...]) -> None:
    folder = write_tree(tmp_path / "a", ramp((5, 6, 8)))
    path = sorted(folder.rglob("*.dm4"))[3]
    write_dm4(path, ramp(shape), thumbnail=False)
    with open_movie(folder) as movie, pytest.raises(MovieError):
        movie.frame(3)


def test_damaged_or_vanished_frames_are_typed_errors_and_spare_the_others(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8))
    folder = write_tree(tmp_path / "a", pixels)
    paths = sorted(folder.rglob("*.dm4"))
    data = paths[1].read_bytes()
    paths[1].write_bytes(data[: data.index(pixels[1].tobytes()) + 50])
    with open_movie(folder) as movie:
        paths[3].unlink()
        for broken in (1, 3):
            with pytest.raises(MovieError):
                movie.frame(broken)
        np.testing.assert_array_equal(movie.frame(4), pixels[4])


@pytest.mark.parametrize("left", [0, 5, 900])
def test_frame_that_the_camera_is_still_writing_is_left_out_and_told(tmp_path: Path, left: int) -> None:
    pixels = ramp((5, 6, 8))
    folder = write_tree(tmp_path / "a", pixels)
    last = max(folder.rglob("*.dm4"))
    whole = last.read_bytes()
    last.write_bytes(whole[:left])
    with open_movie(folder) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels[:4])
        assert "unfinished" in [issue.code for issue in movie.meta.issues]
    last.write_bytes(whole)
    with open_movie(folder) as movie:
        assert movie.shape[0] == 5
        assert movie.meta.issues == ()


def test_tree_whose_first_frame_is_cut_is_a_typed_error(tmp_path: Path) -> None:
    pixels = ramp((5, 6, 8))
    folder = write_tree(tmp_path / "a", pixels, sizes_first=True)
    first = min(folder.rglob("*.dm4"))
    data = first.read_bytes()
    first.write_bytes(data[: data.index(pixels[0].tobytes()) + 50])
    with pytest.raises(Truncated):
        open_movie(folder)


def test_tree_of_spectra_is_refused_with_the_reason(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "a", ramp((5, 6, 8)), calibrations=[(0.1, "eV"), (1.0, "nm")])
    with pytest.raises(Unsupported, match="energy"):
        open_movie(folder)


@pytest.mark.parametrize("names", [[], ["Hour_00"], ["Hour_00/Minute_00"], ["Hour_00/Minute_00/Second_00"]])
def test_empty_tree_is_a_typed_error(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(MovieError):
        open_movie(tmp_path)


def test_tree_of_thousands_of_frames_opens_without_opening_every_file(tmp_path: Path) -> None:
    (first,) = write_tree(tmp_path / "one", ramp((1, 6, 8)), name="a").rglob("*.dm4")
    folder = tmp_path / "many"
    for second in range(60):
        inner = folder / "Hour_00" / f"Minute_{second // 60:02}" / f"Second_{second % 60:02}"
        inner.mkdir(parents=True)
        stem = f"a_Hour_00_Minute_{second // 60:02}_Second_{second % 60:02}_Frame_"
        for number in range(100):
            # Nothing but the names is there of most files: whoever opens them fails.
            (inner / f"{stem}{number:04}.dm4").symlink_to(first if number % 50 == 0 else "nowhere")
    last = folder / "Hour_00" / "Minute_00" / "Second_59" / "a_Hour_00_Minute_00_Second_59_Frame_0099.dm4"
    last.unlink()
    shutil.copy(first, last)
    start = time.process_time()
    with open_movie(folder) as movie:
        opening = time.process_time() - start
        assert movie.shape == (6000, 6, 8)
        assert movie.meta.frame_interval_s == pytest.approx(0.01)
        assert len(movie.frame(5999)) == 6
        with pytest.raises(MovieError):
            movie.frame(1)
    assert opening < 2
    open_files = Path("/proc/self/fd")
    if open_files.is_dir():
        assert len(list(open_files.iterdir())) < 200


def _stamps(counts: list[int]) -> list[Stamp]:
    return [Stamp(second, number) for second, count in enumerate(counts) for number in range(count)]


@pytest.mark.parametrize("rate", [24, 25, 30, 100, 300, 400, 1600])
def test_full_seconds_tell_an_even_rate(rate: int) -> None:
    timing = timing_of(_stamps([rate] * 5 + [rate // 3]))
    assert timing.interval_s == pytest.approx(1 / rate)
    assert (timing.times, timing.breaks) == (None, {})


@pytest.mark.parametrize("interval", [1 / 29.97, 1 / 23.8, 1 / 7.3, 0.3, 0.41])
def test_a_rate_that_is_no_whole_number_is_no_gap(interval: float) -> None:
    counts = [0] * 60
    for frame in range(int(60 / interval)):
        counts[int(frame * interval)] += 1
    timing = timing_of(_stamps(counts))
    assert timing.breaks == {}
    assert timing.interval_s == pytest.approx(interval, rel=0.02)
    # Where the camera says its own figure, that one is taken.
    assert timing_of(_stamps(counts), interval).interval_s == interval


@pytest.mark.parametrize("interval", [1.5, 2.0, 2.5, 7.0])
def test_frames_slower_than_seconds_are_even_on_the_average(interval: float) -> None:
    timing = timing_of([Stamp(int(frame * interval), 0) for frame in range(60)])
    assert timing.breaks == {}
    assert timing.interval_s == pytest.approx(interval, rel=0.02)


def test_a_pause_between_slow_frames_is_a_gap() -> None:
    seconds = [0, 2, 4, 6, 60, 62, 64]
    timing = timing_of([Stamp(second, 0) for second in seconds])
    assert timing.times == tuple(map(float, seconds))
    assert list(timing.breaks) == [4]


def test_whole_seconds_without_frames_are_a_gap() -> None:
    stamps = [stamp for stamp in _stamps([10] * 6) if stamp.second not in (2, 3)]
    timing = timing_of(stamps)
    assert timing.breaks == {20: "20 frames are missing"}
    assert timing.times is not None
    assert timing.times[20] == pytest.approx(4.0)


def test_frames_missing_at_the_end_of_a_second_are_a_gap() -> None:
    timing = timing_of(_stamps([10, 10, 6, 10, 10]))
    assert timing.breaks == {26: "4 frames are missing"}


def test_recording_that_begins_within_a_second_is_even() -> None:
    stamps = [stamp for stamp in _stamps([10] * 5) if stamp.second or stamp.number >= 4]
    assert timing_of(stamps).interval_s == pytest.approx(0.1)


def test_numbers_that_run_on_through_the_seconds_are_understood() -> None:
    stamps = [Stamp(frame // 10, frame) for frame in range(400)]
    assert timing_of(stamps).interval_s == pytest.approx(0.1, rel=0.03)
    assert timing_of(stamps, 0.1).interval_s == 0.1
    assert timing_of([s for s in stamps if s.number != 77], 0.1).breaks == {77: "1 frame is missing"}
    # A few seconds tell no rate by themselves.
    assert timing_of(stamps[:40]).interval_s is None


def test_a_single_second_tells_no_rate_by_itself() -> None:
    assert timing_of(_stamps([12])).interval_s is None
    assert timing_of(_stamps([12]), 0.02).interval_s == 0.02
    assert timing_of(_stamps([1])).times is None
