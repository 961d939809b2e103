"""A run that was cancelled or killed goes on from its finished frames, to the same bits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.denoising.context import Cancelled
from core.denoising.errors import DenoiseError
from core.denoising.frame_list import FrameList
from core.denoising.run import denoise_movie
from core.movies import open_movie
from core.movies.errors import WriteFailed
from core.movies.writers import TiffMovieWriter
from core.protocol.denoise import FrameRange

from .helpers import Listener, request, tiny_unet, write_movie

ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path):
    return tiny_unet(tmp_path / "models")


@pytest.fixture
def source(tmp_path):
    return write_movie(tmp_path / "a.tif", frames=8)


def pixels(path) -> bytes:
    with open_movie(path) as movie:
        return movie.region(slice(None)).tobytes()


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "a_denoised.tif.partial.frames").read_text().splitlines()]


def cancelled_run(source, store, after: int, **kwargs) -> Listener:
    listener = Listener(lambda self: len(self.frames) >= after)
    with pytest.raises(Cancelled):
        denoise_movie(request(source, "tiny", **kwargs), store, listener)
    return listener


def test_a_cancelled_run_keeps_its_frames_and_ends_with_the_same_bits(tmp_path, store, source):
    whole = denoise_movie(request(source, "tiny", output=str(tmp_path / "whole.tif")), store, Listener())
    cancelled_run(source, store, after=3)
    assert not (tmp_path / "a_denoised.tif").exists()
    assert len(lines(tmp_path)) == 1 + 3
    listener = Listener()
    result = denoise_movie(request(source, "tiny"), store, listener)
    assert result.resumed_frames == 3
    assert sorted(listener.frames) == [3, 4, 5, 6, 7]
    assert result.plan == whole.plan
    assert result.quality == whole.quality
    assert pixels(result.output) == pixels(whole.output)
    assert not list(tmp_path.glob("*.partial*"))


def test_a_killed_run_loses_no_finished_frame_and_ends_with_the_same_bits(tmp_path, store, source):
    whole = denoise_movie(request(source, "tiny", output=str(tmp_path / "whole.tif")), store, Listener())
    asked = request(source, "tiny").model_dump_json()
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from tests.unit.denoising.helpers import Listener, ModelStore\n"
        "from core.denoising.run import denoise_movie\n"
        "from core.protocol.denoise import DenoiseRequest\n"
        "slow = lambda self: len(self.frames) >= 3 and time.sleep(200)\n"
        "store = ModelStore((Path(sys.argv[2]),), ())\n"
        "denoise_movie(DenoiseRequest.model_validate_json(sys.argv[1]), store, Listener(slow))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, asked, str(tmp_path / "models")], cwd=ROOT)
    listed = tmp_path / "a_denoised.tif.partial.frames"
    end = time.monotonic() + 120
    try:
        while not (listed.exists() and listed.read_bytes().count(b"\n") >= 4):
            assert child.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    with listed.open("ab") as file:
        file.write(b'{"frame": 5, "wor')  # as a kill in the middle of a line would leave it
    result = denoise_movie(request(source, "tiny"), store, Listener())
    assert result.resumed_frames == 3
    assert pixels(result.output) == pixels(whole.output)


def test_resume_follows_the_plan_of_the_frames_that_are_there(tmp_path, store, source):
    first = cancelled_run(source, store, after=2)
    listed = tmp_path / "a_denoised.tif.partial.frames"
    other = first.plans[0][0].model_copy(update={"dtype": "float32"})
    header, *rest = listed.read_text().splitlines()
    changed = json.loads(header)
    changed["plan"] = json.loads(other.model_dump_json())
    listed.write_text("\n".join([json.dumps(changed), *rest]) + "\n")
    assert denoise_movie(request(source, "tiny"), store, Listener()).plan == other


@pytest.mark.parametrize(
    "change", [{"frames": FrameRange(start=1)}, {"black_level": 3.0}, {"model": "gaussian"}, {"sum_frames": 2}]
)
def test_frames_of_other_work_are_never_mixed_in(tmp_path, store, source, change):
    cancelled_run(source, store, after=3)
    listener = Listener()
    asked = request(source, "tiny").model_copy(update=change)
    with pytest.raises(DenoiseError, match="unfinished result with 3 finished frames"):
        denoise_movie(asked, store, listener)
    assert len((tmp_path / "a_denoised.tif.partial.frames").read_text().splitlines()) == 4
    asked = asked.model_copy(update={"overwrite": True})
    result = denoise_movie(asked, store, listener)
    assert result.resumed_frames == 0
    assert "begun-anew" in listener.codes
    fresh = denoise_movie(asked.model_copy(update={"output": str(tmp_path / "fresh.tif")}), store, Listener())
    assert pixels(result.output) == pixels(fresh.output)


def test_frames_of_another_movie_are_never_mixed_in(tmp_path, store, source):
    cancelled_run(source, store, after=3)
    import tifffile

    values = tifffile.imread(source) + 1
    tifffile.imwrite(source, values, metadata={"axes": "TYX"}, photometric="minisblack")
    listener = Listener()
    with pytest.raises(DenoiseError, match="unfinished result"):
        denoise_movie(request(source, "tiny"), store, listener)
    assert denoise_movie(request(source, "tiny", overwrite=True), store, listener).resumed_frames == 0
    assert "begun-anew" in listener.codes


def test_a_moved_movie_goes_on(tmp_path, store, source):
    cancelled_run(source, store, after=3)
    moved = source.rename(tmp_path / "moved.tif")
    asked = request(moved, "tiny", output=str(tmp_path / "a_denoised.tif"))
    assert denoise_movie(asked, store, Listener()).resumed_frames == 3


@pytest.mark.parametrize("content", [b"", b"{", b"nonsense\n", b'{"version": 99}\n', b"\xff\xfe\n"])
def test_a_list_that_cannot_be_understood_begins_anew(tmp_path, store, source, content):
    cancelled_run(source, store, after=3)
    (tmp_path / "a_denoised.tif.partial.frames").write_bytes(content)
    assert denoise_movie(request(source, "tiny"), store, Listener()).resumed_frames == 0


def test_a_list_without_its_pixels_begins_anew(tmp_path, store, source):
    cancelled_run(source, store, after=3)
    (tmp_path / "a_denoised.tif.partial").unlink()
    assert denoise_movie(request(source, "tiny"), store, Listener()).resumed_frames == 0


def test_without_resume_the_run_begins_anew(store, source):
    cancelled_run(source, store, after=3)
    assert denoise_movie(request(source, "tiny", resume=False), store, Listener()).resumed_frames == 0


def test_two_runs_of_one_output_do_not_meet(tmp_path, store, source):
    with FrameList(tmp_path / "a_denoised.tif.partial.frames"), pytest.raises(DenoiseError, match="Another run"):
        denoise_movie(request(source, "tiny"), store, Listener())


def test_a_disk_that_fills_up_in_the_middle_keeps_the_finished_frames(store, source, monkeypatch):
    write = TiffMovieWriter.write

    def full(self, index, frame):
        if index == 4:
            raise WriteFailed.about("a", "The disk is full.", code="disk-full")
        write(self, index, frame)

    with monkeypatch.context() as patch:
        patch.setattr(TiffMovieWriter, "write", full)
        with pytest.raises(WriteFailed):
            denoise_movie(request(source, "tiny"), store, Listener())
    assert denoise_movie(request(source, "tiny"), store, Listener()).resumed_frames == 4


def test_a_source_that_fails_in_the_middle_keeps_the_finished_frames(store, source, monkeypatch):
    from core.movies.errors import Unreadable
    from core.movies.movie import Movie

    read = Movie.frame
    listener = Listener()

    def gone(self, index):
        if index == 5 and listener.plans:
            raise Unreadable.about("a", "The drive is gone.")
        return read(self, index)

    with monkeypatch.context() as patch:
        patch.setattr(Movie, "frame", gone)
        with pytest.raises(Unreadable):
            denoise_movie(request(source, "tiny"), store, listener)
    assert denoise_movie(request(source, "tiny"), store, Listener()).resumed_frames == 5


def test_a_plan_for_other_weights_is_refused(tmp_path, store, source):
    plan = cancelled_run(source, store, after=1).plans[0][0]
    other = plan.model_copy(update={"weights_sha256": "0" * 64})
    with pytest.raises(DenoiseError, match="other weights"):
        denoise_movie(request(source, "tiny", plan=other), store, Listener())
