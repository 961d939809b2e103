"""DM3 and DM4: which image is shown, its calibration, and what a damaged file still gives."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.movies import Malformed, MovieError, NoSuchDataset, Truncated, Unsupported, list_datasets, open_movie
from core.movies.formats import witness
from tests.movie_files import ramp, write_dm3, write_dm4

_WRITERS = [write_dm3, write_dm4]
_TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64", "bool", "int64", "uint64"]


@pytest.mark.parametrize("write", _WRITERS)
@pytest.mark.parametrize("dtype", _TYPES)
def test_every_type_of_pixel_comes_back(tmp_path: Path, write: Callable[..., Path], dtype: str) -> None:
    pixels = ramp((3, 5, 7), dtype)
    with open_movie(write(tmp_path / "a.dm", pixels)) as movie:
        assert movie.shape == (3, 5, 7)
        assert movie.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        np.testing.assert_array_equal(movie.frame(1), pixels[1])


@pytest.mark.parametrize("write", _WRITERS)
def test_big_endian_file_is_read_in_the_native_order(tmp_path: Path, write: Callable[..., Path]) -> None:
    pixels = ramp((2, 4, 3), "int16")
    with open_movie(write(tmp_path / "mac.dm3", pixels, order=">")) as movie:
        assert movie.frame(1).dtype.isnative
        np.testing.assert_array_equal(movie.frame(1), pixels[1])
        assert movie.meta.pixel_size == (0.04, 0.05)


@pytest.mark.parametrize("write", _WRITERS)
def test_settings_and_calibrations_are_told(tmp_path: Path, write: Callable[..., Path]) -> None:
    brightness = (2.0, 0.25, "e-")
    with open_movie(write(tmp_path / "a.dm", ramp((3, 4, 6)), brightness=brightness)) as movie:
        meta = movie.meta
    assert meta.format == ("DM3" if write is write_dm3 else "DM4")
    assert meta.title == "Test series"
    assert (meta.pixel_size, meta.pixel_unit) == ((0.04, 0.05), "nm")
    assert meta.frame_interval_s == 0.1
    assert meta.exposure_s == 0.08
    assert meta.voltage_kv == 300
    assert meta.magnification == 300000
    assert meta.detector == "OneView"
    assert meta.date == "2025-02-14T15:32:41"
    assert (meta.intensity_origin, meta.intensity_scale, meta.intensity_unit) == brightness
    assert meta.counts_per_electron == 4
    assert meta.issues == ()
    assert len(meta.fingerprint) == 32


def test_electrons_of_a_scanning_detector_are_not_believed(tmp_path: Path) -> None:
    tags = {"DigiScan": {"Flyback": 50.0}}
    path = write_dm4(tmp_path / "a.dm4", ramp((3, 4, 6)), brightness=(0.0, 0.25, "e-"), image_tags=tags)
    with open_movie(path) as movie:
        assert movie.meta.counts_per_electron is None
        assert movie.meta.intensity_unit == "e-"


@pytest.mark.parametrize(
    ("calibrations", "size", "unit"),
    [
        ([(0.5, "µm"), (0.25, "µm")], (250.0, 500.0), "nm"),
        ([(2.0, "A"), (1.0, "nm")], (1.0, 0.2), "nm"),
        ([(0.2, "1/nm"), (0.2, "1/nm")], (0.2, 0.2), "1/nm"),
        ([(0.2, "1/A"), (0.2, "1/A")], (2.0, 2.0), "1/nm"),
        ([(1.0, ""), (1.0, "")], None, None),
        ([(1.0, "nm"), (1.0, "")], None, None),
        ([(1.0, "nm"), (1.0, "1/nm")], None, None),
        ([(0.0, "nm"), (1.0, "nm")], None, None),
        ([(float("nan"), "nm"), (1.0, "nm")], None, None),
        ([(1.0, "nm")], None, None),
        ([], None, None),
    ],
)
def test_pixel_size_is_canonical_or_unknown(
    tmp_path: Path, calibrations: list[tuple[float, str]], size: tuple[float, float] | None, unit: str | None
) -> None:
    with open_movie(write_dm4(tmp_path / "a.dm4", ramp((3, 4, 6)), calibrations=calibrations)) as movie:
        assert movie.meta.pixel_size == (pytest.approx(size) if size else None)
        assert movie.meta.pixel_unit == unit
        assert movie.meta.frame_interval_s is None


def test_thumbnail_is_found_by_its_tag_and_not_by_its_place(tmp_path: Path) -> None:
    path = write_dm4(tmp_path / "a.dm4", ramp((2, 4, 6)), thumbnail=False, more=[ramp((3, 3))])
    assert [info.shape for info in list_datasets(path)] == [(2, 4, 6), (3, 3)]
    with open_movie(path) as movie:
        assert movie.shape == (2, 4, 6)


def test_second_image_opens_by_its_key(tmp_path: Path) -> None:
    other = ramp((3, 3), "float32")
    path = write_dm3(tmp_path / "a.dm3", ramp((2, 4, 6)), more=[other])
    keys = [info.key for info in list_datasets(path)]
    assert keys == ["1", "2"]
    with open_movie(path, "2") as movie:
        assert movie.shape == (1, 3, 3)
        np.testing.assert_array_equal(movie.frame(0), other)
    with pytest.raises(NoSuchDataset, match="1, 2"):
        open_movie(path, "7")


def test_file_without_settings_opens(tmp_path: Path) -> None:
    with open_movie(write_dm3(tmp_path / "a.dm3", ramp((2, 3, 4)), image_tags={})) as movie:
        assert movie.meta.exposure_s is None
        assert movie.meta.voltage_kv is None
        assert movie.meta.detector is None


@pytest.mark.parametrize("shape", [(1, 4, 5), (4, 5), (3, 1, 5), (3, 5, 1), (1, 1, 1), (2, 1, 3, 4), (1, 1, 3, 4)])
def test_axes_of_one_element_keep_their_place(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = ramp(shape)
    wanted = {(4, 5): (1, 4, 5), (2, 1, 3, 4): (2, 3, 4), (1, 1, 3, 4): (1, 3, 4)}.get(shape, shape)
    with open_movie(write_dm4(tmp_path / "a.dm4", pixels, calibrations=[])) as movie:
        assert movie.shape == wanted
        np.testing.assert_array_equal(movie.region(slice(None)), pixels.reshape(wanted))


@pytest.mark.parametrize(
    ("pixels", "options", "word"),
    [
        (ramp((7,), "float32"), {}, "spectrum"),
        (ramp((5, 2, 2), "float32"), {"calibrations": [(1.0, "nm"), (1.0, "nm"), (0.5, "eV")]}, "energy"),
        (ramp((2, 5), "float32"), {"calibrations": [(0.5, "eV"), (1.0, "nm")]}, "energy"),
        (ramp((2, 3, 4, 5)), {}, "four"),
        (ramp((4, 5), "uint32"), {"data_type": 23}, "colour"),
        (ramp((4, 5), "uint32"), {"data_type": 8}, "colour"),
        (ramp((4, 5), "float64"), {"data_type": 3}, "complex"),
        (ramp((4, 5), "float64"), {"data_type": 27}, "complex"),
        (ramp((4, 5), "float64"), {"data_type": 99}, "type 99"),
    ],
)
def test_what_is_no_movie_is_refused_with_the_reason(
    tmp_path: Path, pixels: np.ndarray, options: dict[str, object], word: str
) -> None:
    path = write_dm4(tmp_path / "a.dm4", pixels, **options)
    (info,) = list_datasets(path)
    assert info.refusal
    with pytest.raises(Unsupported, match=word) as caught:
        open_movie(path)
    assert caught.value.info.advice


def test_movie_beside_a_spectrum_is_the_one_that_opens(tmp_path: Path) -> None:
    path = write_dm3(tmp_path / "a.dm3", ramp((9,), "float32"), more=[ramp((2, 4, 6))])
    with open_movie(path) as movie:
        assert movie.shape == (2, 4, 6)


def test_truncated_movie_opens_with_its_complete_frames(tmp_path: Path) -> None:
    pixels = ramp((10, 16, 16))
    path = write_dm4(tmp_path / "a.dm4", pixels, sizes_first=True)
    start = path.read_bytes().index(pixels[1].tobytes())
    path.write_bytes(path.read_bytes()[: start + 3 * pixels[0].nbytes + 11])
    with open_movie(path) as movie:
        assert movie.shape == (4, 16, 16)
        assert movie.meta.declared_frames == 10
        assert movie.meta.truncated
        assert [issue.text for issue in movie.meta.issues] == ["truncated: 4 of 10 frames"]
        np.testing.assert_array_equal(movie.frame(3), pixels[3])
        with pytest.raises(IndexError):
            movie.frame(4)


def test_file_cut_inside_the_pixels_says_that_size_and_type_are_lost(tmp_path: Path) -> None:
    pixels = ramp((10, 16, 16))
    path = write_dm4(tmp_path / "a.dm4", pixels)
    start = path.read_bytes().index(pixels[1].tobytes())
    path.write_bytes(path.read_bytes()[:start])
    # The thumbnail was complete, but it is not what the user wants to see as his movie.
    with pytest.raises(MovieError) as caught:
        open_movie(path)
    assert caught.value.info.code == "truncated"
    assert "width, height and type" in caught.value.info.what


def test_cut_behind_the_pixels_keeps_the_movie(tmp_path: Path) -> None:
    pixels = ramp((4, 8, 8))
    path = write_dm3(tmp_path / "a.dm3", pixels)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"ImageTags", data.index(pixels.tobytes())) + 4])
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert [issue.code for issue in movie.meta.issues] == ["tags-damaged"]


def test_claimed_size_beyond_the_file_allocates_nothing(tmp_path: Path) -> None:
    path = write_dm4(tmp_path / "a.dm4", ramp((2, 4, 6)), sizes_first=True)
    data = bytearray(path.read_bytes())
    # The width is the first of the sizes: 6.
    at = data.index(b"Dimensions", 800)
    place = data.index((6).to_bytes(4, "little"), at)
    data[place : place + 4] = (0x7FFFFFFF).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    with pytest.raises(Truncated):
        open_movie(path)


def test_thousands_of_millions_of_claimed_frames_take_no_time(tmp_path: Path) -> None:
    pixels = ramp((3, 4, 6))
    path = write_dm4(tmp_path / "a.dm4", pixels, sizes_first=True)
    data = bytearray(path.read_bytes())
    tag = b"%%%%" + struct.pack(">QQ", 1, 5)
    place = data.index(tag + struct.pack("<I", 3)) + len(tag)
    data[place : place + 4] = (0x7FFFFFFF).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    start = time.process_time()
    with open_movie(path) as movie:
        assert (movie.meta.frames, movie.meta.declared_frames) == (3, 0x7FFFFFFF)
        assert [issue.code for issue in movie.meta.issues] == ["truncated"]
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
    assert time.process_time() - start < 2


def test_director_of_an_in_situ_recording_says_what_is_missing(tmp_path: Path) -> None:
    tags = {"In-situ": {"Recorded": {"# Frames": 250.0}}}
    with open_movie(write_dm4(tmp_path / "a.dm4", ramp((4, 6)), image_tags=tags)) as movie:
        (issue,) = movie.meta.issues
    assert "only the director frame of 250" in issue.text


def test_tags_are_there_on_demand(tmp_path: Path) -> None:
    with open_movie(write_dm3(tmp_path / "a.dm3", ramp((2, 4, 6)))) as movie:
        tags = movie.tags()
    assert tags["ImageList.1.ImageTags.DataBar.Device Name"] == "OneView"
    assert tags["ImageList.1.ImageData.Dimensions.0"] == 6


def test_file_of_tags_alone_is_no_movie(tmp_path: Path) -> None:
    path = write_dm4(tmp_path / "a.dm4", ramp((2, 4, 6)), thumbnail=False)
    data = path.read_bytes().replace(b"ImageList", b"ImageLost")
    path.write_bytes(data)
    with pytest.raises(Malformed, match="no image"):
        open_movie(path)


@pytest.mark.parametrize("write", _WRITERS)
def test_ncempy_finds_the_same_pixels(tmp_path: Path, write: Callable[..., Path]) -> None:
    pixels = ramp((3, 5, 7))
    path = write(tmp_path / "a.dm", pixels)
    found = witness.dm_pixels(str(path))
    assert found is not None
    assert (path.read_bytes().index(pixels.tobytes()), pixels.nbytes) in found


def test_disagreement_with_ncempy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_dm4(tmp_path / "a.dm4", ramp((3, 5, 7)))
    monkeypatch.setattr(witness, "dm_pixels", lambda _: {(12, 34)})
    with open_movie(path) as movie:
        assert [issue.code for issue in movie.meta.issues] == ["readers-disagree"]


def test_file_opens_where_ncempy_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness.ncempy_io, "load", lambda _: None)
    with open_movie(write_dm4(tmp_path / "a.dm4", ramp((3, 5, 7)))) as movie:
        assert movie.meta.issues == ()


def test_groups_of_more_tags_than_a_byte_counts_are_read(tmp_path: Path) -> None:
    tags = {"plane info": [{"added": float(number)} for number in range(300)], "Microscope Info": {"Voltage": 8e4}}
    path = write_dm3(tmp_path / "a.dm3", ramp((2, 4, 6)), image_tags=tags)
    with open_movie(path) as movie:
        assert movie.meta.voltage_kv == 80
        assert movie.meta.issues == ()
        assert movie.tags()["ImageList.1.ImageTags.plane info.299.added"] == 299
    assert witness.dm_pixels(str(path)) is not None
