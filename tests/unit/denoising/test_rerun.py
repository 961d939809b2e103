"""A result is made again from its own record: the same bits here, and a judged difference elsewhere."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tifffile
import torch

from core.denoising import rerunning
from core.denoising.context import Cancelled
from core.denoising.errors import DenoiseError
from core.denoising.rerunning import rerun_result
from core.denoising.run import denoise_movie
from core.models import ModelError, ModelStore
from core.movies import open_movie
from core.movies.errors import MovieError
from core.movies.writers import read_provenance
from core.protocol.clean_up import CleanUp
from core.protocol.denoise import FrameRange, Region
from core.protocol.entered import Entered
from core.protocol.rerun import RerunRequest, RerunResult

from .helpers import Listener, request, tiny_unet, write_movie
from .test_out_of_memory import limit


@pytest.fixture
def store(tmp_path):
    return tiny_unet(tmp_path / "models")


@pytest.fixture
def source(tmp_path):
    return write_movie(tmp_path / "a.tif", frames=6)


def rerun(result, store, listener=None, **kwargs) -> RerunResult:
    return rerun_result(RerunRequest(result=str(result.output), **kwargs), store, listener or Listener())


def read(path) -> np.ndarray:
    with open_movie(path) as movie:
        return movie.region(slice(None))


def said_otherwise(monkeypatch, **changes) -> None:
    """Let a result's record tell something else."""
    real = rerunning.read_provenance

    def changed(path):
        record = real(path)
        for name, value in changes.items():
            record[name] = {**record[name], **value} if isinstance(value, dict) else value
        return record

    monkeypatch.setattr(rerunning, "read_provenance", changed)


