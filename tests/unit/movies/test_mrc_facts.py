"""What microscopes write in and beside MRC stacks: extended headers, SerialEM's mdoc, Direct Electron's info file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from core.movies import open_movie
from core.movies.formats import mdoc
from core.protocol.movie import MovieMeta
from tests.movie_files import ramp, write_mrc
from tests.movie_files.mrc import fei_blocks

_UNKNOWN = (0.0, 0.0)
_ONE_ANGSTROM = (0.1, 0.1)

_FRAMES_MDOC = """
T = SerialEM: somewhere
Voltage = 300

[FrameSet = 0]
TiltAngle = 0.00249969
Magnification = 105000
ExposureDose = 34.9645
PixelSpacing = 0.694291
ExposureTime = 7
CountsPerElectron = 35.3
SubFramePath = X:\\somewhere\\a.tif
NumSubFrames = 35
FrameDosesAndNumber = 0.99898 35
DateTime = 23-Dec-17  13:20:32
"""


def _meta(path: Path, **given: Any) -> MovieMeta:
    write_mrc(path, ramp((given.pop("frames", 3), 4, 5), "int16"), **given)
    with open_movie(path) as movie:
        return movie.meta


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "size"), [(b"FEI1", 768), (b"FEI2", 888)])
def test_extended_header_of_fei_tells_the_microscopes_settings(
    tmp_path: Path, kind: bytes, size: int, order: str
) -> None:
    blocks = fei_blocks(1, order=order, size=size)
    meta = _meta(tmp_path / "a.mrc", frames=1, extended=blocks, kind=kind, order=order, cell_nm=_UNKNOWN)
    assert meta.pixel_size == pytest.approx((0.06, 0.05))
    assert meta.pixel_unit == "nm"
    assert meta.voltage_kv == 300
    assert meta.magnification == 165_000
    assert meta.dose_e_per_a2 == pytest.approx(20)
    assert meta.exposure_s == 1
    assert meta.detector == "BM-Falcon"
    assert meta.date == "2024-05-01T12:00:00+00:00"
    assert meta.scanned is False


def test_values_that_the_mask_calls_invalid_are_unknown(tmp_path: Path) -> None:
    mask = 0xFFFFFFFF & ~(1 << 5) & ~(1 << 6) & ~(1 << 14)
    meta = _meta(tmp_path / "a.mrc", extended=fei_blocks(3, mask=mask), kind=b"FEI1", cell_nm=_UNKNOWN)
    assert meta.voltage_kv is None
    assert meta.dose_e_per_a2 is None
    assert meta.pixel_size is None


@pytest.mark.parametrize("values", [{"is_dose_fraction": True, "timestamp": [1e4, 2e4, 3e4]}, {}])
def test_dose_of_a_fraction_is_not_guessed(tmp_path: Path, values: dict[str, Any]) -> None:
    meta = _meta(tmp_path / "a.mrc", extended=fei_blocks(3, **values), kind=b"FEI1")
    assert meta.dose_e_per_a2 is None
    assert meta.exposure_s is None


def test_stem_image_is_scanned_and_has_no_dose(tmp_path: Path) -> None:
    stamps = [45413.5, 45413.6, 45413.7]
    blocks = fei_blocks(3, timestamp=stamps, instrument_mode=2, stem_detector=b"HAADF", frame_time=2.5)
    meta = _meta(tmp_path / "a.mrc", extended=blocks, kind=b"FEI2")
    assert meta.scanned is True
    assert meta.detector == "HAADF"
    assert meta.exposure_s == 2.5
    assert meta.dose_e_per_a2 is None


def test_diffraction_has_no_pixel_in_nanometres(tmp_path: Path) -> None:
    meta = _meta(tmp_path / "a.mrc", extended=fei_blocks(3, projection_mode=1), kind=b"FEI1")
    assert meta.pixel_size is None
    assert [issue.code for issue in meta.issues] == ["diffraction"]


def test_stamps_of_images_become_times_and_gaps_segments(tmp_path: Path) -> None:
    day = 45413.5
    stamps = [day + seconds / 86400 for seconds in (0, 1, 2, 30, 31)]
    meta = _meta(tmp_path / "a.mrc", frames=5, extended=fei_blocks(5, timestamp=stamps), kind=b"FEI1")
    assert meta.times == pytest.approx((0, 1, 2, 30, 31), abs=1e-4)
    assert [part.start for part in meta.segments] == [0, 3]
    assert meta.dose_e_per_a2 == pytest.approx(20)


def test_tilt_series_is_said_to_be_one(tmp_path: Path) -> None:
    meta = _meta(tmp_path / "a.mrc", extended=fei_blocks(3, alpha_tilt=[-40.0, 0.0, 40.0]), kind=b"FEI1")
    assert "-40 to 40 degrees" in next(issue.text for issue in meta.issues if issue.code == "tilt-series")


@pytest.mark.parametrize(("voltage", "told"), [(200_000.0, 200), (0.0, None)])
def test_older_extended_header_of_fei_is_read_if_it_makes_sense(
    tmp_path: Path, voltage: float, told: float | None
) -> None:
    numbers = [0.0] * 32
    numbers[8], numbers[11], numbers[12], numbers[13] = 0.5, 2e-10, 50_000.0, voltage
    block = struct.pack("<32f", *numbers)
    meta = _meta(tmp_path / "a.mrc", frames=1, extended=block.ljust(131_072, b"\x00"), cell_nm=_UNKNOWN)
    assert meta.pixel_size == pytest.approx((0.2, 0.2))
    assert (meta.voltage_kv, meta.magnification, meta.exposure_s) == (told, 50_000, 0.5)
    meta = _meta(tmp_path / "b.mrc", extended=bytes(131_072), cell_nm=_UNKNOWN)
    assert meta.voltage_kv is None


def test_header_with_a_pixel_of_one_angstrom_yields_to_who_knows_better(tmp_path: Path) -> None:
    meta = _meta(tmp_path / "a.mrc", extended=fei_blocks(3), kind=b"FEI1", cell_nm=_ONE_ANGSTROM)
    assert meta.pixel_size == pytest.approx((0.06, 0.05))
    assert [issue.code for issue in meta.issues] == ["pixel-size"]


def test_header_that_was_changed_by_binning_is_believed_and_the_other_told(tmp_path: Path) -> None:
    meta = _meta(tmp_path / "a.mrc", extended=fei_blocks(3), kind=b"FEI1", cell_nm=(0.24, 0.2))
    assert meta.pixel_size == pytest.approx((0.24, 0.2))
    assert "0.05 nm" in next(issue.text for issue in meta.issues if issue.code == "pixel-size")


@pytest.mark.parametrize("name", ["a.mrc.mdoc", "a.mdoc"])
def test_mdoc_of_a_movie_tells_what_one_frame_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(_FRAMES_MDOC, encoding="utf-8")
    meta = _meta(tmp_path / "a.mrc", frames=35, cell_nm=_UNKNOWN)
    assert meta.voltage_kv == 300
    assert meta.magnification == 105_000
    assert meta.pixel_size == pytest.approx((0.0694291, 0.0694291))
    assert meta.exposure_s == pytest.approx(0.2)
    assert meta.frame_interval_s == pytest.approx(0.2)
    assert meta.dose_e_per_a2 == pytest.approx(0.99898)
    # The gain is that of the sum, which is scaled; frames are not.
    assert meta.counts_per_electron is None
    assert meta.date == "2017-12-23T13:20:32+00:00"


def test_mdoc_of_another_number_of_frames_tells_no_times(tmp_path: Path) -> None:
    (tmp_path / "a.mrc.mdoc").write_text(_FRAMES_MDOC, encoding="utf-8")
    meta = _meta(tmp_path / "a.mrc", frames=7)
    assert meta.exposure_s is None
    assert meta.dose_e_per_a2 is None
    assert meta.voltage_kv == 300


def test_mdoc_of_a_series_gives_each_image_its_time(tmp_path: Path) -> None:
    sections = [
        f"[ZValue = {k}]\nTiltAngle = {tilt}\nExposureTime = 0.5\nExposureDose = 1.5\nCountsPerElectron = 8\n"
        f"DividedBy2 = 1\nMagnification = 30000\nDateTime = 05-Mar-24  10:0{k}:00\n"
        for k, tilt in enumerate((-3, 0, 3))
    ]
    text = "PixelSpacing = 4\nVoltage = 200\n\n" + "\n".join(sections)
    (tmp_path / "a.mrc.mdoc").write_text(text, encoding="utf-8")
    meta = _meta(tmp_path / "a.mrc", cell_nm=_UNKNOWN)
    assert meta.times == (0, 60, 120)
    assert meta.frame_interval_s == 60
    assert meta.exposure_s == 0.5
    assert meta.dose_e_per_a2 == 1.5
    assert meta.counts_per_electron == 4
    assert meta.pixel_size == pytest.approx((0.4, 0.4))
    assert [issue.code for issue in meta.issues] == ["tilt-series"]


def test_montage_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "a.mrc.mdoc").write_text("Montage = 1\n[ZValue = 0]\n", encoding="utf-8")
    assert [issue.code for issue in _meta(tmp_path / "a.mrc").issues] == ["montage"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00nonsense", b"[ZValue = ]\n= 3\nExposureTime = nan\n" * 50])
def test_broken_mdoc_never_blocks_the_pixels(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mrc.mdoc").write_bytes(content)
    meta = _meta(tmp_path / "a.mrc")
    assert meta.frames == 3
    assert meta.exposure_s is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("23-Dec-17  13:20:32", 1514035232.0),
        ("23-Dec-2017 13:20:32", 1514035232.0),
        ("2017-Dec-23 13:20:32", 1514035232.0),
        ("31-Feb-17 13:20:32", None),
        ("12/23/17 13:20:32", None),
    ],
)
def test_dates_of_serialem(text: str, told: float | None) -> None:
    assert mdoc.read_date(text) == told


def _info(**values: Any) -> str:
    told = {
        "Image Size X (pixels)": 5,
        "Image Size Y (pixels)": 4,
        "Frames Per Second": 40,
        "Frame Time (nanoseconds)": 25_000_000,
        "Autosave Movie Sum Count": 4,
        "Instrument Accelerating Voltage (V)": 200_000,
        "Instrument Project Magnification": -1,
        "Specimen Pixel Size X (nanometers)": 0.05,
        "Specimen Pixel Size Y (nanometers)": 0.06,
        "Timestamp (seconds since Epoch)": 1_700_000_000,
        "Camera Model": "DE-16",
        "Camera Name": "DE-16",
        **values,
    }
    return "\r\n".join(f"{key:<40} = {value}" for key, value in told.items())


@pytest.mark.parametrize(
    ("movie", "info"),
    [
        ("20240501_00012_movie.mrc", "20240501_00012_info.txt"),
        ("20240501_00012_run_0_movie.mrc", "20240501_00012_run_info.txt"),
        ("20240501_00012_movie.mrc", "20240501_00012_run_info.txt"),
    ],
)
def test_info_file_of_direct_electron_is_found_and_read(tmp_path: Path, movie: str, info: str) -> None:
    (tmp_path / info).write_text(_info(), encoding="utf-8")
    meta = _meta(tmp_path / movie, cell_nm=(-1, -1))
    assert meta.pixel_size == pytest.approx((0.06, 0.05))
    assert meta.frame_interval_s == pytest.approx(0.1)
    assert meta.exposure_s == pytest.approx(0.1)
    assert meta.voltage_kv == 200
    assert meta.magnification is None
    assert meta.detector == "DE-16"
    assert meta.date == "2023-11-14T22:13:20+00:00"


def test_info_file_of_other_frames_is_not_used_and_told(tmp_path: Path) -> None:
    (tmp_path / "a_info.txt").write_text(_info(**{"Image Size X (pixels)": 512}), encoding="utf-8")
    meta = _meta(tmp_path / "a_movie.mrc")
    assert meta.voltage_kv is None
    assert [issue.code for issue in meta.issues] == ["sidecar"]


def test_scan_of_direct_electron_is_said_not_to_be_a_movie_in_time(tmp_path: Path) -> None:
    scan = {"Scan - Enable": "Enable", "Scan - Points": 6, "Scan - Size X": 3, "Scan - Size Y": 2}
    (tmp_path / "a_info.txt").write_text(_info(**scan), encoding="utf-8")
    meta = _meta(tmp_path / "a_movie.mrc", frames=6)
    assert "2 x 3" in next(issue.text for issue in meta.issues if issue.code == "scan")
    assert meta.pixel_size is None


def test_diffraction_of_direct_electron_is_calibrated_in_inverse_nanometres(tmp_path: Path) -> None:
    values = {
        "Instrument Project Camera Length (centimeters)": 80,
        "Diffraction Pixel Size X": 0.02,
        "Diffraction Pixel Size Y": 0.03,
        "Instrument Project Magnification": 5000,
    }
    (tmp_path / "a_info.txt").write_text(_info(**values), encoding="utf-8")
    meta = _meta(tmp_path / "a_movie.mrc")
    assert (meta.pixel_size, meta.pixel_unit) == ((0.03, 0.02), "1/nm")
    assert meta.magnification is None


@pytest.mark.parametrize(
    ("values", "gain"),
    [
        ({"Image Processing - Mode": "Integrating"}, 51),
        ({"Image Processing - Mode": "Integrating", "Binning X": 2}, None),
        ({"Image Processing - Mode": "Integrating", "Hardware Binning Y": 2}, None),
        ({"Image Processing - Mode": "Counting"}, None),
        ({}, None),
    ],
)
def test_gain_of_direct_electron_holds_for_frames_as_the_sensor_gave_them(
    tmp_path: Path, values: dict[str, Any], gain: float | None
) -> None:
    (tmp_path / "a_info.txt").write_text(_info(**{"ADUs Per Electron": 51, **values}), encoding="utf-8")
    assert _meta(tmp_path / "a_movie.mrc").counts_per_electron == gain


@pytest.mark.parametrize(("mode", "dtype"), [("Counting", "uint8"), ("Integrating", "int8")])
def test_counts_of_direct_electron_in_bytes_have_no_sign(tmp_path: Path, mode: str, dtype: str) -> None:
    values = {
        "Image Processing - Mode": mode,
        "Autosave Counted Movie Pixel Format": "uint8",
        "Autosave Integrated Movie Pixel Format": "uint16",
    }
    (tmp_path / "a_info.txt").write_text(_info(**values), encoding="utf-8")
    write_mrc(tmp_path / "a_movie.mrc", ramp((3, 4, 5), "int8"))
    with open_movie(tmp_path / "a_movie.mrc") as movie:
        assert movie.dtype.name == dtype
        assert movie.frame(0).dtype.name == dtype


def test_some_other_text_beside_a_movie_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "a_info.txt").write_text("Dear diary = today", encoding="utf-8")
    assert not _meta(tmp_path / "a_movie.mrc").issues


def test_real_movie_of_direct_electron_is_read_with_its_info_file(shared_files: Path) -> None:
    with open_movie(shared_files / "files" / "mrc" / "Custom_movie.mrc") as movie:
        assert movie.meta.voltage_kv == 300
        assert movie.meta.frame_interval_s == 1
        assert movie.tags()["Custom_info.txt"]["Camera Model"] == "DESim"
