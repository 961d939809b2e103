from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import poisson

from core.training.losses import LOSSES, poisson_deviance
from core.training.prepared import Prepared


def _batch(truth: torch.Tensor, base: float = 0.0) -> Prepared:
    ones = torch.ones(len(truth), 1, 1, 1)
    return Prepared((truth,), truth, ones, ones, ones, base)


def test_poisson_deviance_is_the_likelihood_up_to_a_constant() -> None:
    truth = torch.tensor([3.0, 8.0, 1.0, 20.0]).view(1, 1, 2, 2)
    one, two = torch.full((1, 1, 2, 2), 4.0), torch.full((1, 1, 2, 2), 9.0)
    counts = truth.flatten().numpy()
    expected = -np.mean(poisson.logpmf(counts, 4.0) - poisson.logpmf(counts, 9.0))
    assert float(poisson_deviance(one, truth) - poisson_deviance(two, truth)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["poisson", "l2", "l1"])
@pytest.mark.parametrize("base", [0.0, 1.0])
def test_a_loss_is_nothing_at_the_truth_and_grows_with_the_error(name: str, base: float) -> None:
    truth = torch.rand(2, 1, 24, 24) + 0.5
    values = [float(LOSSES[name](truth + error, _batch(truth, base))) for error in (0.0, 0.1, 0.2, 0.4)]
    assert values[0] == pytest.approx(0, abs=1e-6)
    assert values == sorted(values)
    assert values[1] > 1e-4


def test_negative_estimates_have_a_gradient_that_leads_out() -> None:
    truth = torch.full((1, 1, 4, 4), 0.5)
    for start in (-3.0, -0.1, 0.0, 0.01):
        estimate = torch.full((1, 1, 4, 4), start, requires_grad=True)
        loss = poisson_deviance(estimate, truth)
        loss.backward()
        assert torch.isfinite(loss)
        assert estimate.grad is not None
        assert float(estimate.grad.max()) < 0


def test_empty_places_have_a_finite_likelihood() -> None:
    truth = torch.zeros(1, 1, 4, 4)
    assert float(poisson_deviance(torch.full_like(truth, 0.2), truth)) == pytest.approx(0.2, rel=1e-3)


def test_the_further_an_estimate_is_below_nothing_the_steeper_is_its_loss() -> None:
    truth = torch.full((1, 1, 4, 4), 0.5)
    slopes = []
    for start in (-3.0, -1.0, -0.1):
        estimate = torch.full((1, 1, 4, 4), start, requires_grad=True)
        poisson_deviance(estimate, truth).backward()
        assert estimate.grad is not None
        slopes.append(float(estimate.grad.mean()))
    assert slopes == sorted(slopes)
    assert slopes[0] < 2 * slopes[-1]
