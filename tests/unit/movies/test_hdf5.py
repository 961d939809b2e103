"""Plain HDF5: every order of axes, every chunking, and files that want to lead the reader astray."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.movies import Malformed, MovieError, Truncated, Unreadable, list_datasets, open_movie
from core.movies.formats import hdf5_filters, hdf5_source
from tests.movie_files import ramp
from tests.movie_files.hdf5 import write_plain

_PIXELS = ramp((7, 11, 13), "uint16")

_PACKINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "gzip": {"compression": "gzip"},
    "gzip-shuffled": {"compression": "gzip", "shuffle": True},
    "lzf-checked": {"compression": "lzf", "fletcher32": True},
    "checked": {"fletcher32": True},
    "scale-offset": {"scaleoffset": 0},
}


def _all(path: Path, key: str | None = None) -> np.ndarray:
    with open_movie(path, key) as movie:
        return np.asarray(movie.region(slice(None)))


@pytest.mark.parametrize("packing", _PACKINGS)
@pytest.mark.parametrize("chunks", [(1, 11, 13), (2, 4, 5), (7, 3, 13), (3, 11, 1)])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_frames_are_the_same_however_they_are_stored(
    tmp_path: Path, packing: str, chunks: tuple[int, int, int], axis: int
) -> None:
    stored = np.moveaxis(_PIXELS, 0, axis)
    cut = [*chunks[1:]]
    cut.insert(axis, chunks[0])
    path = write_plain(tmp_path / "a.h5", {"movie": stored}, chunks=tuple(cut), **_PACKINGS[packing])
    np.testing.assert_array_equal(_all(path, f"movie?frames={axis}"), _PIXELS)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["uint8", "int16", ">u2", "<i4", ">f4", "float64", "float16", "bool"])
def test_unpacked_frames_keep_their_type(tmp_path: Path, dtype: str, axis: int) -> None:
    pixels = ramp((4, 5, 6), np.dtype(dtype).name).astype(dtype)
    path = write_plain(tmp_path / "a.h5", {"movie": np.moveaxis(pixels, 0, axis)})
    with open_movie(path, f"movie?frames={axis}") as movie:
        assert movie.dtype == np.dtype(dtype).newbyteorder("=")
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        np.testing.assert_array_equal(movie.region(slice(1, 3), slice(1, 4), slice(2, 6)), pixels[1:3, 1:4, 2:6])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 12), st.integers(1, 12)),
    chunks=st.none() | st.tuples(st.integers(1, 9), st.integers(1, 12), st.integers(1, 12)),
    axis=st.sampled_from([0, 1, 2]),
    packed=st.booleans(),
    data=st.data(),
)
def test_any_part_of_any_layout_agrees_with_h5py(
    tmp_path: Path,
    shape: tuple[int, int, int],
    chunks: tuple[int, int, int] | None,
    axis: int,
    packed: bool,
    data: st.DataObject,
) -> None:
    stored = ramp(shape, "uint16")
    options: dict[str, Any] = {}
    if chunks is not None:
        options["chunks"] = tuple(min(size, chunk) for size, chunk in zip(shape, chunks, strict=True))
        options |= {"compression": "gzip", "shuffle": True} if packed else {}
    path = write_plain(tmp_path / "a.h5", {"movie": stored}, **options)
    if sum(size > 1 for size in shape) < 1:
        return
    wanted = np.moveaxis(stored, axis, 0)
    frame = data.draw(st.integers(0, wanted.shape[0] - 1))
    y0, x0 = data.draw(st.integers(0, wanted.shape[1] - 1)), data.draw(st.integers(0, wanted.shape[2] - 1))
    with open_movie(path, f"movie?frames={axis}") as movie:
        assert movie.shape == wanted.shape
        np.testing.assert_array_equal(movie.frame(frame), wanted[frame])
        np.testing.assert_array_equal(movie.region(slice(None), slice(y0, None), slice(x0, None)), wanted[:, y0:, x0:])


def test_reading_on_decodes_each_chunk_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_plain(tmp_path / "a.h5", {"movie": ramp((12, 16, 16), "uint16")}, chunks=(4, 8, 8), compression="gzip")
    decoded = []

    def count(raw: Any, *rest: Any) -> Any:
        decoded.append(len(raw))
        return plain(raw, *rest)

    plain = hdf5_filters.decode
    with open_movie(path) as movie:
        monkeypatch.setattr(hdf5_filters, "decode", count)
        for index in range(12):
            movie.frame(index)
    assert len(decoded) == 12 // 4 * 4


def test_chunks_too_large_to_be_kept_are_decoded_once_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_source, "_KEPT_BYTES", 6 * 16 * 16 * 2)
    pixels = ramp((24, 16, 16), "uint16")
    path = write_plain(tmp_path / "a.h5", {"movie": pixels}, chunks=(24, 16, 16), compression="gzip")
    decoded = []
    plain = hdf5_filters.decode
    with open_movie(path) as movie:
        monkeypatch.setattr(hdf5_filters, "decode", lambda *all_: decoded.append(0) or plain(*all_))
        for index in range(24):
            np.testing.assert_array_equal(movie.frame(index), pixels[index])
    assert len(decoded) == 24 // 6


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_large_unpacked_chunks_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, axis: int) -> None:
    monkeypatch.setattr(hdf5_source, "_PIECE_BYTES", 600)
    path = write_plain(tmp_path / "a.h5", {"movie": np.moveaxis(_PIXELS, 0, axis)}, chunks=(6, 7, 7))
    with open_movie(path, f"movie?frames={axis}") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
        np.testing.assert_array_equal(movie.region(slice(2, 5), slice(3, 9), slice(5, 12)), _PIXELS[2:5, 3:9, 5:12])


def test_part_of_a_frame_decodes_only_its_own_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = ramp((3, 64, 64), "uint16")
    path = write_plain(tmp_path / "a.h5", {"movie": pixels}, chunks=(1, 16, 16), compression="gzip")
    decoded = []
    plain = hdf5_filters.decode
    with open_movie(path) as movie:
        monkeypatch.setattr(hdf5_filters, "decode", lambda *all_: decoded.append(0) or plain(*all_))
        np.testing.assert_array_equal(movie.region(slice(1, 2), slice(0, 16), slice(20, 30)), pixels[1:2, 0:16, 20:30])
    assert len(decoded) == 1


def test_eight_threads_reading_at_random_agree(tmp_path: Path) -> None:
    pixels = ramp((20, 32, 32), "uint16")
    path = write_plain(tmp_path / "a.h5", {"movie": pixels}, chunks=(5, 16, 32), compression="gzip")
    wrong: list[int] = []

    def read(seed: int) -> None:
        chosen = np.random.default_rng(seed).integers(0, 20, 40).tolist()
        wrong.extend(index for index in chosen if not np.array_equal(movie.frame(index), pixels[index]))

    with open_movie(path) as movie:
        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


@pytest.mark.parametrize("options", [{}, {"chunks": (2, 4, 4)}, {"scaleoffset": 0}])
def test_closed_movie_says_so(tmp_path: Path, options: dict[str, Any]) -> None:
    movie = open_movie(write_plain(tmp_path / "a.h5", {"movie": _PIXELS}, **options))
    movie.frame(0)
    movie.close()
    movie.close()
    with pytest.raises(Unreadable, match="closed"):
        movie.frame(1)


def test_all_datasets_are_listed_movies_first_and_the_other_axis_can_be_chosen(tmp_path: Path) -> None:
    path = write_plain(
        tmp_path / "a.h5",
        {
            "image": ramp((5, 6), "uint8"),
            "b/small": ramp((2, 5, 6), "uint8"),
            "b/large": ramp((9, 5, 6), "uint16"),
            "vector": ramp((9,), "float32"),
            "four": ramp((3, 4, 5, 6), "uint8"),
            "waves": np.ones((2, 5, 6), np.complex64),
            "colour": ramp((5, 6, 3), "uint8"),
        },
    )
    infos = list_datasets(path)
    movies = [info.key for info in infos if info.refusal is None]
    assert movies == ["b/large", "b/small", "image", "b/large?frames=last", "b/small?frames=last"]
    refusals = {info.key: info.refusal for info in infos if info.refusal is not None}
    assert set(refusals) == {"four", "waves", "colour"}
    assert "four or more dimensions" in (refusals["four"] or "")
    assert "complex" in (refusals["waves"] or "")
    assert "colour" in (refusals["colour"] or "")
    with open_movie(path, "b/large?frames=last") as movie:
        assert movie.shape == (6, 9, 5)
        assert movie.meta.dataset == "b/large?frames=last"


@pytest.mark.parametrize("key", ["nothing", "movie?frames=3", "movie?frames=", "movie?frames=-1", "no?frames=0", ""])
def test_wrong_key_says_what_there_is(tmp_path: Path, key: str) -> None:
    path = write_plain(tmp_path / "a.h5", {"movie": _PIXELS})
    with pytest.raises(MovieError) as caught:
        open_movie(path, key)
    assert caught.value.info.code == "bad-request"


def test_frames_axis_is_the_one_that_chunks_or_square_images_leave(tmp_path: Path) -> None:
    by_chunks = write_plain(tmp_path / "a.h5", {"movie": ramp((9, 5, 6), "uint8")}, chunks=(9, 5, 1))
    with open_movie(by_chunks) as movie:
        assert movie.shape == (6, 9, 5)
    square = write_plain(tmp_path / "b.h5", {"movie": ramp((8, 8, 6), "uint8")})
    with open_movie(square) as movie:
        assert movie.shape == (6, 8, 8)


def test_axes_of_one_element_are_left_out(tmp_path: Path) -> None:
    pixels = ramp((3, 1, 1, 5, 6), "uint16")
    for options in ({}, {"chunks": (2, 1, 1, 5, 4)}):
        path = write_plain(tmp_path / "a.h5", {"movie": pixels}, **options)
        np.testing.assert_array_equal(_all(path), pixels[:, 0, 0])


def test_file_with_a_user_block_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["plain"] = _PIXELS
        file["plain"].attrs["text"] = "of variable length"
        file.create_dataset("packed", data=_PIXELS, chunks=(2, 5, 5), compression="gzip")
    for key in ("plain", "packed"):
        with open_movie(path, key) as movie:
            np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
            assert movie.meta.issues == ()
            assert movie.tags()["plain@text"] == "of variable length"


def test_newest_structures_of_the_library_read(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        for name, most in (("grows", (None, 11, 13)), ("fixed", (7, 11, 13)), ("both", (None, None, 13))):
            file.create_dataset(name, data=_PIXELS, chunks=(1, 5, 13), maxshape=most, compression="gzip")
        file.create_dataset("one", data=_PIXELS, chunks=(7, 11, 13))
    for key in ("grows", "fixed", "both", "one"):
        np.testing.assert_array_equal(_all(path, key), _PIXELS)


def test_odd_number_types_are_left_to_the_library(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    twelve = h5py.h5t.STD_U16LE.copy()
    twelve.set_precision(12)
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple(_PIXELS.shape)
        made = h5py.h5d.create(file.id, b"movie", twelve, space)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, _PIXELS % 4096)
    np.testing.assert_array_equal(_all(path), _PIXELS % 4096)


def test_metadata_of_the_file_are_its_tags(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["a/movie"] = _PIXELS
        file["a/movie"].attrs["gain"] = 2.5
        file["a"].attrs["who"] = "somebody"
        file["a/times"] = [0.0, 0.5]
    with open_movie(path) as movie:
        tags = movie.tags()
    assert tags["a/movie@gain"] == 2.5
    assert tags["a@who"] == "somebody"
    assert tags["a/times"] == (0.0, 0.5)


def test_nothing_of_two_axes_is_said(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "a.h5", {"trace": ramp((50,), "float32")})
    with pytest.raises(Malformed, match="no image and no movie"):
        list_datasets(path)


def test_broken_off_recording_opens_with_its_written_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("movie", (20, 8, 8), np.uint16, chunks=(1, 8, 8))
        data[:12] = ramp((12, 8, 8), "uint16")
    with open_movie(path) as movie:
        assert (movie.meta.frames, movie.meta.declared_frames) == (12, 20)
        assert movie.meta.issues[0].text == "truncated: 12 of 20 frames"
        np.testing.assert_array_equal(movie.region(slice(None)), ramp((12, 8, 8), "uint16"))


def test_hole_in_a_movie_is_said_and_reads_as_the_fill_value(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("movie", (6, 8, 8), np.uint16, chunks=(1, 8, 8), fillvalue=7)
        data[:2], data[3:] = 1, 1
    with open_movie(path) as movie:
        assert movie.meta.frames == 6
        assert [issue.code for issue in movie.meta.issues] == ["missing-chunks"]
        assert [int(movie.frame(index)[0, 0]) for index in range(4)] == [1, 1, 7, 1]


def test_claim_of_endless_frames_ends_at_the_written_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("movie", (1 << 40, 8, 8), np.uint16, chunks=(1, 8, 8), maxshape=(None, 8, 8))
        data[:3], data[1 << 39] = 1, 1
    with open_movie(path) as movie:
        assert movie.meta.frames == 3
        assert movie.meta.truncated


def test_recording_without_a_pixel_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("movie", (20, 8, 8), np.uint16, chunks=(1, 8, 8))
    with pytest.raises(Truncated, match="No pixels were ever written"):
        open_movie(path)


@pytest.mark.parametrize("options", [{}, {"chunks": (1, 64, 64)}, {"chunks": (4, 64, 64), "compression": "gzip"}])
def test_cut_file_gives_its_complete_frames_or_says_that_it_is_cut(tmp_path: Path, options: dict[str, Any]) -> None:
    pixels = np.random.default_rng(1).integers(0, 4000, (20, 64, 64), dtype=np.uint16)
    whole = write_plain(tmp_path / "a.h5", {"movie": pixels}, **options).read_bytes()
    path = tmp_path / "cut.h5"
    partial = 0
    for tenth in range(1, 10):
        path.write_bytes(whole[: len(whole) * tenth // 10])
        try:
            movie = open_movie(path)
        except Truncated:
            continue
        with movie:
            partial += 1
            assert movie.meta.truncated
            assert movie.meta.issues[0].code == "truncated"
            np.testing.assert_array_equal(movie.region(slice(None)), pixels[: movie.meta.frames])
    assert partial > 3


def test_file_that_is_still_written_opens_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        data = file.create_dataset("movie", (2, 8, 8), np.uint16, chunks=(1, 8, 8), maxshape=(None, 8, 8))
        data[:] = 1
        file.swmr_mode = True
        with open_movie(path) as movie:
            assert movie.meta.frames == 2
            assert [issue.code for issue in movie.meta.issues] == ["being-written"]
            np.testing.assert_array_equal(movie.frame(1), np.ones((8, 8), np.uint16))
        data.resize((5, 8, 8))
        data[2:] = 2
        data.flush()
        with open_movie(path) as movie:
            assert movie.meta.frames == 5
            assert movie.frame(4).max() == 2


def test_file_that_shrinks_after_opening_is_a_typed_error(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "a.h5", {"movie": ramp((20, 64, 64), "uint16")}, chunks=(1, 64, 64))
    with open_movie(path) as movie:
        with path.open("r+b") as stream:
            stream.truncate(path.stat().st_size // 2)
        with pytest.raises(Truncated):
            movie.frame(19)
