"""Exports for other programs: frames, region, type and calibration."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from core.denoising.context import Cancelled
from core.denoising.errors import DenoiseError
from core.exporting.errors import ExportError
from core.exporting.stacks import uint16_line
from core.movies import WriteFailed, open_movie
from core.movies.writers import Scale, partial_path, read_provenance
from core.protocol.denoise_parts import FrameRange, Region
from core.protocol.entered import Entered
from tests.unit.exporting.conftest import SCALE, Export, Listener, write_movie

ENDS = (".tif", ".ome.tif", ".mrc", ".ome.zarr")


@pytest.mark.parametrize("end", ENDS)
def test_pixels_and_calibration_are_the_same_in_every_format(
    tmp_path: Path, export: Export, pixels: np.ndarray, end: str
) -> None:
    listener = Listener()
    result = export(f"b{end}", listener)
    assert (result.frames, result.height, result.width, result.clipped) == (6, 40, 60, 0)
    assert listener.steps[-1] == ("exporting", 6, 6)
    with open_movie(tmp_path / f"b{end}") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        for field in fields(SCALE):
            if field.name != "segments":
                assert getattr(movie.meta, field.name) == getattr(SCALE, field.name), field.name


def test_range_region_and_every_are_obeyed(tmp_path: Path, export: Export, pixels: np.ndarray) -> None:
    export("b.tif", frames=FrameRange(start=1, stop=6), every=2, region=Region(y0=5, y1=15, x0=20, x1=50))
    with open_movie(tmp_path / "b.tif") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels[1:6:2, 5:15, 20:50])
        assert movie.meta.frame_interval_s == 0.5
        assert movie.meta.exposure_s == 0.25


@pytest.mark.parametrize("end", ENDS)
def test_uint16_keeps_the_values_to_half_a_step(tmp_path: Path, export: Export, pixels: np.ndarray, end: str) -> None:
    result = export(f"b{end}", dtype="uint16")
    assert result.clipped == 0
    with open_movie(tmp_path / f"b{end}") as movie:
        meta = movie.meta
        assert meta.dtype == "uint16"
        assert meta.intensity_scale is not None
        values = (movie.region(slice(None)).astype(np.float64) - (meta.intensity_origin or 0)) * meta.intensity_scale
        assert np.abs(values - pixels).max() <= meta.intensity_scale / 2
        assert meta.intensity_scale < 2 * np.ptp(pixels) / 65000
        # Two stored units of the source are one electron; the new units follow.
        assert meta.counts_per_electron == pytest.approx(2.0 / meta.intensity_scale)
    export("c.tif", source=tmp_path / f"b{end}", dtype="float32")
    with open_movie(tmp_path / "c.tif") as movie:
        assert np.abs(movie.region(slice(None)) - pixels).max() <= meta.intensity_scale / 2
        assert movie.meta.counts_per_electron == pytest.approx(2.0)
        assert movie.meta.intensity_scale is None


def test_pixels_that_are_no_numbers_are_counted(tmp_path: Path, export: Export, pixels: np.ndarray) -> None:
    pixels[2, 3, 4:7] = np.nan, np.inf, -np.inf
    source = write_movie(tmp_path / "in" / "b.tif", pixels)
    result = export("c.tif", source=source, dtype="uint16")
    assert result.clipped == 3
    assert "clipped" in {notice.code for notice in result.notices}


@pytest.mark.parametrize(
    ("dtype", "end", "stored"),
    [
        ("int16", ".tif", "uint16"),
        ("int8", ".ome.tif", "int8"),
        ("uint8", ".mrc", "uint16"),
        ("uint32", ".tif", "float32"),
        ("float64", ".mrc", "float32"),
        ("int32", ".ome.zarr", "int32"),
        ("uint16", ".mrc", "uint16"),
    ],
)
def test_type_is_kept_or_the_nearest_that_holds_the_values(
    tmp_path: Path, export: Export, dtype: str, end: str, stored: str
) -> None:
    pixels = np.arange(24).reshape(2, 3, 4).astype(dtype) - np.array(7 if dtype.startswith(("i", "f")) else 0, dtype)
    source = write_movie(tmp_path / "in" / "b.ome.zarr", pixels, Scale())
    export(f"c{end}", source=source)
    with open_movie(tmp_path / f"c{end}") as movie:
        assert movie.meta.dtype == stored
        values = movie.region(slice(None)).astype(np.float64)
        if movie.meta.intensity_scale is not None:
            values = (values - (movie.meta.intensity_origin or 0)) * movie.meta.intensity_scale
        np.testing.assert_array_equal(values, pixels)


@given(st.floats(-1e12, 1e12), st.floats(0, 1e12), st.booleans())
def test_line_holds_its_range_exactly_in_float32(low: float, width: float, whole: bool) -> None:
    low, high = (round(low), round(low) + round(width)) if whole else (low, low + width)
    origin, step = uint16_line(low, high, whole)
    ends = np.rint(np.array([low, high]) / step + origin)
    assert 0 <= ends[0] <= ends[1] <= 65535
    assert np.abs((ends - origin) * step - [low, high]).max() <= step / 2 + 1e-15 * abs(high)


def test_typed_calibration_is_written(tmp_path: Path, export: Export) -> None:
    export("b.mrc", entered=Entered(pixel_size=(0.5, 0.6), pixel_unit="nm", frame_interval_s=2.0))
    with open_movie(tmp_path / "b.mrc") as movie:
        assert movie.meta.pixel_size == (0.5, 0.6)
        assert movie.meta.frame_interval_s == 2.0


def test_export_knows_where_it_comes_from(tmp_path: Path, movie: Path, export: Export, pixels: np.ndarray) -> None:
    made = write_movie(tmp_path / "in" / "made.tif", pixels, provenance=json.dumps({"plan": {"tile": 1}}))
    export("b.ome.zarr", source=made, every=2)
    record = read_provenance(tmp_path / "b.ome.zarr")
    assert record is not None
    assert record["source"] == str(made)
    assert record["request"]["kind"] == "export"
    assert record["request"]["every"] == 2
    assert record["source_provenance"] == {"plan": {"tile": 1}}


@pytest.mark.parametrize("name", [*(f"b{end}" for end in ENDS), "b.mp4", "b.gif", "b.csv", "b.png", "b.svg"])
def test_cancelled_export_leaves_nothing(tmp_path: Path, export: Export, name: str) -> None:
    with pytest.raises(Cancelled):
        export(name, Listener(cancel_at=0 if name[-3:] in {"png", "svg"} else 3))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


@pytest.mark.parametrize("name", [*(f"b{end}" for end in ENDS), "b.mp4", "b.gif", "b.csv", "b.png", "b.svg"])
def test_existing_file_is_replaced_only_if_told(tmp_path: Path, export: Export, name: str) -> None:
    export(name)
    before = _content(tmp_path / name)
    with pytest.raises(WriteFailed) as caught:
        export(name, frames=FrameRange(start=3))
    assert caught.value.info.code == "output-exists"
    assert _content(tmp_path / name) == before
    export(name, frames=FrameRange(start=3), overwrite=True)
    assert _content(tmp_path / name) != before
    assert not list(tmp_path.glob("*.partial*"))


def _content(path: Path) -> bytes:
    if path.is_file():
        return path.read_bytes()
    return b"".join(one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file())


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("b.xyz", {}, "bad-request"),
        ("no/b.tif", {}, "not-found"),
        ("in/Größe 1.tif", {"overwrite": True}, "bad-request"),
        ("b.tif", {"frames": FrameRange(start=6)}, "bad-request"),
        ("b.tif", {"frames": FrameRange(stop=7)}, "bad-request"),
        ("b.tif", {"region": Region(y0=0, y1=41, x0=0, x1=9)}, "bad-request"),
        ("b.tif", {"beside": "x.tif"}, "bad-request"),
        ("b.png", {"levels": (3.0, 3.0)}, "bad-request"),
    ],
)
def test_what_can_not_be_is_told(
    tmp_path: Path, export: Export, movie: Path, name: str, fields: dict[str, object], code: str
) -> None:
    before = movie.read_bytes()
    with pytest.raises((ExportError, DenoiseError)) as caught:
        export(name, **fields)
    assert caught.value.info.code == code
    assert caught.value.info.advice
    assert movie.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_unfinished_run_of_that_name_is_not_trampled_on(tmp_path: Path, export: Export) -> None:
    partial_path(tmp_path / "b.tif").write_bytes(b"precious")
    with pytest.raises(ExportError, match="unfinished"):
        export("b.tif")
    assert partial_path(tmp_path / "b.tif").read_bytes() == b"precious"


def test_other_programs_open_a_stack_with_the_contrast_asked_for(tmp_path: Path, export: Export) -> None:
    export("b.tif", dtype="uint16", levels=(50.0, 200.0))
    export("c.tif", levels=(50.0, 200.0))
    export("d.tif")
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        tags = file.imagej_metadata or {}
    # ImageJ keeps stored numbers there; its line makes values of them.
    assert tags["min"] * tags["c1"] + tags["c0"] == pytest.approx(50.0)
    assert tags["max"] * tags["c1"] + tags["c0"] == pytest.approx(200.0)
    with tifffile.TiffFile(tmp_path / "c.tif") as file:
        tags = file.imagej_metadata or {}
    assert (tags["min"], tags["max"]) == (50.0, 200.0)
    with tifffile.TiffFile(tmp_path / "d.tif") as file:
        tags = file.imagej_metadata or {}
    assert 60 < tags["min"] < 90
    assert 160 < tags["max"] < 200
