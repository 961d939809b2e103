"""CSS, FRC, two-frame SNR and PGURE."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from core.measures.aligned import overlapping
from core.measures.clips import Clip
from core.measures.css import css, mean_of_five
from core.measures.fidelity import psnr_over_range, ssim_over_range
from core.measures.frc import HONEST_THRESHOLD, RAW_THRESHOLD, expected_of_perfect, ring_correlation, share_of_perfect
from core.measures.pgure import pgure
from core.measures.snr import two_frame_snr
from core.measures.umse import signal_band, signal_peak
from core.measures.without_truth import Looks, look_measures


def _scene(side: int = 96, seed: int = 0) -> np.ndarray:
    field = gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), 2.5)
    return 10 + 2 * field / field.std()


def test_css_rewards_smearing_and_shows_it_beside_the_mean_of_five() -> None:
    rng = np.random.default_rng(1)
    raw = rng.poisson(np.repeat(_scene()[None], 8, axis=0)).astype(float)
    extent = float(np.ptp(_scene()))
    assert css(raw, extent) < css(mean_of_five(raw), extent)
    still = np.repeat(_scene()[None], 4, axis=0)
    assert css(still, extent) == pytest.approx(1.0)


def test_css_by_lag_falls_with_drift_and_not_when_it_is_followed() -> None:
    picture = _scene(128)
    shifts = np.stack([np.arange(6.0), -0.5 * np.arange(6.0)], axis=1)
    from scipy.ndimage import shift as move

    frames = np.stack([move(picture, s, order=3, mode="mirror") for s in shifts])
    extent = float(np.ptp(picture))
    assert css(frames, extent, 3) < css(frames, extent, 1) - 0.1
    assert css(frames, extent, 3, shifts) > 0.97
    assert css(frames[:2], extent, 3) is None


def test_css_crosses_no_border() -> None:
    frames = np.stack([_scene(seed=0), _scene(seed=0), _scene(seed=1), _scene(seed=1)])
    extent = float(np.ptp(frames))
    assert css(frames, extent, segments=[(0, 2), (2, 4)]) == pytest.approx(1.0)
    assert css(frames, extent) < 0.8


@pytest.mark.parametrize("shift", [(0.0, 0.0), (2.0, -3.0), (-1.4, 0.6)])
def test_overlapping_parts_show_the_same_place(shift: tuple[float, float]) -> None:
    from scipy.ndimage import shift as move

    picture = _scene(64)
    moved = move(picture, shift, order=3, mode="mirror")
    a, b = overlapping(picture, moved, shift, smooth=True)
    np.testing.assert_allclose(a[4:-4, 4:-4], b[4:-4, 4:-4], atol=0.05)


def test_frames_that_share_nothing_give_empty_parts() -> None:
    a, b = overlapping(np.ones((8, 8)), np.ones((8, 8)), (20.0, 0.0), smooth=False)
    assert a.size == b.size == 0


def test_snr_is_that_of_the_signal() -> None:
    rng = np.random.default_rng(2)
    clean = _scene(256)
    one, other = (clean + rng.normal(0, 4, clean.shape) for _ in range(2))
    assert two_frame_snr(one, other) == pytest.approx(clean.var() / 16, rel=0.15)
    assert two_frame_snr(np.ones((9, 9)), one[:9, :9]) is None


def test_perfect_denoiser_reaches_the_root_of_the_raw_curve() -> None:
    rng = np.random.default_rng(3)
    scenes = [_scene(128, seed) for seed in range(6)]
    halves = [[s + rng.normal(0, 2, s.shape) for s in scenes] for _ in range(2)]
    raw = ring_correlation(zip(*halves, strict=True))
    honest = ring_correlation(zip(scenes, halves[1], strict=True))
    rings = slice(1, 12)
    np.testing.assert_allclose(honest.value[rings], expected_of_perfect(raw)[rings], atol=0.12)
    # So the same ring passes the converted threshold, and 1/7 would have passed too far.
    assert honest.falls_below(HONEST_THRESHOLD) == pytest.approx(raw.falls_below(RAW_THRESHOLD), abs=0.03)
    assert honest.falls_below(RAW_THRESHOLD) > raw.falls_below(RAW_THRESHOLD)


@pytest.mark.parametrize("noise", [2.0, 6.0])
def test_the_truth_has_all_of_what_a_perfect_denoiser_reaches_and_spoiled_results_less(noise: float) -> None:
    rng = np.random.default_rng(3)
    scenes = [_scene(128, seed) for seed in range(6)]
    halves = [[s + rng.normal(0, noise, s.shape) for s in scenes] for _ in range(2)]
    raw = ring_correlation(zip(*halves, strict=True))
    spoiled = {
        "truth": scenes,
        "blurred": [gaussian_filter(s, 8.0, mode="wrap") for s in scenes],
        "noisy": halves[0],
        "nothing": [rng.normal(0, 1, s.shape) for s in scenes],
    }
    shares = {
        name: share_of_perfect(ring_correlation(zip(results, halves[1], strict=True)), raw)
        for name, results in spoiled.items()
    }
    assert shares["truth"] == pytest.approx(1, abs=0.05)
    assert max(shares["blurred"], shares["noisy"]) < 0.9
    assert abs(shares["nothing"]) < 0.15
    pure = ring_correlation([(rng.normal(0, 1, (64, 64)), rng.normal(0, 1, (64, 64)))])
    assert share_of_perfect(pure, pure) is None


def test_result_of_the_same_half_is_no_partner() -> None:
    # Denoised half A against its own raw half: noise with noise, over every ring.
    rng = np.random.default_rng(3)
    noise = [rng.normal(0, 2, (96, 96)) for _ in range(2)]
    own = ring_correlation([(noise[0], noise[0])])
    other = ring_correlation([(noise[0], noise[1])])
    assert own.value.min() > 0.99
    assert abs(other.value).mean() < 3 * other.error.mean()


def test_frc_refuses_nothing_and_other_shapes() -> None:
    with pytest.raises(ValueError, match="no pair"):
        ring_correlation([])
    with pytest.raises(ValueError, match="shape"):
        ring_correlation([(np.ones((32, 32)), np.ones((32, 16)))])


@pytest.mark.parametrize("read_noise", [0.0, 2.0])
@pytest.mark.parametrize("sigma", [0.7, 2.0])
def test_pgure_finds_the_error_without_truth(read_noise: float, sigma: float) -> None:
    rng = np.random.default_rng(4)
    clean = _scene(256)
    noisy = (rng.poisson(clean) + rng.normal(0, read_noise, clean.shape)).astype(np.float32)

    def blur(frames: np.ndarray) -> np.ndarray:
        return gaussian_filter(frames, sigma)

    truth = float(np.mean(np.square(blur(noisy) - clean)))
    assert pgure(blur, noisy, read_noise) == pytest.approx(truth, abs=0.02 * (10 + read_noise**2))


def test_constant_image_is_worth_nothing_over_the_clean_range() -> None:
    clean = _scene()
    level = np.full_like(clean, clean.mean())
    assert psnr_over_range(clean, level) < 20
    assert ssim_over_range(clean, level) < 0.2
    assert psnr_over_range(clean, clean) == float("inf")
    with pytest.raises(ValueError, match="constant"):
        psnr_over_range(level, clean)


def test_the_noise_of_counts_is_known_whatever_moves_between_the_frames() -> None:
    rng = np.random.default_rng(3)
    clean = np.repeat(_scene(128)[None], 6, axis=0)
    raw = rng.poisson(clean).astype(np.float32)
    result = gaussian_filter(raw, (0, 1.5, 1.5))
    still = (np.zeros((6, 2)), True)
    found = [
        look_measures(Looks([Clip(raw, result, *still)], 1, noise, True), lambda: None)["upsnr"].value
        for noise in (float(raw.mean()), 1.4 * float(raw.mean()))
    ]
    assert found[0] == found[1]
    assert found[0] is not None
    error = float(np.square(result - clean).mean())
    assert found[0] == pytest.approx(10 * np.log10(signal_peak(raw, signal_band(raw, raw)) ** 2 / error), abs=0.6)
