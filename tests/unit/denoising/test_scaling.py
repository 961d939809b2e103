"""Stored values to electrons and back, and where the numbers come from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.denoising.errors import DenoiseError
from core.denoising.scaling import Scaling, choose_scale, pixel_variance
from core.protocol.movie import MovieMeta

from .helpers import lattice


def meta(**kwargs) -> MovieMeta:
    return MovieMeta(
        path="a.tif", format="TIFF", frames=1, height=64, width=64, dtype="float32", declared_frames=1, **kwargs
    )


def counts(dose: float = 5.0, seed: int = 0, size: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).poisson(lattice(size, size, dose))


@given(
    gain=st.floats(1e-3, 1e4),
    offset=st.floats(-1e4, 1e4),
    frames=st.integers(1, 20),
    values=st.lists(st.integers(-30_000, 60_000), min_size=1, max_size=30),
)
def test_scaling_inverts(gain, offset, frames, values):
    line = Scaling(gain, offset, frames)
    stored = np.asarray(values, dtype=np.int32)[None]
    back = line.stored(line.electrons(stored))
    size = max(1.0, float(np.abs(stored).max()), abs(offset) * frames)
    assert np.allclose(back, stored, rtol=0, atol=4e-7 * size)


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64"]
)
def test_every_type_becomes_float32_electrons(dtype):
    stored = np.array([[0, 1, 100]], dtype=dtype)
    electrons = Scaling(2.0, 0.0).electrons(stored)
    assert electrons.dtype == np.float32
    assert electrons.tolist() == [[0.0, 0.5, 50.0]]


def test_large_integers_keep_their_tail():
    assert Scaling(1.0, 2.0**31).electrons(np.array([[2**31 + 3]], dtype=np.uint32)).tolist() == [[3.0]]


def test_what_the_user_typed_goes_before_the_file_and_the_estimate():
    scale, notices = choose_scale(meta(counts_per_electron=9.0), [counts()], 3.0, 10.0)
    assert (scale.gain, scale.offset, scale.source) == (3.0, 10.0, "typed")
    assert notices == ()


def test_a_gain_in_the_file_goes_before_the_estimate():
    scale, _ = choose_scale(meta(counts_per_electron=9.0), [counts()])
    assert (scale.gain, scale.offset, scale.source) == (9.0, 0.0, "tag")


def test_a_calibration_in_electrons_is_a_gain():
    scale, _ = choose_scale(meta(intensity_unit="e-", intensity_scale=0.25, intensity_origin=40.0), [counts() + 60])
    assert (scale.gain, scale.offset, scale.source) == (4.0, 40.0, "tag")


def test_counts_need_no_scaling():
    scale, notices = choose_scale(meta(), [counts()])
    assert (scale.gain, scale.offset, scale.source) == (1.0, 0.0, "estimated")
    assert notices == ()


def test_gain_and_black_level_are_estimated_and_told():
    scale, notices = choose_scale(meta(), [7.0 * counts(seed=seed) + 50.0 for seed in range(3)])
    assert scale.source == "estimated"
    assert scale.gain == pytest.approx(7.0, rel=0.15)
    assert scale.offset == pytest.approx(50.0, abs=6.0)
    assert [notice.code for notice in notices] == ["gain-estimated"]


def test_a_typed_black_level_alone_is_kept():
    scale, _ = choose_scale(meta(), [7.0 * counts() + 50.0], None, 50.0)
    assert scale.offset == 50.0
    assert scale.gain == pytest.approx(7.0, rel=0.1)


@pytest.mark.parametrize(
    "frame", [np.full((64, 64), 7.0), np.zeros((64, 64), np.uint8), np.ones((2, 2)), np.full((64, 64), np.nan)]
)
def test_without_noise_there_is_a_defined_stand_in_and_a_warning(frame):
    scale, notices = choose_scale(meta(), [frame])
    assert scale.source == "unknown"
    assert [notice.code for notice in notices] == ["gain-unknown"]
    electrons = Scaling.of(scale).electrons(np.nan_to_num(frame))
    assert np.all(electrons > 0)


def test_a_smooth_picture_without_noise_becomes_10_to_210_electrons():
    picture = lattice(128, 128, 3.0, period=40.0)
    scale, _ = choose_scale(meta(), [picture])
    electrons = Scaling.of(scale).electrons(picture)
    assert scale.source == "unknown"
    assert np.quantile(electrons, 0.001) == pytest.approx(10.0, abs=0.5)
    assert np.quantile(electrons, 0.999) == pytest.approx(210.0, abs=0.5)


def test_negative_data_with_a_told_gain_get_a_black_level_and_a_warning():
    frame = 2.0 * counts() - 300.0
    scale, notices = choose_scale(meta(counts_per_electron=2.0), [frame])
    assert Scaling.of(scale).electrons(frame).mean() > 0
    assert [notice.code for notice in notices] == ["black-level"]


def test_a_black_level_in_the_file_above_the_data_is_not_believed():
    frame = 2.0 * counts() + 100.0
    told = meta(intensity_unit="electrons", intensity_scale=0.5, intensity_origin=5000.0)
    scale, notices = choose_scale(told, [frame])
    assert (scale.gain, scale.source) == (2.0, "tag")
    assert Scaling.of(scale).electrons(frame).mean() > 0
    assert [notice.code for notice in notices] == ["black-level"]


def test_correlated_noise_is_told():
    blurred = 7.0 * counts(5.0, size=256).astype(float)
    blurred = (blurred + np.roll(blurred, 1, 0) + np.roll(blurred, 1, 1) + np.roll(blurred, (1, 1), (0, 1))) / 4
    _, notices = choose_scale(meta(), [blurred])
    assert "noise-correlated" in [notice.code for notice in notices]


def test_a_hot_pixel_hardly_moves_the_scale():
    clean = [7.0 * counts(seed=seed) + 50.0 for seed in range(3)]
    hot = [frame.copy() for frame in clean]
    hot[0][40, 40] = 60_000.0
    assert choose_scale(meta(), hot)[0].gain == pytest.approx(choose_scale(meta(), clean)[0].gain, rel=0.02)


def test_without_a_gain_the_noise_itself_is_measured():
    rng = np.random.default_rng(0)
    frame = rng.normal(1000.0, 5.0, (128, 128))
    scale, _ = choose_scale(meta(), [frame])
    if scale.source == "unknown":
        electrons = Scaling.of(scale).electrons(frame)
        assert pixel_variance(scale, electrons) == pytest.approx(float(electrons.var()), rel=0.1)


def test_a_typed_gain_without_a_black_level_asks_the_noise_for_it():
    frames = [37.5 * counts(2.0, size=256, seed=seed) + 200.0 for seed in range(3)]
    scale, notices = choose_scale(meta(), frames, 37.5)
    assert scale.offset == pytest.approx(200.0, abs=8.0)
    assert [notice.code for notice in notices] == ["black-level"]


def test_a_typed_gain_that_would_put_dark_parts_below_no_electron_is_doubted():
    # Secondary electrons scatter little: with this gain the noise of the bright parts speaks for a black level that the
    # dark ones lie below. Taken, their noise would pass for structure.
    image = np.full((256, 256), 140.0)
    image[:80] = 40.0
    noise = np.random.default_rng(1).normal(size=image.shape) * np.sqrt(0.7 * (image + 280))
    scale, notices = choose_scale(meta(), [image + noise], typed_gain=5.0)
    assert scale.gain == 5.0
    assert scale.offset == 0.0
    assert [one.code for one in notices] == ["gain-doubt"]
    assert "darker" in notices[0].text


def test_a_typed_gain_of_counts_keeps_zero_for_the_black_level():
    scale, notices = choose_scale(meta(), [3.0 * counts(2.0, size=256)], 3.0)
    assert (scale.offset, notices) == (0.0, ())


@pytest.mark.parametrize(("gain", "offset"), [(1e-30, None), (1e30, None), (None, 1e9), (2.0, 1e9)])
def test_senseless_numbers_are_refused(gain, offset):
    with pytest.raises(DenoiseError, match="can't be"):
        choose_scale(meta(), [7.0 * counts()], gain, offset)
