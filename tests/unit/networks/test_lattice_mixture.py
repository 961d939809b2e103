"""The mixture of lattice filters and Gaussians: good everywhere, and no ghosts beyond a surface."""

from __future__ import annotations

import math

import pytest
import torch

from core.networks.lattice_filter import lattice_filter_and_share
from core.networks.lattice_mixture import CANDIDATES, candidates, errors, mixture, weigh

FLAT = torch.zeros(CANDIDATES)


def crystal(size: int = 160, edge: int = 80, contrast: float = 0.4) -> torch.Tensor:
    """A lattice that ends at column `edge`, in counts a binned px; vacuum beyond."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    waves = torch.cos(2 * math.pi * (x + 0.2 * y) / 10.3) + torch.cos(2 * math.pi * (y - 0.2 * x) / 10.3)
    return (8 * (1 + contrast * waves * (x < edge)))[None, None].float()


def noisy(truth: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return torch.poisson(truth, generator=torch.Generator().manual_seed(seed))


def local_variance(x: torch.Tensor) -> torch.Tensor:
    return torch.full_like(x, float(x.mean()))


def prior_of(truth: torch.Tensor) -> torch.Tensor:
    x = noisy(truth, 20)
    found, _ = candidates(x, local_variance(x))
    return errors(found, local_variance(x), noisy(truth, 21))


def test_beyond_a_surface_there_are_no_ghosts():
    """A long window, good inside, lets the lattice fade into the vacuum; a short one leaves noise everywhere."""
    truth = crystal()
    x = noisy(truth)
    variance = local_variance(x)
    clean = mixture(x, variance, prior_of(truth))
    vacuum, inside = (..., slice(92, 120)), (..., slice(16, 60))
    rung, kept = [], []
    for size in (32, 128):
        alone = lattice_filter_and_share(x[:, 0], variance[:, 0], size)[0][:, None]
        rung.append(float((alone - truth)[vacuum].square().mean()))
        kept.append(float((alone - truth)[inside].square().mean()))
    assert float((clean - truth)[vacuum].square().mean()) < 0.5 * min(rung)
    assert float((clean - truth)[inside].square().mean()) < 1.2 * min(kept)


def test_a_mixture_is_about_as_good_as_its_best_candidate():
    for truth in (crystal(96, 96), crystal(96, 0), crystal(128, 64)):
        x = noisy(truth, 3)
        found, _ = candidates(x, local_variance(x))
        best = float((found - truth).square().mean((0, 2, 3)).min())
        mixed = float((mixture(x, local_variance(x), prior_of(truth)) - truth).square().mean())
        # A thousandth of the noise's variance.
        assert mixed < 1.15 * best + 1e-3 * float(x.mean())


def test_empty_vacuum_stays_empty():
    x = noisy(crystal(edge=0), 5)
    assert float(mixture(x, local_variance(x), FLAT).std()) < 0.01 * float(x.mean())


def test_what_is_clear_is_passed_through():
    """At a million counts a px the noise is a thousandth: nothing may be smoothed away."""
    truth = crystal() * 1e5
    x = noisy(truth)
    assert float((mixture(x, x.clamp(min=1), FLAT) - truth).std()) < 1.2 * float((x - truth).std())


@pytest.mark.parametrize("size", [16, 32])
def test_the_share_is_that_of_a_px_own_noise(size):
    """Of a lattice far above its noise, where hardly a coefficient's fate hangs on the noise."""
    truth = crystal(96, 96) * 200
    x = noisy(truth)
    variance = local_variance(x)[:, 0]
    estimate, share = lattice_filter_and_share(x[:, 0], variance, size)
    assert 0 < float(share.min()) < float(share.max()) < 1
    probe = torch.randn(x[:, 0].shape, generator=torch.Generator().manual_seed(1))
    step = 0.3 * float(variance.mean()) ** 0.5
    slope = (lattice_filter_and_share(x[:, 0] + step * probe, variance, size)[0] - estimate) / step
    assert float(share.mean()) == pytest.approx(float((slope * probe).mean()), rel=0.5)


