"""EMD of Velox and of Berkeley: detectors, clocks, gaps, calibrations, and what is no movie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from core.movies import Unsupported, list_datasets, open_movie
from core.protocol.movie import Segment
from tests.movie_files import ramp
from tests.movie_files.hdf5 import add_velox, velox_json, write_berkeley, write_velox

_PIXELS = ramp((6, 8, 5), "uint16")
_START_US = 1_575_540_226_238_991


def _told(times_ms: list[int], **changes: Any) -> list[dict[str, Any]]:
    return [velox_json(stamp_us=_START_US + 1000 * time, **changes) for time in times_ms]


@pytest.mark.parametrize(
    "options",
    [{}, {"chunks": (8, 5, 6)}, {"chunks": (4, 4, 2)}, {"compression": "gzip", "shuffle": True}],
    ids=["a frame a chunk", "one chunk", "tiles", "packed"],
)
def test_velox_frames_lie_last_and_come_out_first(tmp_path: Path, options: dict[str, Any]) -> None:
    with open_movie(write_velox(tmp_path / "a.emd", _PIXELS, **options)) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
        meta = movie.meta
    assert meta.format == "Velox EMD"
    assert meta.pixel_size == pytest.approx((0.0082, 0.0082))
    assert meta.pixel_unit == "nm"
    assert meta.frame_interval_s == pytest.approx(0.04)
    assert meta.times is None
    assert meta.exposure_s == 0.8
    assert meta.voltage_kv == 300
    assert meta.scanned is False
    assert meta.start_unix_s == pytest.approx(_START_US / 1e6)
    assert meta.date == "2019-12-05T10:03:46+00:00"
    assert meta.issues == ()


def test_gap_in_the_cameras_clock_parts_the_movie(tmp_path: Path) -> None:
    times = [0, 40, 80, 480, 520, 560]
    with open_movie(write_velox(tmp_path / "a.emd", _PIXELS, _told(times))) as movie:
        assert movie.meta.times == pytest.approx([time / 1000 for time in times])
        assert movie.meta.frame_interval_s is None
        assert [(part.start, part.stop) for part in movie.meta.segments] == [(0, 3), (3, 6)]


def test_changed_magnification_parts_the_movie(tmp_path: Path) -> None:
    told = _told([0, 40, 80, 120]) + _told([160, 200], pixel_m=4.1e-12)
    with open_movie(write_velox(tmp_path / "a.emd", _PIXELS, told)) as movie:
        parts = movie.meta.segments
    assert parts == (Segment(start=0, stop=4), Segment(start=4, stop=6, reason="the magnification changed"))


def test_scanned_movie_has_a_frame_time_and_no_gain(tmp_path: Path) -> None:
    told = [
        velox_json(detector="HAADF", kind="ScanningDetector", stamp_us=None, CountsToElectrons="0.5") for _ in range(6)
    ]
    with open_movie(write_velox(tmp_path / "a.emd", _PIXELS, told)) as movie:
        meta = movie.meta
    assert meta.scanned is True
    assert meta.frame_interval_s == 0.25
    assert meta.counts_per_electron is None
    assert meta.exposure_s is None
    assert meta.start_unix_s == 1575540224


@pytest.mark.parametrize(("per_value", "gain"), [("1", 1.25), ("39", None)])
def test_gain_is_told_where_a_count_is_a_count_of_the_camera(
    tmp_path: Path, per_value: str, gain: float | None
) -> None:
    told = _told([0], CountsToElectrons="0.8", PixelValueToCameraCounts=per_value)
    with open_movie(write_velox(tmp_path / "a.emd", _PIXELS[:1], told)) as movie:
        assert movie.meta.counts_per_electron == gain


def test_diffraction_is_calibrated_in_inverse_nanometres(tmp_path: Path) -> None:
    told = _told([0], pixel_m=2e7, unit="1/m")
    with open_movie(write_velox(tmp_path / "a.emd", _PIXELS[:1], told)) as movie:
        assert movie.meta.pixel_unit == "1/nm"
        assert movie.meta.pixel_size == pytest.approx((0.02, 0.02))


def test_detectors_are_listed_and_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.emd"
    waves = np.zeros((1, 8, 5), [("realFloatHalfEven", "<f4"), ("imagFloatHalfEven", "<f4")])
    with h5py.File(path, "w") as file:
        for name, pixels, detector in (("1", _PIXELS, "HAADF"), ("2", _PIXELS + 1, "BF"), ("3", waves, "BF")):
            told = [velox_json(detector=detector, kind="ScanningDetector", stamp_us=None)] * pixels.shape[0]
            add_velox(file, name, pixels, told, (8, 5, 1))
    infos = list_datasets(path)
    assert [info.title for info in infos] == ["HAADF", "BF", "BF"]
    assert "complex" in (infos[2].refusal or "")
    with open_movie(path, infos[1].key) as movie:
        assert movie.meta.detector == "BF"
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS + 1)


def test_spectra_alone_say_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.emd"
    with h5py.File(path, "w") as file:
        file["Data/SpectrumStream/1/Data"] = ramp((100, 1), "uint16")
        file["Version"] = ['{"format": "Velox"}']
    with pytest.raises(Unsupported, match="EDS"):
        open_movie(path)


def test_recording_that_broke_off_opens_with_its_frames(tmp_path: Path) -> None:
    with open_movie(write_velox(tmp_path / "a.emd", _PIXELS, written=4)) as movie:
        assert movie.meta.issues[0].text == "truncated: 4 of 6 frames"
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS[:4])


@pytest.mark.parametrize("damage", [b"\x00", b"{]", b"[" * 5000, b'{"BinaryResult": "none", "Optics": []}'])
def test_damaged_metadata_do_not_block_the_pixels(tmp_path: Path, damage: bytes) -> None:
    path = write_velox(tmp_path / "a.emd", _PIXELS)
    with h5py.File(path, "r+") as file:
        texts = file[f"Data/Image/{'0a' * 16}/Metadata"]
        column = np.zeros(texts.shape[0], np.uint8)
        column[: len(damage)] = np.frombuffer(damage, np.uint8)
        texts[:, 0] = column
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
        assert movie.meta.pixel_size is None


def test_velox_image_without_metadata_is_said(tmp_path: Path) -> None:
    path = write_velox(tmp_path / "a.emd", _PIXELS)
    with h5py.File(path, "r+") as file:
        del file[f"Data/Image/{'0a' * 16}/Metadata"]
    with open_movie(path) as movie:
        assert [issue.code for issue in movie.meta.issues] == ["no-metadata"]


def test_movie_of_many_frames_asks_only_the_ends_for_their_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.movies.formats.emd_velox._MOST_FRAMES_READ", 5)
    with open_movie(write_velox(tmp_path / "a.emd", _PIXELS)) as movie:
        assert movie.meta.frame_interval_s == pytest.approx(0.04)


def _axes(*names: str, step: float = 0.02) -> list[tuple[str, str, list[float]]]:
    sizes = {"time": 6, "y": 8, "x": 5}
    units = {"time": "[s]", "y": "[n_m]", "x": "[n_m]"}
    return [(name, units[name], [step * place for place in range(sizes[name])]) for name in names]


@pytest.mark.parametrize("first", [0, 1])
def test_berkeley_axes_are_taken_as_they_lie(tmp_path: Path, first: int) -> None:
    path = write_berkeley(tmp_path / "a.emd", _PIXELS, _axes("time", "y", "x"), first=first)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
        meta = movie.meta
    assert meta.format == "Berkeley EMD"
    assert meta.pixel_size == pytest.approx((0.02, 0.02))
    assert meta.frame_interval_s == pytest.approx(0.02)
    assert meta.voltage_kv == 300


def test_berkeley_axes_that_are_named_otherwise_are_turned(tmp_path: Path) -> None:
    turned = np.ascontiguousarray(_PIXELS.transpose(2, 1, 0))
    with open_movie(write_berkeley(tmp_path / "a.emd", turned, _axes("x", "y", "time"))) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)


def test_uneven_times_of_berkeley_part_the_movie(tmp_path: Path) -> None:
    axes = _axes("time", "y", "x")
    axes[0] = ("time", "[s]", [0, 1, 2, 7, 8, 9])
    with open_movie(write_berkeley(tmp_path / "a.emd", _PIXELS, axes)) as movie:
        assert movie.meta.times == (0, 1, 2, 7, 8, 9)
        assert [(part.start, part.stop) for part in movie.meta.segments] == [(0, 3), (3, 6)]


def test_two_coordinates_stand_for_a_whole_axis(tmp_path: Path) -> None:
    axes = [("time", "[s]", [0.0, 0.5]), ("y", "[n_m]", [0.0, 0.1]), ("x", "[n_m]", [0.0, 0.2])]
    with open_movie(write_berkeley(tmp_path / "a.emd", _PIXELS, axes)) as movie:
        assert movie.meta.pixel_size == pytest.approx((0.1, 0.2))
        assert movie.meta.frame_interval_s == pytest.approx(0.5)


def test_volume_in_electron_volts_is_refused(tmp_path: Path) -> None:
    axes = [("E", "[eV]", range(6)), ("y", "[n_m]", range(8)), ("x", "[n_m]", range(5))]
    with pytest.raises(Unsupported, match="energy"):
        open_movie(write_berkeley(tmp_path / "a.emd", _PIXELS, axes))
