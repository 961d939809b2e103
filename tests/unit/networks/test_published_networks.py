"""The published networks: their parameter counts, their field of view, and what folding must not change."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from core.networks import unet
from core.networks.dncnn import DnCNN
from core.networks.norms import ScaleNorm, fold_norms
from core.networks.unet import SmallUNet, UNet

TABLE = [
    (lambda bias: DnCNN(bias=bias), 668_225, 667_008),
    (lambda bias: SmallUNet(bias=bias), 233_440, 233_024),
    (lambda bias: UNet(2, 32, bias), 102_657, None),
    (lambda bias: UNet(4, 32, bias), 352_737, 352_000),
    (lambda bias: UNet(4, 64, bias), 1_405_889, 1_404_416),
    (lambda bias: UNet(4, 128, bias), 5_613_441, 5_610_496),
    (lambda bias: UNet(6, 32, bias), 4_412_961, None),
    (lambda bias: UNet(6, 128, bias), 70_514_817, 70_504_960),
]
NAMES = ["dncnn", "small", "unet2-32", "unet4-32", "unet4-64", "unet4-128", "unet6-32", "unet6-128"]


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("make", "with_bias", "bias_free"), TABLE, ids=NAMES)
def test_parameter_counts_are_those_of_the_published_table(make, with_bias, bias_free):
    with torch.device("meta"):
        assert count(make(True)) == with_bias
        if bias_free is not None:
            assert count(make(False)) == bias_free


def positive(network: nn.Module) -> nn.Module:
    """Every weight positive, so that no path from input to output cancels or dies in a ReLU."""
    for parameter in network.parameters():
        parameter.data.abs_().add_(0.05)
    return network.double().eval()


def view(network: nn.Module, size: int, places: range) -> int:
    """The largest distance in rows at which an input still matters to an output, found by gradients."""
    radius = 0
    for place in places:
        x = torch.ones(1, 1, size, 64, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(network(x)[0, 0, place, 32], x)
        rows = (gradient[0, 0].abs().sum(1) > 0).nonzero()[:, 0]
        radius = max(radius, place - int(rows[0]), int(rows[-1]) - place)
    return radius


@pytest.mark.parametrize(
    ("network", "size"),
    [(UNet(2, 2), 128), (UNet(4, 2), 320), (SmallUNet(), 96), (DnCNN(channels=2), 96)],
    ids=["unet2", "unet4", "small", "dncnn"],
)
def test_the_stated_receptive_radius_is_the_true_one(monkeypatch, network, size):
    # Max-pooling passes the gradient of one pixel in four only; an average shows all that can matter.
    monkeypatch.setattr(unet.functional, "max_pool2d", functional.avg_pool2d)
    middle = size // 2
    assert view(positive(network), size, range(middle, middle + network.origin_divisor())) == network.receptive_radius()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("make", [lambda bias: UNet(2, 8, bias), lambda bias: DnCNN(6, 8, bias)], ids=["unet", "dncnn"])
def test_folding_the_norms_changes_nothing_but_rounding(make, bias):
    torch.manual_seed(3)
    network = make(bias)
    network.train()
    for _ in range(3):
        network(torch.rand(2, 1, 24, 24) * 5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | ScaleNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    network.eval()
    x = torch.rand(1, 1, 32, 40) * 5
    with torch.no_grad():
        before = network(x)
        after = fold_norms(network)(x)
    assert not any(isinstance(module, nn.BatchNorm2d | ScaleNorm) for module in network.modules())
    assert torch.allclose(before, after, atol=1e-5 * float(before.abs().max()))


def test_folding_a_network_in_training_is_refused():
    with pytest.raises(ValueError, match="eval"):
        fold_norms(UNet(2, 2))


@pytest.mark.parametrize("make", [lambda: UNet(4, 4, False), lambda: DnCNN(4, 4, False), lambda: SmallUNet(False)])
def test_a_bias_free_network_scales_with_its_input(make):
    torch.manual_seed(1)
    network = make().double().eval()
    x = torch.rand(1, 1, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(network(7.5 * x), 7.5 * network(x), rtol=1e-9)


@pytest.mark.parametrize("size", [(1, 1), (17, 31), (33, 16)])
def test_odd_sizes_keep_their_size(size):
    with torch.no_grad():
        for network in (SmallUNet().eval(), DnCNN(4, 4).eval()):
            assert network(torch.rand(1, 1, *size)).shape[-2:] == size
        if min(size) >= 16:
            assert UNet(4, 4).eval()(torch.rand(1, 1, *size)).shape[-2:] == size
