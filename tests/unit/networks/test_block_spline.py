from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from core.networks.block_spline import bin_counts, spread_blocks


@pytest.mark.parametrize("binning", [1, 2, 4, 8])
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_the_mean_of_every_block_is_the_blocks_value(binning: int, height: int, width: int, seed: int) -> None:
    blocks = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(seed))
    spread = spread_blocks(blocks, binning)
    assert spread.shape == (1, 1, height * binning, width * binning)
    torch.testing.assert_close(functional.avg_pool2d(spread, binning), blocks, atol=2e-6, rtol=0)


@given(height=st.integers(1, 50), width=st.integers(1, 50), binning=st.sampled_from([1, 2, 4, 8]))
@settings(max_examples=30, deadline=None)
def test_binning_loses_no_rows_or_columns_of_odd_sizes(height: int, width: int, binning: int) -> None:
    counts = torch.full((2, 1, height, width), 3.0)
    binned = bin_counts(counts, binning)
    assert binned.shape[-2:] == (-(-height // binning), -(-width // binning))
    torch.testing.assert_close(binned, torch.full_like(binned, 3.0 * binning**2))


def test_binning_keeps_every_electron_where_blocks_are_whole() -> None:
    counts = torch.poisson(torch.full((1, 1, 32, 48), 0.4))
    assert bin_counts(counts, 4).sum() == counts.sum()


@pytest.mark.parametrize("binning", [2, 4, 8])
def test_a_lattice_comes_back_from_its_blocks_without_attenuation_or_mesh(binning: int) -> None:
    length = 60 * binning
    x = (torch.arange(length) + 0.5) / binning
    wave = (torch.sin(2 * torch.pi * x / 9)[:, None] * torch.cos(2 * torch.pi * x / 11)[None])[None, None]
    back = spread_blocks(functional.avg_pool2d(wave, binning), binning)
    middle = slice(20 * binning, 40 * binning)
    assert (back - wave)[..., middle, middle].abs().max() < 0.01
