"""MRC and MRCS."""

from __future__ import annotations

import struct
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from core.movies import Malformed, MovieError, Truncated, Unsupported, open_movie
from tests.movie_files import ramp, write_mrc


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float32", "float16"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_mode_comes_back_in_the_native_order(tmp_path: Path, dtype: str, order: str) -> None:
    pixels = ramp((3, 4, 5), dtype)
    with open_movie(write_mrc(tmp_path / "a.mrc", pixels, order=order)) as movie:
        assert movie.dtype == np.dtype(dtype)
        assert movie.frame(2).dtype.isnative
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.pixel_size == pytest.approx((0.05, 0.04))
        assert movie.meta.pixel_unit == "nm"
        assert movie.meta.title == "a test's movie"


def test_file_of_mrcfile_reads_the_same(tmp_path: Path) -> None:
    pixels = ramp((3, 4, 6), "float32")
    with mrcfile.new(tmp_path / "a.mrc", pixels) as mrc:
        mrc.voxel_size = 2.5
    with open_movie(tmp_path / "a.mrc") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.pixel_size == pytest.approx((0.25, 0.25))


def test_one_frame_keeps_three_axes(tmp_path: Path) -> None:
    with open_movie(write_mrc(tmp_path / "a.mrc", ramp((1, 4, 5)))) as movie:
        assert movie.shape == (1, 4, 5)


@pytest.mark.parametrize("cell", [(0.0, 0.0), (-1.0, -1.0), (float("nan"), 0.1), (float("inf"), 0.1)])
def test_impossible_cell_is_unknown(tmp_path: Path, cell: tuple[float, float]) -> None:
    with open_movie(write_mrc(tmp_path / "a.mrc", ramp((2, 4, 5)), cell_nm=cell)) as movie:
        assert movie.meta.pixel_size is None
        assert movie.meta.pixel_unit is None


def test_extended_header_is_skipped(tmp_path: Path) -> None:
    pixels = ramp((2, 4, 5))
    with open_movie(write_mrc(tmp_path / "a.mrc", pixels, extended=b"\x07" * 300)) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


@pytest.mark.parametrize("order", ["<", ">"])
def test_wrong_stamp_is_ignored_and_told(tmp_path: Path, order: str) -> None:
    stamp = b"\x11\x11\x00\x00" if order == "<" else b"\x44\x44\x00\x00"
    pixels = ramp((2, 4, 5), "int16")
    with open_movie(write_mrc(tmp_path / "a.mrc", pixels, order=order, stamp=stamp)) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert [issue.code for issue in movie.meta.issues] == ["byte-order"]


def test_old_file_without_the_magic_word_opens_by_its_extension(tmp_path: Path) -> None:
    pixels = ramp((2, 4, 5), "int16")
    with open_movie(write_mrc(tmp_path / "a.st", pixels, magic=bytes(4), stamp=bytes(4))) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


def test_magic_word_opens_under_any_extension(tmp_path: Path) -> None:
    with open_movie(write_mrc(tmp_path / "movie.dat", ramp((2, 4, 5), "int16"))) as movie:
        assert movie.meta.format == "MRC"


@pytest.mark.parametrize(("flags", "dtype"), [(0, "uint8"), (1, "int8"), (None, "int8")])
def test_sign_of_bytes_is_what_imod_says(tmp_path: Path, flags: int | None, dtype: str) -> None:
    pixels = ramp((2, 4, 5), "int8")
    with open_movie(write_mrc(tmp_path / "a.mrc", pixels, imod_flags=flags)) as movie:
        assert movie.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(movie.region(slice(None)), pixels.view(dtype))


