"""Tiles put together are the whole frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from core.denoising.denoiser import Geometry
from core.denoising.tiling import (
    Grid,
    Tile,
    cut,
    fit_tile,
    make_grid,
    place,
    tile_of_side,
)
from core.networks.dncnn import DnCNN
from core.networks.unet import SmallUNet, UNet
from core.protocol.denoise import Region

torch.manual_seed(0)
NETWORKS = {
    "unet2": UNet(2, 1).double().eval(),
    "unet2-bias-free": UNet(2, 1, bias=False).double().eval(),
    "small": SmallUNet().double().eval(),
    "dncnn": DnCNN(5, 3).double().eval(),
}


def geometry_of(network: nn.Module) -> Geometry:
    divisor = network.origin_divisor()
    return Geometry(network.receptive_radius(), divisor, divisor)


def in_tiles(network: nn.Module, frame: np.ndarray, grid: Grid, region: Region) -> np.ndarray:
    """Run a network over each window of what has to be read of a frame."""
    shown = frame[None, grid.shown.y0 : grid.shown.y1, grid.shown.x0 : grid.shown.x1]
    result = np.full((1, region.y1 - region.y0, region.x1 - region.x0), np.nan)
    for window in grid.windows:
        part = torch.from_numpy(np.ascontiguousarray(cut(shown, window, (grid.shown.y0, grid.shown.x0))))
        with torch.no_grad():
            place(result, network(part[:, None])[:, 0].numpy(), window, region)
    return result[0]


@st.composite
def regions(draw, height: int, width: int) -> Region | None:
    if draw(st.booleans()):
        return None
    y0, x0 = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    return Region(y0=y0, y1=draw(st.integers(y0 + 1, height)), x0=x0, x1=draw(st.integers(x0 + 1, width)))


@settings(max_examples=15, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(NETWORKS)))
def test_tiles_equal_the_whole_frame(data, name):
    network = NETWORKS[name]
    height, width = data.draw(st.integers(1, 120)), data.draw(st.integers(1, 70))
    region = data.draw(regions(height, width))
    geometry = geometry_of(network)
    frame = np.random.default_rng(height).random((height, width))
    padded = np.pad(frame, ((0, -height % geometry.size_divisor), (0, -width % geometry.size_divisor)), mode="edge")
    with torch.no_grad():
        whole = network(torch.from_numpy(padded)[None, None])[0, 0].numpy()
    tile = tile_of_side(height, width, geometry, data.draw(st.integers(16, 120)))
    wanted = region or Region(y0=0, y1=height, x0=0, x1=width)
    tiled = in_tiles(network, frame, make_grid(height, width, region, geometry, tile), wanted)
    assert np.allclose(tiled, whole[wanted.y0 : wanted.y1, wanted.x0 : wanted.x1], rtol=0, atol=1e-11)


def test_a_halo_below_the_receptive_radius_is_not_exact():
    """The law above has teeth: with half the halo it breaks."""
    network = NETWORKS["dncnn"]
    frame = np.random.default_rng(0).random((60, 40))
    half = Geometry(network.receptive_radius() // 2)
    region = Region(y0=0, y1=60, x0=0, x1=40)
    pieces = in_tiles(network, frame, make_grid(60, 40, None, half, tile_of_side(60, 40, half, 20)), region)
    whole = in_tiles(network, frame, make_grid(60, 40, None, half, Tile(60, 40, 0)), region)
    assert not np.allclose(pieces, whole, rtol=0, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_cores_cover_each_wanted_pixel_once_and_windows_keep_the_rules(data):
    height, width = data.draw(st.integers(1, 700)), data.draw(st.integers(1, 700))
    divisor = data.draw(st.sampled_from([1, 2, 4, 16, 24]))
    geometry = Geometry(data.draw(st.integers(0, 90)), divisor, data.draw(st.sampled_from([1, divisor])))
    region = data.draw(regions(height, width)) or Region(y0=0, y1=height, x0=0, x1=width)
    tile = tile_of_side(height, width, geometry, data.draw(st.integers(1, 400)))
    grid = make_grid(height, width, region, geometry, tile)
    seen = np.zeros((height, width), dtype=int)
    for window in grid.windows:
        for span, length in ((window.rows, grid.padded[0]), (window.columns, grid.padded[1])):
            assert span.start % divisor == 0
            assert span.stop == length or (span.stop - span.start) % divisor == 0
            assert span.start == 0 or span.core_start - span.start >= geometry.halo
            assert span.stop == length or span.stop - span.core_stop >= geometry.halo
            assert 0 <= span.start <= span.core_start < span.core_stop <= span.stop <= length
        seen[window.rows.core_start : window.rows.core_stop, window.columns.core_start : window.columns.core_stop] += 1
    assert (seen[region.y0 : region.y1, region.x0 : region.x1] == 1).all()
    assert seen.sum() == (region.y1 - region.y0) * (region.x1 - region.x0)
    assert all(
        window.rows.stop - window.rows.start <= max(tile.height, 2 * tile.halo + 2 * divisor) for window in grid.windows
    )


@pytest.mark.parametrize("most", [10_000, 90_000, 400_000, 2_000_000])
def test_the_fitted_tile_keeps_to_the_memory_and_wastes_little(most):
    geometry = Geometry(26, 4, 4)
    tile = fit_tile(1000, 1200, None, geometry, most)
    assert tile.height * tile.width <= most
    grid = make_grid(1000, 1200, None, geometry, tile)
    square = make_grid(1000, 1200, None, geometry, tile_of_side(1000, 1200, geometry, int(most**0.5) // 4 * 4))
    assert grid.pixels <= square.pixels
    if most >= 1_200_000:
        assert len(grid.windows) == 1


def test_a_budget_below_the_smallest_tile_gives_the_smallest_tile():
    geometry = Geometry(100, 16, 16)
    tile = fit_tile(2048, 2048, None, geometry, 1)
    assert (tile.height, tile.width, tile.halo) == (224, 224, 100)


def test_a_method_of_the_whole_frame_is_never_cut():
    geometry = Geometry(None, 1, 8)
    tile = fit_tile(100, 50, None, geometry, 10)
    grid = make_grid(100, 50, Region(y0=10, y1=20, x0=5, x1=9), geometry, tile)
    assert len(grid.windows) == 1
    assert grid.padded == (104, 56)
    assert (grid.shown.y0, grid.shown.y1, grid.shown.x0, grid.shown.x1) == (0, 100, 0, 50)
