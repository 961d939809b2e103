"""Results as TIFF: what is written comes back, is resumed, and never harms what is there."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from core.movies import WriteFailed, open_movie
from core.movies.writers import (
    Scale,
    TiffMovieWriter,
    disk,
    free_bytes,
    needed_bytes,
    partial_path,
    read_provenance,
    tiff,
)
from core.movies.writers.tiff_directory import resolution
from tests.movie_files import ramp, write_mrc

_PROVENANCE = {"program": "Quietbeam", "source": "C:\\Däten\\a=b.dm4", "plan": {"tile": [1, 2]}, "note": "line\nline"}


@pytest.fixture(params=[False, True], ids=["classic", "big"])
def big(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both kinds of file, with small movies."""
    if request.param:
        monkeypatch.setattr(tiff, "_CLASSIC_LIMIT", 0)
    return bool(request.param)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _write(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    with TiffMovieWriter.create(path, pixels.shape, pixels.dtype, **options) as writer:
        for index in reversed(range(len(pixels))):
            writer.write(index, pixels[index])
        return writer.finish(json.dumps(_PROVENANCE), display=(0.0, 10.0))


@pytest.mark.parametrize("shape", [(5, 33, 47), (1, 8, 9), (7, 1, 5), (3, 6, 1), (1, 1, 1)])
@pytest.mark.parametrize("dtype", ["float32", "uint16", "uint8"])
def test_result_reads_back_the_same(tmp_path: Path, shape: tuple[int, int, int], dtype: str, big: bool) -> None:
    pixels = ramp(shape, dtype)
    scale = Scale((0.0177515, 0.02), "nm", 0.0025)
    path = _write(tmp_path / "Größe 1.tif", pixels, scale=scale)
    assert _names(tmp_path) == ["Größe 1.tif"]
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.dtype == pixels.dtype
        assert movie.meta.format == ("BigTIFF" if big else "TIFF")
        assert movie.meta.pixel_size == pytest.approx(scale.pixel_size, rel=1e-9)
        assert movie.meta.pixel_unit == "nm"
        assert movie.meta.frame_interval_s == (0.0025 if shape[0] > 1 else None)
        assert movie.meta.issues == ()
    assert read_provenance(path) == _PROVENANCE


def test_other_programs_read_it(tmp_path: Path, big: bool) -> None:
    pixels = ramp((4, 9, 6), "float32")
    path = _write(tmp_path / "a.tif", pixels, scale=Scale((0.5, 0.5), "nm", 0.1))
    with tifffile.TiffFile(path) as file:
        assert file.is_imagej
        assert file.is_bigtiff == big
        assert len(file.pages) == 4
        assert file.series[0].axes == "TYX"
        tags = file.imagej_metadata
        np.testing.assert_array_equal(file.asarray(), pixels)
    assert tags is not None
    assert (tags["unit"], tags["finterval"], tags["frames"], tags["min"], tags["max"]) == ("nm", 0.1, 4, 0.0, 10.0)
    with Image.open(path) as image:
        assert image.n_frames == 4
        for index in range(4):
            image.seek(index)
            np.testing.assert_array_equal(np.asarray(image), pixels[index])


def test_unknown_calibration_stays_unknown(tmp_path: Path, big: bool) -> None:
    path = _write(tmp_path / "a.tif", ramp((2, 3, 4), "float32"))
    with open_movie(path) as movie:
        assert movie.meta.pixel_size is None
        assert movie.meta.pixel_unit is None
        assert movie.meta.frame_interval_s is None


def test_scale_of_a_movie_is_carried_over(tmp_path: Path) -> None:
    with open_movie(write_mrc(tmp_path / "a.mrc", ramp((2, 3, 4)))) as movie:
        assert Scale.of(movie.meta) == Scale(movie.meta.pixel_size, "nm", None)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pixels=arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))),
    step=st.floats(1e-6, 1e6),
    interval=st.floats(1e-6, 1e4),
)
def test_any_numbers_survive_a_round_trip(tmp_path: Path, pixels: np.ndarray, step: float, interval: float) -> None:
    path = _write(tmp_path / "a.tif", pixels, scale=Scale((step, step * 2), "1/nm", interval), overwrite=True)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.pixel_size == pytest.approx((step, step * 2), rel=1e-6)
        assert movie.meta.pixel_unit == "1/nm"
        if len(pixels) > 1:
            assert movie.meta.frame_interval_s == interval


@given(st.floats(1e-9, 1e9))
def test_resolution_fits_its_tag(step: float) -> None:
    fraction = resolution(step)
    assert fraction is not None
    assert 0 < fraction[0] < 1 << 32
    assert 0 < fraction[1] < 1 << 32
    assert fraction[1] / fraction[0] == pytest.approx(step, rel=1e-3 if step < 1e-6 else 1e-7)


