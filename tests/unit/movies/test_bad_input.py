"""What a user may drop on the program: each ends soon in a typed error that says what to do, and takes no memory."""

from __future__ import annotations

import errno
import os
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.movies import MovieError, NotAMovie, Truncated, Unreadable, list_datasets, open_movie
from tests.movie_files import ramp, write_dm3, write_dm4, write_mrc, write_ser


def _write_tiff(path: Path, pixels: np.ndarray) -> Path:
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None)
    return path


def _write_deflated(path: Path, pixels: np.ndarray) -> Path:
    tifffile.imwrite(path, pixels, photometric="minisblack", compression="zlib", metadata=None)
    return path


_WRITERS: dict[str, Callable[..., Path]] = {
    "a.dm3": write_dm3,
    "a.dm4": write_dm4,
    "a_1.ser": write_ser,
    "a.mrc": write_mrc,
    "a.tif": _write_tiff,
    "z.tif": _write_deflated,
}


def _code_of(path: Path) -> str:
    with pytest.raises(MovieError) as caught:
        open_movie(path)
    info = caught.value.info
    assert info.what.endswith(".")
    assert info.advice.endswith(".")
    assert info.path == str(path)
    assert str(caught.value) == info.sentence()
    return info.code


@pytest.mark.parametrize("name", ["notes.txt", "noise.tif", "noise.dm4", "noise.ser", "noise.bin2"])
def test_something_else_is_not_a_movie(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"Dear diary, today the microscope was down again. " * 50)
    assert _code_of(path) == "not-a-movie"


@pytest.mark.parametrize("name", _WRITERS)
def test_empty_file_says_that_it_is_empty(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"")
    assert _code_of(path) == "empty"


def test_folder_says_that_it_is_one(tmp_path: Path) -> None:
    assert _code_of(tmp_path) == "is-a-folder"


@pytest.mark.parametrize("name", ["missing.dm4", "no/folder/a.tif", "x" * 400 + ".tif"])
def test_missing_file_says_so(tmp_path: Path, name: str) -> None:
    assert _code_of(tmp_path / name) == "not-found"


def test_name_with_a_null_is_refused() -> None:
    with pytest.raises(Unreadable):
        open_movie("a\x00b.tif")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root, and Windows, may read everything")
