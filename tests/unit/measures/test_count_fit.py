"""The randomised PIT of counts: uniform for the truth at any dose, not for results that keep noise or lose signal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.measures.clips import Clip
from core.measures.count_fit import count_fit, count_measures, randomised_pit
from tests.unit.measures.drifting_scenes import scene

DOSES = st.floats(np.log(0.02), np.log(200.0)).map(np.exp)
SEEDS = st.integers(0, 10_000)


@given(DOSES, SEEDS)
@settings(max_examples=60, deadline=None)
def test_the_pit_of_the_truth_is_uniform_at_any_dose(dose: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    clean = dose * rng.uniform(0.2, 2.0, 20_000)
    u = np.sort(randomised_pit(rng.poisson(clean), clean, rng))
    assert ((u >= 0) & (u <= 1)).all()
    # 3.0 / sqrt(n): exceeded once in 30 million.
    assert np.abs(u - np.arange(len(u)) / len(u)).max() < 3.0 / len(u) ** 0.5


@given(DOSES, SEEDS)
@settings(max_examples=10, deadline=None)
def test_the_truth_passes_and_the_identity_does_not(dose: float, seed: int) -> None:
    one = scene(dose=float(dose), seed=seed, frames=4)
    truth, identity = count_fit([one.clip(one.clean)]), count_fit([one.clip(one.raw)])
    assert truth.distance < 2 * truth.chance
    assert identity.distance > 0.1
    assert identity.spread < 0.5


@pytest.mark.parametrize("dose", [0.3, 2.0, 20.0])
def test_a_result_that_lost_its_picture_is_seen_at_low_doses_too(dose: float) -> None:
    one = scene(dose=dose)
    flat = np.full_like(one.clean, one.clean.mean())
    found = count_fit([one.clip(flat)])
    assert found.distance > 2 * found.chance
    assert found.spread > 1


def test_too_wide_a_blur_is_further_from_counts_than_the_best_one() -> None:
    one = scene(dose=20.0)
    best, wide = (count_fit([one.clip(one.blurred(factor * one.best_sigma))]) for factor in (1.0, 3.0))
    assert wide.distance > 2 * best.distance
    assert wide.spread > 1 > best.spread


def test_wrong_intensities_are_seen() -> None:
    one = scene(dose=2.0)
    assert count_fit([one.clip(1.05 * one.clean)]).distance > 5 * count_fit([one.clip(one.clean)]).distance


def test_fewer_electrons_than_none_are_taken_for_none() -> None:
    rng = np.random.default_rng(0)
    assert randomised_pit([3.0], [-0.2], rng) == pytest.approx(1.0)
    assert 0 <= randomised_pit([0.0], [-0.2], rng)[0] <= 1


def test_the_measure_says_what_is_wrong_and_is_refused_where_nothing_was_counted() -> None:
    one = scene(dose=4.0, seed=2)
    good, raw = (count_measures([one.clip(frames)])["count_fit"] for frames in (one.clean, one.raw))
    assert good.value is not None
    assert raw.value is not None
    assert good.value < 0.02 < raw.value
    assert "noise was kept" in raw.caveat
    camera = Clip(one.raw * 1.37 + 0.4, one.clean, one.shifts)
    assert count_measures([camera])["count_fit"].value is None
    doubled = Clip(2 * one.raw, one.clean, one.shifts)
    refused = count_measures([doubled])["count_fit"]
    assert refused.value is None
    assert "more" in refused.caveat
