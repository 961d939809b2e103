"""Blind tuning: looks whose noise is not correlated, and a search that finds the least loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from core.denoising.arrays import ArrayMovie
from core.denoising.context import Cancelled, QuietContext
from core.denoising.methods.wiener import WienerDenoiser
from core.denoising.tuning import (
    coupled_looks,
    folded_looks,
    frame_looks,
    mean_loss,
    middle,
    neighbour_correlation,
    neighbour_looks,
    search,
    spread,
    thinned_look,
    whole_counts_of,
)

from .helpers import Listener

RNG = np.random.default_rng(11)
TRUTH = np.full((1, 600, 600), 3.0, dtype=np.float32)
COUNTS = RNG.poisson(TRUTH).astype(np.float32)


def correlation(look, truth) -> float:
    return float(np.corrcoef((look.given - truth).ravel(), (look.target - truth).ravel())[0, 1])


def test_thinned_looks_keep_the_unit_and_share_no_noise():
    look = thinned_look(COUNTS, 3)
    assert look.given.mean() == pytest.approx(3, abs=0.02)
    assert look.target.mean() == pytest.approx(3, abs=0.05)
    assert abs(correlation(look, TRUTH)) < 0.01


def test_folds_use_every_electron_once_as_a_target():
    looks = folded_looks(COUNTS, None, 3, 5)
    assert [look.fold for look in looks] == [0, 1, 2, 3, 4]
    assert np.array_equal(sum(look.target for look in looks) / 5, COUNTS)
    for look in looks:
        assert look.given.mean() == pytest.approx(3, abs=0.02)
        assert abs(correlation(look, TRUTH)) < 0.01


def test_folds_of_what_is_no_count_are_the_coupled_looks():
    noisy = TRUTH + 2 * RNG.standard_normal(TRUTH.shape).astype(np.float32)
    looks, coupled = folded_looks(noisy, 4.0, 3, 5), coupled_looks(noisy, 4.0, 3)
    assert [look.fold for look in looks] == [0, 1]
    assert all(np.array_equal(one.given, other.given) for one, other in zip(looks, coupled, strict=True))


def test_coupled_looks_share_no_noise_and_are_mirrored():
    noisy = TRUTH + 2 * RNG.standard_normal(TRUTH.shape).astype(np.float32)
    one, other = coupled_looks(noisy, 4.0, 3)
    assert abs(correlation(one, TRUTH)) < 0.01
    assert np.allclose(one.given + other.given, 2 * noisy, atol=1e-4)
    assert not np.array_equal(one.given, other.given)


def test_looks_rank_results_as_the_truth_does():
    """The loss of a result is its error plus a constant: differences of losses are differences of errors."""
    noisy = TRUTH + 1.5 * RNG.standard_normal(TRUTH.shape).astype(np.float32)
    looks = coupled_looks(noisy, 1.5**2, 8)

    def loss(share: float) -> float:
        return float(np.mean([look.loss(3 + share * (look.given - 3)) for look in looks]))

    for share in (0.5, 1.0):
        assert loss(share) - loss(0.0) == pytest.approx(share**2 * 1.5**2, rel=0.1)


def test_counts_are_thinned_and_other_data_are_not():
    assert len(frame_looks(COUNTS, None, 1)) == 1
    assert len(frame_looks(COUNTS * np.float32(0.73), None, 1)) == 2
    assert len(frame_looks(COUNTS, 3.0, 1)) == 2


def test_a_few_stand_ins_do_not_hide_that_these_are_counts():
    mended = COUNTS.copy()
    mended[0, ::50, ::50] += 0.4
    assert whole_counts_of(mended) is not None
    assert whole_counts_of(COUNTS - 4) is None
    assert whole_counts_of(COUNTS + np.float32(0.3)) is None


@pytest.mark.parametrize("variance", [None, 4.0])
def test_the_same_frames_are_looked_at_in_the_same_way_by_the_same_seed(variance):
    first, again, other = (frame_looks(COUNTS, variance, seed) for seed in (3, 3, 4))
    assert all(np.array_equal(a.target, b.target) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].target, other[0].target)


def coloured(frames: int, drift: float, seed: int = 0, blur: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """A drifting lattice behind a detector that spreads its noise over px, in no whole numbers."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:128, :128].astype(float)
    truth = np.stack(
        [30 + 6 * np.cos(2 * np.pi * (x - drift * t) / 9.3) * np.cos(2 * np.pi * y / 8.1) for t in range(frames)]
    )
    noise = ndimage.gaussian_filter(rng.standard_normal(truth.shape), (0, blur, blur)) * 12
    return truth.astype(np.float32), (truth + noise).astype(np.float32)


