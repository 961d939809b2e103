"""Disks that fill up or vanish and movies that grow or shrink in the middle of a run: finished frames are kept."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from core.denoising import run
from core.denoising.context import Cancelled
from core.denoising.errors import DenoiseError
from core.denoising.run import denoise_movie
from core.movies import files, open_movie
from core.movies.errors import MovieError, Unreadable
from core.movies.writers import read_provenance
from core.protocol.denoise import FrameRange

from .helpers import Listener, lattice, request, tiny_unet

ROOT = Path(__file__).parents[3]
LAYOUT = "raw:48x64:uint16"
FRAME_BYTES = 48 * 64 * 2


@pytest.fixture
def store(tmp_path):
    return tiny_unet(tmp_path / "models")


def counted(number: int) -> bytes:
    counts = np.random.default_rng(3).poisson(lattice(48, 64), (number, 48, 64))
    return counts.astype("<u2").tobytes()


@pytest.fixture
def source(tmp_path):
    """A movie without a header: whatever the file holds are its frames, as while a camera writes."""
    path = tmp_path / "a.bin"
    path.write_bytes(counted(8))
    return path


def asked(source, **kwargs):
    return request(source, "tiny", dataset=LAYOUT, **kwargs)


def read(path) -> np.ndarray:
    with open_movie(path) as movie:
        return movie.region(slice(None))


class AtStart(Listener):
    """Does something the moment the run has started, before its first frame is read."""

    def __init__(self, action) -> None:
        super().__init__()
        self._action = action

    def started(self, plan, total) -> None:
        super().started(plan, total)
        self._action()


class AtFrame(Listener):
    """Does something when a frame is finished, in the thread that computes."""

    def __init__(self, index, action) -> None:
        super().__init__()
        self._index, self._action = index, action

    def frame(self, index, source_frame, array) -> None:
        super().frame(index, source_frame, array)
        if index == self._index:
            self._action()


def listed(folder: Path, name: str = "a_denoised.tif") -> list[int]:
    lines = (folder / f"{name}.partial.frames").read_text().splitlines()
    return [json.loads(line)["frame"] for line in lines[1:]]


def test_a_movie_that_grows_gives_the_frames_of_the_start_and_says_so(source, store):
    more = counted(12)[8 * FRAME_BYTES :]

    def grow():
        with source.open("ab") as file:
            file.write(more)

    listener = AtStart(grow)
    result = denoise_movie(asked(source), store, listener)
    assert result.frames == 8
    assert read_provenance(result.output)["source_frames"] == [0, 8]
    told = next(notice for notice in result.notices if notice.code == "grown")
    assert "from 8 to 12 frames" in told.text
    assert "frames 8 to 11" in told.text


def test_a_movie_that_has_grown_since_the_run_was_stopped_goes_on_with_the_frames_of_the_start(tmp_path, source, store):
    whole = denoise_movie(asked(source, output=str(tmp_path / "whole.tif")), store, Listener())
    with pytest.raises(Cancelled):
        denoise_movie(asked(source), store, Listener(lambda self: len(self.frames) >= 3))
    source.write_bytes(counted(12))
    listener = Listener()
    # The first 8 frames of 12 are those that were there.
    assert counted(12)[: 8 * FRAME_BYTES] == counted(8)
    result = denoise_movie(asked(source), store, listener)
    assert result.resumed_frames == 3
    assert result.frames == 8
    assert "grown" in listener.codes
    assert np.array_equal(read(result.output), read(whole.output))


def test_a_movie_that_shrinks_is_an_error_that_says_so_and_keeps_the_finished_frames(tmp_path, source, store):
    whole = denoise_movie(asked(source, output=str(tmp_path / "whole.tif")), store, Listener())
    content = source.read_bytes()
    with pytest.raises(MovieError) as caught:
        denoise_movie(asked(source), store, AtStart(lambda: os.truncate(source, 5 * FRAME_BYTES + 100)))
    assert caught.value.info.code == "truncated"
    assert str(source) in caught.value.info.sentence()
    assert listed(tmp_path) == [0, 1, 2, 3, 4]
    # Still short: the work is not thrown away.
    with pytest.raises(DenoiseError, match="5 finished frames") as refused:
        denoise_movie(asked(source), store, Listener())
    assert "5 frames now" in refused.value.info.what
    assert listed(tmp_path) == [0, 1, 2, 3, 4]
    source.write_bytes(content)
    result = denoise_movie(asked(source), store, Listener())
    assert result.resumed_frames == 5
    assert np.array_equal(read(result.output), read(whole.output))


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOTCONN, errno.ESTALE])
def test_a_drive_that_vanishes_is_an_error_that_says_so_and_keeps_the_finished_frames(
    tmp_path, source, store, monkeypatch, number
):
    pread = files._preadv
    if pread is None:
        pytest.skip("this system has no positional reads to break")
    listener = Listener()

    def gone(descriptor, buffers, offset, *rest):
        if listener.plans and offset >= 6 * FRAME_BYTES:
            raise OSError(number, os.strerror(number))
        return pread(descriptor, buffers, offset, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_preadv", gone)
        with pytest.raises(MovieError) as caught:
            denoise_movie(asked(source), store, listener)
    assert caught.value.info.code == "unreadable"
    assert caught.value.info.advice
    assert listed(tmp_path) == [0, 1, 2, 3, 4, 5]
    assert denoise_movie(asked(source), store, Listener()).resumed_frames == 6


def test_a_movie_that_is_changed_while_it_is_read_is_told(source, store):
    def change():
        with source.open("r+b") as file:
            file.write(b"\x01\x02\x03")

    listener = AtFrame(7, change)
    result = denoise_movie(asked(source), store, listener)
    assert "source-changed" in [notice.code for notice in result.notices]


def test_a_movie_that_is_gone_at_the_end_is_no_error(source, store):
    if os.name == "nt":
        pytest.skip("Windows keeps an open file from being removed")
    result = denoise_movie(asked(source), store, AtFrame(7, source.unlink))
    assert result.frames == 8


def test_a_drive_that_hangs_at_the_end_does_not_keep_the_result(source, store, monkeypatch):
    over = threading.Event()

    def hangs(path, dataset=None):
        over.wait()
        raise Unreadable.about(path, "The drive is gone.")

    monkeypatch.setattr(run, "open_movie", hangs)
    monkeypatch.setattr(run, "_LOOK_AGAIN_S", 0.1)
    result = denoise_movie(asked(source), store, Listener())
    over.set()
    assert Path(result.output).exists()


def test_a_range_that_was_asked_for_is_not_said_to_have_grown(source, store):
    listener = AtStart(lambda: source.write_bytes(counted(12)))
    denoise_movie(asked(source, frames=FrameRange(stop=8)), store, listener)
    assert "grown" not in listener.codes


LIMITED = """
import json, resource, sys
from pathlib import Path
from tests.unit.denoising.helpers import Listener, ModelStore
from tests.unit.denoising.test_disks import AtFrame
from core.denoising.run import denoise_movie
from core.movies.errors import MovieError
from core.protocol.denoise import DenoiseRequest

