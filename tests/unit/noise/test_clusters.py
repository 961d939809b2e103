"""Hits that spread over many pixels are told from atoms of a single frame."""

from __future__ import annotations

import numpy as np
import pytest

from core.noise.clusters import brightest, judge, rest_of
from tests.unit.noise.cameras import columns, counted, hits, integrating, look, spots

GROUP = {(row, column) for row in (40, 41) for column in (40, 41, 42)}
ATOMS = [(20.3 + 19 * i, 15.8 + 17 * j) for i in range(4) for j in range(4)]


@pytest.mark.parametrize("frames", [3, 12, 40])
@pytest.mark.parametrize("integrates", [False, True])
@pytest.mark.parametrize("picture", [np.ones((96, 96)), columns(96, 12, 1.0, 0.5)])
def test_a_wide_hit_of_one_frame_is_found_whole(picture: np.ndarray, integrates: bool, frames: int) -> None:
    movie = counted(picture, frames, 8.0)
    for row, column in GROUP:
        movie[1, row, column] = 4000
    movie = integrating(movie) if integrates else movie
    assert hits(look(movie)[0]) == {(1, row, column) for row, column in GROUP}


def test_several_wide_hits_some_with_flanks_are_found_in_their_frames() -> None:
    movie = counted(np.ones((96, 96)), 20, 8.0)
    movie[3, 40:42, 40:43] = 4000
    movie[3, 70:73, 20:22] = 900
    movie[4, 60:64, 60:64] = 6000
    movie[9] += np.round(spots(96, [(30.2, 70.4)], 0.8, [5000.0]))
    found = hits(look(movie)[0])
    assert {(f, r, c) for f, r, c in found if f < 9} == {
        *((3, r, c) for r in (40, 41) for c in (40, 41, 42)),
        *((3, r, c) for r in (70, 71, 72) for c in (20, 21)),
        *((4, r, c) for r in range(60, 64) for c in range(60, 64)),
    }
    assert {f for f, _, _ in found} == {3, 4, 9}
    assert (9, 30, 70) in found


@pytest.mark.parametrize("sigma", [0.45, 0.6, 1.0, 1.6])
@pytest.mark.parametrize("dose", [0.2, 8.0])
@pytest.mark.parametrize("contrast", [1.0, 3.0])
def test_an_atom_of_one_frame_among_others_stays(sigma: float, dose: float, contrast: float) -> None:
    """Also the one heavy atom among light ones, and one of a picture where the others just left."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        places = [(row + rng.uniform(-0.5, 0.5), column + rng.uniform(-0.5, 0.5)) for row, column in ATOMS]
        usual = dose + spots(96, places[1:], sigma, [25 * dose] * 15)
        movie = np.tile(usual, (12, 1, 1))
        movie[5] += spots(96, places[:1], sigma, [contrast * 25 * dose])
        movie[8] = dose + spots(96, places[:1], sigma, [contrast * 25 * dose])
        assert not hits(look(rng.poisson(movie).astype(np.float32))[0])


def test_an_atom_at_sharp_corners_of_pixels_is_not_sharp() -> None:
    for shift in np.linspace(-0.5, 0.5, 11):
        frame = counted(5 + spots(48, [(24 + shift, 23.5)], 0.45, [4000]), 1, 1.0)[0]
        assert not brightest(frame).clusters[0].sharp
    frame = counted(np.full((48, 48), 5.0), 1, 1.0)[0]
    frame[20:22, 20:23] = 1000
    assert brightest(frame).clusters[0].sharp
    assert rest_of(frame) < 20


def test_without_frames_around_nothing_wide_is_a_hit_but_it_is_doubtful() -> None:
    frame = counted(np.full((48, 48), 5.0), 1, 1.0)[0]
    frame[20:22, 20:23] = 1000
    found = judge(brightest(frame), lambda: 3.0, np.empty((0, 6)))
    assert not found.hits
    assert len(found.doubtful) == 1


def test_a_single_electron_in_a_frame_of_nothing_is_no_hit() -> None:
    movie = np.zeros((12, 64, 64), dtype=np.float32)
    movie[5, 30, 30:32] = 1
    assert not hits(look(movie + counted(np.ones((64, 64)), 12, 0.0001))[0])


@pytest.mark.parametrize("gain", [1.0, 30.0])
def test_hits_are_found_where_most_pixels_see_no_electron(gain: float) -> None:
    movie = gain * counted(columns(128, 16, 0.5), 12, 0.05)
    assert not hits(look(movie)[0])
    movie[4, 60, 60] = 100 * gain
    movie[7, 20:22, 90:93] = 100 * gain
    assert hits(look(movie)[0]) == {(4, 60, 60), *((7, r, c) for r in (20, 21) for c in (90, 91, 92))}