@pytest.mark.parametrize("width", [6, 7, 1])
def test_four_bit_pixels_are_unpacked(tmp_path: Path, width: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 16, (3, 5, width), dtype=np.uint8)
    packed = np.zeros((3, 5, (width + 1) // 2), np.uint8)
    packed |= pixels[:, :, 0::2]
    packed[:, :, : width // 2] |= pixels[:, :, 1::2] << 4
    path = write_mrc(tmp_path / "a.mrc", packed, mode=101, size=(5, width))
    with open_movie(path) as movie:
        assert movie.shape == (3, 5, width)
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


def test_four_bit_pixels_in_bytes_are_known_by_the_flag_of_imod(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 16, (3, 5, 8), dtype=np.uint8)
    packed = pixels[:, :, 0::2] | pixels[:, :, 1::2] << 4
    with open_movie(write_mrc(tmp_path / "a.mrc", packed, mode=0, imod_flags=16)) as movie:
        assert movie.shape == (3, 5, 8)
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.pixel_size == pytest.approx((0.05, 0.04))


def test_truncated_movie_opens_with_its_complete_frames(tmp_path: Path) -> None:
    pixels = ramp((50, 8, 8))
    path = write_mrc(tmp_path / "a.mrc", pixels)
    path.write_bytes(path.read_bytes()[: 1024 + 25 * 128 + 60])
    with open_movie(path) as movie:
        assert movie.shape == (25, 8, 8)
        assert [issue.text for issue in movie.meta.issues] == ["truncated: 25 of 50 frames"]
        np.testing.assert_array_equal(movie.frame(24), pixels[24])


def test_no_complete_frame_is_truncated(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", ramp((2, 8, 8)))
    path.write_bytes(path.read_bytes()[:1100])
    with pytest.raises(Truncated):
        open_movie(path)


def test_header_alone_is_truncated(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", ramp((2, 8, 8)))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(Truncated):
        open_movie(path)


@pytest.mark.parametrize("mode", [3, 4])
def test_complex_modes_are_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(Unsupported, match="complex"):
        open_movie(write_mrc(tmp_path / "a.mrc", ramp((2, 4, 5), "float32"), mode=mode))


def test_unknown_mode_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="mode 17"):
        open_movie(write_mrc(tmp_path / "a.mrc", ramp((2, 4, 5), "float32"), mode=17))


@pytest.mark.parametrize(("at", "value"), [(0, -5), (4, 0), (8, -1), (92, -1), (92, 1 << 30), (0, 0x7FFFFFFF), (8, 0)])
def test_impossible_header_is_a_typed_error_at_once(tmp_path: Path, at: int, value: int) -> None:
    path = write_mrc(tmp_path / "a.mrc", ramp((2, 4, 5), "float32"))
    data = bytearray(path.read_bytes())
    struct.pack_into("<i", data, at, value)
    path.write_bytes(bytes(data))
    with pytest.raises((Malformed, Truncated)):
        open_movie(path)


def test_claimed_frames_beyond_the_file_allocate_nothing(tmp_path: Path) -> None:
    pixels = ramp((2, 4, 5), "float32")
    with open_movie(write_mrc(tmp_path / "a.mrc", pixels, frames=2_000_000_000)) as movie:
        assert movie.meta.frames == 2
        assert movie.meta.declared_frames == 2_000_000_000


def test_bytes_without_a_mark_can_be_opened_as_unsigned(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", np.full((2, 3, 4), -36, np.int8))
    with open_movie(path) as movie:
        assert int(movie.frame(0)[0, 0]) == -36
        assert "0?unsigned" in next(issue.text for issue in movie.meta.issues if issue.code == "signed-bytes")
    with open_movie(path, "0?unsigned") as movie:
        assert movie.dtype == np.uint8
        assert int(movie.frame(0)[0, 0]) == 220
        assert movie.meta.dataset == "0?unsigned"


def test_bytes_that_read_the_same_either_way_are_not_spoken_of(tmp_path: Path) -> None:
    with open_movie(write_mrc(tmp_path / "a.mrc", np.full((2, 3, 4), 36, np.int8))) as movie:
        assert not movie.meta.issues


def test_whole_numbers_of_two_bytes_have_no_unsigned_reading(tmp_path: Path) -> None:
    with pytest.raises(MovieError):
        open_movie(write_mrc(tmp_path / "a.mrc", ramp((2, 3, 4), "int16")), "0?unsigned")