@pytest.mark.parametrize("end", [".tif", ".ome.tif", ".mrc", ".ome.zarr"])
@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_a_result_comes_out_again_bit_for_bit_and_nothing_is_written(tmp_path, store, source, end, dtype):
    result = denoise_movie(request(source, "tiny", output=str(tmp_path / f"b{end}"), dtype=dtype), store, Listener())
    before = sorted(path.name for path in tmp_path.iterdir())
    again = rerun(result, store)
    assert again.identical
    assert again.within
    assert again.same_device
    assert again.same_source
    assert (again.frames, again.different_frames, again.largest_difference) == (6, 0, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_ranges_regions_sums_and_what_was_typed_are_followed(tmp_path, store, source):
    asked = request(
        source,
        "tiny",
        frames=FrameRange(start=1),
        region=Region(y0=3, y1=40, x0=2, x1=50),
        sum_frames=2,
        entered=Entered(counts_per_electron=2.0, black_level=1.0),
        tile=64,
    )
    assert rerun(denoise_movie(asked, store, Listener()), store).identical


def test_the_new_result_is_kept_where_it_is_wanted(tmp_path, store, source):
    result = denoise_movie(request(source, "tiny"), store, Listener())
    output = tmp_path / "again.mrc"
    again = rerun(result, store, output=str(output))
    assert again.identical
    assert np.array_equal(read(output), read(result.output))
    one, other = read_provenance(result.output), read_provenance(output)
    assert one["plan"] == other["plan"]
    assert one["result_sha256"] == other["result_sha256"]


def test_an_existing_output_and_the_result_itself_are_left_alone(tmp_path, store, source):
    result = denoise_movie(request(source), store, Listener())
    (tmp_path / "there.tif").write_bytes(b"precious")
    before = read(result.output)
    for output, overwrite in ((tmp_path / "there.tif", False), (result.output, True)):
        with pytest.raises(DenoiseError) as caught:
            rerun(result, store, output=str(output), overwrite=overwrite)
        assert caught.value.info.code == "output-exists"
    assert (tmp_path / "there.tif").read_bytes() == b"precious"
    assert np.array_equal(read(result.output), before)


def test_a_stopped_rerun_leaves_nothing(tmp_path, store, source):
    result = denoise_movie(request(source, "tiny"), store, Listener())
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(Cancelled):
        rerun(result, store, Listener(lambda self: len(self.frames) >= 2), output=str(tmp_path / "again.tif"))
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_changed_movie_is_told_by_its_checksum_even_where_the_fingerprint_does_not_look(tmp_path, store):
    source = write_movie(tmp_path / "a.tif", frames=6, size=(256, 256))
    result = denoise_movie(request(source), store, Listener())
    with open_movie(source) as movie:
        fingerprint = movie.meta.fingerprint
    with source.open("r+b") as file:
        file.seek(140_000)
        value = file.read(1)
        file.seek(140_000)
        file.write(bytes([value[0] ^ 4]))
    with open_movie(source) as movie:
        assert movie.meta.fingerprint == fingerprint
    listener = Listener()
    again = rerun(result, store, listener)
    assert not again.same_source
    assert "source-changed" in listener.codes
    assert again.different_frames == 1
    assert not again.within


def test_a_result_that_was_changed_is_told(store, source):
    result = denoise_movie(request(source), store, Listener())
    with open(result.output, "r+b") as file:
        file.seek(5000)
        file.write(b"\x00\x00\x80\x7f")
    listener = Listener()
    again = rerun(result, store, listener)
    assert "result-changed" in listener.codes
    assert again.same_source
    assert again.different_frames == 1


def test_a_small_difference_is_within_the_tolerance_and_a_large_one_beyond(store, source):
    result = denoise_movie(request(source), store, Listener())
    pixels = read(result.output)
    with open(result.output, "r+b") as file:
        file.seek(4096)
        file.write((pixels[0, 0, :1] + np.float32(0.002)).tobytes())
    small = rerun(result, store)
    assert small.within
    assert not small.identical
    assert small.largest_difference == pytest.approx(0.002, rel=1e-2)
    assert small.relative == pytest.approx(0.002 / pixels.std(), rel=1e-2)
    assert not rerun(result, store, tolerance=small.relative / 2).within


def test_a_moved_movie_is_found_beside_the_result_or_where_it_is_said_to_be(tmp_path, store, source):
    result = denoise_movie(request(source), store, Listener())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = shutil.move(source, elsewhere / "b.tif")
    with pytest.raises(DenoiseError, match="--source") as caught:
        rerun(result, store)
    assert caught.value.info.code == "not-found"
    assert rerun(result, store, source=str(moved)).identical
    beside = shutil.copy(moved, elsewhere / "a.tif")
    output = shutil.move(result.output, elsewhere)
    assert rerun(result.model_copy(update={"output": output}), store).identical
    assert beside


def test_another_movie_is_refused_or_told(tmp_path, store, source):
    result = denoise_movie(request(source), store, Listener())
    other = write_movie(tmp_path / "other.tif", frames=6, size=(48, 60))
    with pytest.raises(DenoiseError, match="48 x 60"):
        rerun(result, store, source=str(other))
    short = write_movie(tmp_path / "short.tif", frames=4)
    with pytest.raises(DenoiseError, match="0 to 3"):
        rerun(result, store, source=str(short))


def test_a_movie_that_has_grown_is_made_again_with_the_frames_of_then(tmp_path, store, source):
    frames = tifffile.imread(source)
    tifffile.imwrite(source, frames[:4], metadata={"axes": "TYX"}, photometric="minisblack")
    result = denoise_movie(request(source), store, Listener())
    tifffile.imwrite(source, frames, metadata={"axes": "TYX"}, photometric="minisblack")
    again = rerun(result, store)
    assert again.identical
    assert again.same_source
    assert again.frames == 4


def test_a_file_without_a_record_is_refused(tmp_path, store, source):
    with pytest.raises(DenoiseError, match="doesn't say how it was made"):
        rerun_result(RerunRequest(result=str(source)), store, Listener())
    with pytest.raises(MovieError, match="does not exist"):
        rerun_result(RerunRequest(result=str(tmp_path / "gone.tif")), store, Listener())


def test_a_record_that_is_not_understood_is_refused(store, source, monkeypatch):
    result = denoise_movie(request(source), store, Listener())
    said_otherwise(monkeypatch, plan={"halo": "wide"})
    with pytest.raises(DenoiseError, match="not understood"):
        rerun(result, store)


def test_a_model_that_is_no_longer_there_is_named(tmp_path, store, source):
    result = denoise_movie(request(source, "tiny"), store, Listener())
    with pytest.raises(ModelError, match="tiny"):
        rerun(result, ModelStore((tmp_path / "none",), ()))


def test_elsewhere_the_plan_is_followed_on_what_is_there(store, source, monkeypatch):
    """A result of a graphics card that this computer doesn't have."""
    if torch.cuda.is_available():
        pytest.skip("this computer has the device that the test wants to be without")
    result = denoise_movie(request(source, "tiny"), store, Listener())
    said_otherwise(monkeypatch, plan={"device": "cuda", "device_name": "A large card", "batch": 16, "threads": 64})
    listener = Listener()
    again = rerun(result, store, listener)
    assert not again.same_device
    assert "other-device" in listener.codes
    assert listener.plans[0][0].device == "cpu"
    assert again.relative < 0.05
    with pytest.raises(DenoiseError, match="cuda"):
        rerun(result, store, device="cuda")


def test_other_versions_are_told(store, source, monkeypatch):
    result = denoise_movie(request(source), store, Listener())
    said_otherwise(monkeypatch, versions={"torch": "1.0"}, version="0.0.9")
    listener = Listener()
    rerun(result, store, listener)
    told = next(notice.text for notice in listener.notices if notice.code == "other-versions")
    assert "torch 1.0" in told
    assert "Quietbeam 0.0.9" in told


def test_frames_made_by_smaller_tiles_are_made_by_them_again(tmp_path, store, monkeypatch):
    source = write_movie(tmp_path / "a.tif", frames=5, size=(160, 200))
    with monkeypatch.context() as patch:
        limit(patch, 12_000, spare=2)
        result = denoise_movie(request(source, "tiny"), store, Listener())
    record = read_provenance(result.output)
    assert [one["stop"] for one in record["earlier_plans"]] == [2]
    assert record["earlier_plans"][0]["plan"]["tile_height"] == 160
    assert record["plan"]["tile_height"] < 160
    assert rerun(result, store).identical


def test_numbers_in_only_one_of_the_two_are_told_and_never_within(store, source):
    result = denoise_movie(request(source), store, Listener())
    with open(result.output, "r+b") as file:
        file.seek(4096)
        file.write(np.array([np.nan], np.float32).tobytes())
    listener = Listener()
    again = rerun(result, store, listener, tolerance=1e9)
    assert not again.within
    assert RerunResult.model_validate_json(json.dumps(again.model_dump(mode="json"))) == again


def test_another_reference_image_is_told(tmp_path, store, source):
    dark = tmp_path / "dark.tif"
    image = np.random.default_rng(0).normal(2, 0.1, (48, 64)).astype(np.float32)
    tifffile.imwrite(dark, image)
    asked = request(source, clean_up=CleanUp(dark=str(dark)))
    result = denoise_movie(asked, store, Listener())
    assert rerun(result, store).identical
    tifffile.imwrite(dark, image + 1)
    listener = Listener()
    again = rerun(result, store, listener)
    assert not again.identical
    assert any("reference image" in notice.text and "dark.tif" in notice.text for notice in listener.notices)


def test_frames_that_came_later_are_not_looked_at_when_a_result_is_made_again(store, source):
    """A bright pixel of the last frame is a hit as long as nothing says that the next frame shows it too."""
    frames = tifffile.imread(source)
    frames[3:, 20, 30] = 60_000
    frames[4:, 10, 10] = 60_000
    tifffile.imwrite(source, frames[:4], metadata={"axes": "TYX"}, photometric="minisblack")
    result = denoise_movie(request(source), store, Listener())
    assert result.quality.hot_pixels == 1
    tifffile.imwrite(source, frames, metadata={"axes": "TYX"}, photometric="minisblack")
    assert rerun(result, store).identical
