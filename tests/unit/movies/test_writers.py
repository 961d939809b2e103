"""Every format of results: what is written comes back, calibration and provenance with it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.movies import MovieError, WriteFailed, open_movie
from core.movies.calibration import Scale, recall
from core.movies.writers import create_writer, disk, partial_path, read_provenance, result_format, storable, tiff
from core.protocol.movie import MovieMeta, Segment
from tests.movie_files import ramp

ENDS = (".tif", ".ome.tif", ".mrc", ".ome.zarr")
_PROVENANCE = {
    "program": "Quietbeam",
    "source": "C:\\Däten\\a=b<&>.dm4",
    "plan": {"tile": [1, 2]},
    "note": "line\nline",
}
_UNKNOWN = Scale()
_QUICK = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=ENDS)
def end(request: pytest.FixtureRequest) -> str:
    """The end of a result's name."""
    return str(request.param)


def _write(path: Path, pixels: np.ndarray, scale: Scale = _UNKNOWN, **options: Any) -> Path:
    with create_writer(path, pixels.shape, pixels.dtype, scale=scale, **options) as writer:
        for index in reversed(range(len(pixels))):
            writer.write(index, pixels[index])
        return writer.finish(json.dumps(_PROVENANCE), (0.0, 10.0))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".mrc.json"))


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
@pytest.mark.parametrize("shape", [(4, 23, 17), (1, 8, 9), (3, 1, 5), (2, 6, 1)])
def test_result_reads_back_the_same(tmp_path: Path, end: str, shape: tuple[int, int, int], dtype: str) -> None:
    pixels = ramp(shape, dtype)
    path = _write(tmp_path / f"Größe 1{end}", pixels, Scale((0.0177515, 0.02), "nm", 0.0025))
    assert _names(tmp_path) == [path.name]
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        np.testing.assert_array_equal(
            movie.region(slice(0, 1), slice(0, shape[1] // 2 + 1), slice(0, shape[2] // 2 + 1)),
            pixels[:1, : shape[1] // 2 + 1, : shape[2] // 2 + 1],
        )
        assert movie.dtype == pixels.dtype
        assert movie.meta.pixel_size == (0.0177515, 0.02)
        assert movie.meta.pixel_unit == "nm"
        assert movie.meta.frame_interval_s == (0.0025 if shape[0] > 1 else None)
        assert movie.meta.issues == ()
    assert read_provenance(path) == _PROVENANCE


_POSITIVE = st.floats(1e-6, 1e6)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@st.composite
def _scales(draw: st.DrawFn) -> Scale:
    """A calibration with anything known or unknown, for four frames."""

    def maybe(values: st.SearchStrategy[Any]) -> Any:
        return draw(st.none() | values)

    unit = maybe(st.sampled_from(["nm", "1/nm"]))
    uneven = draw(st.booleans())
    steps = draw(st.lists(st.floats(0.5, 1.4), min_size=3, max_size=3))
    times = tuple(float(time) for time in np.cumsum([draw(st.floats(0.1, 5)), *steps])) if uneven else None
    return Scale(
        pixel_size=None if unit is None else (draw(_POSITIVE), draw(_POSITIVE)),
        pixel_unit=unit,
        frame_interval_s=maybe(_POSITIVE),
        times=times,
        exposure_s=maybe(_POSITIVE),
        counts_per_electron=maybe(_POSITIVE),
        black_level=maybe(st.floats(-1e4, 1e4)),
        voltage_kv=maybe(_POSITIVE),
        magnification=maybe(_POSITIVE),
        detector=maybe(_TEXT),
        date=maybe(st.datetimes().map(lambda when: when.isoformat())),
        scanned=maybe(st.booleans()),
        dose_e_per_a2=maybe(_POSITIVE),
        dose_rate_e_per_a2_s=maybe(_POSITIVE),
        start_unix_s=maybe(st.floats(0, 4e9)),
    )


@_QUICK
@given(scale=_scales())
def test_calibration_survives_write_and_read(tmp_path: Path, end: str, scale: Scale) -> None:
    path = _write(tmp_path / f"a{end}", ramp((4, 3, 5), "float32"), scale, overwrite=True)
    with open_movie(path) as movie:
        for field in fields(scale):
            if field.name == "segments" or (field.name == "date" and scale.date is None):
                # OME has one field for date and start, so a known start is a date there.
                continue
            assert getattr(movie.meta, field.name) == getattr(scale, field.name), field.name


@_QUICK
@given(
    origin=st.floats(-1e5, 1e5),
    slope=st.floats(1e-6, 1e4).flatmap(lambda value: st.sampled_from([value, -value])),
    unit=st.none() | st.sampled_from(["e-", "counts", "µA"]),
)
def test_whole_numbers_keep_their_line(tmp_path: Path, end: str, origin: float, slope: float, unit: str | None) -> None:
    scale = Scale(intensity_origin=origin, intensity_scale=slope, intensity_unit=unit)
    path = _write(tmp_path / f"a{end}", ramp((2, 3, 5), "uint16"), scale, overwrite=True)
    with open_movie(path) as movie:
        meta = movie.meta
    assert (meta.intensity_origin, meta.intensity_scale, meta.intensity_unit) == (origin, slope, unit)


def test_fiji_shows_the_values_of_whole_numbers(tmp_path: Path) -> None:
    # ImageJ: cf=0 is a straight line, value = c0 + c1 * stored, in vunit; min and max are stored numbers.
    scale = Scale((0.5, 0.5), "nm", 0.25).scaled(100.0, 0.125)
    path = _write(tmp_path / "a.tif", ramp((3, 4, 5), "uint16"), scale)
    with tifffile.TiffFile(path) as file:
        tags = file.imagej_metadata
        assert tags is not None
        assert (tags["cf"], tags["c0"], tags["c1"], tags["vunit"]) == (0, -12.5, 0.125, "Gray Value")
        assert (tags["min"], tags["max"]) == (0.0, 10.0)
        assert (tags["unit"], tags["finterval"], tags["images"], tags["frames"]) == ("nm", 0.25, 3, 3)
        assert file.pages[0].tags["XResolution"].value == (2, 1)


def test_float_results_carry_no_line_for_imagej(tmp_path: Path) -> None:
    # ImageJ knows calibrated values of whole numbers only.
    scale = Scale(intensity_origin=1.0, intensity_scale=2.0)
    path = _write(tmp_path / "a.tif", ramp((3, 4, 5), "float32"), scale)
    with tifffile.TiffFile(path) as file:
        assert file.imagej_metadata is not None
        assert "cf" not in file.imagej_metadata
    with open_movie(path) as movie:
        assert (movie.meta.intensity_origin, movie.meta.intensity_scale) == (1.0, 2.0)


def test_line_that_fiji_wrote_is_read(tmp_path: Path) -> None:
    # As Fiji saves signed numbers.
    tags = {"cf": 0, "c0": -32768.0, "c1": 1.0, "vunit": "Gray Value"}
    tifffile.imwrite(tmp_path / "a.tif", ramp((2, 3, 4), "uint16"), imagej=True, metadata={"axes": "TYX", **tags})
    with open_movie(tmp_path / "a.tif") as movie:
        meta = movie.meta
    assert (meta.intensity_origin, meta.intensity_scale, meta.intensity_unit) == (32768.0, 1.0, None)


def test_gain_and_black_level_follow_the_stored_numbers() -> None:
    scale = Scale(counts_per_electron=8.0, black_level=20.0).scaled(100.0, 0.5)
    assert scale.counts_per_electron == 16.0
    assert scale.black_level == 140.0
    assert scale.line == (100.0, 0.5)
    twice = Scale(intensity_origin=10.0, intensity_scale=2.0).scaled(100.0, 0.5)
    origin, slope = twice.line or (0, 0)
    # stored 200 is the value 50, which the file's own calibration calls 80.
    assert (200 - origin) * slope == pytest.approx(80.0)


def test_what_another_program_changed_is_believed(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.mrc", ramp((2, 3, 4), "float32"), Scale((0.5, 0.5), "nm", 1.0, voltage_kv=300.0))
    with mrcfile.open(path, "r+") as file:
        file.voxel_size = 2.0
    with open_movie(path) as movie:
        assert movie.meta.pixel_size == pytest.approx((0.2, 0.2))
        assert movie.meta.voltage_kv == 300.0


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", "1", '{"shape": [2, 3, 4], "pixel_size": "x"}', '{"shape": [9, 9, 9], "voltage_kv": 3}'],
)
def test_record_without_sense_is_ignored(text: str | None) -> None:
    meta = MovieMeta(
        path="a", format="TIFF", frames=2, height=3, width=4, dtype="uint8", declared_frames=2, voltage_kv=None
    )
    assert recall(meta, text) == meta
    assert recall(meta, '{"shape": [2, 3, 4], "voltage_kv": NaN}') == meta


def test_sidecar_of_another_file_is_ignored(tmp_path: Path) -> None:
    first = _write(tmp_path / "a.mrc", ramp((2, 3, 4), "float32"), Scale(voltage_kv=300.0))
    second = _write(tmp_path / "b.mrc", ramp((2, 3, 4), "float32"), Scale(voltage_kv=80.0))
    Path(f"{second}.json").replace(f"{first}.json")
    for path in (first, second):
        with open_movie(path) as movie:
            assert movie.meta.voltage_kv is None
            assert [issue.code for issue in movie.meta.issues] == ["record-missing"]
        assert read_provenance(path) is None


def test_json_of_the_user_is_no_sidecar(tmp_path: Path) -> None:
    (tmp_path / "a.mrc.json").write_text('{"my": "notes"}')
    with pytest.raises(WriteFailed) as caught:
        create_writer(tmp_path / "a.mrc", (2, 3, 4))
    assert caught.value.info.code == "output-exists"
    assert (tmp_path / "a.mrc.json").read_text() == '{"my": "notes"}'
    assert not partial_path(tmp_path / "a.mrc").exists()


def test_segments_and_times_follow_the_chosen_frames() -> None:
    meta = MovieMeta(
        path="a",
        format="x",
        frames=8,
        height=1,
        width=1,
        dtype="uint8",
        declared_frames=8,
        times=(0.0, 1.0, 2.0, 3.0, 14.0, 15.0, 16.0, 17.0),
        frame_interval_s=1.0,
        exposure_s=0.5,
        black_level=10.0,
        start_unix_s=1000.0,
        segments=(Segment(start=0, stop=4), Segment(start=4, stop=8, reason="a gap")),
    )
    scale = Scale.of(meta, [2, 4, 6], summed=2)
    assert scale.times == (2.0, 14.0, 16.0)
    assert scale.frame_interval_s == 2.0
    assert (scale.exposure_s, scale.black_level, scale.start_unix_s) == (1.0, 20.0, 1002.0)
    assert [(one.start, one.stop) for one in scale.segments] == [(0, 1), (1, 3)]
    even = Scale.of(meta, range(4))
    assert (even.times, even.frame_interval_s, even.segments) == (None, 1.0, ())


def test_part_of_a_movie_without_a_clock_keeps_its_place_in_time(tmp_path: Path, end: str) -> None:
    meta = MovieMeta(
        path="a", format="x", frames=9, height=3, width=5, dtype="uint8", declared_frames=9, frame_interval_s=0.5
    )
    path = _write(tmp_path / f"a{end}", ramp((3, 3, 5), "float32"), Scale.of(meta, [4, 5, 6]))
    with open_movie(path) as movie:
        assert movie.meta.times == (2.0, 2.5, 3.0)
        assert movie.meta.frame_interval_s == 0.5
    clock = meta.model_copy(update={"start_unix_s": 100.0})
    assert (Scale.of(clock, [4, 5, 6]).times, Scale.of(clock, [4, 5, 6]).start_unix_s) == (None, 102.0)


def test_segments_survive(tmp_path: Path, end: str) -> None:
    parts = (Segment(start=0, stop=2), Segment(start=2, stop=4, reason="magnification changed"))
    path = _write(tmp_path / f"a{end}", ramp((4, 3, 5), "float32"), Scale(segments=parts))
    with open_movie(path) as movie:
        assert movie.meta.segments == parts


def test_frames_come_in_any_order_from_many_threads(tmp_path: Path, end: str) -> None:
    pixels = ramp((24, 16, 16), "float32")
    with create_writer(tmp_path / f"a{end}", (24, 16, 16)) as writer:
        with ThreadPoolExecutor(8) as pool:
            order = np.random.default_rng(0).permutation(24)
            list(pool.map(lambda index: writer.write(int(index), pixels[index]), order))
        writer.finish()
    with open_movie(tmp_path / f"a{end}") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
    assert read_provenance(tmp_path / f"a{end}") is None


def test_partial_result_is_resumed_and_no_movie_before(tmp_path: Path, end: str) -> None:
    path, pixels = tmp_path / f"a{end}", ramp((5, 3, 4), "float32")
    with create_writer(path, (5, 3, 4)) as writer:
        for index in (0, 3):
            writer.write(index, pixels[index])
        writer.flush()
        with pytest.raises(WriteFailed, match="Another run"):
            create_writer(path, (5, 3, 4))
    assert not path.exists()
    with pytest.raises(MovieError):
        open_movie(partial_path(path))
    with create_writer(path, (5, 3, 4)) as writer:
        assert writer.resumed
        np.testing.assert_array_equal(writer.read(3), pixels[3])
        assert not writer.read(2).any()
        for index in (1, 2, 4):
            writer.write(index, pixels[index])
        writer.finish()
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


@pytest.mark.parametrize(
    ("shape", "dtype", "scale", "resume"),
    [
        ((5, 3, 5), "uint16", Scale(), True),
        ((5, 3, 4), "float32", Scale(), True),
        ((5, 3, 4), "uint16", Scale().scaled(0, 2.0), True),
        ((5, 3, 4), "uint16", Scale(), False),
    ],
)
def test_partial_result_of_another_layout_is_begun_anew(
    tmp_path: Path, end: str, shape: tuple[int, int, int], dtype: str, scale: Scale, resume: bool
) -> None:
    with create_writer(tmp_path / f"a{end}", (5, 3, 4), "uint16") as writer:
        writer.write(0, np.ones((3, 4), np.uint16))
    with create_writer(tmp_path / f"a{end}", shape, dtype, scale=scale, resume=resume) as writer:
        assert not writer.resumed
        assert not writer.read(0).any()


def test_existing_result_is_kept_unless_told(tmp_path: Path, end: str) -> None:
    path = _write(tmp_path / f"a{end}", ramp((2, 3, 4), "float32"))
    with pytest.raises(WriteFailed) as caught:
        create_writer(path, (5, 3, 4))
    assert caught.value.info.code == "output-exists"
    _write(path, ramp((3, 3, 4), "float32"), overwrite=True)
    assert _names(tmp_path) == [path.name]
    with open_movie(path) as movie:
        assert movie.meta.frames == 3


def test_result_that_appears_meanwhile_is_kept(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"a{end}"
    with create_writer(path, (2, 3, 4)) as writer:
        writer.write(0, np.ones((3, 4), np.float32))
        path.write_bytes(b"precious")
        with pytest.raises(WriteFailed) as caught:
            writer.finish()
    assert caught.value.info.code == "output-exists"
    assert path.read_bytes() == b"precious"
    path.unlink()
    with create_writer(path, (2, 3, 4)) as writer:
        assert writer.read(0).all()


def test_folder_of_somebodys_work_is_never_replaced(tmp_path: Path, end: str) -> None:
    place = tmp_path / f"a{end}"
    place.mkdir()
    (place / "thesis.txt").write_text("precious")
    with pytest.raises(WriteFailed):
        create_writer(place, (2, 3, 4), overwrite=True)
    partial = partial_path(tmp_path / f"b{end}")
    partial.mkdir()
    (partial / "thesis.txt").write_text("precious")
    with pytest.raises(WriteFailed):
        create_writer(tmp_path / f"b{end}", (2, 3, 4), overwrite=True, resume=False)
    assert (place / "thesis.txt").exists()
    assert (partial / "thesis.txt").exists()


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_too_small_a_disk_is_foreseen(tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: _Usage(10**9))
    with pytest.raises(WriteFailed, match=r"needs 4\.\d+ GB, but only 1\.00 GB") as caught:
        create_writer(tmp_path / f"a{end}", (1000, 1024, 1024))
    assert caught.value.info.code == "disk-full"
    assert _names(tmp_path) == []


class _Mount:
    def __init__(self, mountpoint: str, fstype: str) -> None:
        self.mountpoint, self.fstype = mountpoint, fstype


def test_limit_of_fat32_is_foreseen(tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = [_Mount("/", "ext4"), _Mount(str(tmp_path.resolve()), "vfat")]
    monkeypatch.setattr(disk.psutil, "disk_partitions", lambda **_: mounts)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: _Usage(10**12))
    if end == ".ome.zarr":
        # Its files are small.
        create_writer(tmp_path / f"a{end}", (1100, 1024, 1024)).close()
        return
    with pytest.raises(WriteFailed, match="FAT32") as caught:
        create_writer(tmp_path / f"a{end}", (1100, 1024, 1024))
    assert "OME-Zarr" in caught.value.info.advice
    create_writer(tmp_path / f"b{end}", (10, 1024, 1024)).close()


def test_unknown_end_of_a_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed, match="no format") as caught:
        create_writer(tmp_path / "a.xyz", (2, 3, 4))
    assert ".ome.zarr" in caught.value.info.advice
    assert result_format("a.xyz") is None
    assert [result_format(f"A{end.upper()}") for end in ENDS] == ["TIFF", "OME-TIFF", "MRC", "OME-Zarr"]


def test_half_precision_is_written_nowhere(tmp_path: Path, end: str) -> None:
    assert not storable(f"a{end}", "float16")
    with pytest.raises(ValueError):
        create_writer(tmp_path / f"a{end}", (2, 3, 4), "float16")


def test_mrc_is_valid_to_mrcfile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    for dtype in ("float32", "uint16", "int16", "int8"):
        pixels = (rng.normal(50, 20, (5, 12, 10))).astype(dtype)
        path = _write(tmp_path / f"{dtype}.mrc", pixels, Scale((0.1, 0.1), "nm"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert mrcfile.validate(path), capsys.readouterr().out
            with mrcfile.open(path) as file:
                assert file.is_image_stack()
                assert file.data.dtype == pixels.dtype
                np.testing.assert_array_equal(file.data, pixels)
                assert float(file.voxel_size.x) == pytest.approx(1.0)


@pytest.mark.parametrize("big", [False, True])
def test_ome_tiff_is_understood_by_tifffile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, big: bool) -> None:
    if big:
        monkeypatch.setattr(tiff, "_CLASSIC_LIMIT", 0)
    scale = Scale(
        (0.02, 0.03), "nm", 0.5, (0.0, 0.5, 1.0, 7.0), exposure_s=0.25, detector="K2 <\"&'>", magnification=1e5
    )
    for dtype in ("float32", "int16", "uint32", "float64"):
        pixels = ramp((4, 9, 6), dtype)
        path = _write(tmp_path / f"{dtype}.ome.tif", pixels, scale)
        with tifffile.TiffFile(path) as file:
            assert file.is_ome
            assert file.is_bigtiff == big
            assert file.series[0].kind == "ome"
            assert (file.series[0].axes, file.series[0].shape) == ("TYX", (4, 9, 6))
            np.testing.assert_array_equal(file.asarray(), pixels)
            image = tifffile.xml2dict(file.ome_metadata or "")["OME"]["Image"]["Pixels"]
            assert (image["PhysicalSizeX"], image["PhysicalSizeXUnit"], image["TimeIncrement"]) == (0.03, "nm", 0.5)
            assert [plane["DeltaT"] for plane in image["Plane"]] == [0, 0.5, 1.0, 7.0]


@pytest.mark.skipif(not hasattr(__import__("os"), "pwrite"), reason="files with holes need another call on Windows")
@pytest.mark.parametrize("end", [".ome.tif", ".mrc"])
def test_result_above_four_gigabytes_reads_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    # The holes take no room, so a small disk does.
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: _Usage(10**11))
    shape = (1200, 1024, 1024)
    frame = ramp(shape[1:], "float32")
    with create_writer(tmp_path / f"a{end}", shape, scale=Scale((0.1, 0.1), "nm", 0.5)) as writer:
        for index in (0, 600, 1199):
            writer.write(index, frame + index)
        path = writer.finish(json.dumps(_PROVENANCE))
    with open_movie(path) as movie:
        assert movie.shape == shape
        for index in (0, 600, 1199):
            np.testing.assert_array_equal(movie.frame(index), frame + index)
        assert movie.meta.frame_interval_s == 0.5
    assert read_provenance(path) == _PROVENANCE


def test_large_frame_of_a_zarr_is_read_in_parts(tmp_path: Path) -> None:
    pixels = ramp((2, 2100, 2050), "float32")
    path = _write(tmp_path / "a.ome.zarr", pixels)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.frame(1), pixels[1])
        part = movie.region(slice(1, 2), slice(1000, 1100), slice(2040, 2050))
        np.testing.assert_array_equal(part, pixels[1:, 1000:1100, 2040:])


def test_needed_bytes_cover_the_finished_result(tmp_path: Path, end: str) -> None:
    noise = np.random.default_rng(0)
    for shape in ((1, 3, 4), (60, 5, 7), (3, 200, 100)):
        pixels = noise.normal(size=shape).astype(np.float32)
        times = tuple(math.sqrt(frame) for frame in range(shape[0]))
        scale = Scale((1, 1), "nm", 1.0, times, exposure_s=0.123456789)
        with create_writer(tmp_path / f"a{end}", shape, scale=scale, overwrite=True) as writer:
            for index, frame in enumerate(pixels):
                writer.write(index, frame)
            path = writer.finish(json.dumps(_PROVENANCE))
        files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
        assert sum(one.stat().st_size for one in files) <= writer.needed_bytes


def test_writer_killed_in_the_middle_loses_no_written_frame(tmp_path: Path, end: str) -> None:
    program = (
        "import os, sys, numpy as np; from core.movies.writers import create_writer\n"
        "w = create_writer(sys.argv[1], (9, 32, 32))\n"
        "for i in (0, 7): w.write(i, np.full((32, 32), i + 1, np.float32))\n"
        "os._exit(9)"
    )
    path = tmp_path / f"a{end}"
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", program, str(path)], cwd=root, check=False).returncode == 9
    if end == ".ome.zarr":
        # As zarr leaves a frame behind that it was in the middle of.
        torn = partial_path(path) / "0" / "c" / "0" / "0" / "0.1234.partial"
        torn.write_bytes(b"half a frame")
    with create_writer(path, (9, 32, 32)) as writer:
        assert writer.resumed
        assert (writer.read(0) == 1).all()
        assert (writer.read(7) == 8).all()
        assert not writer.read(3).any()
        writer.finish()
    assert not list(tmp_path.rglob("*.partial"))
