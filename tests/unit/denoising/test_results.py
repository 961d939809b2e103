"""What a result is, in each format: pixels, whole numbers, calibration, checksums."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from core.denoising.context import Cancelled
from core.denoising.run import denoise_movie, draft, estimate
from core.denoising.storing import decode, encode, stored_scale
from core.movies import open_movie
from core.movies.writers import Scale, create_writer, read_provenance
from core.protocol.denoise import DraftRequest, FrameRange, Provenance, Region, Scratch
from core.protocol.entered import Entered

from .helpers import Listener, lattice, request, tiny_unet, write_movie

ENDS = (".tif", ".ome.tif", ".mrc", ".ome.zarr")


@pytest.fixture
def store(tmp_path):
    return tiny_unet(tmp_path / "models")


@pytest.fixture
def source(tmp_path):
    return write_movie(tmp_path / "a.tif", frames=6)


def read(path) -> np.ndarray:
    with open_movie(path) as movie:
        return movie.region(slice(None))


def values(path) -> np.ndarray:
    """Pixels in the units that the file says."""
    with open_movie(path) as movie:
        stored, meta = movie.region(slice(None)), movie.meta
    if meta.intensity_scale is None:
        return stored
    return (stored.astype(np.float64) - (meta.intensity_origin or 0.0)) * meta.intensity_scale


def provenance(path) -> Provenance:
    return Provenance.model_validate(read_provenance(path))


def checksum(frames) -> str:
    """As the provenance says that it is made, by other means."""
    return hashlib.sha256(b"".join(hashlib.sha256(frame.tobytes()).digest() for frame in frames)).hexdigest()


@pytest.mark.parametrize("end", ENDS)
def test_every_format_holds_the_same_pixels_with_calibration_and_provenance(tmp_path, store, source, end):
    plain = denoise_movie(request(source, "tiny", output=str(tmp_path / "plain.tif")), store, Listener())
    typed = Entered(pixel_size=(0.02, 0.03), pixel_unit="nm", frame_interval_s=0.25, voltage_kv=300.0)
    asked = request(source, "tiny", output=str(tmp_path / f"b{end}"), entered=typed)
    result = denoise_movie(asked, store, Listener())
    assert np.array_equal(read(result.output), read(plain.output))
    with open_movie(result.output) as movie:
        meta = movie.meta
    assert meta.pixel_size == pytest.approx((0.02, 0.03), rel=1e-6)
    assert meta.pixel_unit == "nm"
    assert meta.frame_interval_s == pytest.approx(0.25)
    assert meta.voltage_kv == 300.0
    record = provenance(result.output)
    assert record.request.entered == typed
    assert record.source_sha256 == checksum(tifffile.imread(source))
    assert record.result_sha256 == checksum(read(result.output))
    assert record.source_frames == (0, 6)


@pytest.mark.parametrize("end", ENDS)
def test_whole_numbers_stand_for_the_values_within_half_a_step(tmp_path, store, source, end):
    floats = denoise_movie(request(source, output=str(tmp_path / "floats.tif")), store, Listener())
    listener = Listener()
    result = denoise_movie(request(source, output=str(tmp_path / f"b{end}"), dtype="uint16"), store, listener)
    assert read(result.output).dtype == np.uint16
    step = result.plan.stored.scale
    # 16 bits over one and a half times the range of the input.
    assert step <= 2 * 1.5 * np.ptp(tifffile.imread(source)) / 65535
    assert np.abs(values(result.output) - read(floats.output)).max() <= step / 2 * 1.001
    assert "clipped" not in listener.codes
    assert provenance(result.output).result_sha256 == checksum(read(result.output))


def test_what_does_not_fit_is_counted_and_told(tmp_path, store):
    """Frames that nobody looked at before the start are brighter by far."""
    rng = np.random.default_rng(0)
    movie = rng.poisson(np.broadcast_to(lattice(48, 64), (40, 48, 64))).astype(np.uint16)
    looked_at = set(np.unique(np.linspace(0, 39, 16).astype(int)).tolist())
    bright = next(frame for frame in range(40) if frame not in looked_at)
    movie[bright] += 5000
    tifffile.imwrite(tmp_path / "a.tif", movie, photometric="minisblack")
    listener = Listener()
    asked = request(tmp_path / "a.tif", dtype="uint16", counts_per_electron=1.0, black_level=0.0)
    result = denoise_movie(asked, store, listener)
    told = next(notice for notice in listener.notices if notice.code == "clipped")
    assert told.text.startswith(f"{48 * 64} of {40 * 48 * 64} pixels")
    assert (read(result.output)[bright] == 65535).all()


def test_steps_that_harm_faint_parts_are_told(tmp_path, store):
    """A bright reflection of diffraction takes the range; the rest holds an electron here and there."""
    counts = np.random.default_rng(0).poisson(0.5, (3, 64, 64)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "plain.tif", counts, photometric="minisblack")
    counts[:, 30:34, 30:34] = 60_000
    tifffile.imwrite(tmp_path / "spot.tif", counts, photometric="minisblack")
    told = {}
    for name in ("plain", "spot"):
        listener = Listener()
        typed = Entered(pixel_size=(0.1, 0.1), pixel_unit="1/nm", counts_per_electron=1.0, black_level=0.0)
        denoise_movie(request(tmp_path / f"{name}.tif", dtype="uint16", entered=typed), store, listener)
        told[name] = listener.codes
    assert "coarse-steps" in told["spot"]
    assert "coarse-steps" not in told["plain"]


@given(
    low=st.floats(-1e6, 1e6),
    span=st.floats(1e-3, 1e9),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_a_stored_value_comes_back_within_half_a_step_and_exactly_in_float32(low, span, shares):
    scale = stored_scale(low, low + span)
    pixels = np.array([[low + share * span for share in shares]], dtype=np.float32)
    stored, clipped = encode(pixels, scale)
    assert clipped == 0
    back = decode(stored, scale)
    # Half a step, and what float32 itself rounds.
    assert np.abs(back - pixels).max() <= scale.scale / 2
    again = (stored.astype(np.float32) - np.float32(scale.origin)) * np.float32(scale.scale)
    assert np.array_equal(again.astype(np.float64), back) or abs(scale.origin) > 2**24


def test_pixels_without_a_number_are_the_lowest_of_16_bits_and_counted():
    pixels = np.array([[1.0, np.nan, np.inf, -np.inf, 2.0]], dtype=np.float32)
    stored, clipped = encode(pixels, stored_scale(0.0, 3.0))
    assert clipped == 3
    assert stored[0, 1] == 0
    assert stored[0, 3] == 0
    assert stored[0, 2] == 65535


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_a_cancelled_run_goes_on_to_the_same_bits_in_every_format(tmp_path, store, source, end, dtype):
    whole = denoise_movie(request(source, "tiny", output=str(tmp_path / f"whole{end}"), dtype=dtype), store, Listener())
    asked = request(source, "tiny", output=str(tmp_path / f"b{end}"), dtype=dtype)
    with pytest.raises(Cancelled):
        denoise_movie(asked, store, Listener(lambda self: len(self.frames) >= 3))
    result = denoise_movie(asked, store, Listener())
    assert result.resumed_frames == 3
    assert np.array_equal(read(result.output), read(whole.output))
    one, other = provenance(whole.output), provenance(result.output)
    assert (one.source_sha256, one.result_sha256, one.plan) == (other.source_sha256, other.result_sha256, other.plan)
    assert not list(tmp_path.glob("*.partial*"))


def test_a_frame_that_was_lost_after_it_was_listed_is_made_anew(tmp_path, store, source):
    """As a power cut leaves it: listed, but not on the disk."""
    whole = denoise_movie(request(source, "tiny", output=str(tmp_path / "whole.tif")), store, Listener())
    with pytest.raises(Cancelled):
        denoise_movie(request(source, "tiny"), store, Listener(lambda self: len(self.frames) >= 4))
    partial = tmp_path / "a_denoised.tif.partial"
    frame_bytes = 48 * 64 * 4
    with partial.open("r+b") as file:
        file.seek(partial.stat().st_size - 5 * frame_bytes)
        file.write(bytes(frame_bytes))
    listener = Listener()
    result = denoise_movie(request(source, "tiny"), store, listener)
    assert "frames-lost" in listener.codes
    assert result.resumed_frames == 3
    assert np.array_equal(read(result.output), read(whole.output))


def test_sums_have_the_checksums_of_each_frame_and_the_times_of_the_first(tmp_path, store, source):
    typed = Entered(frame_interval_s=0.5, exposure_s=0.4)
    asked = request(source, sum_frames=2, entered=typed, frames=FrameRange(start=1))
    result = denoise_movie(asked, store, Listener())
    assert provenance(result.output).source_sha256 == checksum(tifffile.imread(source)[1:5])
    with open_movie(result.output) as movie:
        assert movie.meta.frame_interval_s == 1.0
        assert movie.meta.exposure_s == pytest.approx(0.8)
        assert movie.meta.frames == 2


def test_a_region_has_the_checksum_of_the_frames_that_were_read(store, source):
    result = denoise_movie(request(source, region=Region(y0=3, y1=20, x0=5, x1=30)), store, Listener())
    record = provenance(result.output)
    assert record.source_sha256 == checksum(tifffile.imread(source))
    assert record.result_sha256 == checksum(read(result.output))


def test_a_typed_gain_is_typed_wherever_it_was_typed(tmp_path, store):
    """For the movie (kept in the project) or for the run; the run's own wins."""
    counts = np.random.default_rng(1).poisson(lattice(64, 64), (2, 64, 64))
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, (7 * counts + 50).astype(np.uint16), photometric="minisblack")
    typed = Entered(counts_per_electron=7.0, black_level=50.0)
    kept = denoise_movie(request(source, entered=typed), store, Listener())
    assert (kept.plan.scale.gain, kept.plan.scale.offset, kept.plan.scale.source) == (7.0, 50.0, "typed")
    with open_movie(kept.output) as movie:
        assert (movie.meta.counts_per_electron, movie.meta.black_level) == (7.0, 50.0)
    mine = request(source, entered=typed, counts_per_electron=3.0, output=str(tmp_path / "b.tif"))
    assert denoise_movie(mine, store, Listener()).plan.scale.gain == 3.0
    scratch = Scratch(path=str(tmp_path / "s"), slot_bytes=1 << 20, slots=1)
    asked = DraftRequest(source=str(source), frame=0, model="gaussian", scratch=scratch, device="cpu", entered=typed)
    listener = Listener()
    _, shown = draft(asked, store, listener)
    assert listener.codes == []
    assert np.allclose(shown, read(kept.output)[0])


