"""Damaged copies of a small movie of every format: a typed error or a flagged movie, soon and in little memory."""

from __future__ import annotations

import shutil
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.movies import Movie, MovieError, list_datasets, open_movie
from core.protocol.base import ErrorInfo
from tests.movie_files import SEEDS

_SECONDS = 2.0
_BYTES = 64e6
_FLIPS = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module", params=sorted(SEEDS))
def seed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A sound file in a folder of its own, opened once: the first time also imports what the format needs."""
    path = SEEDS[request.param](tmp_path_factory.mktemp(request.param))
    if path.is_dir():
        pytest.skip("the movie is a folder: its files are damaged in the tests of that format")
    with open_movie(path) as movie:
        movie.frame(0)
        movie.tags()
    yield path
    shutil.rmtree(path.parent)


def _pixels(movie: Movie) -> NDArray[np.generic]:
    return movie.region(slice(None))


def _beside(seed: Path, content: bytes, folder: Path) -> Path:
    """The damaged file among sound copies of the files that lay beside it."""
    shutil.copytree(seed.parent, folder, dirs_exist_ok=True)
    path = folder / seed.name
    path.write_bytes(content)
    return path


def test_cut_file_gives_right_frames_or_says_why_not(seed: Path, tmp_path: Path) -> None:
    with open_movie(seed) as movie:
        whole, frames, known = _pixels(movie), len(movie), {issue.code for issue in movie.meta.issues}
    content = seed.read_bytes()
    step = max(1, len(content) // 40)
    refusals: list[ErrorInfo] = []
    for length in sorted({0, 1, 4, 15, 16, 17, *range(step, len(content), step), len(content) - 1}):
        path = _beside(seed, content[:length], tmp_path)
        try:
            with open_movie(path) as movie:
                assert len(movie) <= frames
                flagged = {issue.code for issue in movie.meta.issues} - known
                same = movie.shape[1:] == whole.shape[1:] and np.array_equal(_pixels(movie), whole[: len(movie)])
                assert same or flagged, f"cut at {length}: other pixels, and nothing is said"
                assert len(movie) == frames or flagged, f"cut at {length}: frames are missing in silence"
        except MovieError as error:
            refusals.append(error.info)
    assert refusals
    assert all(info.what.endswith(".") and info.path for info in refusals)


@_FLIPS
@given(data=st.data())
def test_flipped_bytes_take_neither_time_nor_memory(seed: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(seed.read_bytes())
    # Most of what can go wrong stands in the first and the last kilobyte.
    places = st.one_of(
        st.integers(0, len(content) - 1),
        st.integers(0, min(len(content), 1024) - 1),
        st.integers(max(0, len(content) - 1024), len(content) - 1),
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(places)
        kind = data.draw(st.integers(0, 2))
        if kind == 0:
            content[at] = data.draw(st.integers(0, 255))
        elif kind == 1:
            content[at : at + 4] = data.draw(st.sampled_from([b"\xff" * 4, b"\x7f" + b"\xff" * 3, b"\xff\xff\xff\x7f"]))
        else:
            content[at : at + 8] = data.draw(st.sampled_from([bytes(8), b"\xff" * 8, b"\xff" * 7 + b"\x7f"]))
    path = _beside(seed, bytes(content[: seed.stat().st_size]), tmp_path)
    tracemalloc.start()
    start = time.process_time()
    try:
        list_datasets(path)
        with open_movie(path) as movie:
            if movie.meta.frames * movie.meta.height * movie.meta.width < 1e5:
                _pixels(movie)
            movie.tags()
    except MovieError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.process_time() - start < _SECONDS
    assert peak < _BYTES


def test_other_bytes_under_the_name_of_a_movie_are_refused(seed: Path, tmp_path: Path) -> None:
    if seed.suffix == ".raw":
        pytest.skip("any bytes beside a director are pixels")
    for content in (b"", b"\x00" * 3000, b"Dear diary. " * 300, bytes(range(256)) * 20):
        path = _beside(seed, content, tmp_path)
        with pytest.raises(MovieError) as caught:
            open_movie(path)
        assert caught.value.info.advice