def test_frames_come_in_any_order_from_many_threads(tmp_path: Path) -> None:
    pixels = ramp((40, 16, 16), "float32")
    with TiffMovieWriter.create(tmp_path / "a.tif", (40, 16, 16)) as writer:
        with ThreadPoolExecutor(8) as pool:
            order = np.random.default_rng(0).permutation(40)
            list(pool.map(lambda index: writer.write(int(index), pixels[index]), order))
        writer.finish()
    with open_movie(tmp_path / "a.tif") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
    assert read_provenance(tmp_path / "a.tif") is None


@pytest.mark.parametrize(
    ("index", "frame"),
    [
        (0, np.zeros((3, 5), np.float32)),
        (0, np.zeros((3, 4), np.float64)),
        (5, np.zeros((3, 4), np.float32)),
        (-1, np.zeros((3, 4), np.float32)),
    ],
)
def test_frame_that_does_not_fit_is_refused(tmp_path: Path, index: int, frame: np.ndarray) -> None:
    with TiffMovieWriter.create(tmp_path / "a.tif", (5, 3, 4)) as writer, pytest.raises(ValueError):
        writer.write(index, frame)


def test_partial_result_is_no_movie_until_it_is_finished(tmp_path: Path) -> None:
    with TiffMovieWriter.create(tmp_path / "a.tif", (5, 3, 4)) as writer:
        writer.write(0, np.ones((3, 4), np.float32))
        assert writer.partial == partial_path(tmp_path / "a.tif") == tmp_path / "a.tif.partial"
        assert not (tmp_path / "a.tif").exists()
    assert (tmp_path / "a.tif.partial").read_bytes()[:4] == bytes(4)


def test_partial_result_is_resumed_with_its_frames(tmp_path: Path) -> None:
    path, pixels = tmp_path / "a.tif", ramp((5, 3, 4), "float32")
    with TiffMovieWriter.create(path, (5, 3, 4)) as writer:
        assert not writer.resumed
        for index in (0, 3):
            writer.write(index, pixels[index])
    with TiffMovieWriter.create(path, (5, 3, 4)) as writer:
        assert writer.resumed
        np.testing.assert_array_equal(writer.read(3), pixels[3])
        for index in (1, 2, 4):
            writer.write(index, pixels[index])
        writer.finish()
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


@pytest.mark.parametrize(
    ("shape", "dtype", "resume"),
    [
        ((5, 3, 5), "float32", True),
        ((6, 3, 4), "float32", True),
        ((5, 3, 4), "uint16", True),
        ((5, 3, 4), "float32", False),
    ],
)
def test_partial_result_of_another_layout_is_begun_anew(
    tmp_path: Path, shape: tuple[int, int, int], dtype: str, resume: bool
) -> None:
    with TiffMovieWriter.create(tmp_path / "a.tif", (5, 3, 4)) as writer:
        writer.write(0, np.ones((3, 4), np.float32))
    with TiffMovieWriter.create(tmp_path / "a.tif", shape, dtype, resume=resume) as writer:
        assert not writer.resumed
        assert not writer.read(0).any()


def test_writer_killed_in_the_middle_loses_no_written_frame(tmp_path: Path) -> None:
    program = (
        "import os, sys, numpy as np; from core.movies.writers import TiffMovieWriter\n"
        "w = TiffMovieWriter.create(sys.argv[1], (9, 32, 32))\n"
        "for i in (0, 7): w.write(i, np.full((32, 32), i + 1, np.float32))\n"
        "os._exit(9)"
    )
    root = Path(__file__).parents[3]
    path = tmp_path / "a.tif"
    assert subprocess.run([sys.executable, "-c", program, str(path)], cwd=root, check=False).returncode == 9
    with TiffMovieWriter.create(path, (9, 32, 32)) as writer:
        assert writer.resumed
        assert (writer.read(0) == 1).all()
        assert (writer.read(7) == 8).all()
        assert not writer.read(3).any()


def test_existing_result_is_kept_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"precious")
    with pytest.raises(WriteFailed) as caught:
        TiffMovieWriter.create(path, (2, 3, 4))
    assert caught.value.info.code == "output-exists"
    assert caught.value.info.advice
    assert _names(tmp_path) == ["a.tif"]
    _write(path, ramp((2, 3, 4), "float32"), overwrite=True)
    with open_movie(path) as movie:
        assert movie.shape == (2, 3, 4)


@pytest.mark.parametrize("links", [True, False])
def test_result_that_appears_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:

        def no_links(*_: Any) -> None:
            raise OSError(errno.EPERM, "no links on this disk")

        monkeypatch.setattr("core.movies.writers.disk.os.link", no_links)
    path = tmp_path / "a.tif"
    with TiffMovieWriter.create(path, (2, 3, 4)) as writer:
        path.write_bytes(b"precious")
        with pytest.raises(WriteFailed) as caught:
            writer.finish()
    assert caught.value.info.code == "output-exists"
    assert path.read_bytes() == b"precious"
    assert writer.partial.exists()
    path.unlink()
    with TiffMovieWriter.create(path, (2, 3, 4)) as writer:
        assert writer.resumed
        writer.finish()
    with open_movie(path) as movie:
        assert movie.shape == (2, 3, 4)


