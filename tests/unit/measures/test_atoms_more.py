from __future__ import annotations

import numpy as np
import pytest

from core.measures.atoms.compare import compare_atoms
from core.measures.atoms.counting import count_atoms
from core.measures.atoms.locate import Search, locate_columns
from core.measures.atoms.strain import lattice_vectors, strain
from core.measures.atoms.surface import match_surfaces, surface_columns
from tests.unit.measures.column_images import Lattice, lattice_image


def grid(rows: int, cols: int, a: float = 10.0, b: float = 12.0) -> np.ndarray:
    y, x = np.mgrid[:rows, :cols]
    return np.stack([y.ravel() * a, x.ravel() * b], axis=1).astype(float)


def test_surface_of_a_block_is_its_rim() -> None:
    places = grid(6, 8)
    y, x = np.mgrid[:6, :8]
    rim = ((y == 0) | (y == 5) | (x == 0) | (x == 7)).ravel()
    assert np.array_equal(surface_columns(places), rim)


def test_a_vacancy_inside_is_no_surface_but_a_missing_corner_is() -> None:
    places = grid(7, 7)
    inner = np.delete(places, 24, axis=0)
    assert surface_columns(inner).sum() == 24
    wide_hole = np.delete(places, [16, 17, 18, 23, 24, 25, 30, 31, 32], axis=0)
    assert surface_columns(wide_hole).sum() == 24
    without_corner = np.delete(places, 0, axis=0)
    assert surface_columns(without_corner).sum() >= 23


def test_an_adatom_that_was_missed_and_one_that_was_invented_cost_surface_f1() -> None:
    true = np.concatenate([grid(6, 8), [[-10.0, 36.0]]])
    found = np.concatenate([grid(6, 8), [[60.0, 36.0]]])
    got = match_surfaces(true, found, radius=5.0)
    assert got.missed >= 1
    assert got.invented >= 1
    assert got.f1 < 0.99
    assert match_surfaces(true, true, radius=5.0).f1 == 1.0


def test_the_frames_border_is_no_surface() -> None:
    places = grid(6, 8) + 5
    got = match_surfaces(places, places, 5.0, shape=(60, 200), margin=8.0)
    assert len(got.true) == 4  # the right rim, without its ends


@pytest.mark.parametrize("count", [0, 1, 3])
def test_few_columns_are_all_surface(count: int) -> None:
    assert surface_columns(grid(1, 3)[:count]).all()
    assert len(surface_columns(np.zeros((0, 2)))) == 0


def test_columns_in_a_line_are_all_surface() -> None:
    assert surface_columns(grid(1, 9)).all()


def test_a_uniform_stretch_shear_and_turn_are_measured() -> None:
    rng = np.random.default_rng(0)
    true = grid(9, 9)
    # Too small a turn for second-order terms to matter.
    gradient = np.array([[1.02, 0.004], [0.008, 0.99]])
    got = strain(true @ gradient.T + rng.normal(0, 1e-3, true.shape), lattice_vectors(true))
    assert got.known.sum() >= 77
    assert np.nanmean(got.yy) == pytest.approx(0.02, abs=2e-4)
    assert np.nanmean(got.xx) == pytest.approx(-0.01, abs=2e-4)
    assert np.nanmean(got.yx) == pytest.approx(0.006, abs=2e-4)
    assert np.nanmean(got.rotation) == pytest.approx(0.002, abs=2e-4)


def test_a_lattice_of_its_own_is_not_strained() -> None:
    turned = grid(9, 9) @ np.array([[0.8, 0.6], [-0.6, 0.8]])
    got = strain(turned)
    assert np.nanmax(np.abs([got.yy, got.xx, got.yx, got.rotation])) < 1e-9


def test_dumbbells_do_not_confuse_the_lattice() -> None:
    places = np.concatenate([grid(8, 8, 20, 28), grid(8, 8, 20, 28) + np.array([0.0, 7.0])])
    vectors = lattice_vectors(places)
    lengths = np.sort(np.linalg.norm(vectors, axis=1))
    assert lengths[0] == pytest.approx(20)
    assert np.nanmax(np.abs(strain(places).yy)) < 1e-9


def test_where_there_is_no_lattice_there_is_no_strain() -> None:
    places = np.random.default_rng(0).uniform(0, 300, (80, 2))
    assert not strain(places).known.all()
    assert not strain(places[:3]).known.any()


def test_atoms_are_counted_in_thin_columns() -> None:
    rng = np.random.default_rng(0)
    atoms = rng.integers(3, 9, 400)
    got = count_atoms(50.0 * atoms + rng.normal(0, 8, 400))
    assert len(got.locations) == 6
    assert got.unit == pytest.approx(50, rel=0.05)
    assert np.mean(got.atoms == atoms) > 0.99
    assert got.width == pytest.approx(8, rel=0.15)


def test_too_much_scatter_is_no_atom_count() -> None:
    rng = np.random.default_rng(0)
    got = count_atoms(50.0 * rng.integers(3, 9, 300) + rng.normal(0, 60, 300))
    assert len(got.locations) <= 2


def test_columns_of_one_thickness_are_one_term() -> None:
    got = count_atoms(np.random.default_rng(0).normal(700, 10, 200), unit=100.0)
    assert got.atoms.tolist() == [7] * 200
    assert count_atoms([5.0, 5.0, 5.0, 5.0]).atoms.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("values", [[], [1.0, np.nan]])
def test_atoms_are_not_counted_from_nothing(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        count_atoms(values)


def test_before_and_after_are_compared_in_picometres_percent_and_strain() -> None:
    what = Lattice(pixel=0.2, sigma=0.45, a=2.6, b=3.1, size=112)
    image, places, volumes = lattice_image(what)
    noisy = image + np.random.default_rng(0).normal(0, 1.0, image.shape)
    reports = []
    for one in (image, noisy):
        found = locate_columns(one, Search(pixel_nm=0.02)).columns
        seen = np.all((places > -0.5) & (places < 111.5), axis=1)
        reports.append(compare_atoms(places[seen], found, image.shape, 0.02, 0.05, volumes[seen], margin_px=8.0))
    clean, after = reports
    assert clean.columns.f1 == 1.0
    assert clean.surface.f1 == 1.0
    assert clean.quantities is not None
    assert after.quantities is not None
    assert clean.quantities.worst_pm < 1
    assert after.quantities.spread_pm > 5 * clean.quantities.spread_pm
    assert clean.strain_spread is not None
    assert after.strain_spread is not None
    assert clean.strain_spread < 0.1
    assert after.strain_spread > clean.strain_spread
