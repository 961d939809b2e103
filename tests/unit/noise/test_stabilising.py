"""The generalised Anscombe transform: unit noise, and means that come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.noise.stabilising import ConstantNoise, Stabiliser

DRAWS = 400_000


def draws(mean: float, read: float) -> np.ndarray:
    rng = np.random.default_rng([int(1000 * mean), int(1000 * read)])
    return rng.poisson(mean, DRAWS) + read * rng.standard_normal(DRAWS)


@pytest.mark.parametrize("read", [0.0, 2.0])
@pytest.mark.parametrize("mean", [4.0, 30.0, 900.0])
def test_the_noise_becomes_one(mean, read):
    assert float(Stabiliser(read).forward(draws(mean, read)).std()) == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("read", [0.0, 0.7, 5.0])
@pytest.mark.parametrize("mean", [0.2, 1.0, 6.0, 399.0, 402.0, 3000.0])
def test_the_mean_of_stabilised_values_comes_back_without_bias(mean, read):
    """The plain algebraic inverse is off by 0.25 electrons and more."""
    stabiliser = Stabiliser(read)
    back = float(stabiliser.inverse(stabiliser.forward(draws(mean, read)).mean(dtype=np.float64)))
    scatter = np.sqrt((mean + read**2) / DRAWS)
    assert back == pytest.approx(mean, abs=6 * scatter + 1e-3)


def test_what_lies_below_no_electron_is_none():
    assert float(Stabiliser().inverse(0.0)) == 0
    assert float(Stabiliser().inverse(-3.0)) == 0
    assert float(Stabiliser().forward(-5.0)) == 0


@settings(deadline=None)
@given(st.sampled_from([0.0, 0.3, 4.0]), st.lists(st.floats(0, 60, width=32), min_size=2, max_size=20))
def test_the_inverse_keeps_the_order(read, values):
    back = Stabiliser(read).inverse(np.sort(np.asarray(values, dtype=np.float32)))
    assert np.all(np.diff(back) >= -1e-3 * np.maximum(1, back[1:]))


@pytest.mark.parametrize("noise", [Stabiliser(1.5), ConstantNoise(1.5)])
def test_sums_have_the_noise_of_sums(noise):
    rng = np.random.default_rng(5)
    poisson = isinstance(noise, Stabiliser)
    frame = (rng.poisson(20, (400, 400)) if poisson else np.full((400, 400), 20.0)) + 1.5 * rng.standard_normal(
        (400, 400)
    )
    sums = frame.reshape(100, 4, 100, 4).sum((1, 3))
    stable = noise.binned(4).forward(sums)
    assert float(stable.std()) == pytest.approx(1, abs=0.04)
    assert float(noise.binned(4).inverse(stable.mean(dtype=np.float64))) == pytest.approx(320, abs=1)
