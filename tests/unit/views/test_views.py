"""What is shown must be honest: area means, levels of the finite pixels, scratch slots."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.views import area_mean, display_range, fill_nonfinite, fit_step, percentiles, read_slot, write_slot


@given(st.integers(1, 23), st.integers(1, 23), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_area_mean_is_the_mean_of_each_block_also_at_the_edges(height: int, width: int, step: int, seed: int) -> None:
    frame = np.random.default_rng(seed).normal(size=(height, width))
    means = area_mean(frame, step)
    assert means.dtype == np.float32
    assert means.shape == (-(-height // step), -(-width // step))
    for row in range(means.shape[0]):
        for column in range(means.shape[1]):
            block = frame[row * step : (row + 1) * step, column * step : (column + 1) * step]
            assert means[row, column] == pytest.approx(block.mean(), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "uint16", "int32", "uint64", "float16", "float32", "float64"]
)
def test_area_mean_of_every_type(dtype: str) -> None:
    frame = (np.arange(48).reshape(6, 8) % 3).astype(dtype)
    expected = frame.astype(float).reshape(3, 2, 4, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(area_mean(frame, 2), expected, rtol=1e-6)


def test_noise_is_shown_as_small_as_it_is() -> None:
    noise = np.random.default_rng(0).normal(0, 100, (1024, 1024)).astype(np.float32)
    assert area_mean(noise, 4).std() == pytest.approx(25, rel=0.02)


def test_large_counts_do_not_overflow() -> None:
    frame = np.full((64, 64), 65535, np.uint16)
    assert (area_mean(frame, 64) == 65535).all()
    assert (area_mean(np.full((4, 4), 2**63, np.uint64), 4) == np.float32(2**63)).all()
    assert np.isinf(area_mean(np.full((2, 2), 1e300), 1)).all()


def test_area_mean_of_a_large_frame_takes_little_memory() -> None:
    frame = np.zeros((4096, 4096), np.uint16)
    tracemalloc.start()
    area_mean(frame, 4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32e6


@pytest.mark.parametrize(("frame", "step"), [(np.zeros(5), 2), (np.zeros((2, 2, 2)), 2), (np.zeros((4, 4)), 0)])
def test_area_mean_refuses_what_makes_no_sense(frame: np.ndarray, step: int) -> None:
    with pytest.raises(ValueError):
        area_mean(frame, step)


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(1, 2000))
def test_fitted_step_is_the_smallest_that_fits(height: int, width: int, size: int) -> None:
    step = fit_step(height, width, size)
    assert -(-max(height, width) // step) <= size
    assert step == 1 or -(-max(height, width) // (step - 1)) > size


def test_fit_into_nothing_is_refused() -> None:
    with pytest.raises(ValueError):
        fit_step(4, 4, 0)


def test_percentiles_are_of_the_finite_pixels() -> None:
    frame = np.arange(1000, dtype=np.float32).reshape(20, 50)
    clean = percentiles(frame, 1, 99)
    assert clean == pytest.approx(np.percentile(frame, (1, 99)))
    dirty = np.concatenate([frame, np.full((1, 50), np.nan, np.float32), np.full((1, 50), np.inf, np.float32)])
    assert percentiles(dirty, 1, 99) == pytest.approx(clean)
    assert percentiles(np.full((3, 3), np.nan)) == (0.0, 0.0)
    assert percentiles(np.zeros((0, 4))) == (0.0, 0.0)


def test_percentiles_of_a_large_frame_are_close_to_all_of_it() -> None:
    frame = np.random.default_rng(1).normal(size=(3000, 3000))
    assert percentiles(frame) == pytest.approx(np.percentile(frame, (0.35, 99.65)), abs=0.03)


def test_lone_finite_pixel_of_a_large_frame_is_found() -> None:
    frame = np.full((3000, 3001), np.nan, np.float32)
    frame[1001, 777] = 5
    assert percentiles(frame) == (5, 5)


@pytest.mark.parametrize("value", [0.0, 7.0, -1e6, 1e-3])
def test_display_range_is_never_empty(value: float) -> None:
    low, high = display_range(np.full((4, 4), value))
    assert low < value < high


def test_nonfinite_pixels_are_counted_and_replaced_by_the_median() -> None:
    frame = np.arange(20, dtype=np.float32).reshape(4, 5)
    frame[0, 0], frame[1, 1], frame[2, 2] = np.nan, np.inf, -np.inf
    filled, count = fill_nonfinite(frame)
    assert count == 3
    median = np.median(frame[np.isfinite(frame)])
    assert filled[0, 0] == filled[1, 1] == filled[2, 2] == median
    assert np.isnan(frame[0, 0]), "the original is left alone"
    assert fill_nonfinite(filled) == (filled, 0)
    whole = np.arange(4)
    assert fill_nonfinite(whole)[0] is whole
    assert (fill_nonfinite(np.full((2, 2), np.nan))[0] == 0).all()


def test_slots_keep_their_images_apart(tmp_path: Path) -> None:
    path = tmp_path / "scratch"
    path.write_bytes(bytes(3 * 400))
    images = [np.random.default_rng(k).normal(size=(10 - k, 10)).astype(np.float32) for k in range(3)]
    for slot in (2, 0, 1):
        write_slot(path, 400, slot, images[slot])
    for slot in range(3):
        np.testing.assert_array_equal(read_slot(path, 400, slot, 10 - slot, 10), images[slot])
    assert path.stat().st_size == 1200


def test_slot_takes_only_what_fits(tmp_path: Path) -> None:
    path = tmp_path / "scratch"
    path.write_bytes(bytes(400))
    with pytest.raises(ValueError, match="does not fit"):
        write_slot(path, 400, 0, np.zeros((11, 10)))
    with pytest.raises(ValueError, match="does not fit"):
        read_slot(path, 400, 0, 11, 10)
    with pytest.raises(ValueError, match="holds"):
        read_slot(path, 400, 1, 10, 10)
    with pytest.raises(OSError, match="No such file"):
        write_slot(tmp_path / "gone", 400, 0, np.zeros((2, 2)))
    assert not (tmp_path / "gone").exists()


def test_views_need_numpy_alone() -> None:
    program = (
        "import sys, core.views; print([m for m in ('torch', 'pydantic', 'PySide6', 'tifffile') if m in sys.modules])"
    )
    root = Path(__file__).parents[3]
    answer = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
