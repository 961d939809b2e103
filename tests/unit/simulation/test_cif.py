from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.simulation.cif import read_cif, with_crystals
from core.simulation.crystals import fill
from core.simulation.errors import CrystalFileError
from core.simulation.materials import BENCHMARK, TRAINING
from core.simulation.objects.draw import draw

_CELL = """data_x
_cell_length_a 5.411(2)
_cell_length_b 5.411
_cell_length_c 5.411
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
"""
_GROUP = "_space_group_name_H-M_alt 'F m -3 m'\n"
_LOOP = """loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""
_CERIA = "Ce1 Ce4+ 0 0 0 1\nO1 O2- 0.25 0.25 0.25 1\n"


def _write(folder: Path, text: str) -> Path:
    path = folder / "crystal.cif"
    path.write_text(text)
    return path


def test_a_crystal_is_built_from_its_space_group_and_sites(tmp_path: Path) -> None:
    crystal = read_cif(_write(tmp_path, _CELL + _GROUP + _LOOP + _CERIA))
    ceria = TRAINING.materials["CeO2"]
    mine = {(e, *np.round(p, 3)) for e, p in zip(crystal.elements, crystal.positions, strict=True)}
    assert mine == {(e, *np.round(p, 3)) for e, p in zip(ceria.elements, ceria.positions, strict=True)}
    np.testing.assert_allclose(crystal.cell, ceria.cell, atol=1e-9)


def test_listed_operations_serve_instead_of_a_symbol(tmp_path: Path) -> None:
    listed = "loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,z'\n'-x,-y,-z'\n"
    crystal = read_cif(_write(tmp_path, _CELL + listed + _LOOP + "Fe1 Fe 0.1 0.2 0.3 1\n"))
    assert sorted(np.round(crystal.positions, 3).tolist()) == [[0.1, 0.2, 0.3], [0.9, 0.8, 0.7]]


def test_a_special_position_that_is_rounded_stays_one_atom(tmp_path: Path) -> None:
    text = _CELL + _GROUP + _LOOP + "Ce1 Ce 0.9999 0.0001 0.9999 1\nO1 O 0.2501 0.2499 0.25 1\n"
    assert len(read_cif(_write(tmp_path, text)).positions) == 12


def test_oblique_cells_keep_their_angles(tmp_path: Path) -> None:
    cell = _CELL.replace("beta 90", "beta 99.22").replace("b 5.411", "b 5.175")
    crystal = read_cif(_write(tmp_path, cell + "_space_group_name_H-M_alt 'P 1'\n" + _LOOP + "Hf Hf 0 0 0 1\n"))
    a, b, c = np.asarray(crystal.cell)
    assert np.degrees(np.arccos(a @ c / 5.411**2)) == pytest.approx(99.22)
    assert np.linalg.norm(b) == pytest.approx(5.175)


_BAD = {
    "no CIF": ("hello", "no data block"),
    "binary": ("data_\0\1\2", "no data block"),
    "broken": (_CELL + "_a 'b\n" + _GROUP + _LOOP + _CERIA, "cannot be read"),
    "no cell": ("data_x\n" + _GROUP + _LOOP + _CERIA, "_cell_length_a"),
    "flat cell": (_CELL.replace("gamma 90", "gamma 179.999") + _GROUP + _LOOP + _CERIA, "No cell has"),
    "cell of no numbers": (_CELL.replace("c 5.411", "c ?") + _GROUP + _LOOP + _CERIA, "_cell_length_c"),
    "no symmetry": (_CELL + _LOOP + _CERIA, "space group"),
    "unknown group": (_CELL + "_space_group_name_H-M_alt 'F q 9'\n" + _LOOP + _CERIA, "F q 9"),
    "unclear origin": (_CELL + "_space_group_name_H-M_alt 'F d -3 m'\n" + _LOOP + _CERIA, "two choices of origin"),
    "wrong operation": (_CELL + "loop_\n_symmetry_equiv_pos_as_xyz\n'x,y'\n" + _LOOP + _CERIA, "operation"),
    "no atoms": (_CELL + _GROUP, "no atoms"),
    "unknown element": (_CELL + _GROUP + _LOOP + "Xx1 Xx 0 0 0 1\n", "Xx"),
    "missing coordinate": (_CELL + _GROUP + _LOOP + "Ce1 Ce 0 ? 0 1\n", "coordinates of Ce1"),
    "partial": (_CELL + _GROUP + _LOOP + "Ce1 Ce 0 0 0 1\nO1 O 0.25 0.25 0.25 0.75\n", "1 of 2 sites"),
    "impossible share": (_CELL + _GROUP + _LOOP + "Ce1 Ce 0 0 0 7\n", "occupancy of Ce1 is 7"),
    "overlap": (_CELL + _GROUP + _LOOP + "Ce1 Ce 0 0 0 1\nZr1 Zr 0.02 0 0 1\n", "Å apart"),
    "mmCIF": ("data_x\nloop_\n_atom_site.id\n_atom_site.Cartn_x\n1 2.0\n", "macromolecule"),
}


@pytest.mark.parametrize("fault", sorted(_BAD))
def test_what_cannot_be_built_is_refused_with_its_reason(tmp_path: Path, fault: str) -> None:
    text, reason = _BAD[fault]
    path = _write(tmp_path, text)
    with pytest.raises(CrystalFileError, match=reason.replace("(", r"\(")) as caught:
        read_cif(path)
    assert caught.value.info.path == str(path)
    assert caught.value.info.advice


def test_disordered_groups_are_refused(tmp_path: Path) -> None:
    loop = _LOOP + "_atom_site_disorder_group\n"
    with pytest.raises(CrystalFileError, match="disordered"):
        read_cif(_write(tmp_path, _CELL + _GROUP + loop + "C1 C 0 0 0 1 .\nC2 C 0.2 0.2 0 0.5 1\n"), occupancy="random")


@pytest.mark.parametrize("place", ["missing.cif", "."])
def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path, place: str) -> None:
    with pytest.raises(CrystalFileError) as caught:
        read_cif(tmp_path / place)
    assert caught.value.info.code == ("not-found" if place == "missing.cif" else "is-a-folder")


def test_random_occupancy_draws_each_site_by_its_share_and_always_the_same(tmp_path: Path) -> None:
    mixed = "Ce1 Ce 0 0 0 0.6\nZr1 Zr 0 0 0 0.4\nO1 O 0.25 0.25 0.25 0.9\n"
    path = _write(tmp_path, _CELL + _GROUP + _LOOP + mixed)
    crystal = read_cif(path, occupancy="random", seed=3)
    positions, elements = fill(crystal, np.eye(3), 40.0, 40.0)
    count = {name: int((elements == name).sum()) for name in ("Ce", "Zr", "O")}
    assert count["Ce"] / (count["Ce"] + count["Zr"]) == pytest.approx(0.6, abs=0.02)
    _, full = fill(TRAINING.materials["CeO2"], np.eye(3), 40.0, 40.0)
    assert count["O"] / int((full == "O").sum()) == pytest.approx(0.9, abs=0.01)
    assert count["Ce"] + count["Zr"] == int((full == "Ce").sum())
    # Never two at one place, and a smaller piece is cut from the same crystal.
    assert len(np.unique(np.round(positions, 2), axis=0)) == len(positions)
    small, names = fill(crystal, np.eye(3), 12.0, 12.0)
    whole = {(*np.round(p, 3), e) for p, e in zip(positions, elements, strict=True)}
    assert {(*np.round(p, 3), e) for p, e in zip(small, names, strict=True)} <= whole
    other = fill(read_cif(path, occupancy="random", seed=4), np.eye(3), 12.0, 12.0)[0]
    assert len(other) != len(small) or not np.allclose(other, small)


_WHOLE = _CELL + _GROUP + _LOOP + _CERIA
_SCRAPS = (
    "?",
    ".",
    "''",
    "'",
    "-1e400",
    "nan",
    "loop_",
    "data_y",
    ";",
    "_atom_site_fract_x",
    "Qq",
    "1/2",
    "\u00e9",
    "#",
)


@given(
    places=st.lists(st.tuples(st.integers(0, len(_WHOLE.split()) - 1), st.sampled_from(_SCRAPS)), max_size=4),
    cut=st.integers(0, len(_WHOLE)),
)
@settings(max_examples=80, deadline=None)
def test_a_spoiled_cif_is_refused_or_read_but_never_breaks_the_reader(
    places: list[tuple[int, str]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    words = re.split(r"(\s+)", _WHOLE)
    for place, scrap in places:
        words[2 * place] = scrap
    path = tmp_path_factory.getbasetemp() / "spoiled.cif"
    path.write_text("".join(words)[: cut or None])
    try:
        crystal = read_cif(path, occupancy="random")
    except CrystalFileError:
        return
    assert np.isfinite(crystal.positions).all()
    assert np.isfinite(crystal.cell).all()
    assert len(crystal.elements) == len(crystal.positions) > 0


def test_a_cif_of_sapphire_gives_the_catalogues_crystal(tmp_path: Path) -> None:
    text = _CELL.replace("a 5.411(2)", "a 4.759").replace("b 5.411", "b 4.759").replace("c 5.411", "c 12.991")
    text = text.replace("gamma 90", "gamma 120") + "_symmetry_space_group_name_H-M 'R -3 c'\n"
    crystal = read_cif(_write(tmp_path, text + _LOOP + "Al1 Al 0 0 0.3522 1\nO1 O 0.3063 0 0.25 1\n"))
    known = BENCHMARK.materials["Al2O3"]
    assert sorted(crystal.elements) == sorted(known.elements)
    np.testing.assert_allclose(sorted(crystal.positions), sorted(known.positions), atol=1e-6)


def test_a_palette_takes_in_the_crystals_of_cifs_and_draws_of_them(tmp_path: Path) -> None:
    _write(tmp_path, _CELL + _GROUP + _LOOP + _CERIA)
    palette = with_crystals(TRAINING, ["Pt", "crystal.cif"], tmp_path)
    palette = replace(palette, particles=("crystal.cif",), supports=("crystal.cif",), shapes=("cube",))
    drawn = draw(np.random.default_rng(0), 40.0, palette, "supported particle")
    assert drawn.made_of == ("crystal.cif", "crystal.cif", "cube")
    assert set(drawn.specimen.elements) == {"Ce", "O"}
    assert "crystal.cif" not in TRAINING.materials


def test_a_large_cell_is_read_in_reasonable_time_and_a_huge_one_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(12)] * 3, indexing="ij"), -1).reshape(-1, 3) / 12
    rows = "".join(f"C{n} C {x:.5f} {y:.5f} {z:.5f} 1\n" for n, (x, y, z) in enumerate(grid))
    cell = _CELL.replace("5.411(2)", "30").replace("5.411", "30")
    crystal = read_cif(_write(tmp_path, cell + "_space_group_name_H-M_alt 'P 1'\n" + _LOOP + rows))
    assert len(crystal.positions) == 12**3
    many = "".join(f"C{n} C {x:.5f} {y:.5f} {z:.5f} 1\n" for n, (x, y, z) in enumerate(rng.uniform(size=(200, 3))))
    with pytest.raises(CrystalFileError, match="more than 20,000 atoms"):
        read_cif(_write(tmp_path, cell + _GROUP + _LOOP + many))
