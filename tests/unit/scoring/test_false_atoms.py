"""Atoms that a film lacks are told from its own speckle, however that is moved, weakened or noisy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from core.measures.atoms.profile import draw
from core.scoring.false_atoms import best_linear, false_atoms, level_beyond_chance
from core.scoring.false_lattice import lattice_peak
from core.scoring.twins import Finder

SIDE, WIDTH, LEAST = 192, 2.5, 0.1
FINDER = Finder(False, WIDTH, LEAST, 4.5)
DARK = Finder(True, WIDTH, LEAST, 4.5)


def film(strength: float, seed: int = 0) -> np.ndarray:
    """Speckle of about the columns' size, with a calm rim; its deviation in the finding filter, in least heights."""
    white = np.random.default_rng(seed).normal(size=(SIDE, SIDE))
    speckle = gaussian_filter(white, 2.2, mode="wrap") - 0.5 * gaussian_filter(white, 4.4, mode="wrap")
    rim = np.clip((np.minimum(np.arange(SIDE), np.arange(SIDE)[::-1]) - 6) / 6, 0, 1)
    speckle = speckle * np.outer(rim, rim)
    return 1.0 + speckle * strength * LEAST / FINDER.heights(speckle).std()


def places() -> np.ndarray:
    """Places apart from each other, at the frame's edge too."""
    grid = np.arange(3.0, SIDE, 26.0)
    rng = np.random.default_rng(1)
    return np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2) + rng.uniform(-2, 2, (64, 2))


def with_atoms(image: np.ndarray, height: float, where: np.ndarray) -> np.ndarray:
    """Columns of so many least heights on top of an image."""
    volumes = np.full(len(where), height * LEAST * 2 * np.pi * WIDTH**2)
    return image + draw(image.shape, where, volumes, np.full(len(where), WIDTH))


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("height", [1.5, 3.0])
def test_invented_atoms_that_show_are_counted(strength: float, height: float) -> None:
    clean, where = film(strength), places()
    image = with_atoms(clean, height, where)
    found = FINDER.find(image)
    shown = [place for place in where if np.hypot(*(found - place).T).min() <= FINDER.radius / 2]
    assert len(shown) > (0.95 if height > 1.5 or strength < 0.5 else 0.5) * len(where)
    counted = false_atoms(FINDER, image[None], clean).more
    # A speckle beside one may be carried above the least height by it.
    assert 0.95 * len(shown) <= counted <= 1.05 * len(where)


def test_dark_atoms_are_counted_where_atoms_are_dark() -> None:
    clean, where = film(0.3), places()[::10]
    upside_down = 2.0 - with_atoms(clean, 3.0, where)
    assert false_atoms(DARK, upside_down[None], 2.0 - clean).more == len(where)
    assert false_atoms(FINDER, upside_down[None], 2.0 - clean).more == 0


def test_atoms_in_the_frames_corners_count() -> None:
    corners = np.array([[-0.5, -0.5], [-0.5, SIDE - 0.5], [SIDE - 0.5, -0.5], [SIDE - 0.5, SIDE - 0.5]])
    clean = film(0.3)
    assert false_atoms(FINDER, with_atoms(clean, 4.0, corners)[None], clean).more == 4


def test_each_frames_atoms_count() -> None:
    clean, where = film(0.3), places()
    frames = np.stack([clean, with_atoms(clean, 3.0, where[30:31]), with_atoms(clean, 3.0, where[:3])])
    assert false_atoms(FINDER, frames, clean).more == 4


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_moved_weakened_or_blurred_speckle_is_no_atom(strength: float) -> None:
    clean = film(strength)
    moved = [shift(clean, by, order=3, mode="grid-wrap") for by in ((2.0, 3.0), (-3.6, 0.4), (0.0, 4.2))]
    weaker = [1.0 + 0.5 * (clean - 1.0), gaussian_filter(clean, WIDTH), gaussian_filter(moved[0], 1.0)]
    for image in (*moved, *weaker):
        assert false_atoms(FINDER, image[None], clean).more <= 0.01 * len(FINDER.find(clean))
    if strength >= 1.0:
        assert any(false_atoms(FINDER, image[None], clean).unmatched > 5 for image in moved)


def test_atoms_are_counted_in_a_film_that_was_moved_and_weakened_as_a_whole() -> None:
    clean, where = film(0.7), places()
    moved = 1.0 + 0.8 * (shift(clean, (3.0, -2.0), order=3, mode="grid-wrap") - 1.0)
    assert false_atoms(FINDER, with_atoms(moved, 3.0, where)[None], clean).more > 0.95 * len(where)


