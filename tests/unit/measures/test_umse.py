from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft
from scipy.ndimage import gaussian_filter

from core.measures.thinned import thinned_error
from core.measures.umse import (
    NOTHING_HIDDEN,
    ErrorEstimate,
    ErrorSums,
    HiddenPower,
    hidden_power,
    signal_band,
    signal_peak,
    unbiased_mse,
)
from core.noise.errors import NoiseError
from core.noise.thinning import thin


def _clean(dose: float, frames: int = 4, side: int = 128) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    picture = 1 + 0.5 * np.cos(2 * np.pi * x / 12) * np.cos(2 * np.pi * y / 14) * (x > side / 2)
    return np.repeat((dose * picture)[None], frames, axis=0)


def _amorphous(dose: float, contrast: float, side: int = 128) -> np.ndarray:
    """A frame (1, H, W) whose power falls as frequency^-3: slowly, with no end before the px do."""
    frequency = np.arange(side) / (2 * side)
    away = np.hypot(frequency[:, None], frequency[None])
    waves = np.random.default_rng(1).normal(size=away.shape) * (1 + (away / 0.03) ** 2) ** -0.75
    waves[0, 0] = 0
    picture = fft.idctn(waves, norm="ortho")
    return np.maximum(dose * (1 + contrast * picture / picture.std()), 0.0)[None]


def test_error_of_a_thinned_result_is_found() -> None:
    clean = _clean(5.0)
    counts = np.random.default_rng(1).poisson(clean)
    one, other = thin(counts, [0.5, 0.5], 2)
    band = signal_band(counts, counts)
    result = gaussian_filter(one / 0.5, (0, 2, 2))
    truth = float(np.mean(np.square(result - clean)))
    found = unbiased_mse(result, other / 0.5, other / 0.25, band)
    assert found.mse == pytest.approx(truth, rel=0.1)
    assert found.low < truth < found.high


def test_interval_covers_the_truth_19_times_in_20_and_the_band_makes_it_narrow() -> None:
    rng = np.random.default_rng(5)
    clean = _clean(2.0, 2, 96)
    covered, widths, wide = 0, [], []
    for seed in range(100):
        counts = rng.poisson(clean)
        one, other = thin(counts, [0.5, 0.5], seed)
        result = gaussian_filter(one / 0.5, (0, 1.5, 1.5))
        truth = float(np.mean(np.square(result - clean)))
        band = signal_band(counts, counts)
        found = unbiased_mse(result, other / 0.5, other / 0.25, band)
        everything = unbiased_mse(result, other / 0.5, other / 0.25)
        covered += found.low <= truth <= found.high
        widths.append(found.high - found.low)
        wide.append(everything.high - everything.low)
    assert covered >= 90
    assert np.median(widths) < 0.5 * np.median(wide)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.06, 0.5), st.integers(0, 1000))
def test_without_noise_the_error_is_exact_in_any_band(band: float, seed: int) -> None:
    # With a clean reference of variance zero only the signal beyond the band is left out.
    rng = np.random.default_rng(seed)
    clean = gaussian_filter(rng.normal(size=(1, 40, 52)), (0, 6, 6))
    result = clean + rng.normal(size=clean.shape)
    found = unbiased_mse(result, clean, np.zeros_like(clean), band)
    assert found.mse == pytest.approx(float(np.mean(np.square(result - clean))), rel=1e-3)


def test_interval_holds_faint_signal_that_no_search_can_find() -> None:
    clean = _amorphous(10.0, 0.05)
    covered, value_alone = 0, 0
    for seed in range(40):
        counts = np.random.default_rng([3, seed]).poisson(clean)
        found = thinned_error(lambda half: gaussian_filter(half, (0, 4, 4)), counts, 2, seed)
        truth = np.mean([np.mean(np.square(result - clean)) for result in found.results])
        covered += found.error.low <= truth <= found.error.high
        value_alone += abs(truth - found.error.mse) <= found.error.mse - found.error.low
    assert covered >= 36
    # Otherwise this signal would be too easy.
    assert value_alone <= 32


def test_where_nothing_at_all_is_found_a_faint_lattice_may_be_at_any_frequency() -> None:
    columns = np.arange(256)
    clean = np.broadcast_to(0.15 * (1 + 0.4 * np.cos(2 * np.pi * columns / 5.3)), (1, 256, 256))
    covered = 0
    for seed in range(20):
        counts = np.random.default_rng([5, seed]).poisson(clean)
        hidden = hidden_power(counts, counts, 0.06)
        beyond = float(np.square(clean - clean.mean()).mean())
        covered += max(0.0, hidden.power) + 2 * hidden.spread >= beyond
    assert covered >= 19


