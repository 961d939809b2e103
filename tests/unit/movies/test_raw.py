"""Headerless files, read by a typed layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.movies import MovieError, NoSuchDataset, Truncated, list_datasets, open_movie
from core.movies.formats import raw
from core.protocol.raw_layout import PIXEL_TYPES, RawLayout
from tests.movie_files import ramp, write_dm4


@pytest.mark.parametrize("dtype", PIXEL_TYPES)
@pytest.mark.parametrize("big_endian", [False, True])
def test_every_type_and_byte_order_comes_back(tmp_path: Path, dtype: str, big_endian: bool) -> None:
    pixels = ramp((3, 4, 5), dtype)
    path = tmp_path / "a.raw"
    path.write_bytes(b"h" * 7 + pixels.astype(pixels.dtype.newbyteorder(">" if big_endian else "<")).tobytes())
    with open_movie(path, RawLayout(height=4, width=5, dtype=dtype, big_endian=big_endian, offset=7).key) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.issues == ()
        assert movie.meta.pixel_size is None


def test_gaps_between_frames_are_left_out(tmp_path: Path) -> None:
    pixels = ramp((4, 3, 5))
    path = tmp_path / "a.dat"
    path.write_bytes(b"head" + b"gap!gap!".join(frame.tobytes() for frame in pixels))
    with open_movie(path, RawLayout(height=3, width=5, dtype="uint16", offset=4, gap=8).key) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.issues == ()


def test_fewer_frames_than_typed_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(ramp((4, 3, 5)).tobytes())
    with open_movie(path, RawLayout(height=3, width=5, dtype="uint16", frames=9).key) as movie:
        assert (movie.meta.frames, movie.meta.declared_frames) == (4, 9)
        assert [issue.text for issue in movie.meta.issues] == ["truncated: 4 of 9 frames"]
    with open_movie(path, RawLayout(height=3, width=5, dtype="uint16", frames=2).key) as movie:
        assert movie.meta.frames == 2
        assert movie.meta.issues == ()


def test_bytes_left_behind_the_last_frame_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(bytes(100))
    with open_movie(path, "raw:6x8:uint8") as movie:
        assert movie.meta.frames == 2
        assert [issue.code for issue in movie.meta.issues] == ["bytes-left"]


def test_layout_of_one_frame_more_than_the_file_is_a_typed_error(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(bytes(100))
    for key in (
        "raw:999999999x999999999:float64",
        "raw:6x8:uint8:offset=99",
        "raw:6x8:uint8:offset=999999999999999999",
    ):
        with pytest.raises(Truncated):
            open_movie(path, key)


@pytest.mark.parametrize(
    "key",
    [
        "raw:",
        "raw:5:uint8",
        "raw:5x5",
        "raw:-5x5:uint8",
        "raw:5x5:uint9",
        "raw:5x5:complex64",
        "raw:0x5:uint8",
        "raw:5x5:uint8:offset=-1",
        "raw:5x5:uint8:offset=1:offset=2",
        "raw:5x5:uint8:size=1",
        "raw:5x5:uint8:frames=0",
        "raw:5x5:uint8 ",
    ],
)
def test_key_that_makes_no_sense_is_a_typed_error(tmp_path: Path, key: str) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(bytes(100))
    with pytest.raises(NoSuchDataset):
        open_movie(path, key)
    assert raw.is_key(key)


@given(
    st.builds(
        RawLayout,
        height=st.integers(1, 10**6),
        width=st.integers(1, 10**6),
        dtype=st.sampled_from(PIXEL_TYPES),
        big_endian=st.booleans(),
        offset=st.integers(0, 10**12),
        gap=st.integers(0, 10**6),
        frames=st.none() | st.integers(1, 10**6),
    )
)
def test_a_layout_survives_its_key(layout: RawLayout) -> None:
    assert RawLayout.of(layout.key) == layout


def test_layout_reads_a_file_of_any_format(tmp_path: Path) -> None:
    pixels = ramp((6, 16, 16))
    path = write_dm4(tmp_path / "cut.dm4", pixels)
    start = path.read_bytes().index(pixels.tobytes())
    path.write_bytes(path.read_bytes()[: start + 4 * 512 + 100])
    with pytest.raises(MovieError, match=f"byte {start}") as caught:
        open_movie(path)
    # The sentence says what to type.
    assert "uint16" in caught.value.info.advice
    with open_movie(path, RawLayout(height=16, width=16, dtype="uint16", offset=start).key) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels[:4])


def test_typed_layout_is_listed_before_what_the_file_holds_by_itself(tmp_path: Path) -> None:
    key = RawLayout(height=3, width=5, dtype="uint16").key
    headless = tmp_path / "a.dat"
    headless.write_bytes(ramp((4, 3, 5)).tobytes())
    assert [(info.key, info.shape) for info in list_datasets(headless, key)] == [(key, (4, 3, 5))]
    path = write_dm4(tmp_path / "a.dm4", ramp((4, 3, 5)))
    assert [info.key for info in list_datasets(path, key)] == [key, "1"]
    assert [info.key for info in list_datasets(path, "1")] == ["1"]
