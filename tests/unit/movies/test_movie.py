"""What holds for every movie: slices, threads, fingerprints."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.movies import open_movie
from core.movies.files import RandomAccessFile, system_path
from tests.movie_files import ramp, write_dm4, write_mrc, write_ser


@pytest.fixture
def mrc(tmp_path: Path) -> Path:
    return write_mrc(tmp_path / "a.mrc", ramp((5, 6, 7)))


def test_regions_are_cut_like_arrays(mrc: Path) -> None:
    pixels = ramp((5, 6, 7))
    with open_movie(mrc) as movie:
        assert len(movie) == 5
        for frames in (slice(None), slice(1, 4), slice(-2, None), slice(0, 5, 2), slice(3, 3), slice(2, 99)):
            for rows in (slice(None), slice(2, 5), slice(-3, -1), slice(4, 2)):
                for columns in (slice(None), slice(0, 1), slice(5, 99)):
                    got = movie.region(frames, rows, columns)
                    np.testing.assert_array_equal(got, pixels[frames, rows, columns])
                    assert got.shape == pixels[frames, rows, columns].shape


def test_steps_within_a_frame_are_refused(mrc: Path) -> None:
    with open_movie(mrc) as movie:
        with pytest.raises(ValueError, match="step"):
            movie.region(slice(None), slice(None, None, 2))
        with pytest.raises(ValueError, match="step"):
            movie.region(slice(None, None, -1))


@pytest.mark.parametrize("index", [-1, 5, 10**12])
def test_frame_that_is_not_there_is_an_index_error(mrc: Path, index: int) -> None:
    with open_movie(mrc) as movie, pytest.raises(IndexError, match="0 to 4"):
        movie.frame(index)


def test_frame_belongs_to_the_caller(mrc: Path) -> None:
    with open_movie(mrc) as movie:
        frame = movie.frame(1)
        frame[:] = 0
        assert frame.flags.c_contiguous
        np.testing.assert_array_equal(movie.frame(1), ramp((5, 6, 7))[1])


@pytest.mark.parametrize("kind", ["mrc", "dm4", "ser", "tif", "deflated"])
def test_eight_threads_reading_random_frames_agree(tmp_path: Path, kind: str) -> None:
    pixels = ramp((24, 33, 47), "float32")
    path = tmp_path / f"a.{kind}"
    if kind in ("tif", "deflated"):
        compression = "zlib" if kind == "deflated" else None
        tifffile.imwrite(path, pixels, photometric="minisblack", compression=compression, metadata=None)
    else:
        {"mrc": write_mrc, "dm4": write_dm4, "ser": write_ser}[kind](path, pixels)
    gate = threading.Barrier(8)

    def read(seed: int) -> int:
        order = np.random.default_rng(seed).integers(0, 24, 60)
        gate.wait()
        return sum(not np.array_equal(movie.frame(int(index)), pixels[index]) for index in order)

    with open_movie(path) as movie, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(8))) == [0] * 8


def test_closing_waits_for_the_reads_under_way(mrc: Path) -> None:
    file = RandomAccessFile(mrc)
    reading, go_on = threading.Event(), threading.Event()
    original = file._read_some

    def slow(offset: int, part: memoryview) -> int:
        reading.set()
        go_on.wait(10)
        return original(offset, part)

    file._read_some = slow  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(file.read, 0, 16)
        assert reading.wait(10)
        file.close()
        go_on.set()
        assert answer.result(10) == mrc.read_bytes()[:16]


def test_fingerprint_follows_the_content_and_not_the_name(tmp_path: Path) -> None:
    def fingerprint(path: Path) -> str:
        with open_movie(path) as movie:
            assert movie.meta.file_bytes == path.stat().st_size
            return movie.meta.fingerprint

    first = fingerprint(write_mrc(tmp_path / "a.mrc", ramp((50, 64, 64))))
    assert fingerprint(write_mrc(tmp_path / "moved.mrc", ramp((50, 64, 64)))) == first
    assert fingerprint(write_mrc(tmp_path / "b.mrc", ramp((50, 64, 64)) + np.uint16(1))) != first
    assert fingerprint(write_mrc(tmp_path / "c.mrc", ramp((51, 64, 64)))) != first


def test_reading_without_positional_reads_agrees_too(mrc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Windows has none: there each thread has a handle of its own.
    monkeypatch.setattr("core.movies.files._preadv", None)
    pixels = ramp((5, 6, 7))
    with open_movie(mrc) as movie, ThreadPoolExecutor(4) as pool:
        frames = list(pool.map(movie.frame, [3, 0, 4, 1, 2] * 8))
    for index, frame in zip([3, 0, 4, 1, 2] * 8, frames, strict=True):
        np.testing.assert_array_equal(frame, pixels[index])


def test_long_names_are_marked_for_windows_and_for_nobody_else() -> None:
    long = "C:\\" + "movies\\" * 40 + "é.dm4"
    assert system_path(long, windows=True) == "\\\\?\\" + long
    assert system_path("\\\\server\\share\\" + long[3:], windows=True) == "\\\\?\\UNC\\server\\share\\" + long[3:]
    assert system_path(system_path(long, windows=True), windows=True) == system_path(long, windows=True)
    assert system_path(long.replace("movies\\" * 40, ""), windows=True) == "C:\\é.dm4"
    assert system_path(long, windows=False) == long
