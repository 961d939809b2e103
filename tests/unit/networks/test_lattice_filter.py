from __future__ import annotations

import pytest
import torch
from torch import Tensor

from core.networks import lattice_filter as module
from core.networks.lattice_filter import lattice_filter_and_share


def _lattice(height: int, width: int) -> Tensor:
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None]
    return 0.3 * torch.cos(2 * torch.pi * (rows * 0.09 + columns * 0.03)) + 0.3 * torch.cos(
        2 * torch.pi * (columns * 0.1 - rows * 0.02)
    )


def _noisy(clean: Tensor, sigma: float, seed: int = 0) -> Tensor:
    return clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))


def test_a_lattice_rises_out_of_the_noise() -> None:
    clean = _lattice(128, 120)
    noisy = _noisy(clean, 0.5)
    out = lattice_filter_and_share(noisy[None], torch.full((1, 128, 120), 0.25), 32)[0][0]
    assert ((out - clean) ** 2).mean() < 0.05 * ((noisy - clean) ** 2).mean()


def test_the_frames_edge_is_hardly_worse_than_its_middle() -> None:
    clean = _lattice(128, 128)
    out = lattice_filter_and_share(_noisy(clean, 0.3)[None], torch.full((1, 128, 128), 0.09), 32)[0][0]
    error = (out - clean) ** 2
    edge = torch.ones(128, 128, dtype=torch.bool)
    edge[4:-4, 4:-4] = False
    assert error[edge].mean() < 5 * error[~edge].mean()
    assert error[edge].mean() < 0.2 * 0.09


def test_a_constant_comes_back_exactly() -> None:
    out = lattice_filter_and_share(torch.full((1, 50, 61), 1.75), torch.full((1, 50, 61), 1e-3), 16)[0]
    torch.testing.assert_close(out, torch.full_like(out, 1.75), atol=1e-4, rtol=0)


def test_pure_noise_is_nearly_emptied() -> None:
    out = lattice_filter_and_share(_noisy(torch.zeros(128, 128), 1.0)[None], torch.ones(1, 128, 128), 32)[0]
    assert out.square().mean() < 0.02


def test_bands_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = _noisy(_lattice(90, 70), 0.4)[None]
    variance = torch.full_like(noisy, 0.16)
    whole = lattice_filter_and_share(noisy, variance, 16)[0]
    monkeypatch.setattr(module, "_BAND_PIXELS", 1)
    torch.testing.assert_close(lattice_filter_and_share(noisy, variance, 16)[0], whole, atol=1e-5, rtol=0)
