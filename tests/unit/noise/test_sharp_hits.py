"""Hits that a single frame gives away; and that nothing with flanks is taken for one, however bright."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from core.noise.sharp_hits import sharp_hits

SIDE = 64
# Hits as cameras show them: pixels struck one by one, in electrons.
SINGLE = np.array([[40.0]])
GROUP = np.array([[195.6, 118.2, 86.4], [161.6, 227.8, 115.7], [143.9, 0.0, 0.0]])
RAGGED = np.array([[68.5, 0.0, 0.0], [34.9, 45.3, 21.2], [73.9, 51.2, 0.0]])
FAINT_PIXELS = np.array([[213.0, 164.0], [47.0, 164.0], [0.0, 41.0]])
TRACK = np.diag(np.linspace(120.0, 60.0, 20))


def camera(seed: int = 0, base: float = 0.3, spread: float = 0.3, side: int = SIDE) -> np.ndarray:
    return (base + spread * np.random.default_rng(seed).normal(size=(side, side))).astype(np.float32)


def spot(sigma: float, y: float, x: float, side: int = SIDE) -> np.ndarray:
    """A Gaussian summed over each pixel, its highest pixel 1."""

    def line(middle: float) -> np.ndarray:
        return np.diff(erf((np.arange(side + 1) - 0.5 - middle) / (sigma * np.sqrt(2))))

    out = np.outer(line(y), line(x))
    return out / out.max()


def struck(frame: np.ndarray, hit: np.ndarray, row: int, column: int) -> np.ndarray:
    out = frame.copy()
    out[row : row + hit.shape[0], column : column + hit.shape[1]] += hit.astype(np.float32)
    return out


@pytest.mark.parametrize("hit", [SINGLE, GROUP, RAGGED, FAINT_PIXELS, TRACK], ids=["1", "7", "6", "faint", "track"])
@pytest.mark.parametrize("base", [0.3, 3.0])
def test_hit_is_found_in_one_frame_and_nothing_else(hit: np.ndarray, base: float) -> None:
    frame = camera(base=base)
    found = sharp_hits(struck(frame, hit, 20, 30))
    wanted = struck(np.zeros_like(frame), hit, 20, 30) > 0
    assert found[wanted].all()
    # Noise next to it may go along, no more.
    assert np.count_nonzero(found & ~wanted) <= 1
    assert not sharp_hits(frame).any()


def test_many_hits_of_a_frame_do_not_hide_each_other() -> None:
    frame = camera(side=256)
    places = [(20, 30), (60, 200), (120, 90), (180, 180), (240, 20), (0, 100), (255, 0)]
    for number, (row, column) in enumerate(places):
        frame = struck(frame, SINGLE * (1 + 3 * number), row, column)
    found = sharp_hits(frame)
    assert all(found[place] for place in places)
    assert np.count_nonzero(found) == len(places)


@pytest.mark.parametrize("sigma", [0.45, 0.7, 1.0, 2.0])
@pytest.mark.parametrize("noise", ["counts", "camera", "none"])
def test_single_atom_blurred_by_the_probe_stays_at_any_brightness(sigma: float, noise: str) -> None:
    rng = np.random.default_rng(5)
    for peak in (10.0, 15.0, 25.0, 60.0, 300.0, 5e3, 1e6):
        for _ in range(4):
            clean = 0.3 + peak * spot(sigma, *rng.uniform(20, 40, 2))
            frame = {
                "counts": rng.poisson(clean),
                "camera": clean + 0.3 * np.sqrt(clean) * rng.normal(size=clean.shape),
                "none": clean,
            }[noise]
            assert not sharp_hits(frame.astype(np.float32)).any(), peak


def test_several_atoms_side_by_side_stay() -> None:
    rng = np.random.default_rng(6)
    for _ in range(40):
        atoms = sum(rng.uniform(0.3, 1) * spot(0.6, *rng.uniform(28, 34, 2)) for _ in range(3))
        assert not sharp_hits(rng.poisson(0.3 + 80 * atoms).astype(np.float32)).any()


def test_atom_at_the_border_stays() -> None:
    for y in (-0.4, 0.0, 0.3):
        assert not sharp_hits((0.3 + 500 * spot(0.6, y, 30.2)).astype(np.float32)).any()


@pytest.mark.parametrize("dose", [0.01, 0.3, 5.0])
def test_counting_noise_holds_no_hits(dose: float) -> None:
    assert not sharp_hits(np.random.default_rng(1).poisson(dose, (512, 512)).astype(np.float32)).any()


def test_fine_strong_structure_is_left_alone() -> None:
    frame = camera(side=128)
    frame[::3, ::3] += 300
    assert not sharp_hits(frame).any()


def test_a_bar_or_letters_burnt_into_a_picture_are_left_alone() -> None:
    frame = camera(side=128)
    frame[100:104, 10:60] = 255.0
    assert not sharp_hits(frame).any()


def test_nothing_is_sought_where_it_must_not_be() -> None:
    frame = struck(camera(), GROUP, 20, 30)
    assert not sharp_hits(frame, float("inf")).any()
    assert not sharp_hits(frame, 1000.0).any()
    assert not sharp_hits(frame[:20, :20]).any()
