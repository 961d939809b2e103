from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core.networks.lattice_corrected import LatticeCorrectedNet
from core.networks.registry import UnknownArchitectureError, build, load
from core.networks.smoothing import quieten


def _network(seed: int = 0) -> LatticeCorrectedNet:
    torch.manual_seed(seed)
    network = LatticeCorrectedNet(channels=(8, 8, 8), windows=(8, 16)).eval().requires_grad_(False)
    torch.nn.init.normal_(network.net.last.weight, std=0.3)
    return network


def _counts(height: int, width: int, dose: float = 2.0, seed: int = 0) -> Tensor:
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None]
    clean = dose * (1 + 0.3 * torch.cos(rows * 0.6) * torch.cos(columns * 0.55))
    return torch.poisson(clean, generator=torch.Generator().manual_seed(seed))[None, None]


@pytest.mark.parametrize("binning", [1, 2, 4])
@given(row=st.integers(0, 3), column=st.integers(0, 3), seed=st.integers(0, 5))
@settings(max_examples=4, deadline=None)
def test_a_tile_with_its_halo_equals_the_whole_frame(binning: int, row: int, column: int, seed: int) -> None:
    network = _network(seed)
    divisor, halo = network.origin_divisor(binning), network.receptive_radius(binning)
    side = 2 * halo + 4 * divisor + 5
    counts = _counts(side, side + 3, seed=seed)
    mean = counts.mean((1, 2, 3))
    whole = network(counts, mean, binning)
    top, left = row * divisor, column * divisor
    first_row, first_column = max(0, -(-(top - halo) // divisor) * divisor - divisor), 0
    last_row, last_column = top + 2 * divisor + halo, left + 2 * divisor + halo
    tile = network(counts[..., first_row:last_row, first_column:last_column], mean, binning)
    core = tile[..., top - first_row : top - first_row + 2 * divisor, left : left + 2 * divisor]
    torch.testing.assert_close(core, whole[..., top : top + 2 * divisor, left : left + 2 * divisor], atol=1e-4, rtol=0)


def test_a_tile_in_the_middle_equals_the_whole_frame_at_full_size_of_the_shipped_network() -> None:
    torch.manual_seed(1)
    network = LatticeCorrectedNet().eval().requires_grad_(False)
    torch.nn.init.normal_(network.net.last.weight, std=0.1)
    halo, divisor = network.receptive_radius(1), network.origin_divisor(1)
    start = -(-halo // divisor) * divisor
    counts = _counts(2 * start + 2 * divisor, 2 * divisor + 5)
    mean = counts.mean((1, 2, 3))
    whole = network(counts, mean, 1)
    core = slice(start + divisor, start + 2 * divisor)
    tile = network(counts[..., divisor:, :], mean, 1)
    torch.testing.assert_close(tile[..., start : start + divisor, :], whole[..., core, :], atol=1e-4, rtol=0)


@given(height=st.integers(1, 70), width=st.integers(1, 70), binning=st.sampled_from([1, 2, 4, 8]))
@settings(max_examples=20, deadline=None)
def test_any_size_comes_back_whole_finite_and_never_negative(height: int, width: int, binning: int) -> None:
    counts = _counts(height, width)
    out = _network()(counts, counts.mean((1, 2, 3)), binning)
    assert out.shape == counts.shape
    assert bool(torch.isfinite(out).all())
    assert float(out.min()) >= 0


def test_the_same_input_gives_the_same_output() -> None:
    network, counts = _network(), _counts(60, 64)
    mean = counts.mean((1, 2, 3))
    assert torch.equal(network(counts, mean, 2), network(counts, mean, 2))


def test_a_frame_without_electrons_stays_empty() -> None:
    out = _network()(torch.zeros(1, 1, 40, 40), torch.zeros(1), 4)
    assert float(out.max()) == 0


@given(factor=st.floats(0.5, 2.0))
@settings(max_examples=5, deadline=None)
def test_the_given_mean_is_only_a_unit(factor: float) -> None:
    network, counts = _network(), _counts(64, 64)
    mean = counts.mean((1, 2, 3))
    torch.testing.assert_close(network(counts, mean * factor, 2), network(counts, mean, 2), atol=1e-3, rtol=1e-3)


def test_electrons_are_kept_on_a_flat_field_before_any_training() -> None:
    torch.manual_seed(0)
    network = LatticeCorrectedNet(channels=(8, 8), windows=(8, 16)).eval().requires_grad_(False)
    counts = torch.poisson(torch.full((1, 1, 128, 128), 1.5), generator=torch.Generator().manual_seed(3))
    out = network(counts, counts.mean((1, 2, 3)), 2)
    boxes = torch.nn.functional.avg_pool2d(out - counts, 64)
    assert float(boxes.abs().max()) < 4 * (1.5 / 64**2) ** 0.5


def test_what_noise_leaves_behind_is_quietened_and_a_lattice_stays_whole() -> None:
    generator = torch.Generator().manual_seed(0)
    ripple = 0.02 * torch.randn(1, 1, 96, 96, generator=generator)
    lattice = (0.3 * torch.cos(torch.arange(96) * 0.6)).expand(1, 1, 96, 96)
    ones = torch.ones(1, 1, 96, 96)
    assert quieten(ripple, ones).std() < 0.25 * ripple.std()
    torch.testing.assert_close(quieten(lattice, 0.4 * ones), lattice, atol=0.02, rtol=0)


def test_a_network_is_built_again_from_its_config_and_weights() -> None:
    network, counts = _network(), _counts(48, 48)
    again = load("lattice-corrected", network.config, network.state_dict())
    mean = counts.mean((1, 2, 3))
    assert torch.equal(again(counts, mean, 2), network(counts, mean, 2))


def test_an_unknown_architecture_is_named() -> None:
    with pytest.raises(UnknownArchitectureError, match="no-such-net"):
        build("no-such-net", {})


def test_a_network_with_more_candidates_begins_where_another_one_is() -> None:
    known = _network(3)
    torch.manual_seed(4)
    grown = LatticeCorrectedNet(channels=(8, 8, 8), windows=(4, 8, 16, 32), mixture=True).eval().requires_grad_(False)
    grown.begin_with(known)
    counts = _counts(64, 64)
    mean = counts.mean((1, 2, 3))
    first, second = known(counts, mean, 1), grown(counts, mean, 1)
    assert torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1] > 0.9
    # Without the new candidates it is the same network.
    assert grown.by_dose[2].bias is not None
    new = [grown.names.index(name) for name in set(grown.names) - set(known.names)]
    grown.by_dose[2].bias[new] = -1e4
    torch.testing.assert_close(grown(counts, mean, 1), first, atol=1e-4, rtol=0)


def test_a_network_of_other_channels_cannot_be_taken_over() -> None:
    with pytest.raises(ValueError, match="can't become"):
        LatticeCorrectedNet(channels=(8, 16), windows=(8, 16)).begin_with(_network())


def test_the_mixture_is_one_of_the_candidates() -> None:
    network = LatticeCorrectedNet(channels=(8, 8, 8), windows=(8, 16), mixture=True)
    counts = _counts(48, 48)
    found, _, _ = network.features(counts, counts.mean((1, 2, 3)))
    assert found.shape[1] == len(network.names) == network.candidates
    others = found[:, :-1]
    assert bool((found[:, -1] <= others.amax(1) + 1e-6).all())
    assert bool((found[:, -1] >= others.amin(1) - 1e-6).all())
