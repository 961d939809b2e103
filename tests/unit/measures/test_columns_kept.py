"""Columns before and after: what a result does to them is told in pm and %, and only where they are certain."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy import ndimage

from core.measures.clips import Clip
from core.measures.columns_kept import column_measures
from tests.unit.measures.column_images import Lattice, lattice_image

PIXEL_NM = 0.02
WHAT = Lattice(pixel=0.2, sigma=0.5, a=2.8, b=3.3, size=112, surface=False)
PLACES = lattice_image(WHAT)[1]
BASE = 30.0


def drawn(heights: np.ndarray) -> np.ndarray:
    """Columns of these heights, in electrons a px and frame, on an even ground."""
    y, x = np.mgrid[:112, :112]
    spots = np.exp(-((y - PLACES[:, :1, None]) ** 2 + (x - PLACES[:, 1:, None]) ** 2) / (2 * 2.5**2))
    return BASE + np.tensordot(heights, spots, axes=1)


def clip(picture: np.ndarray, change=lambda frames: frames, drift: float = 0.2, frames: int = 12) -> Clip:
    """A drifting movie of a picture in Poisson counts, and what `change` makes of the clean frames."""
    shifts = drift * np.arange(frames)[:, None] * np.array([1.0, -0.6])
    clean = np.array([ndimage.shift(picture, shift, order=3, mode="mirror") for shift in shifts])
    raw = np.random.default_rng(4).poisson(np.maximum(clean, 0))
    return Clip(raw.astype(np.float32), change(clean).astype(np.float32), shifts)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return drawn(np.full(len(PLACES), 50.0))


def values(one: Clip) -> dict[str, float | None]:
    return {name: measure.value for name, measure in column_measures([one], PIXEL_NM).items()}


def test_the_truth_keeps_every_column_where_it_is(picture: np.ndarray) -> None:
    got = values(clip(picture))
    assert got["columns_kept"] == 1
    assert got["columns_added"] == 0
    assert got["columns_moved"] < 6
    assert got["columns_shifted"] < 3
    assert abs(got["columns_contrast"]) < 3
    assert got["columns_strain"] < 4


def test_what_was_moved_made_paler_and_erased_is_told(picture: np.ndarray) -> None:
    erased = np.hypot(*(PLACES - 55).T) < 20
    paler = drawn(np.where(erased, 0.0, 35.0))
    result = ndimage.shift(paler, (0.0, 0.5), order=3, mode="mirror")
    got = values(clip(picture, lambda frames: np.repeat(result[None], len(frames), axis=0), drift=0.0))
    assert 0.5 < got["columns_kept"] < 0.95
    assert got["columns_added"] == 0
    assert got["columns_shifted"] == pytest.approx(0.5 * 20, abs=3)
    assert got["columns_contrast"] == pytest.approx(-30, abs=4)


def test_invented_columns_count_as_added(picture: np.ndarray) -> None:
    half = drawn(np.where(PLACES[:, 1] < 60, 50.0, 0.0))
    got = values(clip(half, lambda frames: np.repeat(picture[None], len(frames), axis=0), drift=0.0))
    assert got["columns_kept"] > 0.9
    assert got["columns_added"] > 0.2


def test_numbers_of_atoms_are_compared_where_they_show() -> None:
    steps = drawn(30.0 * np.random.default_rng(2).integers(2, 5, len(PLACES)))
    assert values(clip(steps, drift=0.0))["columns_same_atoms"] > 0.97
    flat = drawn(np.full(len(PLACES), 90.0))
    evened = clip(steps, lambda frames: np.repeat(flat[None], len(frames), axis=0), drift=0.0)
    assert values(evened)["columns_same_atoms"] < 0.6


def test_where_the_result_tells_no_numbers_of_atoms_none_are_compared() -> None:
    rng = np.random.default_rng(2)
    steps = drawn(30.0 * rng.integers(2, 5, len(PLACES)))
    scattered = drawn(rng.normal(90.0, 8.0, len(PLACES)))
    one = clip(steps, lambda frames: np.repeat(scattered[None], len(frames), axis=0), drift=0.0)
    measure = column_measures([one], PIXEL_NM)["columns_same_atoms"]
    assert measure.value is None
    assert "3 numbers of atoms before, and no steps after" in measure.caveat


@pytest.mark.parametrize("left", [0.0, 0.06, 0.18])
def test_a_column_of_which_a_faint_bump_is_left_is_lost_and_its_place_is_told(picture: np.ndarray, left: float) -> None:
    gone = np.argsort(np.hypot(*(PLACES - 55).T))[:3]
    heights = np.full(len(PLACES), 50.0)
    heights[gone] *= left
    faint = drawn(heights)
    one = clip(picture, lambda frames: np.repeat(faint[None], len(frames), axis=0), drift=0.0)
    measure = column_measures([one], PIXEL_NM)["columns_kept"]
    whole = values(clip(picture, drift=0.0))["columns_kept"]
    total = int(measure.caveat.split("the ")[1].split(" ")[0])
    assert whole == 1
    assert measure.value == pytest.approx(1 - 3 / total)
    told = re.findall(r"\((\d+), (\d+)\)", measure.caveat)
    assert "3 are lost" in measure.caveat
    places = np.array(sorted((int(y), int(x)) for y, x in told))
    assert places == pytest.approx(np.array(sorted(map(tuple, PLACES[gone]))), abs=1)


def test_columns_that_all_got_paler_are_kept(picture: np.ndarray) -> None:
    paler = drawn(np.full(len(PLACES), 10.0))
    got = values(clip(picture, lambda frames: np.repeat(paler[None], len(frames), axis=0), drift=0.0))
    assert got["columns_kept"] > 0.95
    assert got["columns_contrast"] == pytest.approx(-80, abs=4)


@pytest.mark.parametrize("case", ["noise", "few frames", "unknown drift", "unknown px", "constant"])
def test_without_certain_columns_nothing_is_said_but_why(picture: np.ndarray, case: str) -> None:
    one = clip(picture * 0.02 if case == "noise" else picture, frames=2 if case == "few frames" else 8)
    if case == "unknown drift":
        one = Clip(one.raw, one.result, one.shifts, certain=False)
    if case == "constant":
        one = Clip(np.ones_like(one.raw), np.ones_like(one.result), one.shifts)
    got = column_measures([one], None if case == "unknown px" else PIXEL_NM)
    assert list(got) == ["columns_kept"]
    assert got["columns_kept"].value is None
    assert got["columns_kept"].caveat