def test_whole_numbers_bring_gain_and_black_level_along(tmp_path, store):
    counts = np.random.default_rng(1).poisson(lattice(64, 64), (2, 64, 64))
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, (7 * counts + 50).astype(np.uint16), photometric="minisblack")
    typed = Entered(counts_per_electron=7.0, black_level=50.0)
    result = denoise_movie(request(source, entered=typed, dtype="uint16"), store, Listener())
    with open_movie(result.output) as movie:
        electrons = (movie.frame(0) - movie.meta.black_level) / movie.meta.counts_per_electron
    assert electrons.mean() == pytest.approx(counts[0].mean(), rel=1e-3)


def test_other_typed_calibration_is_other_work(store, source):
    asked = request(source, entered=Entered(frame_interval_s=1.0))
    with pytest.raises(Cancelled):
        denoise_movie(asked, store, Listener(lambda self: len(self.frames) >= 2))
    listener = Listener()
    other = asked.model_copy(update={"entered": Entered(frame_interval_s=2.0), "overwrite": True})
    denoise_movie(other, store, listener)
    assert "begun-anew" in listener.codes


def test_an_estimate_foresees_half_the_size_for_whole_numbers(store, source):
    floats, whole = (estimate(request(source, dtype=dtype), store) for dtype in ("float32", "uint16"))
    pixels = 6 * 48 * 64
    assert floats.output_bytes - whole.output_bytes == 2 * pixels


