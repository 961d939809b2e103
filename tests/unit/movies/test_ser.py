"""SER series and their EMI files."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from core.movies import Malformed, MovieError, Truncated, Unreadable, Unsupported, list_datasets, open_movie
from core.movies.formats import witness
from tests.movie_files import ramp, write_emi, write_ser

_VERSIONS = ["old", "new"]
_TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]


@pytest.mark.parametrize("version", _VERSIONS)
@pytest.mark.parametrize("dtype", _TYPES)
def test_rows_come_back_from_the_top(tmp_path: Path, version: str, dtype: str) -> None:
    pixels = ramp((4, 3, 5), dtype)
    with open_movie(write_ser(tmp_path / "a_1.ser", pixels, version=version)) as movie:
        assert movie.meta.format == "SER"
        assert movie.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        np.testing.assert_array_equal(movie.region(slice(1, 2), slice(0, 2), slice(1, 4)), pixels[1:2, 0:2, 1:4])


@pytest.mark.parametrize("version", _VERSIONS)
def test_series_stopped_early_has_its_valid_frames(tmp_path: Path, version: str) -> None:
    pixels = ramp((3, 4, 5))
    with open_movie(write_ser(tmp_path / "a_1.ser", pixels, version=version, total=200)) as movie:
        assert movie.shape == (3, 4, 5)
        assert not movie.meta.truncated
        assert [issue.text for issue in movie.meta.issues] == ["3 of 200 planned frames were recorded"]
        np.testing.assert_array_equal(movie.frame(2), pixels[2])


@pytest.mark.parametrize(
    ("step", "size", "unit"),
    [
        ((5e-11, 4e-11), (0.05, 0.04), "nm"),
        ((-5e-11, 4e-11), (0.05, 0.04), "nm"),
        ((4.2e7, 4.2e7), (0.042, 0.042), "1/nm"),
        ((0.0, 4e-11), None, None),
        ((float("nan"), 4e-11), None, None),
    ],
)
def test_calibration_is_in_nanometres_or_their_inverse(
    tmp_path: Path, step: tuple[float, float], size: tuple[float, float] | None, unit: str | None
) -> None:
    with open_movie(write_ser(tmp_path / "a_1.ser", ramp((2, 3, 4)), step=step)) as movie:
        assert movie.meta.pixel_size == (pytest.approx(size) if size else None)
        assert movie.meta.pixel_unit == unit


def test_settings_come_from_the_emi(tmp_path: Path) -> None:
    write_emi(tmp_path / "a.emi", exposure=0.25)
    with open_movie(write_ser(tmp_path / "a_1.ser", ramp((2, 3, 4)))) as movie:
        meta, tags = movie.meta, movie.tags()
    assert (meta.voltage_kv, meta.magnification, meta.exposure_s) == (300, 19500, 0.25)
    assert meta.detector == "BM-Ceta"
    # The series' clock is in UTC, the EMI's is local: together they tell the zone.
    assert meta.date == "2016-02-21T17:49:05+01:00"
    assert (meta.start_unix_s, meta.scanned) == (1456073345, False)
    assert meta.frame_interval_s is None
    assert tags["Magnification [x]"] == "19500"


def test_dwell_time_of_a_scan_is_not_taken_for_an_exposure(tmp_path: Path) -> None:
    write_emi(tmp_path / "a.emi", exposure=1.2e-5, frame_time=0.236)
    with open_movie(write_ser(tmp_path / "a_1.ser", ramp((2, 3, 4)))) as movie:
        assert movie.meta.exposure_s is None
        assert movie.meta.frame_interval_s == 0.236


@pytest.mark.parametrize(
    "content",
    [b"", b"JK nothing here", b"JK<ObjectInfo><unclosed></ObjectInfo>", b"JK<ObjectInfo><!ENTITY a 'b'></ObjectInfo>"],
)
def test_broken_emi_never_blocks_the_pixels(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.emi").write_bytes(content)
    pixels = ramp((2, 3, 4))
    with open_movie(write_ser(tmp_path / "a_1.ser", pixels)) as movie:
        np.testing.assert_array_equal(movie.frame(0), pixels[0])
        assert [issue.code for issue in movie.meta.issues] == ["emi"]
        assert movie.meta.voltage_kv is None


def test_incomplete_emi_gives_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "a.emi").write_bytes(b"JK<ObjectInfo><AcceleratingVoltage>80000</AcceleratingVoltage></ObjectInfo>")
    with open_movie(write_ser(tmp_path / "a_1.ser", ramp((2, 3, 4)))) as movie:
        assert movie.meta.voltage_kv == 80
        assert movie.meta.issues == ()


def test_emi_opens_its_series_as_datasets(tmp_path: Path) -> None:
    emi = write_emi(tmp_path / "é a.emi")
    first, second = ramp((2, 3, 4)), ramp((5, 2, 2), "float32")
    write_ser(tmp_path / "é a_1.ser", first)
    write_ser(tmp_path / "é a_2.ser", second)
    (tmp_path / "é a_2x.ser").write_bytes(b"another's")
    infos = list_datasets(emi)
    assert [(info.key, info.title, info.shape) for info in infos] == [
        ("1", "é a_1.ser", (2, 3, 4)),
        ("2", "é a_2.ser", (5, 2, 2)),
    ]
    with open_movie(emi, "2") as movie:
        assert movie.meta.path == str(emi)
        np.testing.assert_array_equal(movie.region(slice(None)), second)
    with open_movie(emi) as movie, open_movie(tmp_path / "é a_1.ser") as direct:
        np.testing.assert_array_equal(movie.frame(1), first[1])
        assert movie.meta.fingerprint == direct.meta.fingerprint


def test_broken_series_beside_a_good_one_does_not_hide_it(tmp_path: Path) -> None:
    emi = write_emi(tmp_path / "a.emi")
    (tmp_path / "a_1.ser").write_bytes(b"")
    write_ser(tmp_path / "a_2.ser", ramp((2, 3, 4)))
    assert [info.refusal is None for info in list_datasets(emi)] == [False, True]
    with open_movie(emi) as movie:
        assert movie.meta.dataset == "2"


def test_emi_alone_says_where_its_images_are(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"a_1\.ser") as caught:
        open_movie(write_emi(tmp_path / "a.emi"))
    assert caught.value.info.code == "not-found"


def test_spectra_and_complex_images_are_refused(tmp_path: Path) -> None:
    spectra = write_ser(tmp_path / "s_1.ser", ramp((3, 40), "uint32"), spectra=True)
    with pytest.raises(Unsupported, match="spectrum"):
        open_movie(spectra)
    waves = write_ser(tmp_path / "w_1.ser", ramp((2, 3, 4), "float32").astype(np.complex64))
    with pytest.raises(Unsupported, match="complex"):
        open_movie(waves)


@pytest.mark.parametrize("version", _VERSIONS)
def test_truncated_series_opens_with_its_complete_frames(tmp_path: Path, version: str) -> None:
    pixels = ramp((6, 8, 8))
    path = write_ser(tmp_path / "a_1.ser", pixels, version=version)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(pixels[3][::-1].tobytes()) + 10])
    with open_movie(path) as movie:
        assert movie.shape == (3, 8, 8)
        assert movie.meta.declared_frames == 6
        assert [issue.text for issue in movie.meta.issues] == ["truncated: 3 of 6 frames"]
        np.testing.assert_array_equal(movie.region(slice(None)), pixels[:3])


def test_series_whose_size_changes_ends_before_the_change(tmp_path: Path) -> None:
    pixels = ramp((4, 3, 5))
    path = write_ser(tmp_path / "a_1.ser", pixels)
    data = bytearray(path.read_bytes())
    at = data.index(pixels[2][::-1].tobytes())
    data[at - 8 : at] = struct.pack("<2i", 3, 5)
    path.write_bytes(bytes(data))
    with open_movie(path) as movie:
        assert movie.shape == (2, 3, 5)
        assert [issue.code for issue in movie.meta.issues] == ["mixed-sizes"]


def test_empty_series_says_that_nothing_was_recorded(tmp_path: Path) -> None:
    path = write_ser(tmp_path / "a_1.ser", ramp((1, 3, 4)), valid=0, total=20)
    with pytest.raises(Truncated, match="none of its 20"):
        open_movie(path)


@pytest.mark.parametrize(("total", "valid"), [(2**31 - 1, 2**31 - 1), (2**31 - 1, 2), (2, 2**31 - 1)])
def test_two_thousand_million_claimed_elements_allocate_nothing(tmp_path: Path, total: int, valid: int) -> None:
    path = write_ser(tmp_path / "a_1.ser", ramp((2, 3, 4)))
    data = bytearray(path.read_bytes())
    data[14:22] = struct.pack("<2i", total, valid)
    path.write_bytes(bytes(data))
    tracemalloc.start()
    with open_movie(path) as movie:
        assert movie.meta.frames == 2
        assert movie.meta.truncated == (min(total, valid) > 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16e6


@pytest.mark.parametrize(
    ("at", "value"),
    [(4, b"\x99\x99"), (6, b"\xff\xff\xff\xff"), (14, struct.pack("<2i", -5, -5)), (22, struct.pack("<q", -8))],
)
def test_contradictory_header_is_a_typed_error(tmp_path: Path, at: int, value: bytes) -> None:
    path = write_ser(tmp_path / "a_1.ser", ramp((2, 3, 4)))
    data = bytearray(path.read_bytes())
    data[at : at + len(value)] = value
    path.write_bytes(bytes(data))
    with pytest.raises((Malformed, Truncated)):
        open_movie(path)


def test_unknown_type_of_pixel_is_malformed(tmp_path: Path) -> None:
    with pytest.raises(MovieError, match="type 77"):
        open_movie(write_ser(tmp_path / "a_1.ser", ramp((2, 3, 4)), type_code=77))


@pytest.mark.parametrize("version", _VERSIONS)
def test_ncempy_finds_the_same_images(tmp_path: Path, version: str) -> None:
    pixels = ramp((3, 4, 5))
    path = write_ser(tmp_path / "a_1.ser", pixels, version=version)
    found = witness.ser_offsets(str(path))
    assert found is not None
    assert found[2] + 50 == path.read_bytes().index(pixels[2][::-1].tobytes())


def test_disagreement_with_ncempy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "ser_offsets", lambda _: [1, 2, 3])
    with open_movie(write_ser(tmp_path / "a_1.ser", ramp((3, 4, 5)))) as movie:
        assert [issue.code for issue in movie.meta.issues] == ["readers-disagree"]


@pytest.mark.parametrize("at", [58, 68])
def test_claimed_length_of_a_text_allocates_nothing(tmp_path: Path, at: int) -> None:
    pixels = ramp((2, 3, 4))
    path = write_ser(tmp_path / "a_1.ser", pixels)
    data = bytearray(path.read_bytes())
    data[at : at + 4] = struct.pack("<i", 0x7FFFFFF0)
    path.write_bytes(bytes(data))
    tracemalloc.start()
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.frame(1), pixels[1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16e6


@pytest.mark.parametrize("version", _VERSIONS)
def test_images_whose_description_was_wiped_are_read_like_the_first_and_told(tmp_path: Path, version: str) -> None:
    pixels = ramp((6, 3, 5))
    with open_movie(write_ser(tmp_path / "a_1.ser", pixels, version=version, blank=(1, 2, 3, 4, 5))) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert [issue.code for issue in movie.meta.issues] == ["blank-headers"]
        assert movie.meta.issues[0].text.startswith("5 of 6 images")


def test_hole_at_the_end_of_a_cut_series_is_no_image(tmp_path: Path) -> None:
    pixels = ramp((6, 3, 5))
    path = write_ser(tmp_path / "a_1.ser", pixels, blank=(5,))
    data = path.read_bytes()
    path.write_bytes(data[:-20])
    with open_movie(path) as movie:
        assert (movie.meta.frames, movie.meta.declared_frames) == (5, 6)
        assert [issue.code for issue in movie.meta.issues] == ["truncated"]


def test_first_image_without_description_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(MovieError):
        open_movie(write_ser(tmp_path / "a_1.ser", ramp((3, 3, 5)), blank=(0,)))


def test_settings_are_found_behind_the_images_that_an_emi_holds_without_reading_them_at_once(tmp_path: Path) -> None:
    path = write_emi(tmp_path / "a.emi", exposure=0.25)
    settings = path.read_bytes()
    with path.open("wb") as stream:
        stream.write(b"JK")
        # So that the beginning of the settings lies across the border of two blocks.
        stream.seek((96 << 20) - settings.index(b"<ObjectInfo>") - 5)
        stream.write(settings)
    write_ser(tmp_path / "a_1.ser", ramp((2, 3, 4)))
    tracemalloc.start()
    with open_movie(path) as movie:
        assert movie.meta.exposure_s == 0.25
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16e6


def test_settings_without_end_are_no_settings(tmp_path: Path) -> None:
    (tmp_path / "a.emi").write_bytes(b"JK" + b"<ObjectInfo>" * 500_000)
    with open_movie(write_ser(tmp_path / "a_1.ser", ramp((2, 3, 4)))) as movie:
        assert [issue.code for issue in movie.meta.issues] == ["emi"]


def test_emi_whose_beginning_was_wiped_opens_its_series(tmp_path: Path) -> None:
    path = write_emi(tmp_path / "a.emi")
    path.write_bytes(bytes(24) + path.read_bytes()[24:])
    pixels = ramp((2, 3, 4))
    write_ser(tmp_path / "a_1.ser", pixels)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.voltage_kv == 300