asked = DenoiseRequest.model_validate_json(sys.argv[1])
store = ModelStore((Path(sys.argv[2]),), ())
limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    denoise_movie(asked, store, AtFrame(0, limit))
except MovieError as error:
    print(json.dumps({"code": error.info.code, "text": error.info.sentence()}))
"""


def test_a_disk_that_takes_no_more_in_the_middle_keeps_the_finished_frames(tmp_path, source, store):
    """A child may write files up to a size only: the system refuses what lies behind, as a full disk does."""
    pytest.importorskip("resource")
    output = tmp_path / "b.tif"
    whole = denoise_movie(asked(source, output=str(tmp_path / "whole.tif")), store, Listener())
    most = 4096 + 5 * 48 * 64 * 4 + 1000
    arguments = [asked(source, output=str(output)).model_dump_json(), str(tmp_path / "models"), str(most)]
    told = subprocess.run(
        [sys.executable, "-c", LIMITED, *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    said = json.loads(told.stdout)
    assert said["code"] == "disk-full"
    assert str(output) in said["text"]
    assert not output.exists()
    kept = listed(tmp_path, output.name)
    assert kept == list(range(len(kept)))
    assert 1 <= len(kept) <= 5
    result = denoise_movie(asked(source, output=str(output)), store, Listener())
    assert result.resumed_frames == len(kept)
    assert np.array_equal(read(output), read(whole.output))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of eight megabytes in memory; only root may mount it."""
    place = tmp_path / "disk"
    place.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root on Linux")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk can't be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("end", [".tif", ".mrc", ".ome.tif", ".ome.zarr"])
def test_a_full_disk_in_the_middle_keeps_the_finished_frames(small_disk, source, store, end):
    output = small_disk / f"b{end}"
    filler = small_disk / "filler"

    def fill():
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass

    with pytest.raises(MovieError) as caught:
        denoise_movie(asked(source, output=str(output)), store, AtFrame(2, fill))
    assert caught.value.info.code == "disk-full"
    assert not output.exists()
    kept = listed(small_disk, output.name)
    filler.unlink()
    result = denoise_movie(asked(source, output=str(output)), store, Listener())
    assert result.resumed_frames == len(kept)
    whole = denoise_movie(asked(source, output=str(source.with_name("whole.tif"))), store, Listener())
    assert np.array_equal(read(output), read(whole.output))


def test_a_disk_that_is_too_small_is_foreseen(small_disk, source, store):
    source.write_bytes(counted(1000))
    with pytest.raises(MovieError) as caught:
        denoise_movie(asked(source, output=str(small_disk / "b.tif")), store, Listener())
    assert caught.value.info.code == "disk-full"
    assert list(small_disk.iterdir()) == []


class AtNotice(Listener):
    """Does something at the notice that follows the last frame, when all are written."""

    def __init__(self, action) -> None:
        super().__init__()
        self._action = action

    def notice(self, notice) -> None:
        super().notice(notice)
        if notice.code == "local-mean":
            self._action()


@pytest.mark.parametrize("end", [".tif", ".mrc", ".ome.tif", ".ome.zarr"])
def test_a_disk_that_is_full_at_the_very_end_loses_no_frame(small_disk, source, store, end):
    output = small_disk / f"b{end}"
    filler = small_disk / "filler"

    def fill():
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass

    with pytest.raises(MovieError) as caught:
        denoise_movie(asked(source, output=str(output)), store, AtNotice(fill))
    assert caught.value.info.code == "disk-full"
    assert not output.exists()
    filler.unlink()
    result = denoise_movie(asked(source, output=str(output)), store, Listener())
    assert result.resumed_frames == 8
    assert read(output).shape == (8, 48, 64)


def test_a_list_that_cannot_grow_is_an_error_that_says_so(tmp_path, source, store, monkeypatch):
    write = os.write

    def full(descriptor, data):
        if bytes(data).startswith(b'{"frame": 3'):
            # Half of the line still fitted.
            write(descriptor, data[:20])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(MovieError) as caught:
            denoise_movie(asked(source), store, Listener())
    assert caught.value.info.code == "disk-full"
    assert denoise_movie(asked(source), store, Listener()).resumed_frames == 3