def test_weak_lattice_in_a_film_counts_and_shows_in_its_spectrum() -> None:
    clean = film(0.5)
    rows, cols = np.mgrid[:SIDE, :SIDE]
    waves = sum(np.cos(2 * np.pi * (np.cos(a) * rows + np.sin(a) * cols) / 14.0) for a in (0.3, 0.3 + np.pi / 2))
    image = clean + LEAST * waves
    assert false_atoms(FINDER, image[None], clean).more > 100
    assert lattice_peak(image[None], clean).value > 3 * lattice_peak(clean[None], clean).value


def test_films_own_directions_are_no_lattice() -> None:
    rng = np.random.default_rng(5)
    # Speckle that is three times as long as it is wide.
    clean = 1.0 + gaussian_filter(rng.normal(size=(SIDE, SIDE)), (6.0, 2.0), mode="wrap")
    seen = gaussian_filter(clean, 1.0)[None]
    assert lattice_peak(seen).value > 3
    told = lattice_peak(seen, clean)
    assert told.value < 1.5
    assert told.excess == 0.0
    rows = np.arange(SIDE)[:, None]
    lattice = seen + 0.05 * np.cos(2 * np.pi * rows / 9.0)
    assert lattice_peak(lattice, clean).value > 5
    assert lattice_peak(lattice, clean).excess > 0.05


def test_vacuum_counts_whatever_is_found() -> None:
    empty = np.ones((SIDE, SIDE))
    image = with_atoms(empty, 1.5, places())
    counted = false_atoms(FINDER, image[None], empty)
    assert (counted.more, counted.sure, counted.unmatched) == (64, 64, 64)


def noisy(clean: np.ndarray, electrons: float, frames: int = 2) -> np.ndarray:
    return np.random.default_rng(7).poisson(electrons * clean, (frames, *clean.shape)) / electrons


@pytest.mark.parametrize("electrons", [2.0, 10.0])
def test_best_linear_estimate_is_nearer_than_any_gaussian(electrons: float) -> None:
    clean = film(1.0)
    frames = noisy(clean, electrons)
    best = np.mean(np.square(best_linear(clean, frames, 1 / electrons) - clean))
    others = [np.mean(np.square(gaussian_filter(frames, (0, s, s)) - clean)) for s in np.geomspace(0.7, 12, 9)]
    assert best < min(others)
    # Not better than its error spectrum says: it knows the film's power, not the film.
    assert best > 0.5 * min(others)


def test_chance_in_the_best_estimate_hardly_ever_passes_its_level_and_a_higher_atom_does() -> None:
    clean, electrons = film(1.5), 10.0
    frames = best_linear(clean, noisy(clean, electrons, 4), 1 / electrons)
    level = level_beyond_chance(FINDER, frames - clean)
    spread = float(np.std([FINDER.heights(frame - clean) for frame in frames]))
    assert 4.5 < level / spread < 5.5
    counted = false_atoms(FINDER, frames, clean, level)
    assert counted.more > 20
    assert counted.sure == 0
    atoms = with_atoms(frames[0], 1.5 * level / LEAST, places())
    assert false_atoms(FINDER, atoms[None], clean, level).sure > 0.85 * len(places())


def test_level_beyond_chance_is_that_of_the_part_that_the_film_fills() -> None:
    off = gaussian_filter(np.random.default_rng(8).normal(size=(4, SIDE, SIDE)), (0, 2.0, 2.0))
    part = off * (np.arange(SIDE) < SIDE // 4)
    assert level_beyond_chance(FINDER, part) == pytest.approx(level_beyond_chance(FINDER, off), rel=0.1)


def test_errors_of_nothing_have_no_level() -> None:
    assert level_beyond_chance(FINDER, np.zeros((1, 64, 64))) == 0.0


def test_best_linear_estimate_knows_where_the_film_ends() -> None:
    clean = film(2.0)
    clean[:, SIDE // 2 :] = 1.0
    frames = noisy(clean, 5.0)
    rest = best_linear(clean, frames, 1 / 5.0)[:, :, SIDE * 3 // 4 :] - 1.0
    assert np.sqrt(np.mean(np.square(rest))) < 0.05 * clean.std()
    np.testing.assert_array_equal(best_linear(np.ones((64, 64)), frames[:, :64, :64], 0.2), 1.0)