def test_file_without_permission_says_so(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", ramp((2, 3, 4)))
    path.chmod(0)
    assert _code_of(path) == "no-permission"


def test_refusal_of_the_system_is_told_as_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_mrc(tmp_path / "a.mrc", ramp((2, 3, 4)))

    def refuse(*_: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("core.movies.files.os.open", refuse)
    assert _code_of(path) == "no-permission"


def test_disk_that_fails_in_the_middle_is_a_typed_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> int:
        raise OSError(errno.EIO, "Input/output error")

    with open_movie(write_mrc(tmp_path / "a.mrc", ramp((2, 3, 4)))) as movie:
        monkeypatch.setattr("core.movies.files.RandomAccessFile._read_some", fail)
        with pytest.raises(Unreadable, match="Input/output"):
            movie.frame(0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_pipe_is_refused_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.dm4")
    assert _code_of(tmp_path / "a.dm4") == "not-a-movie"


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.blo", b"IMGBLO" + bytes(64), "BLO"),
        ("a.mp4", b"\x00\x00\x00\x18ftypmp42" + bytes(64), "MP4"),
        ("a.zip", b"PK\x03\x04" + bytes(64), "ZIP"),
    ],
)
def test_known_but_unread_format_is_named(tmp_path: Path, name: str, content: bytes, word: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert _code_of(tmp_path / name) == "unsupported"
    with pytest.raises(MovieError, match=word):
        list_datasets(tmp_path / name)


@pytest.mark.parametrize("writer", _WRITERS)
@pytest.mark.parametrize("name", ["a", "movie.png", "Größe & Maß 5 µm.DM4", "two  spaces.tar.gz", "日本.ser"])
def test_content_decides_and_not_the_name(tmp_path: Path, writer: str, name: str) -> None:
    pixels = ramp((2, 3, 4))
    with open_movie(_WRITERS[writer](tmp_path / name, pixels)) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


@pytest.mark.parametrize("writer", _WRITERS)
def test_file_cut_anywhere_is_flagged_or_refused(tmp_path: Path, writer: str) -> None:
    pixels = ramp((3, 5, 7))
    whole = _WRITERS[writer](tmp_path / writer, pixels).read_bytes()
    path = tmp_path / ("cut" + Path(writer).suffix)
    refused = 0
    for length in {*range(1, 64), *range(64, len(whole), max(1, len(whole) // 90))}:
        path.write_bytes(whole[:length])
        try:
            with open_movie(path) as movie:
                assert movie.meta.frames <= 3
                assert np.array_equal(movie.region(slice(None)), pixels[: movie.meta.frames])
                assert movie.meta.frames == 3 or movie.meta.issues
        except MovieError:
            refused += 1
    assert refused


@pytest.mark.parametrize("writer", _WRITERS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_end_in_a_typed_error_or_a_movie(tmp_path: Path, writer: str, data: st.DataObject) -> None:
    original = tmp_path / writer
    if not original.exists():
        _WRITERS[writer](original, ramp((3, 5, 7)))
    content = bytearray(original.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.sampled_from([0, 1, 127, 128, 255, 20, 21]))
    path = tmp_path / ("bad" + original.suffix)
    path.write_bytes(bytes(content))
    tracemalloc.start()
    start = time.process_time()
    try:
        with open_movie(path) as movie:
            if movie.meta.frames * movie.meta.height * movie.meta.width < 1e6:
                movie.region(slice(None))
    except MovieError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.process_time() - start < 2
    assert peak < 64e6


@pytest.mark.parametrize("writer", _WRITERS)
def test_file_that_shrinks_after_opening_is_a_typed_error(tmp_path: Path, writer: str) -> None:
    path = _WRITERS[writer](tmp_path / writer, ramp((6, 64, 64)))
    with open_movie(path) as movie:
        os.truncate(path, 3000)
        with pytest.raises(Truncated, match="shorter"):
            movie.frame(5)


@pytest.mark.parametrize("writer", _WRITERS)
def test_closed_movie_is_a_typed_error(tmp_path: Path, writer: str) -> None:
    movie = open_movie(_WRITERS[writer](tmp_path / writer, ramp((6, 64, 64))))
    movie.close()
    movie.close()
    with pytest.raises(Unreadable, match="closed"):
        movie.frame(0)


@pytest.mark.parametrize("writer", _WRITERS)
def test_files_are_opened_read_only_and_let_go(tmp_path: Path, writer: str) -> None:
    path = _WRITERS[writer](tmp_path / writer, ramp((6, 8, 8)))
    path.chmod(0o444)
    before = path.stat()
    with open_movie(path) as movie:
        movie.frame(0)
    after = path.stat()
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
    assert path not in _held()


def _held() -> list[Path]:
    """The files that this process has open, where the system tells."""
    folder = Path("/proc/self/fd")
    return [link.readlink() for link in folder.iterdir() if link.is_symlink()] if folder.is_dir() else []


def test_not_a_movie_lets_the_file_go(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"nothing" * 300)
    with pytest.raises(NotAMovie):
        open_movie(path)
    assert path not in _held()


@pytest.mark.skipif(sys.platform == "win32", reason="long paths are a setting of Windows")
def test_long_path_in_a_read_only_folder_opens(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["a folder with a rather long name, as holders of grants have them"] * 4)
    folder.mkdir(parents=True)
    path = write_dm4(folder / "é.dm4", ramp((2, 3, 4)))
    assert len(str(path)) > 280
    folder.chmod(0o500)
    with open_movie(path) as movie:
        assert movie.shape == (2, 3, 4)
    folder.chmod(0o700)


def test_want_of_memory_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: Any) -> None:
        raise MemoryError

    with open_movie(write_mrc(tmp_path / "a.mrc", ramp((2, 3, 4)))) as movie:
        monkeypatch.setattr("core.movies.sources.np.empty", exhausted)
        with pytest.raises(MovieError, match="memory") as caught:
            movie.frame(0)
    assert caught.value.info.code == "out-of-memory"
