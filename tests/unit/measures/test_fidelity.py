from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from core.measures.fidelity import psnr, ssim


def _pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    clean = 0.45 + 0.1 * np.sin(np.arange(64)[:, None] * 0.4) * np.cos(np.arange(50)[None] * 0.5)
    return clean, rng.poisson(clean * 5) / 5


def test_psnr_and_ssim_agree_with_scikit_image_in_the_published_convention() -> None:
    clean, noisy = _pair()
    a, b = np.clip(clean * 255, 0, 255), np.clip(noisy * 255, 0, 255)
    assert psnr(clean, noisy) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=255), abs=1e-9)
    assert ssim(clean, noisy) == pytest.approx(structural_similarity(a, b, data_range=255), abs=1e-9)


def test_values_outside_the_range_are_clamped_first() -> None:
    clean, _ = _pair()
    assert psnr(clean + 2.0, clean + 3.0) == float("inf")


def test_an_image_is_identical_to_itself() -> None:
    clean, _ = _pair()
    assert ssim(clean, clean) == pytest.approx(1.0)
    assert psnr(clean, clean) == float("inf")
