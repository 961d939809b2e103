"""What can't be done is refused before a frame is computed, with what to do instead."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple

import pytest

from core.denoising.errors import DenoiseError
from core.denoising.output import default_output
from core.denoising.run import denoise_movie, draft, estimate
from core.models import ModelError
from core.movies.errors import MovieError
from core.protocol.denoise import DraftRequest, FrameRange, Region, Scratch

from .helpers import Listener, request, tiny_unet, write_movie


@pytest.fixture
def store(tmp_path):
    return tiny_unet(tmp_path / "models")


@pytest.fixture
def source(tmp_path):
    return write_movie(tmp_path / "a.tif", frames=4)


def refused(asked, store, kind=DenoiseError):
    with pytest.raises(kind) as caught:
        denoise_movie(asked, store, Listener())
    info = caught.value.info
    assert info.what.endswith(".")
    assert info.advice
    return info


def nothing_was_written(folder) -> bool:
    return not [path.name for path in folder.iterdir() if ".partial" in path.name or "denoised" in path.name]


def test_an_existing_output_is_left_alone_unless_allowed(tmp_path, store, source):
    output = tmp_path / "old.tif"
    output.write_bytes(b"precious")
    assert refused(request(source, output=str(output)), store).code == "output-exists"
    assert output.read_bytes() == b"precious"
    denoise_movie(request(source, output=str(output), overwrite=True), store, Listener())
    assert output.read_bytes() != b"precious"


def test_the_source_is_never_the_output(store, source):
    before = source.read_bytes()
    info = refused(request(source, output=str(source), overwrite=True), store)
    assert "source" in info.what
    assert source.read_bytes() == before


def test_a_link_to_the_source_is_the_source(tmp_path, store, source):
    link = tmp_path / "link.tif"
    os.link(source, link)
    assert refused(request(source, output=str(link), overwrite=True), store).code == "bad-request"


@pytest.mark.parametrize(
    ("output", "code"), [("folder.tif", "is-a-folder"), ("no/such/place.tif", "not-found"), ("a.mp4", "bad-request")]
)
def test_an_output_that_cannot_be_is_refused(tmp_path, store, source, output, code):
    (tmp_path / "folder.tif").mkdir()
    assert refused(request(source, output=str(tmp_path / output)), store).code == code
    assert nothing_was_written(tmp_path)


def test_a_folder_without_permission_is_refused(tmp_path, store, source, monkeypatch):
    # The tests may run as root, who may write anywhere: the question is answered for it.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert refused(request(source, output=str(tmp_path / "b.tif")), store).code == "no-permission"


def test_a_full_disk_is_foreseen(tmp_path, store, source, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6, 10**6, 1000))
    info = refused(request(source), store, MovieError)
    assert info.code == "disk-full"
    assert nothing_was_written(tmp_path)


@pytest.mark.parametrize("frames", [FrameRange(start=4), FrameRange(start=2, stop=9)])
def test_frames_beyond_the_end_are_refused(store, source, frames):
    assert "0 to 3" in refused(request(source, frames=frames), store).what


def test_a_sum_of_more_frames_than_there_are_is_refused(store, source):
    assert refused(request(source, sum_frames=5), store).code == "bad-request"


def test_a_region_beyond_the_frame_is_refused(store, source):
    region = Region(y0=0, y1=49, x0=0, x1=10)
    assert "48 x 64" in refused(request(source, region=region), store).what


def test_a_model_that_is_not_there_is_refused(tmp_path, store, source):
    assert refused(request(source, "nobody"), store, ModelError).code == "no-model"
    assert nothing_was_written(tmp_path)


def test_a_model_of_an_unknown_kind_is_refused(tmp_path, store, source):
    card = tmp_path / "models" / "tiny" / "card.json"
    card.write_text(card.read_text().replace('"unet"', '"transformer"'))
    info = refused(request(source, "tiny"), store)
    assert info.code == "no-model"
    assert "transformer" in info.what


def test_weights_that_do_not_fit_their_card_are_refused(tmp_path, store, source):
    card = tmp_path / "models" / "tiny" / "card.json"
    card.write_text(card.read_text().replace('"channels": 4', '"channels": 8'))
    assert refused(request(source, "tiny"), store).code == "no-model"


def test_a_device_that_is_not_there_is_refused(store, source):
    import torch

    if torch.backends.mps.is_available():
        pytest.skip("this computer has the device that the test asks for in vain")
    assert "mps" in refused(request(source, "tiny", device="mps"), store).what


@pytest.mark.parametrize("content", [b"", b"not a movie at all", b"II*\0\xff\xff\xff\xff"])
def test_a_source_that_is_no_movie_is_refused(tmp_path, store, content):
    source = tmp_path / "x.tif"
    source.write_bytes(content)
    refused(request(source), store, MovieError)
    assert nothing_was_written(tmp_path)


def test_a_source_that_is_missing_or_a_folder_is_refused(tmp_path, store):
    assert refused(request(tmp_path / "gone.tif"), store, MovieError).code == "not-found"
    assert refused(request(tmp_path / "models"), store, MovieError).code == "is-a-folder"


def test_drafts_and_estimates_refuse_the_same(tmp_path, store, source):
    scratch = Scratch(path=str(tmp_path / "s"), slot_bytes=1 << 20, slots=1)
    with pytest.raises(ModelError):
        draft(DraftRequest(source=str(source), frame=0, model="nobody", scratch=scratch), store, Listener())
    with pytest.raises(DenoiseError):
        estimate(request(source, frames=FrameRange(start=9)), store)


def test_the_default_output_lies_beside_the_source_or_where_it_may(tmp_path, monkeypatch):
    assert default_output(tmp_path / "My movie.dm4") == tmp_path / "My movie_denoised.tif"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert default_output("/media/usb/m.ser", tmp_path) == tmp_path / "m_denoised.tif"


def test_the_default_output_of_a_folder_lies_beside_it_and_keeps_its_whole_name(tmp_path):
    folder = tmp_path / "2024-05-01 run v1.2"
    folder.mkdir()
    assert default_output(folder) == tmp_path / "2024-05-01 run v1.2_denoised.tif"
    assert default_output(tmp_path / "b.ome.zarr") == tmp_path / "b_denoised.tif"


def test_the_default_output_names_the_dataset_and_fits_into_a_name(tmp_path):
    assert default_output(tmp_path / "a.emd", dataset="Data/Image/1") == tmp_path / "a_Data-Image-1_denoised.tif"
    assert default_output(tmp_path / "a.ome.tif").name == "a_denoised.tif"
    long = default_output(tmp_path / ("ü" * 124 + ".dm4"))
    assert long.name.endswith("_denoised.tif")
    assert len(os.fsencode(long.name + ".partial.frames")) <= 255


def test_a_name_that_leaves_no_room_for_the_partial_file_is_refused(tmp_path, store, source):
    info = refused(request(source, output=str(tmp_path / ("x" * 245 + ".tif"))), store)
    assert "too long" in info.what


def test_a_movie_of_300_characters_is_denoised_beside_itself(tmp_path, store):
    folder = tmp_path / ("ä" * 60) / ("long name " * 10).strip() / ("x" * 100)
    folder.mkdir(parents=True)
    source = write_movie(folder / f"Pt on CeO₂ {'y' * 180}.tif", frames=2)
    assert len(str(source)) > 300
    output = default_output(source)
    denoise_movie(request(source, output=str(output)), store, Listener())
    assert output.exists()


def test_nothing_is_written_into_the_folder_that_is_the_movie(tmp_path, store, source):
    zarr = denoise_movie(request(source, output=str(tmp_path / "b.ome.zarr")), store, Listener()).output
    before = sorted(path.name for path in tmp_path.rglob("*"))
    for output in (f"{zarr}/c.tif", zarr):
        info = refused(request(tmp_path / "b.ome.zarr", output=output, overwrite=True), store)
        assert "originals" in info.what
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_folder_that_is_no_zarr_is_never_replaced(tmp_path, store, source):
    (tmp_path / "mine.ome.zarr").mkdir()
    (tmp_path / "mine.ome.zarr" / "thesis.txt").write_text("years of work")
    info = refused(request(source, output=str(tmp_path / "mine.ome.zarr"), overwrite=True), store)
    assert info.code == "is-a-folder"
    assert (tmp_path / "mine.ome.zarr" / "thesis.txt").exists()