def test_where_noise_is_correlated_neighbours_judge_along_the_drift():
    truth, noisy = coloured(6, 0.6)
    looks = neighbour_looks(ArrayMovie(noisy), QuietContext())
    assert len(looks) == 2
    assert looks[0].shift == pytest.approx((0, 0.6), abs=0.2)
    steps = (0.4, 1.3, 4.0)
    blurred = {step: ndimage.gaussian_filter(noisy, (0, step, step)) for step in steps}
    errors = {step: float(np.mean((one - truth) ** 2)) for step, one in blurred.items()}

    def loss(step: float) -> float:
        return mean_loss(looks, lambda frames: ndimage.gaussian_filter(frames, (0, step, step)))

    assert min(steps, key=loss) == min(steps, key=errors.__getitem__) == 1.3


def test_neighbours_do_not_judge_where_noise_is_white_or_nothing_can_be_followed():
    _, white = coloured(6, 0.3, blur=0.05)
    assert neighbour_correlation(white) < 0.1
    assert neighbour_looks(ArrayMovie(white), QuietContext()) == ()
    truth, noisy = coloured(6, 0.3)
    assert neighbour_looks(ArrayMovie(noisy - truth + 30), QuietContext()) == ()
    assert neighbour_looks(ArrayMovie(noisy[:3]), QuietContext()) == ()


def test_a_filter_does_not_take_correlated_noise_for_signal():
    truth, noisy = coloured(6, 0.0)
    method = WienerDenoiser((1, 2))
    alone = method.prepare(ArrayMovie(noisy[:1]), QuietContext())
    judged = method.prepare(ArrayMovie(noisy), QuietContext())
    kept, cleaned = (float(np.mean((method.run(noisy, state.parameters) - truth) ** 2)) for state in (alone, judged))
    assert cleaned < 0.9 * kept


def test_looking_at_neighbours_can_be_cancelled():
    with pytest.raises(Cancelled):
        neighbour_looks(ArrayMovie(np.repeat(COUNTS, 6, axis=0)), Listener(lambda self: True))


@given(st.integers(0, 8), st.integers(0, 6))
def test_a_valley_is_found_from_anywhere(start, best):
    grid = {"a": tuple(range(9)), "b": tuple(range(7))}
    calls = []

    def loss(choice):
        calls.append(tuple(choice.values()))
        return (choice["a"] - best) ** 2 + (choice["b"] - 3) ** 2 + 0.5 * (choice["a"] - best) * (choice["b"] - 3)

    assert search(grid, {"a": start, "b": 0}, loss) == {"a": best, "b": 3}
    assert len(calls) == len(set(calls))


@given(st.integers(1, 400), st.integers(1, 9))
def test_frames_are_spread_from_the_first_to_the_last(frames, most):
    numbers = spread(frames, most)
    assert numbers == sorted(set(numbers))
    assert len(numbers) <= most
    assert numbers[0] == 0
    assert numbers[-1] in {frames - 1, 0}
    assert len(numbers) == min(frames, most)


def test_the_middle_is_a_copy():
    part = middle(COUNTS, 100)
    assert part.shape == (1, 100, 100)
    assert not np.shares_memory(part, COUNTS)
    assert middle(COUNTS[:, :7, :9], 100).shape == (1, 7, 9)
