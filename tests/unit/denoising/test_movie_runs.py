"""Whole runs: what goes in, what comes out, what is told on the way."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from core.denoising.run import denoise_movie
from core.movies import open_movie
from core.movies.writers import read_provenance
from core.protocol.denoise import FrameRange, Provenance, Region

from .helpers import Listener, lattice, request, tiny_unet, write_movie


@pytest.fixture
def store(tmp_path):
    return tiny_unet(tmp_path / "models")


def read(path) -> np.ndarray:
    with open_movie(path) as movie:
        return movie.region(slice(None))


@pytest.mark.parametrize("model", ["gaussian", "tiny"])
def test_a_movie_becomes_a_movie_of_the_same_shape_with_each_frame_shown(tmp_path, store, model):
    source = write_movie(tmp_path / "a.tif", frames=5, size=(37, 53))
    listener = Listener()
    result = denoise_movie(request(source, model), store, listener)
    written = read(result.output)
    assert written.shape == (5, 37, 53)
    assert written.dtype == np.float32
    assert (result.frames, result.height, result.width) == (5, 37, 53)
    for index in range(5):
        source_frame, shown = listener.frames[index]
        assert source_frame == index
        assert np.array_equal(shown, written[index])
    assert listener.plans == [(result.plan, 5)]
    assert listener.steps[-1][1:3] == (5, 5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "a_denoised.tif", "models"]


def test_the_gaussian_comes_nearer_to_the_truth_than_the_noise(tmp_path, store):
    source = write_movie(tmp_path / "a.tif", frames=2, size=(96, 96))
    result = denoise_movie(request(source), store, Listener())
    truth = lattice(96, 96)
    before = np.mean((read(source)[0] - truth) ** 2)
    after = np.mean((read(result.output)[0] - truth) ** 2)
    assert after < before / 2
    assert result.quality.worst_local_mean < 4
    assert result.quality.boxes == 2


def test_results_come_in_the_units_of_the_file(tmp_path, store):
    """Electrons in, electrons out: a gain and a black level, typed, change nothing but the units."""
    rng = np.random.default_rng(1)
    counts = rng.poisson(lattice(64, 64), (2, 64, 64))
    for name, values in (("counts", counts), ("scaled", 7 * counts + 50)):
        tifffile.imwrite(tmp_path / f"{name}.tif", values.astype(np.uint16), photometric="minisblack")
    plain = denoise_movie(request(tmp_path / "counts.tif", counts_per_electron=1, black_level=0), store, Listener())
    scaled = denoise_movie(request(tmp_path / "scaled.tif", counts_per_electron=7, black_level=50), store, Listener())
    assert scaled.plan.scale.source == "typed"
    assert np.allclose(read(scaled.output), 7 * read(plain.output) + 50, rtol=1e-5)


def test_calibration_is_carried_over(tmp_path, store):
    source = tmp_path / "a.tif"
    values = np.random.default_rng(0).poisson(5, (4, 32, 32)).astype(np.float32)
    tifffile.imwrite(
        source, values, imagej=True, resolution=(20.0, 20.0), metadata={"axes": "TYX", "unit": "nm", "finterval": 0.25}
    )
    result = denoise_movie(request(source, sum_frames=2), store, Listener())
    with open_movie(result.output) as movie:
        assert movie.meta.pixel_size == pytest.approx((0.05, 0.05))
        assert movie.meta.pixel_unit == "nm"
        assert movie.meta.frame_interval_s == pytest.approx(0.5)


def test_provenance_lies_in_the_result_and_runs_again_to_the_same_bits(tmp_path, store):
    source = write_movie(tmp_path / "a.tif", frames=3)
    first = denoise_movie(request(source, "tiny"), store, Listener())
    record = Provenance.model_validate(read_provenance(first.output))
    assert record.plan == first.plan
    assert record.quality == first.quality
    assert record.source_frames == (0, 3)
    again = record.request.model_copy(update={"output": str(tmp_path / "again.tif"), "plan": record.plan})
    second = denoise_movie(again, store, Listener())
    assert second.plan == first.plan
    assert read(second.output).tobytes() == read(first.output).tobytes()


def test_a_range_and_a_sum_take_the_right_frames(tmp_path, store):
    source = write_movie(tmp_path / "a.tif", frames=9)
    listener = Listener()
    result = denoise_movie(request(source, frames=FrameRange(start=1, stop=9), sum_frames=3), store, listener)
    assert result.frames == 2
    assert {index: shown[0] for index, shown in listener.frames.items()} == {0: 1, 1: 4}
    assert "left-over" in listener.codes
    summed = read(source)[1:7].astype(float).reshape(2, 3, 48, 64).sum(axis=1)
    assert read(result.output).mean(axis=(1, 2)) == pytest.approx(summed.mean(axis=(1, 2)), rel=0.01)
    assert Provenance.model_validate(read_provenance(result.output)).source_frames == (1, 7)


@pytest.mark.parametrize("model", ["gaussian", "tiny"])
def test_a_region_is_the_same_part_of_the_whole_result(tmp_path, store, model):
    source = write_movie(tmp_path / "a.tif", frames=2, size=(150, 170))
    whole = denoise_movie(request(source, model, output=str(tmp_path / "whole.tif")), store, Listener())
    region = Region(y0=61, y1=93, x0=70, x1=111)
    part = denoise_movie(request(source, model, output=str(tmp_path / "part.tif"), region=region), store, Listener())
    expected = read(whole.output)[:, 61:93, 70:111]
    # In bfloat16 the kernels of differently sized tiles round differently.
    tolerance = 1e-5 if whole.plan.dtype == "float32" else 0.02
    assert np.allclose(read(part.output), expected, atol=tolerance * expected.max())


def test_typed_tiles_give_what_the_whole_frame_gives(tmp_path, store):
    source = write_movie(tmp_path / "a.tif", frames=1, size=(200, 150))
    whole = denoise_movie(request(source, "tiny", output=str(tmp_path / "whole.tif")), store, Listener())
    tiled = denoise_movie(request(source, "tiny", output=str(tmp_path / "tiles.tif"), tile=80), store, Listener())
    assert (tiled.plan.tile_height, tiled.plan.tile_width) == (80, 80)
    tolerance = 1e-5 if whole.plan.dtype == "float32" else 0.02
    assert np.allclose(read(tiled.output), read(whole.output), atol=tolerance * read(whole.output).max())


def test_a_typed_tile_below_the_halo_is_enlarged_and_told(tmp_path, store):
    source = write_movie(tmp_path / "a.tif", frames=1, size=(80, 70))
    listener = Listener()
    result = denoise_movie(request(source, "tiny", tile=16), store, listener)
    assert result.plan.tile_height == 2 * 26 + 4
    assert "tile" in listener.codes


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 5), (7, 64), (65, 33)])
@pytest.mark.parametrize("model", ["gaussian", "tiny"])
def test_frames_below_a_tile_a_halo_or_a_pooling_pass(tmp_path, store, size, model):
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, np.random.default_rng(0).poisson(9, size).astype(np.uint16), photometric="minisblack")
    result = denoise_movie(request(source, model), store, Listener())
    assert read(result.output).shape == (1, *size)
    assert np.isfinite(read(result.output)).all()


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64"]
)
def test_every_real_type_is_denoised(tmp_path, store, dtype):
    source = write_movie(tmp_path / "a.tif", frames=1, dtype=dtype)
    result = denoise_movie(request(source), store, Listener())
    assert result.plan.scale.gain == 1.0
    assert read(result.output).mean() == pytest.approx(20.0, rel=0.05)


def test_negative_counts_are_denoised_and_keep_their_mean(tmp_path, store):
    values = np.random.default_rng(0).poisson(lattice(64, 64), (2, 64, 64)) * 3.0 - 200
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, values.astype(np.int16), photometric="minisblack")
    result = denoise_movie(request(source), store, Listener())
    assert read(result.output).mean() == pytest.approx(values.mean(), abs=0.5)
    assert result.quality.worst_local_mean < 4


def test_pixels_that_are_no_numbers_are_computed_from_their_neighbours_and_told(tmp_path, store):
    values = np.random.default_rng(0).poisson(lattice(64, 64), (2, 64, 64)).astype(np.float32)
    values[0, 10, 10:14] = np.nan
    values[1, 5, 5] = np.inf
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, values, photometric="minisblack")
    listener = Listener()
    result = denoise_movie(request(source), store, listener)
    written = read(result.output)
    assert np.isfinite(written).all()
    assert written[0, 10, 12] == pytest.approx(20.0, abs=10)
    assert "not-finite" in listener.codes
    assert any("5 pixels" in caveat for caveat in result.quality.caveats)


def test_a_frame_without_one_number_stays_unknown_and_harms_no_other(tmp_path, store):
    values = np.random.default_rng(0).poisson(lattice(64, 64), (3, 64, 64)).astype(np.float32)
    values[1] = np.nan
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, values, photometric="minisblack")
    result = denoise_movie(request(source), store, Listener())
    written = read(result.output)
    assert np.isnan(written[1]).all()
    assert np.isfinite(written[[0, 2]]).all()


def test_a_hot_pixel_neither_rings_nor_shifts_the_scale_and_is_told(tmp_path, store):
    values = np.random.default_rng(0).poisson(lattice(96, 96), (2, 96, 96)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "cold.tif", values, photometric="minisblack")
    values[0, 40, 40] = 60_000
    tifffile.imwrite(tmp_path / "hot.tif", values, photometric="minisblack")
    cold = denoise_movie(request(tmp_path / "cold.tif"), store, Listener())
    listener = Listener()
    hot = denoise_movie(request(tmp_path / "hot.tif"), store, listener)
    assert hot.plan.scale == cold.plan.scale
    assert hot.quality.hot_pixels == 1
    assert "hot-pixels" in listener.codes
    assert np.abs(read(hot.output) - read(cold.output)).max() < 10
    assert hot.quality.worst_local_mean < 4


def test_a_result_that_moves_intensity_is_flagged(tmp_path, store):
    """The random network keeps no mean: a warning says so, with the number."""
    source = write_movie(tmp_path / "a.tif", frames=1)
    listener = Listener()
    result = denoise_movie(request(source, "tiny"), store, listener)
    assert result.quality.worst_local_mean > 4
    assert "local-mean" in listener.codes
    assert f"{result.quality.worst_local_mean:.1f}" in listener.notices[-1].text


def test_a_movie_without_noise_is_hardly_changed_and_told(tmp_path, store):
    picture = lattice(96, 96, 100.0, period=40.0).astype(np.float32)
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, picture, photometric="minisblack")
    listener = Listener()
    result = denoise_movie(request(source), store, listener)
    assert "gain-unknown" in listener.codes
    assert np.abs(read(result.output)[0] - picture).max() < 0.1 * np.ptp(picture)


def test_progress_counts_up_and_foresees_the_end(tmp_path, store):
    source = write_movie(tmp_path / "a.tif", frames=6, size=(120, 120))
    listener = Listener()
    denoise_movie(request(source, "tiny", tile=64), store, listener)
    done = [step[1] for step in listener.steps]
    assert done == sorted(done)
    assert {step[2] for step in listener.steps} == {6}
    assert len(done) > 6
    known = [step for step in listener.steps if step[3] is not None]
    assert known[-1][3] == 0
    assert all(step[4] > 0 for step in known)


def test_other_programs_open_a_result_with_the_contrast_of_its_middle_frame(tmp_path, store):
    source = write_movie(tmp_path / "a.tif", frames=3)
    result = denoise_movie(request(source, "gaussian"), store, Listener())
    with tifffile.TiffFile(result.output) as made:
        low, high = made.imagej_metadata["min"], made.imagej_metadata["max"]
        middle = made.asarray()[1]
    assert middle.min() <= low < middle.mean() < high <= middle.max()
