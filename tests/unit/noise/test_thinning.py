from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from core.noise.errors import NoiseError
from core.noise.poisson import check_counts, require_counts
from core.noise.thinning import thin, whole_counts
from core.simulation.detectors.presets import detector


@given(
    arrays(np.uint16, array_shapes(max_dims=3, max_side=6)),
    st.lists(st.floats(0.05, 1), min_size=2, max_size=5),
    st.integers(0, 2**31),
)
def test_parts_add_up_to_the_counts(counts: np.ndarray, weights: list[float], seed: int) -> None:
    fractions = [weight / sum(weights) for weight in weights]
    parts = thin(counts, fractions, seed)
    assert len(parts) == len(fractions)
    assert all(part.min() >= 0 for part in parts if part.size)
    np.testing.assert_array_equal(sum(parts), counts)


@given(st.integers(0, 2**31))
def test_same_seed_gives_the_same_parts(seed: int) -> None:
    counts = np.arange(60).reshape(3, 4, 5)
    first, second = thin(counts, [0.3, 0.7], seed), thin(counts, [0.3, 0.7], seed)
    np.testing.assert_array_equal(first[0], second[0])


def test_parts_of_poisson_counts_are_independent_poisson() -> None:
    rng = np.random.default_rng(3)
    parts = thin(rng.poisson(4.0, 400_000), [0.25, 0.75], 5)
    for part, mean in zip(parts, (1.0, 3.0), strict=True):
        assert part.mean() == pytest.approx(mean, rel=0.01)
        assert part.var() == pytest.approx(mean, rel=0.02)
    assert abs(np.corrcoef(parts[0], parts[1])[0, 1]) < 0.01


def test_parts_of_other_data_are_not_independent() -> None:
    # The covariance of the parts is p (1 - p) (variance - mean): what the check is there to refuse.
    rng = np.random.default_rng(3)
    counts = 5 * rng.poisson(4.0, 400_000)
    one, other = thin(counts, [0.5, 0.5], 5)
    assert np.cov(one, other)[0, 1] == pytest.approx(0.25 * (counts.var() - counts.mean()), rel=0.05)


@pytest.mark.parametrize("fractions", [[1.0], [0.5, 0.6], [0.0, 1.0], [-0.5, 1.5]])
def test_impossible_fractions_are_refused(fractions: list[float]) -> None:
    with pytest.raises(ValueError, match="fractions"):
        thin(np.ones(3, int), fractions, 0)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.array([0.5]), "fractions"),
        (np.array([-1]), "negative"),
        (np.array([np.nan]), "finite"),
        (np.array([2.0**60]), "large"),
        (np.array([1j]), "complex"),
    ],
)
def test_values_that_are_no_counts_are_refused(values: np.ndarray, why: str) -> None:
    with pytest.raises(NoiseError, match=why):
        whole_counts(values)


def _clean(frames: int, dose: float) -> np.ndarray:
    y, x = np.mgrid[:192, :192]
    picture = 1 + 0.5 * np.cos(x / 2.2) * np.cos(y / 2.5) + 0.3 * (x > 96)
    return dose * np.stack([np.roll(picture, k, axis=0) for k in range(frames)])


@pytest.mark.parametrize("dose", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("frames", [1, 6])
def test_counts_of_a_drifting_lattice_pass(dose: float, frames: int) -> None:
    counts = np.random.default_rng(1).poisson(_clean(frames, dose))
    assert check_counts(counts).poisson
    assert check_counts(counts.astype(np.float32)).poisson


@pytest.mark.parametrize("frames", [1, 6])
def test_scaled_counts_are_refused_with_the_number(frames: int) -> None:
    counts = 3 * np.random.default_rng(1).poisson(_clean(frames, 2.0))
    check = check_counts(counts)
    assert not check.poisson
    assert check.ratio == pytest.approx(3, rel=0.15)
    with pytest.raises(NoiseError, match=r"variance / mean 3\.|variance / mean 2\.9"):
        require_counts(counts, "movie.mrc")


def test_coincidence_loss_is_refused() -> None:
    counts = np.minimum(np.random.default_rng(1).poisson(_clean(6, 0.5)), 1)
    check = check_counts(counts)
    assert not check.poisson
    assert check.ratio < 0.9
    assert "less" in check.why


def test_counting_camera_that_loses_coincidences_is_refused() -> None:
    # Px by px its noise looks like that of counts: only sums of px show what is lost.
    check = check_counts(detector("k2-like")(_clean(12, 1.0), np.random.default_rng(1)))
    assert not check.poisson
    assert "less" in check.why


def test_summed_blurred_or_empty_frames_are_refused() -> None:
    counts = np.random.default_rng(1).poisson(_clean(4, 3.0))
    # A neighbour shares its electrons: whole numbers still, but correlated.
    assert not check_counts(counts + np.roll(counts, 1, axis=2)).poisson
    assert "no electrons" in check_counts(np.zeros((4, 64, 64), int)).why
    assert "small" in check_counts(np.ones((4, 20, 20), int)).why
    assert "too few" in check_counts(np.random.default_rng(1).poisson(0.02, (2, 48, 48))).why
