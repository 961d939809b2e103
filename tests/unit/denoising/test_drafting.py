"""Drafts show what the whole run will give; estimates foresee what it costs."""

from __future__ import annotations

import numpy as np
import pytest

from core.denoising.context import Cancelled
from core.denoising.run import KeptDraft, denoise_movie, draft, estimate
from core.denoising.source import RequestMovie
from core.movies import Movie, open_movie
from core.movies.writers import needed_bytes
from core.protocol.denoise import DraftRequest, Region, Scratch

from .helpers import Listener, request, tiny_unet, write_movie


@pytest.fixture
def store(tmp_path):
    return tiny_unet(tmp_path / "models")


def asked(source, model="tiny", **kwargs) -> DraftRequest:
    scratch = Scratch(path="unused", slot_bytes=1 << 20, slots=1)
    return DraftRequest(source=str(source), model=model, device="cpu", scratch=scratch, **kwargs)


@pytest.mark.parametrize("model", ["gaussian", "tiny"])
@pytest.mark.parametrize("region", [None, Region(y0=40, y1=71, x0=3, x1=60)])
def test_a_draft_is_what_the_whole_run_gives_there(tmp_path, store, model, region):
    source = write_movie(tmp_path / "a.tif", frames=5, size=(110, 90))
    whole = denoise_movie(request(source, model), store, Listener())
    result, array = draft(asked(source, model, frame=2, region=region), store, Listener())
    with open_movie(whole.output) as movie:
        expected = movie.frame(2)
    region = region or Region(y0=0, y1=110, x0=0, x1=90)
    expected = expected[region.y0 : region.y1, region.x0 : region.x1]
    tolerance = 1e-5 if whole.plan.dtype == "float32" else 0.02
    assert np.allclose(array, expected, atol=tolerance * np.abs(expected).max())
    assert (result.height, result.width) == array.shape
    assert result.region == region
    assert array.min() <= result.low < result.high <= array.max()


def test_a_draft_of_a_sum_begins_at_its_frame_and_stays_in_the_movie(tmp_path, store):
    source = write_movie(tmp_path / "a.tif", frames=5)
    with open_movie(source) as movie:
        frames = movie.region(slice(None)).astype(float)
    for frame, first in ((1, 1), (4, 2)):
        _, array = draft(asked(source, "gaussian", frame=frame, sum_frames=3), store, Listener())
        assert array.mean() == pytest.approx(frames[first : first + 3].sum(axis=0).mean(), rel=1e-3)


def test_a_second_draft_of_a_movie_reads_one_frame_and_gives_the_same(tmp_path, store, monkeypatch):
    source = write_movie(tmp_path / "a.tif", frames=5, size=(110, 90))
    kept = KeptDraft()
    region = Region(y0=10, y1=50, x0=3, x1=60)
    draft(asked(source, frame=0), store, Listener(), kept)
    read, frame = [], Movie.frame
    monkeypatch.setattr(Movie, "frame", lambda self, index: read.append(index) or frame(self, index))
    _, again = draft(asked(source, frame=3, region=region), store, Listener(), kept)
    assert read == [3]
    _, fresh = draft(asked(source, frame=3, region=region), store, Listener())
    assert np.array_equal(again, fresh)


def test_what_was_kept_of_another_movie_or_request_is_not_used(tmp_path, store):
    kept = KeptDraft()
    sources = [write_movie(tmp_path / f"{size}.tif", frames=3, size=(size, 64)) for size in (48, 80)]
    for source in sources:
        for gain in (None, 2.0):
            request = asked(source, frame=1, counts_per_electron=gain)
            _, shared = draft(request, store, Listener(), kept)
            _, fresh = draft(request, store, Listener())
            assert np.array_equal(shared, fresh)


def test_a_draft_can_be_cancelled(tmp_path, store):
    source = write_movie(tmp_path / "a.tif")
    with pytest.raises(Cancelled):
        draft(asked(source, frame=0), store, Listener(lambda self: True))


def test_an_estimate_writes_nothing_and_knows_size_and_device(tmp_path, store):
    source = write_movie(tmp_path / "a.tif", frames=6)
    before = sorted(tmp_path.iterdir())
    result = estimate(request(source, "tiny"), store)
    assert result.output_bytes == needed_bytes((6, 48, 64))
    assert result.device == "cpu"
    assert result.device_name
    assert result.seconds > 0
    assert result.free_bytes > 0
    assert sorted(tmp_path.iterdir()) == before


def test_an_estimate_counts_frames_and_tiles(tmp_path, store, monkeypatch):
    source = write_movie(tmp_path / "a.tif", frames=40, size=(96, 96))
    monkeypatch.setattr("core.denoising.drafting._timed", lambda job, block, context: 100.0)
    # Beside them a moment to make ready.
    assert estimate(request(source, "tiny"), store).seconds == pytest.approx(4000.0, abs=60)
    assert estimate(request(source, "tiny", sum_frames=4), store).seconds == pytest.approx(1000.0, abs=60)
    assert estimate(request(source, "tiny", tile=60), store).seconds > 5 * 4000.0


def test_an_estimate_of_a_filter_over_time_holds_its_tuning_and_reads_no_more_of_a_long_movie(
    tmp_path, store, monkeypatch
):
    read, one = [], RequestMovie.read
    monkeypatch.setattr(RequestMovie, "read", lambda self, index: read.append(index) or one(self, index))
    # Time is what was read: a second a frame.
    monkeypatch.setattr("core.denoising.drafting.time.monotonic", lambda: float(len(read)))
    monkeypatch.setattr("core.denoising.drafting._timed", lambda job, block, context: 0.0)
    seconds, reads = {}, {}
    for frames in (12, 200, 400):
        source = write_movie(tmp_path / f"{frames}.tif", frames=frames, size=(32, 32))
        read.clear()
        seconds[frames] = estimate(request(source, "frame-average"), store).seconds
        reads[frames] = len(read)
    # Each frame is read to follow the drift and to be denoised, and some again to tune.
    assert seconds[12] > 2 * 12
    assert seconds[400] - seconds[200] == pytest.approx(2 * 200, rel=0.05)
    assert reads[400] == pytest.approx(reads[200], abs=20)
