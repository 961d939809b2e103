"""HyperSpy, DM5, NeXus, Nion Swift, MATLAB and dimension scales: orientation and calibration of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from core.movies import Unsupported, list_datasets, open_movie
from tests.movie_files import ramp
from tests.movie_files.hdf5 import movie_axes, write_dm5, write_hspy

_PIXELS = ramp((4, 8, 5), "uint16")


def test_hyperspy_movie_reads_with_its_axes(tmp_path: Path) -> None:
    with open_movie(write_hspy(tmp_path / "a.hspy", _PIXELS, movie_axes(), chunks=(1, 8, 5))) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
        meta = movie.meta
    assert meta.format == "HyperSpy"
    assert meta.title == "a movie"
    assert meta.pixel_size == pytest.approx((0.02, 0.02))
    assert meta.frame_interval_s == pytest.approx(0.1)
    assert (meta.voltage_kv, meta.magnification, meta.exposure_s) == (200, 50_000, 0.5)
    assert meta.date == "2024-05-06T07:08:09"
    assert meta.scanned is False


def test_hyperspy_itself_tells_which_axis_is_stepped_through(tmp_path: Path) -> None:
    first, rows, columns = movie_axes()
    path = write_hspy(tmp_path / "a.hspy", np.moveaxis(_PIXELS, 0, 2), [rows, columns, first])
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)


def test_hyperspy_spectra_and_4d_data_are_refused(tmp_path: Path) -> None:
    axes = movie_axes()
    axes[1]["navigate"] = True
    with pytest.raises(Unsupported, match="spectrum"):
        open_movie(write_hspy(tmp_path / "a.hspy", _PIXELS, axes))
    with pytest.raises(Unsupported, match="energy"):
        open_movie(write_hspy(tmp_path / "b.hspy", _PIXELS, movie_axes(), signal="EDS_TEM"))
    four = [{"name": "scan", "units": "nm", "scale": 1.0, "navigate": True}, *movie_axes()]
    with pytest.raises(Unsupported, match="four"):
        open_movie(write_hspy(tmp_path / "c.hspy", ramp((3, 4, 8, 5), "uint8"), four))


def test_unknown_units_of_hyperspy_stay_unknown(tmp_path: Path) -> None:
    axes = [{**axis, "units": "<undefined>"} for axis in movie_axes()]
    with open_movie(write_hspy(tmp_path / "a.hspy", _PIXELS, axes)) as movie:
        assert movie.meta.pixel_size is None
        assert movie.meta.frame_interval_s is None


def test_dm5_movie_reads_with_its_calibrations(tmp_path: Path) -> None:
    with open_movie(write_dm5(tmp_path / "a.dm5", _PIXELS)) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
        meta = movie.meta
        assert movie.tags()["ImageList.0.ImageTags.Microscope Info.Voltage"] == 300_000
    assert meta.format == "DM5"
    assert meta.title == "a movie"
    assert meta.pixel_size == pytest.approx((0.02, 0.02))
    assert meta.frame_interval_s == pytest.approx(0.1)
    assert meta.voltage_kv == 300


def test_dm5_director_reads_the_raw_files_beside_it(tmp_path: Path) -> None:
    path = write_dm5(tmp_path / "a.dm5", _PIXELS[0], **{"In-situ/Recorded/# Frames": 4})
    with open_movie(path) as movie:
        assert movie.meta.frames == 1
        assert [issue.code for issue in movie.meta.issues] == ["in-situ-director"]
    (tmp_path / "a.raw").write_bytes(_PIXELS.tobytes())
    assert list_datasets(path)[0].shape == (4, 8, 5)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
        assert movie.meta.format == "DM5"
        assert movie.meta.pixel_size == pytest.approx((0.02, 0.02))
        assert movie.meta.declared_frames == 4
        assert "ImageList.0.Name" in movie.tags()


def _nexus(path: Path, pixels: Any, axes: list[tuple[str, str, Any]]) -> Path:
    with h5py.File(path, "w") as file:
        file["before"] = ramp((9, 30, 30), "uint8")
        entry = file.create_group("entry")
        entry.attrs.update({"NX_class": "NXentry", "default": "data"})
        data = entry.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": [name for name, _, _ in axes]})
        data["counts"] = pixels
        for name, unit, values in axes:
            if name != ".":
                data[name] = values
                data[name].attrs["units"] = unit
    return path


def test_signal_of_nexus_comes_first_with_its_axes(tmp_path: Path) -> None:
    axes = [("time", "ms", np.arange(4) * 50), ("y", "nm", np.arange(8) * 0.1), ("x", "nm", np.arange(5) * 0.2)]
    with open_movie(_nexus(tmp_path / "a.nxs", _PIXELS, axes)) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
        meta = movie.meta
    assert (meta.format, meta.dataset) == ("NeXus", "entry/data/counts")
    assert meta.pixel_size == pytest.approx((0.1, 0.2))
    assert meta.frame_interval_s == pytest.approx(0.05)


def test_nexus_axes_may_lie_in_any_order_or_be_unknown(tmp_path: Path) -> None:
    axes = [("x", "nm", np.arange(5) * 0.2), ("y", "nm", np.arange(8) * 0.1), ("time", "s", [0, 1, 2, 8])]
    with open_movie(_nexus(tmp_path / "a.nxs", _PIXELS.transpose(2, 1, 0), axes)) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
        assert movie.meta.pixel_size == pytest.approx((0.1, 0.2))
        assert movie.meta.times == (0, 1, 2, 8)
    with open_movie(_nexus(tmp_path / "b.nxs", _PIXELS, [(".", "", ()), (".", "", ()), (".", "", ())])) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
        assert movie.meta.pixel_size is None


@pytest.mark.parametrize("soft", [True, False])
def test_signal_that_is_a_link_within_the_file_keeps_its_axes(tmp_path: Path, soft: bool) -> None:
    path = tmp_path / "a.nxs"
    with h5py.File(path, "w") as file:
        file["a/detector/frames"] = _PIXELS
        data = file.create_group("entry/data")
        data.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": ["time", "y", "x"]})
        data["counts"] = h5py.SoftLink("/a/detector/frames") if soft else file["a/detector/frames"]
        for name, unit, values in (("time", "s", range(4)), ("y", "nm", range(8)), ("x", "nm", range(5))):
            data[name] = list(values)
            data[name].attrs["units"] = unit
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
        assert movie.meta.pixel_size == (1.0, 1.0)
        assert movie.meta.frame_interval_s == 1.0


def test_link_to_the_frames_of_another_nexus_file_says_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "master.nxs"
    with h5py.File(path, "w") as file:
        file["entry/data/data_000001"] = h5py.ExternalLink("frames_000001.h5", "/entry/data/data")
    with pytest.raises(Unsupported, match=r"frames_000001\.h5"):
        open_movie(path)


def test_dimension_scales_give_axes_and_calibration(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        movie = file.create_dataset("movie", data=_PIXELS.transpose(2, 1, 0))
        for place, (name, unit, values) in enumerate(
            [("x", "nm", np.arange(5) * 0.2), ("y", "nm", np.arange(8) * 0.1), ("time", "s", np.arange(4) * 0.5)]
        ):
            scale = file.create_dataset(name, data=values)
            scale.attrs["units"] = unit
            scale.make_scale(name)
            movie.dims[place].attach_scale(scale)
            movie.dims[place].label = name
    with open_movie(path, "movie") as opened:
        np.testing.assert_array_equal(opened.region(slice(None)), _PIXELS)
        assert opened.meta.pixel_size == pytest.approx((0.1, 0.2))
        assert opened.meta.frame_interval_s == pytest.approx(0.5)


def test_nion_swift_tells_its_sequence_and_scales(tmp_path: Path) -> None:
    calibrations = [{"scale": 0.5, "units": "s"}, {"scale": 0.1, "units": "nm"}, {"scale": 0.1, "units": "nm"}]
    properties = {
        "is_sequence": True,
        "datum_dimension_count": 2,
        "dimensional_calibrations": calibrations,
        "intensity_calibration": {"scale": 0.5, "offset": -1.0, "units": "counts"},
        "metadata": {"hardware_source": {"exposure": 0.4}, "instrument": {"high_tension": 100_000}},
        "created": "2024-05-06T07:08:09",
    }
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["data/x"] = _PIXELS
        file["data/x"].attrs["properties"] = json.dumps(properties)
    with open_movie(path) as movie:
        meta = movie.meta
    assert meta.pixel_size == pytest.approx((0.1, 0.1))
    assert meta.frame_interval_s == 0.5
    assert meta.voltage_kv == 100
    assert meta.exposure_s == 0.4
    # Nion: 0.5 * stored - 1; ours: (stored - 2) * 0.5.
    assert (meta.intensity_origin, meta.intensity_scale, meta.intensity_unit) == (2.0, 0.5, "counts")


def test_matlab_array_reads_as_matlab_shows_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        # A(y, x, t) of MATLAB is stored as (t, x, y).
        file["movie"] = _PIXELS.transpose(0, 2, 1)
        file["movie"].attrs["MATLAB_class"] = np.bytes_(b"uint16")
    raw = bytearray(path.read_bytes())
    raw[:20] = b"MATLAB 7.3 MAT-file "
    path.write_bytes(raw)
    with open_movie(path) as movie:
        assert movie.meta.format == "MATLAB"
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)


def test_attributes_kept_apart_by_new_files_do_not_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["movie"] = _PIXELS
        for number in range(40):
            file["movie"].attrs[f"text {number}"] = "some text"
            file["movie"].attrs[f"number {number}"] = number
    with open_movie(path) as movie:
        assert movie.tags()["movie@number 39"] == 39