def test_errors_rank_the_candidates_as_the_truth_does():
    truth = crystal()
    x, target = noisy(truth, 1), noisy(truth, 2)
    found, _ = candidates(x, local_variance(x))
    true = (found - truth).square().mean((0, 2, 3)) / float(x.mean())
    told = errors(found, local_variance(x), target)
    assert torch.allclose(told - told.min(), true - true.min(), atol=0.05)


def half(power: torch.Tensor) -> torch.Tensor:
    """Scale half of a spectrum to mean 1 over the whole."""
    return power * power.shape[0] ** 2 / (2 * power.sum() - power[:, 0].sum() - power[:, -1].sum())


def damped(side: int) -> torch.Tensor:
    """Noise behind a detector that blurs it: twenty times weaker at Nyquist."""
    rows, columns = torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None]
    return half(0.05 + torch.exp(-(rows**2 + columns**2) / 0.02))


def coloured(size: int, seed: int) -> torch.Tensor:
    noise = torch.randn((1, 1, size, size), generator=torch.Generator().manual_seed(seed))
    return torch.fft.irfft2(torch.fft.rfft2(noise) * damped(size).sqrt(), s=(size, size))


def test_a_flat_spectrum_is_white_noise():
    x = noisy(crystal(96), 7)
    variance = local_variance(x)
    flat, _ = candidates(x, variance, lambda side: torch.ones(side, side // 2 + 1))
    assert torch.allclose(flat, candidates(x, variance)[0], atol=1e-4)


def test_coloured_noise_is_emptied_only_by_who_is_told_its_spectrum():
    x = 20 + 3 * coloured(128, 1)
    variance = torch.full_like(x, 9.0)
    told, untold = mixture(x, variance, FLAT, damped), mixture(x, variance, FLAT)
    assert float(told.std()) < 0.25 * float(untold.std())
    assert float(told.std()) < 0.5


def test_a_fine_lattice_where_a_damped_detector_hardly_has_noise_is_kept():
    rows = torch.arange(128)[:, None] * torch.ones(128)
    lines = (0.14 * torch.cos(2 * math.pi * rows * 0.41))[None]
    x = lines + coloured(128, 2)[:, 0]
    told, untold = (lattice_filter_and_share(x, torch.ones_like(x), 64, one)[0] for one in (damped(64), None))
    kept = [float((one * lines).mean() / lines.square().mean()) for one in (told, untold)]
    assert kept[0] > 0.7 > 0.6 > kept[1]


def test_in_coloured_noise_a_mixture_is_about_as_good_as_its_best_candidate():
    """What a short window leaves of such noise is strong in few coefficients, and was taken for far less than it is."""
    rows = torch.arange(128)[:, None] * torch.ones(128)
    lines = (0.5 * torch.cos(2 * math.pi * rows * 0.37))[None, None]
    noise = coloured(128, 2)
    found, shares = candidates(lines + noise, torch.ones_like(noise), damped)
    weights = weigh(found, shares, torch.ones_like(noise), FLAT)
    left = [float(one.square().mean()) for one in (found - lines).unbind(1)]
    mixed = float(((weights * found).sum(1, keepdim=True) - lines).square().mean())
    assert left[8] > 8 * min(left)
    assert mixed < 2 * min(left)
    for k in range(8, 12):
        covariance = float(((found[:, k : k + 1] - lines) * noise).mean())
        assert float(shares[:, k].mean()) == pytest.approx(covariance, rel=0.4)


def test_shares_of_gaussians_are_their_covariance_with_coloured_noise():
    x = torch.cat([coloured(128, 3 + k) for k in range(3)])
    found, shares = candidates(x, torch.ones_like(x), damped)
    for k in (1, 2):
        assert float((found[:, k] * x[:, 0]).mean()) == pytest.approx(float(shares[:, k].mean()), rel=0.15)
