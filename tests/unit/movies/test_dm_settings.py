"""What the tags of DM files tell: times, dates, dose, detectors; and what they do not."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.movies import open_movie
from core.movies.formats.dm_dates import asctime, days_of, file_time, iso, time_of
from core.protocol.movie import MovieMeta
from tests.movie_files import ramp, write_dm4

# 2019-12-10 20:32:41.436 UTC
_OS_TIME = 1.3220483561436376e17
_UNIX = 1576009961.436
_UNSET = [(1.0, ""), (1.0, ""), (1.0, "")]


def _meta(folder: Path, tags: dict[str, Any], frames: int = 3, **options: Any) -> MovieMeta:
    pixels = ramp((frames, 4, 6)) if frames > 1 else ramp((4, 6))
    with open_movie(write_dm4(folder / "a.dm4", pixels, image_tags=tags, **options)) as movie:
        return movie.meta


def _planes(ticks: list[int]) -> dict[str, Any]:
    return {"plane info": [{"added @ tick": float(tick)} for tick in ticks]}


def test_planes_of_a_script_tell_when_they_came(tmp_path: Path) -> None:
    meta = _meta(tmp_path, _planes([1000, 3000, 8000, 10000]), 4, calibrations=_UNSET)
    assert meta.times == (0, 2, 7, 9)
    assert meta.frame_interval_s is None
    assert [(part.start, part.stop) for part in meta.segments] == [(0, 2), (2, 4)]


def test_ticks_that_begin_anew_after_fifty_days_go_on(tmp_path: Path) -> None:
    meta = _meta(tmp_path, _planes([2**32 - 1000, 1000, 3000]), calibrations=_UNSET)
    assert meta.frame_interval_s == pytest.approx(2.0)
    assert meta.segments == ()


def test_planes_as_even_as_the_clock_can_tell_have_one_interval(tmp_path: Path) -> None:
    meta = _meta(tmp_path, _planes([0, 1123, 2262, 3385, 4508]), 5, calibrations=_UNSET)
    assert meta.frame_interval_s == pytest.approx(1.127)
    assert meta.times is None


@pytest.mark.parametrize("ticks", [[5000, 4000, 3000], [1000, 1000, 1000], [1000, 2000]])
def test_ticks_that_make_no_sense_are_left(tmp_path: Path, ticks: list[int]) -> None:
    meta = _meta(tmp_path, _planes(ticks), calibrations=_UNSET)
    assert (meta.times, meta.frame_interval_s) == (None, None)


def test_calibration_of_time_goes_before_ticks(tmp_path: Path) -> None:
    assert _meta(tmp_path, _planes([1000, 3000, 8000])).frame_interval_s == 0.1


@pytest.mark.parametrize(
    ("frame_ns", "interval"), [(2.5e6, 0.0025), (-526851428095654.25, None), (0.0, None), (1e30, None), (1e6, None)]
)
def test_frame_time_of_the_camera_is_believed_unless_it_is_nonsense(
    tmp_path: Path, frame_ns: float, interval: float | None
) -> None:
    sequence = {"Frame Time (ns)": frame_ns, "Exposure Time (ns)": 2.4e6}
    meta = _meta(tmp_path, {"Acquisition": {"Frame": {"Sequence": sequence}}}, calibrations=_UNSET)
    assert meta.frame_interval_s == (None if interval is None else pytest.approx(interval))
    assert meta.exposure_s == pytest.approx(0.0024)


def test_single_image_has_no_interval(tmp_path: Path) -> None:
    sequence = {"Frame Time (ns)": 2.5e6}
    assert _meta(tmp_path, {"Acquisition": {"Frame": {"Sequence": sequence}}}, 1).frame_interval_s is None


def test_interval_is_that_of_the_axis_of_frames_where_axes_of_one_lie_between(tmp_path: Path) -> None:
    pixels = ramp((3, 1, 4, 6))
    calibrations = [(0.05, "nm"), (0.04, "nm"), (7.0, "s"), (0.5, "s")]
    with open_movie(write_dm4(tmp_path / "a.dm4", pixels, calibrations=calibrations)) as movie:
        assert movie.shape == (3, 4, 6)
        assert movie.meta.frame_interval_s == 0.5
        assert movie.meta.pixel_size == (0.04, 0.05)
        np.testing.assert_array_equal(movie.region(slice(None)), pixels[:, 0])


def test_time_along_the_rows_is_told(tmp_path: Path) -> None:
    calibrations = [(0.05, "nm"), (0.1, "s"), (0.04, "nm")]
    meta = _meta(tmp_path, {}, calibrations=calibrations)
    assert [issue.code for issue in meta.issues] == ["time-axis"]
    assert meta.frame_interval_s is None
    assert meta.pixel_size is None


def test_clock_and_local_texts_together_tell_date_and_zone(tmp_path: Path) -> None:
    bar = {"Acquisition Date": "12/10/2019", "Acquisition Time": "3:32:41 PM", "Acquisition Time (OS)": _OS_TIME}
    meta = _meta(tmp_path, {"DataBar": bar}, 1)
    # Without the clock in UTC it could be October as well.
    assert meta.date == "2019-12-10T15:32:41-05:00"
    assert meta.start_unix_s == pytest.approx(_UNIX, abs=1e-3)


def test_clock_of_a_stack_may_be_that_of_its_end(tmp_path: Path) -> None:
    meta = _meta(tmp_path, {"DataBar": {"Acquisition Time (OS)": _OS_TIME}})
    assert meta.date == "2019-12-10T20:32:41+00:00"
    assert meta.start_unix_s is None


def test_start_that_the_camera_gives_begins_a_stack(tmp_path: Path) -> None:
    sequence = {"Acquisition Start Time (epoch)": 1404924994906.0}
    bar = {"Acquisition Date": "7/9/2014", "Acquisition Time": "6:56:37 PM"}
    meta = _meta(tmp_path, {"Acquisition": {"Frame": {"Sequence": sequence}}, "DataBar": bar})
    assert meta.start_unix_s == pytest.approx(1404924994.906)
    assert meta.date == "2014-07-09T18:56:37+02:00"


def test_scan_began_before_it_was_noted(tmp_path: Path) -> None:
    tags = {"DataBar": {"Acquisition Time (OS)": _OS_TIME}, "DigiScan": {"TimeStamp": "Tue Dec 10 15:32:32 2019\u2028"}}
    meta = _meta(tmp_path, tags, 1)
    assert meta.start_unix_s == pytest.approx(_UNIX - 9.436, abs=1e-3)
    assert meta.date == "2019-12-10T15:32:32-05:00"
    assert meta.scanned is True


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2/14/2025", [(2025, 2, 14)]),
        ("14/2/2025", [(2025, 2, 14)]),
        ("7/9/2014", [(2014, 7, 9), (2014, 9, 7)]),
        ("7/7/2014", [(2014, 7, 7)]),
        ("27.08.2016", [(2016, 8, 27)]),
        ("7.9.2014", [(2014, 9, 7)]),
        ("03-Jul-16", [(2016, 7, 3)]),
        ("3 July 2016", [(2016, 7, 3)]),
        ("2020-03-11", [(2020, 3, 11)]),
        ("11/19/19", [(2019, 11, 19)]),
        ("31/31/2014", []),
        ("yesterday", []),
        ("", []),
    ],
)
def test_days_are_told_apart_where_they_can_be(text: str, days: list[tuple[int, int, int]]) -> None:
    assert days_of(text) == [datetime(*day) for day in days]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3:32:41 PM", 55961), ("12:00:00 AM", 0), ("20:54:33", 75273), ("9.05.07", 32707), ("6:20 pm", 66000)],
)
def test_times_of_day_are_read(text: str, seconds: int) -> None:
    found = time_of(text)
    assert found is not None
    assert found.total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "25:00:00", "13:00 PM", "noon", "12:61"])
def test_what_is_no_time_of_day_is_none(text: str) -> None:
    assert time_of(text) is None


@pytest.mark.parametrize(
    ("texts", "unix", "date"),
    [
        (("7/9/2014", "6:56:37 PM"), None, "7/9/2014 6:56:37 PM"),
        (("2/14/2025", "3:32:41 PM"), None, "2025-02-14T15:32:41"),
        (("2020-03-11", ""), None, "2020-03-11"),
        (("somewhen", ""), None, "somewhen"),
        (("", ""), None, None),
        # The texts belong to another day: the clock goes on alone.
        (("1/1/1999", "6:56:37 PM"), 1404924994.9, "2014-07-09T16:56:34+00:00"),
    ],
)
def test_date_is_iso_where_it_is_sure(texts: tuple[str, str], unix: float | None, date: str | None) -> None:
    assert iso(texts, unix) == date


def test_clocks_out_of_range_are_unknown() -> None:
    assert file_time(0.0) is None
    assert file_time(float("nan")) is None
    assert file_time(9e18) is None
    assert asctime("Tue Foo 10 15:32:32 2019") is None


@pytest.mark.parametrize(
    ("name", "value", "frame", "rate"),
    [
        ("Dose rate (e-/A^2/s)", 12.0, None, 12.0),
        ("Dose Rate (e/Å²/s)", 12.0, None, 12.0),
        ("Dose rate (e-/nm^2/s)", 1200.0, None, 12.0),
        # A pixel is 0.05 by 0.04 nm: 0.2 square angstroms.
        ("Dose rate (e-/px/s)", 3.0, None, 15.0),
        ("Dose (e-/pix)", 3.0, 15.0, None),
        ("Fluence (electrons/A2)", 2.0, 2.0, None),
        ("Dose rate (C/kg/s)", 12.0, None, None),
        ("Dose rate (e-/eV/s)", 12.0, None, None),
        ("Dose rate", 12.0, None, None),
        ("Dose rate (e-/A^2/s)", -1.0, None, None),
    ],
)
def test_dose_is_told_where_its_unit_is(
    tmp_path: Path, name: str, value: float, frame: float | None, rate: float | None
) -> None:
    meta = _meta(tmp_path, {"Calibration": {name: value}})
    assert meta.dose_e_per_a2 == (None if frame is None else pytest.approx(frame))
    assert meta.dose_rate_e_per_a2_s == (None if rate is None else pytest.approx(rate))


def test_two_doses_that_differ_are_as_good_as_none(tmp_path: Path) -> None:
    meta = _meta(tmp_path, {"Dose (e-/A^2)": 1.0, "Beam": {"Dose (e-/A^2)": 2.0}})
    assert meta.dose_e_per_a2 is None


def test_dose_a_pixel_needs_the_size_of_a_pixel(tmp_path: Path) -> None:
    assert _meta(tmp_path, {"Dose (e-/px)": 1.0}, calibrations=_UNSET).dose_e_per_a2 is None


def test_camera_length_is_no_magnification(tmp_path: Path) -> None:
    info = {"Indicated Magnification": 320.0, "Imaging Mode": "DIFFRACTION"}
    assert _meta(tmp_path, {"Microscope Info": info}).magnification is None


@pytest.mark.parametrize(
    ("tags", "scanned"),
    [
        ({"DigiScan": {"Flyback": 1.0}}, True),
        ({"Acquisition": {"Device": {"Name": "Orius"}}}, False),
        ({"Microscope Info": {"Illumination Mode": "STEM"}}, None),
    ],
)
def test_scans_and_cameras_are_told_apart(tmp_path: Path, tags: dict[str, Any], scanned: bool | None) -> None:
    assert _meta(tmp_path, tags).scanned is scanned


def test_origin_of_electrons_is_the_black_level(tmp_path: Path) -> None:
    assert _meta(tmp_path, {}, brightness=(100.0, 0.25, "e-")).black_level == 100
    assert _meta(tmp_path, {}, brightness=(0.0, 0.25, "e-")).black_level == 0
    assert _meta(tmp_path, {"DigiScan": {"Flyback": 1.0}}, brightness=(0.0, 0.25, "e-")).black_level is None
    assert _meta(tmp_path, {}, brightness=(100.0, 0.25, "nm")).black_level is None


@pytest.mark.parametrize(("processing", "black"), [("Unprocessed", 250.0), ("Gain Normalized", None)])
def test_bias_is_a_black_level_where_it_was_not_subtracted(
    tmp_path: Path, processing: str, black: float | None
) -> None:
    acquisition = {
        "Frame": {"Intensity": {"Range": {"Bias (counts)": 250.0}}},
        "Parameters": {"High Level": {"Processing": processing}},
    }
    assert _meta(tmp_path, {"Acquisition": acquisition}).black_level == black


def test_settings_of_the_images_that_a_stack_was_built_from_are_its_own(tmp_path: Path) -> None:
    inner = {
        "DataBar": {"Device Name": "DigiScan", "Signal Name": "ADF"},
        "DigiScan": {"Flyback": 1.0},
        "Microscope Info": {"Indicated Magnification": 2e5, "Voltage": 2e5},
    }
    meta = _meta(tmp_path, {"source": {"Tags at creation": inner}})
    assert (meta.voltage_kv, meta.magnification, meta.detector, meta.scanned) == (200, 2e5, "DigiScan ADF", True)


@pytest.mark.parametrize(
    ("total", "frames", "exposure"),
    [
        # The interval is 0.1 s.
        (0.08, 3, 0.08),
        (0.1, 3, 0.1),
        # An exposure divided into frames.
        (0.3, 3, 0.1),
        (4.0, 40, 0.1),
        # Neither of a frame nor of all.
        (1.0, 3, None),
    ],
)
def test_exposure_of_the_whole_movie_is_not_taken_for_that_of_a_frame(
    tmp_path: Path, total: float, frames: int, exposure: float | None
) -> None:
    tags = {"Acquisition": {"Parameters": {"High Level": {"Exposure (s)": total}}}}
    assert _meta(tmp_path, tags, frames).exposure_s == exposure


def test_exposure_of_a_frame_goes_before_that_of_the_movie(tmp_path: Path) -> None:
    high = {"Exposure (s)": 4.0, "Frame Exposure": 0.05}
    assert _meta(tmp_path, {"Acquisition": {"Parameters": {"High Level": high}}}, 40).exposure_s == 0.05
