"""Offsets that whole rows or columns of a frame share: found, taken out, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from core.noise.line_noise import line_offsets


def noise(seed: int, shape: tuple[int, int] = (256, 192)) -> np.ndarray:
    return np.random.default_rng(seed).normal(5.0, 2.0, shape).astype(np.float32)


@pytest.mark.parametrize("transposed", [False, True])
def test_offsets_of_lines_are_found_and_taken_out(transposed):
    true = np.random.default_rng(1).normal(0, 0.5, 192)
    frame = noise(2) + true.astype(np.float32)[None]
    found = line_offsets(frame.T if transposed else frame)
    here, there = (found.rows, found.columns) if transposed else (found.columns, found.rows)
    assert not there.any()
    assert found.rms == pytest.approx(0.5, rel=0.3)
    # Not much more is left than the noise of a mean over 256 px (0.125).
    assert np.std(true - true.mean() - here) < 0.2
    clean = found.subtract(frame.T if transposed else frame)
    assert clean.dtype == np.float32
    assert clean.mean() == pytest.approx(frame.mean(), abs=1e-4)


def test_rows_and_columns_at_once():
    rng = np.random.default_rng(3)
    rows, columns = rng.normal(0, 0.6, 256), rng.normal(0, 0.4, 192)
    found = line_offsets((noise(4) + rows[:, None] + columns[None]).astype(np.float32))
    assert np.corrcoef(found.rows, rows)[0, 1] > 0.95
    assert np.corrcoef(found.columns, columns)[0, 1] > 0.9


@pytest.mark.parametrize("seed", range(20))
def test_plain_noise_has_none(seed):
    assert line_offsets(noise(seed)) is None


def test_correlated_noise_has_none():
    from scipy.ndimage import gaussian_filter

    assert line_offsets(gaussian_filter(noise(5), 0.7)) is None


def test_a_lattice_along_the_axes_and_a_straight_interface_stay():
    columns = np.arange(192)
    lattice = 2 * np.cos(2 * np.pi * columns / 7.3) + (columns > 90)
    frame = (noise(6) + lattice[None]).astype(np.float32)
    assert line_offsets(frame) is None
    offsets = np.random.default_rng(7).normal(0, 0.5, 192)
    found = line_offsets((frame + offsets[None]).astype(np.float32))
    waves = np.exp(-2j * np.pi * columns / 7.3)
    assert abs(waves @ found.columns) < 0.1 * abs(waves @ lattice)
    assert np.corrcoef(found.columns, offsets)[0, 1] > 0.7


def test_small_and_empty_frames_pass():
    assert line_offsets(np.ones((40, 200), np.float32)) is None
    assert line_offsets(np.zeros((100, 100), np.float32)) is None


def test_offsets_of_neighbouring_lines_may_be_alike():
    """As in a CMOS camera's dark frames: their power falls with frequency, and slow ones are as strong as they are."""
    rng = np.random.default_rng(8)
    true = lfilter([1], [1, -0.55], rng.normal(0, 0.5, 292))[100:]
    found = line_offsets((noise(9) + true[None]).astype(np.float32))
    left = true - true.mean() - found.columns
    assert np.std(left) < 0.2
    # What is slow would be seen as wide stripes by any filter.
    waves = np.abs(np.fft.rfft(left)[3:20]) ** 2
    assert waves.mean() < 0.1 * np.mean(np.abs(np.fft.rfft(true)[3:20]) ** 2)


def test_a_straight_interface_stays_beside_offsets_that_are_alike():
    step = 3.0 * (np.arange(192) > 90)
    true = lfilter([1], [1, -0.55], np.random.default_rng(10).normal(0, 0.5, 292))[100:]
    found = line_offsets((noise(11) + (step + true)[None]).astype(np.float32))
    assert np.corrcoef(found.columns, true)[0, 1] > 0.6
    left = (step + true - found.columns).astype(float)
    assert left[100:].mean() - left[:85].mean() == pytest.approx(3.0, rel=0.25)


def test_layers_of_a_specimen_along_the_axis_mostly_stay():
    """They fall with frequency too, but below the noise."""
    layers = lfilter([1], [1, -0.7], np.random.default_rng(4).normal(0, 0.25, 292))[100:]
    found = line_offsets((noise(94) + layers[None]).astype(np.float32))
    assert found is not None
    assert np.std(layers - found.columns) > 0.6 * np.std(layers)


def test_rows_are_read_one_by_one_and_not_alike():
    """What falls with frequency along a scan's rows, is its specimen."""
    layers = lfilter([1], [1, -0.7], np.random.default_rng(0).normal(0, 0.35, 356))[100:]
    frame = (noise(90) + layers[:, None]).astype(np.float32)
    by_row, by_column = line_offsets(frame), line_offsets(np.ascontiguousarray(frame.T))
    assert np.std(layers - by_row.rows) > 1.5 * np.std(layers - by_column.columns)


@pytest.mark.parametrize("gain", [1.1, 1.7])
def test_a_frame_without_noise_has_none_but_what_rounding_leaves(gain):
    ramp = np.add.outer(65 * np.arange(65.0), np.arange(64.0))
    assert line_offsets((ramp / gain).astype(np.float32)) is None