def test_hidden_power_is_right_for_the_slowest_fall_and_knows_its_own_spread() -> None:
    clean, band = _amorphous(10.0, 0.1), 0.12
    spectrum = fft.dctn(clean[0], norm="ortho")
    inside = round(2 * band * len(spectrum))
    spectrum[:inside, :inside] = 0
    truth = float(np.square(spectrum).mean())
    found = [
        hidden_power(counts, counts, band) for counts in np.random.default_rng(2).poisson(clean, (60, *clean.shape))
    ]
    powers = np.array([one.power for one in found])
    assert powers.mean() == pytest.approx(truth, abs=3 * float(powers.std()) / np.sqrt(60))
    assert np.mean([one.spread for one in found]) == pytest.approx(float(powers.std()), rel=0.3)
    assert hidden_power(clean, clean, 0.5) == NOTHING_HIDDEN


def test_hidden_power_only_lengthens_the_side_of_larger_errors() -> None:
    sums = ErrorSums(error=100.0, noise_spread=25.0, error_spread=0.0)
    plain = sums.estimate(10, 0.2)
    hidden = sums.estimate(10, 0.2, HiddenPower(0.5, 0.5))
    fewer = sums.estimate(10, 0.2, HiddenPower(-5.0, 0.5))
    assert (hidden.mse, hidden.low) == (plain.mse, plain.low)
    assert hidden.high == pytest.approx(10 + 0.5 + 1.96 * np.hypot(0.5, 0.5), rel=1e-3)
    assert fewer == plain


def test_fine_lattice_widens_the_band() -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:128, :128]
    fine = rng.poisson(4 + 1.0 * np.cos(2 * np.pi * x / 3.0) + 0 * y, (4, 128, 128))
    empty = rng.poisson(4.0, (4, 128, 128))
    assert signal_band(fine, fine) > 1 / 3
    assert signal_band(empty, empty) < 0.1


def test_peak_belongs_to_the_signal_and_not_to_a_hot_pixel() -> None:
    counts = np.random.default_rng(1).poisson(_clean(20.0))
    counts[:, 5, 5] = 60_000
    assert signal_peak(counts, 0.2) < 60


def test_error_that_is_not_positive_has_no_psnr() -> None:
    assert ErrorEstimate(-1.0, -2.0, 1.0, 0.5).psnr(10.0) == (None, pytest.approx(20.0), None)


def test_frames_of_other_shapes_and_nan_are_refused() -> None:
    good = np.ones((2, 32, 32))
    with pytest.raises(ValueError, match="shape"):
        unbiased_mse(good, good[:1], good)
    with pytest.raises(ValueError, match="finite"):
        unbiased_mse(good * np.nan, good, good)


def test_more_splits_of_the_counts_know_the_error_better_and_still_cover_it() -> None:
    rng = np.random.default_rng(8)
    clean = _clean(3.0, 2, 96)
    covered, widths = 0, {1: 0.0, 4: 0.0}
    for seed in range(40):
        counts = rng.poisson(clean)
        for splits in widths:
            found = thinned_error(lambda half: gaussian_filter(half, (0, 1.5, 1.5)), counts, splits, seed)
            truth = np.mean([np.mean(np.square(result - clean)) for result in found.results])
            widths[splits] += found.error.high - found.error.low
            covered += found.error.low <= truth <= found.error.high
    assert covered >= 72
    assert widths[4] < 0.8 * widths[1]


def test_spread_of_the_estimate_is_known_where_bright_columns_stand_on_dark_ground() -> None:
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:64, :64]
    clean = (0.3 + 8 * np.exp(-((x % 16 - 8) ** 2 + (y % 16 - 8) ** 2) / 8))[None]
    apart, known = [], []
    for seed in range(60):
        found = thinned_error(lambda half: gaussian_filter(half, (0, 1.5, 1.5)), rng.poisson(clean), 2, seed, 0.2)
        apart.append(found.error.mse - np.mean([np.mean(np.square(result - clean)) for result in found.results]))
        known.append((found.error.mse - found.error.low) / 1.96)
    assert 0.75 < np.std(apart) / np.mean(known) < 1.3


def test_thinning_needs_counts_and_a_split() -> None:
    with pytest.raises(NoiseError, match="fractions"):
        thinned_error(lambda half: half, np.full((1, 32, 32), 0.5))
    with pytest.raises(ValueError, match="split"):
        thinned_error(lambda half: half, np.ones((1, 32, 32)), 0)