def test_two_runs_never_write_one_result(tmp_path: Path) -> None:
    path, frame = tmp_path / "a.tif", np.ones((3, 4), np.float32)
    with TiffMovieWriter.create(path, (2, 3, 4)) as first:
        first.write(0, frame)
        for resume in (True, False):
            with pytest.raises(WriteFailed, match="Another run") as caught:
                TiffMovieWriter.create(path, (2, 3, 4), resume=resume)
            assert caught.value.info.advice
        np.testing.assert_array_equal(first.read(0), frame)
    with TiffMovieWriter.create(path, (2, 3, 4)) as second:
        assert second.resumed


def test_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed) as caught:
        TiffMovieWriter.create(tmp_path / "no" / "a.tif", (2, 3, 4))
    assert caught.value.info.code == "not-found"
    with pytest.raises(WriteFailed):
        free_bytes(tmp_path / "no" / "a.tif")


def test_name_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tif").mkdir()
    with pytest.raises(WriteFailed, match="folder"):
        TiffMovieWriter.create(tmp_path / "a.tif", (2, 3, 4), overwrite=True)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root, and Windows, may write everywhere")
def test_folder_without_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WriteFailed) as caught:
        TiffMovieWriter.create(tmp_path / "a.tif", (2, 3, 4))
    assert caught.value.info.code == "no-permission"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, "no-permission"),
        (errno.EROFS, "no-permission"),
        (errno.ENOSPC, "disk-full"),
        (errno.EIO, "unreadable"),
    ],
)
def test_refusal_of_the_system_is_a_typed_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(*_: Any) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("core.movies.writers.stack_file.os.open", refuse)
    with pytest.raises(WriteFailed) as caught:
        TiffMovieWriter.create(tmp_path / "a.tif", (2, 3, 4))
    assert caught.value.info.code == code
    assert caught.value.info.advice


def test_too_small_a_disk_is_foreseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (1000, 1024, 1024)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: _Usage(10**9))
    with pytest.raises(WriteFailed, match=r"needs 4\.\d+ GB, but only 1\.00 GB") as caught:
        TiffMovieWriter.create(tmp_path / "a.tif", shape)
    assert caught.value.info.code == "disk-full"
    assert _names(tmp_path) == []


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_disk_that_fills_up_in_the_middle_keeps_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path, frame = tmp_path / "a.tif", np.ones((3, 4), np.float32)
    with TiffMovieWriter.create(path, (2, 3, 4)) as writer:
        writer.write(0, frame)
        with monkeypatch.context() as patch:
            patch.setattr("core.movies.writers.stack_file.os.pwrite", full)
            for attempt in (lambda: writer.write(1, frame), lambda: writer.finish()):
                with pytest.raises(WriteFailed) as caught:
                    attempt()
                assert caught.value.info.code == "disk-full"
        assert not path.exists()
    with TiffMovieWriter.create(path, (2, 3, 4)) as writer:
        assert writer.resumed
        np.testing.assert_array_equal(writer.read(0), frame)


def test_needed_bytes_covers_the_finished_file(tmp_path: Path, big: bool) -> None:
    for shape in ((1, 3, 4), (300, 5, 7), (3, 200, 100)):
        path = _write(tmp_path / "a.tif", ramp(shape, "float32"), scale=Scale((1, 1), "nm", 1.0), overwrite=True)
        assert path.stat().st_size <= needed_bytes(shape)


@pytest.mark.skipif(sys.platform == "win32", reason="files with holes need another call on Windows")
def test_result_above_four_gigabytes_reads_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The holes take no room, so a small disk does.
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: _Usage(10**11))
    shape = (1200, 1024, 1024)
    frame = ramp(shape[1:], "float32")
    with TiffMovieWriter.create(tmp_path / "a.tif", shape, scale=Scale((0.1, 0.1), "nm", 0.5)) as writer:
        assert writer.big
        for index in (0, 600, 1199):
            writer.write(index, frame + index)
        path = writer.finish(json.dumps(_PROVENANCE))
    with open_movie(path) as movie:
        assert movie.shape == shape
        assert movie.meta.format == "BigTIFF"
        for index in (0, 600, 1199):
            np.testing.assert_array_equal(movie.frame(index), frame + index)
        assert not movie.frame(599).any()
    assert read_provenance(path) == _PROVENANCE


def test_other_files_carry_no_provenance(tmp_path: Path) -> None:
    assert read_provenance(write_mrc(tmp_path / "a.mrc", ramp((2, 3, 4)))) is None
    (tmp_path / "a.txt").write_text("quietbeam={}")
    assert read_provenance(tmp_path / "a.txt") is None
    tifffile.imwrite(tmp_path / "b.tif", ramp((2, 3, 4)), photometric="minisblack", description="quietbeam={broken")
    assert read_provenance(tmp_path / "b.tif") is None
