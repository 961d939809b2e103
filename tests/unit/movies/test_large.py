"""Movies above 4 GB: the right bytes at the right place, without their size in memory."""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.movies import open_movie
from tests.movie_files import Sparse, ramp, write_dm4, write_mrc, write_ser

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files with holes need another call on Windows")

_SHAPE = (1500, 1024, 2048)
_FRAMES = {index: ramp(_SHAPE[1:]) + np.uint16(index) for index in (0, 1, 749, 1100, 1499)}


def _sparse(path: Path, writer: Callable[..., Path], **options: object) -> Path:
    return writer(path, Sparse(_SHAPE, np.dtype("uint16"), _FRAMES), **options)


def _tiff(path: Path, **options: object) -> Path:
    """A TIFF of zeros, into which the frames are then put."""
    tifffile.imwrite(path, None, shape=_SHAPE, dtype="uint16", photometric="minisblack", **options)  # type: ignore[arg-type]
    with tifffile.TiffFile(path) as tiff:
        offset = tiff.series[0].dataoffset
    assert offset is not None
    with path.open("r+b") as stream:
        for index, frame in _FRAMES.items():
            stream.seek(offset + index * frame.nbytes)
            stream.write(frame.tobytes())
    return path


_WRITERS: dict[str, Callable[[Path], Path]] = {
    "dm4": lambda folder: _sparse(folder / "a.dm4", write_dm4),
    "ser": lambda folder: _sparse(folder / "a_1.ser", write_ser),
    "mrc": lambda folder: _sparse(folder / "a.mrc", write_mrc),
    "imagej": lambda folder: _tiff(folder / "a.tif", imagej=True, truncate=True, metadata={"axes": "TYX"}),
    "bigtiff": lambda folder: _tiff(folder / "b.tif", bigtiff=True, metadata=None),
    "ome": lambda folder: _tiff(folder / "a.ome.tif", bigtiff=True, ome=True, metadata={"axes": "TYX"}),
}


@pytest.mark.parametrize("kind", _WRITERS)
def test_frames_beyond_four_gigabytes_are_right_and_memory_stays_small(tmp_path: Path, kind: str) -> None:
    path = _WRITERS[kind](tmp_path)
    assert path.stat().st_size > 6e9
    with open_movie(path):
        pass  # the first opening also imports what the format needs
    tracemalloc.start()
    start = time.process_time()
    with open_movie(path) as movie:
        opening = time.process_time() - start
        assert movie.shape == _SHAPE
        assert movie.meta.issues == ()
        for index, frame in _FRAMES.items():
            assert np.array_equal(movie.frame(index), frame)
        assert not movie.frame(748).any()
        part = movie.region(slice(1499, 1500), slice(1000, 1024), slice(2040, 2048))
        assert np.array_equal(part[0], _FRAMES[1499][1000:, 2040:])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6
    # tracemalloc makes it several times slower; without, this is a few ms.
    assert opening < 1.5
