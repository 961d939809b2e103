"""What holds for every format: lazily read, the same from many threads, typed when it shrinks, never written to."""

from __future__ import annotations

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.movies import MovieError, Unreadable, list_datasets, open_movie
from core.movies.tags import flatten
from core.protocol.movie import MovieMeta
from tests.movie_files import SEEDS

every_format = pytest.mark.parametrize("name", sorted(SEEDS))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@every_format
def test_description_is_whole_and_travels_as_json(name: str, tmp_path: Path) -> None:
    path = SEEDS[name](tmp_path)
    with open_movie(path) as movie:
        meta = movie.meta
    assert MovieMeta.model_validate_json(meta.model_dump_json()) == meta
    assert Path(meta.path) == path
    assert meta.frames >= 1
    assert meta.declared_frames >= meta.frames
    assert meta.fingerprint
    assert meta.file_bytes > 0
    assert (meta.pixel_size is None) == (meta.pixel_unit is None)
    assert meta.pixel_unit in (None, "nm", "1/nm")
    assert meta.times is None or len(meta.times) == meta.frames
    for issue in meta.issues:
        assert issue.code == issue.code.lower()
        assert issue.text


@every_format
def test_listed_datasets_open_by_their_key(name: str, tmp_path: Path) -> None:
    path = SEEDS[name](tmp_path)
    for info in list_datasets(path):
        if info.refusal is None:
            with open_movie(path, info.key) as movie:
                assert movie.meta.dataset == info.key
                assert movie.frame(0).shape == movie.shape[1:]


@every_format
def test_unknown_dataset_is_a_typed_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(MovieError):
        open_movie(SEEDS[name](tmp_path), "no such dataset")


@every_format
def test_regions_are_cut_out_of_frames(name: str, tmp_path: Path) -> None:
    with open_movie(SEEDS[name](tmp_path)) as movie:
        whole = np.stack([movie.frame(index) for index in range(movie.meta.frames)])
        assert whole.dtype == movie.dtype
        assert whole.dtype.isnative
        part = movie.region(slice(None, None, 2), slice(1, None), slice(0, -1))
        np.testing.assert_array_equal(part, whole[::2, 1:, :-1])
        with pytest.raises(IndexError):
            movie.frame(movie.meta.frames)
        with pytest.raises(IndexError):
            movie.frame(-1)


@every_format
def test_eight_threads_agree(name: str, tmp_path: Path) -> None:
    with open_movie(SEEDS[name](tmp_path)) as movie, ThreadPoolExecutor(8) as pool:
        order = [(7 * k) % movie.meta.frames for k in range(64)]
        wanted = {index: movie.frame(index) for index in set(order)}
        for index, frame in zip(order, pool.map(movie.frame, order), strict=True):
            np.testing.assert_array_equal(frame, wanted[index])


@every_format
def test_nothing_is_written_and_nothing_left_behind(name: str, tmp_path: Path) -> None:
    path = SEEDS[name](tmp_path)
    before = {
        file: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns) for file in _files(tmp_path)
    }
    for file in before:
        file.chmod(0o444)
    with open_movie(path) as movie:
        movie.frame(0)
        movie.tags()
    list_datasets(path)
    after = {
        file: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns) for file in _files(tmp_path)
    }
    assert after == before


@every_format
def test_closed_movie_holds_no_file_and_says_so(name: str, tmp_path: Path) -> None:
    path = SEEDS[name](tmp_path)
    movie = open_movie(path)
    movie.frame(0)
    movie.close()
    movie.close()
    with pytest.raises(Unreadable):
        movie.frame(0)
    if Path("/proc/self/fd").is_dir():
        held = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert not [file for file in held if str(tmp_path) in file]


@every_format
def test_tags_can_be_listed(name: str, tmp_path: Path) -> None:
    with open_movie(SEEDS[name](tmp_path)) as movie:
        rows = list(flatten(movie.tags()))
    assert len({row.name for row in rows}) == len(rows)


@every_format
def test_file_that_shrinks_after_opening_gives_typed_errors(name: str, tmp_path: Path) -> None:
    path = SEEDS[name](tmp_path)
    with open_movie(path) as movie:
        for file in _files(tmp_path):
            with file.open("r+b") as handle:
                handle.truncate(file.stat().st_size // 3)
        for index in range(movie.meta.frames):
            try:
                frame = movie.frame(index)
            except MovieError:
                continue
            # What was read before it shrank may still be known.
            assert frame.shape == movie.shape[1:]


@every_format
def test_movie_that_vanished_is_a_typed_error(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "drive"
    folder.mkdir()
    path = SEEDS[name](folder)
    shutil.rmtree(folder)
    with pytest.raises(Unreadable):
        open_movie(path)


@every_format
def test_names_with_blanks_umlauts_and_300_characters(name: str, tmp_path: Path) -> None:
    folder = tmp_path / ("Müller – in situ 日本 " + "x" * 100) / ("y" * 120) / "10 µm %20 [1] #2"
    folder.mkdir(parents=True)
    path = SEEDS[name](folder)
    assert len(str(path)) > 300
    with open_movie(path) as movie:
        assert movie.frame(0).shape == movie.shape[1:]
        assert movie.meta.path == str(path)