@pytest.mark.parametrize("end", ENDS)
def test_a_gap_in_time_parts_the_sums_and_is_in_the_result(tmp_path, store, end):
    times = (0.0, 0.1, 0.2, 5.0, 5.1, 5.2, 5.3)
    counts = np.random.default_rng(0).poisson(lattice(48, 64), (7, 48, 64)).astype(np.float32)
    with create_writer(tmp_path / "a.ome.tif", counts.shape, scale=Scale(times=times, frame_interval_s=0.1)) as writer:
        for index, frame in enumerate(counts):
            writer.write(index, frame)
        writer.finish()
    listener = Listener()
    asked = request(tmp_path / "a.ome.tif", sum_frames=2, output=str(tmp_path / f"b{end}"))
    result = denoise_movie(asked, store, listener)
    with open_movie(result.output) as movie:
        meta = movie.meta
    # Frames 0 and 1, then 3 and 4, then 5 and 6: the third one has no partner on its side of the gap.
    assert meta.frames == 3
    assert meta.times == pytest.approx((0.0, 5.0, 5.2))
    assert "segments" in listener.codes
    assert "left-over" in listener.codes
    assert provenance(result.output).source_sha256 == checksum(counts[[0, 1, 3, 4, 5, 6]])
    assert read(result.output)[1].mean() == pytest.approx(counts[3:5].sum(axis=0).mean(), rel=0.01)
