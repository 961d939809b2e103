from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.simulation.crystals import CATALOGUE, fill, small_tilt, zone_rotation
from core.simulation.specimens import Specimen
from core.simulation.truth import project_columns

_BOX = 40.0


def _crystal(name: str, zone: tuple[int, int, int], tilt: float = 0.0) -> Specimen:
    crystal = CATALOGUE[name]
    turn = small_tilt(np.deg2rad(tilt), 0.0, 0.3) @ zone_rotation(crystal, zone)
    positions, elements = fill(crystal, turn, 12.0, 15.0)
    return Specimen(name, positions + np.array([_BOX / 2, _BOX / 2, 0.0]), elements, _BOX)


def test_columns_of_an_upright_crystal_lie_where_its_atoms_do() -> None:
    specimen = _crystal("Pt", (1, 1, 0))
    columns = project_columns(specimen, 0.1, 400)
    places = np.unique(np.round(specimen.positions[:, 1::-1], 3), axis=0) / 0.1
    assert len(columns) == len(places)
    assert columns.atoms.sum() == len(specimen.positions)
    order = np.lexsort(columns.positions.T)
    np.testing.assert_allclose(columns.positions[order], places[np.lexsort(places.T)], atol=0.02)


def test_columns_of_a_crystal_tilted_by_four_degrees_stay_whole() -> None:
    upright, tilted = (project_columns(_crystal("Au", (1, 1, 0), tilt), 0.1, 400) for tilt in (0.0, 4.0))
    # The cylinder cuts a tilted crystal elsewhere: compare the columns well inside.
    for columns in (upright, tilted):
        inner = columns.select(np.hypot(*(columns.positions - 200).T) < 80)
        assert 9 <= np.median(inner.atoms) <= 11
        assert inner.atoms.min() >= 8


def test_atoms_of_two_elements_above_each_other_are_one_column() -> None:
    mixed, apart = (
        project_columns(_crystal("MgO", (0, 0, 1)), 0.1, 400),
        project_columns(_crystal("CeO2", (1, 1, 0)), 0.1, 400),
    )
    assert set(mixed.elements) == {"Mg+O"}
    assert set(apart.elements) == {"Ce", "O"}
    assert apart.heights[[e == "Ce" for e in apart.elements]].min() > 58**1.7


def test_only_the_named_elements_are_columns() -> None:
    columns = project_columns(_crystal("CeO2", (1, 1, 0)), 0.1, 400, only=("Ce",))
    assert set(columns.elements) == {"Ce"}


def test_a_column_across_the_boxs_edge_is_one_column_at_its_mean() -> None:
    positions = np.array([[0.1, 5.0, 0.0], [19.9, 5.0, 3.0], [0.1, 5.0, 6.0], [19.9, 5.0, 9.0]])
    columns = project_columns(Specimen("edge", positions, np.array(["Pt"] * 4), 20.0), 0.2, 100)
    assert columns.atoms.tolist() == [4]
    np.testing.assert_allclose(columns.positions, [[25.0, 0.0]], atol=1e-9)


def test_columns_outside_a_smaller_frame_are_left_out() -> None:
    specimen = _crystal("Pt", (1, 0, 0))
    columns = project_columns(specimen, 0.1, 200)
    assert 0 < len(columns) < len(project_columns(specimen, 0.1, 400))
    assert columns.positions.max() < 199.5


def test_nothing_has_no_columns() -> None:
    nothing = Specimen("vacuum", np.zeros((0, 3)), np.array([], str), 20.0)
    assert len(project_columns(nothing, 0.1, 200)) == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-15, 15), st.floats(-15, 15))
def test_every_atom_is_counted_once_and_a_shifted_specimen_shifts_its_columns(seed: int, dx: float, dy: float) -> None:
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(np.arange(2, 20, 3.0), np.arange(2, 20, 3.0)), -1).reshape(-1, 2)
    atoms = np.concatenate([np.column_stack([places, np.full(len(places), z)]) for z in (0.0, 4.0, 8.0)])
    atoms[:, :2] += rng.normal(0, 0.05, (len(atoms), 2))
    elements = rng.choice(["Pt", "O"], len(atoms))
    moved = atoms + np.array([dx, dy, 0.0])
    moved[:, :2] %= 21.0
    first = project_columns(Specimen("a", atoms, elements, 21.0), 0.1, 210)
    second = project_columns(Specimen("b", moved, elements, 21.0), 0.1, 210)
    assert first.atoms.sum() == second.atoms.sum() == len(atoms)
    assert len(first) == len(second) == len(places)
    shift = second.positions[:, None] - first.positions[None] - [dy * 10, dx * 10]
    distance = np.linalg.norm(shift - 210 * np.round(shift / 210), axis=-1)
    assert distance.min(1).max() == pytest.approx(0, abs=1e-6)


def test_a_tilted_column_stays_whole_across_the_boxs_edge() -> None:
    x = np.array([19.2, 19.6, 0.0, 0.4, 0.8])
    positions = np.column_stack([x, np.full(5, 5.0), np.arange(5) * 4.0])
    columns = project_columns(Specimen("edge", positions, np.array(["Pt"] * 5), 20.0), 0.2, 100)
    assert columns.atoms.tolist() == [5]
    np.testing.assert_allclose(columns.positions, [[25.0, 0.0]], atol=1e-9)
