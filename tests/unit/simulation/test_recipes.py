"""Recipes: what they say is obeyed, and what can't be simulated is refused by its key, before anything is made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.protocol.simulation import LensRecipe, Modality, SceneRecipe, SimulateRecipe
from core.simulation.errors import SimulationError
from core.simulation.generator import draw_structure, palette_for
from core.simulation.lenses import keys_of, limits_of
from core.simulation.materials import TRAINING
from core.simulation.recipe_files import load_simulation
from core.simulation.scene import AtomScene
from core.simulation.scenes import draw_scene

BASE = """
name = "tiny"
structures = 3
side = 64
"""


def _refusal(folder: Path, scene: str, top: str = "", end: str = "") -> str:
    """What is said of a recipe with this scene; it must be refused."""
    path = folder / "tiny.toml"
    path.write_text(f"{BASE}{top}\n[[scenes]]\n{scene}\n{end}")
    with pytest.raises(SimulationError) as caught:
        load_simulation(str(path))
    assert caught.value.info.code == "bad-recipe"
    assert caught.value.info.path == str(path)
    return f"{caught.value.info.what} {caught.value.info.advice}"


def _accept(folder: Path, scene: str, top: str = "", end: str = "") -> None:
    path = folder / "tiny.toml"
    path.write_text(f"{BASE}{top}\n[[scenes]]\n{scene}\n{end}")
    load_simulation(str(path))


def _scene(modality: Modality, **lens: tuple[float, ...]) -> AtomScene:
    recipe = SceneRecipe(
        modality=modality,
        kinds=("bulk",),
        materials=("Au",),
        pixel_nm=(0.02, 0.02),
        lens=LensRecipe(**lens),
    )
    scene = draw_scene(np.random.default_rng(1), recipe, 64, palette_for(recipe, TRAINING), False)
    assert isinstance(scene, AtomScene)
    return scene


GIVEN = {
    "kilovolt": (120.0,),
    "defocus_nm": (3.0, 3.0),
    "spherical_um": (25.0, 25.0),
    "astigmatism_nm": (4.0, 4.0),
    "coma_nm": (40.0, 40.0),
    "threefold_nm": (50.0, 50.0),
    "focal_spread_nm": (6.0, 6.0),
    "convergence_mrad": (0.7, 0.7),
}
TAKEN = {"defocus": 30, "spherical": 2.5e5, "astigmatism": 40, "focal_spread": 60, "kilovolt": 120}


def test_an_hrtem_lens_is_what_the_recipe_says() -> None:
    settings = _scene("HRTEM", **GIVEN).lens(np.random.default_rng(0)).settings
    wanted = TAKEN | {"coma": 400, "threefold": 500, "convergence": 7e-4}
    assert {key: settings[key] for key in wanted} == pytest.approx(wanted)


@pytest.mark.parametrize(("modality", "inner", "outer"), [("HAADF", 70.0, 150.0), ("ABF", 9.0, 17.0)])
def test_a_stem_probe_is_what_the_recipe_says(modality: Modality, inner: float, outer: float) -> None:
    given = {key: GIVEN[key] for key in keys_of(modality) if key in GIVEN}
    angles = {"semiangle_mrad": (20.0, 20.0), "inner_mrad": (inner, inner), "outer_mrad": (outer, outer)}
    settings = _scene(modality, **given, **angles).lens(np.random.default_rng(0)).settings
    wanted = TAKEN | {"convergence": 0.02, "inner": 1e-3 * inner, "outer": 1e-3 * outer}
    assert {key: settings[key] for key in wanted} == pytest.approx(wanted)


def test_the_lens_of_a_dark_field_shows_in_the_image() -> None:
    def contrast(**lens: tuple[float, float]) -> float:
        scene = _scene("HAADF", kilovolt=(200.0,), semiangle_mrad=(20.0, 20.0), **lens)
        image = scene.lens(np.random.default_rng(0)).image_of(scene.specimen, 0.0)
        return float(image.std() / image.mean())

    assert contrast(defocus_nm=(20.0, 20.0)) < 0.5 * contrast(defocus_nm=(0.0, 0.0))


def test_a_lens_that_the_recipe_leaves_out_is_as_usual() -> None:
    settings = _scene("HAADF").lens(np.random.default_rng(0)).settings
    assert abs(settings["defocus"]) < 100
    assert settings["kilovolt"] in (300.0, 200.0, 80.0)


@pytest.mark.parametrize(
    ("modality", "key"),
    [("HAADF", "coma_nm"), ("ABF", "convergence_mrad"), ("HRTEM", "semiangle_mrad"), ("SEM", "defocus_nm")],
)
def test_keys_that_a_modality_cannot_use_are_refused(tmp_path: Path, modality: Modality, key: str) -> None:
    pixel = "[4.0, 5.0]" if modality == "SEM" else "[0.03, 0.04]"
    said = _refusal(tmp_path, f'modality = "{modality}"\npixel_nm = {pixel}\nlens.{key} = [0.1, 0.2]')
    assert f"scenes.0.lens.{key}" in said
    assert "kilovolt" in said


@pytest.mark.parametrize(
    ("modality", "key", "value", "unit_range"),
    [
        ("HRTEM", "kilovolt", "[1.0]", "20 to 3000"),
        ("SEM", "kilovolt", "[300.0]", "0.1 to 30"),
        ("HRTEM", "defocus_nm", "[0.0, 100000.0]", "-10000 to 10000"),
        ("HRTEM", "spherical_um", "[-50000.0, 0.0]", "-10000 to 10000"),
        ("HRTEM", "convergence_mrad", "[0.1, 500.0]", "0 to 50"),
        ("HRTEM", "focal_spread_nm", "[-1.0, 2.0]", "0 to 1000"),
        ("HAADF", "semiangle_mrad", "[500.0, 900.0]", "1 to 100"),
        ("HAADF", "inner_mrad", "[5.0, 90.0]", "18 to 32"),
        ("ABF", "outer_mrad", "[20.0, 40.0]", "18 to 32"),
        ("HAADF", "outer_mrad", "[60.0, 300.0]", "inner_mrad"),
        ("HAADF", "defocus_nm", "[0.0, 300.0]", "more than the field"),
        ("HRTEM", "defocus_nm", "[0.0, 2000.0]", "more than the field"),
    ],
)
def test_impossible_lenses_are_refused_in_the_units_of_the_recipe(
    tmp_path: Path, modality: Modality, key: str, value: str, unit_range: str
) -> None:
    pixel = "[4.0, 5.0]" if modality == "SEM" else "[0.03, 0.04]"
    said = _refusal(tmp_path, f'modality = "{modality}"\npixel_nm = {pixel}\nlens.{key} = {value}')
    assert "scenes.0.lens" in said
    assert key in said
    assert unit_range in said


@pytest.mark.parametrize("modality", ["HRTEM", "TEM", "HAADF", "ABF", "SEM"])
def test_every_key_has_limits(modality: Modality) -> None:
    for key in keys_of(modality):
        low, high = limits_of(modality, key)
        assert low < high


@pytest.mark.parametrize("pixel", ["[0.0001, 0.0001]", "[0.001, 0.03]"])
def test_a_field_of_nothing_is_refused(tmp_path: Path, pixel: str) -> None:
    said = _refusal(tmp_path, f'modality = "HRTEM"\npixel_nm = {pixel}')
    assert "scenes.0.pixel_nm" in said
    assert "or more" in said


def test_doses_that_fill_every_detector_are_refused(tmp_path: Path) -> None:
    said = _refusal(tmp_path, 'modality = "HRTEM"\npixel_nm = [0.03, 0.04]', top="dose = [1e6, 1e6]")
    assert said.startswith("dose: 1e+06")
    assert "10000" in said


def _cif(folder: Path, cell: tuple[float, float, float], atoms: str, occupied: bool = False) -> None:
    tags = "".join(f"_cell_length_{axis} {length}\n" for axis, length in zip("abc", cell, strict=True))
    tags += "".join(f"_cell_angle_{angle} 90\n" for angle in ("alpha", "beta", "gamma"))
    columns = ["type_symbol", "fract_x", "fract_y", "fract_z", *(["occupancy"] if occupied else [])]
    loop = "loop_\n" + "".join(f"_atom_site_{name}\n" for name in columns)
    (folder / "mine.cif").write_text(f"data_m\n{tags}_symmetry_space_group_name_H-M 'P 1'\n{loop}{atoms}")


def test_a_cell_larger_than_the_field_is_refused_with_the_size_that_it_needs(tmp_path: Path) -> None:
    _cif(tmp_path, (80, 90, 70), "Cu 0 0 0\nCu 0.5 0.5 0.5\n")
    bulk = 'modality = "HAADF"\nkinds = ["bulk"]\nmaterials = ["mine.cif"]\npixel_nm = '
    said = _refusal(tmp_path, bulk + "[0.02, 0.2]")
    assert "mine.cif is 9 nm" in said
    assert "fields of 9 nm or more" in said
    _accept(tmp_path, bulk + "[0.15, 0.2]")
    said = _refusal(
        tmp_path, 'modality = "HAADF"\nkinds = ["particles"]\nparticles = ["mine.cif"]\npixel_nm = [0.15, 0.2]'
    )
    assert "particles, which are 5 nm at most" in said


def test_a_structure_without_any_atom_of_its_crystal_is_refused(tmp_path: Path) -> None:
    _cif(tmp_path, (24, 24, 24), "Cu 0 0 0\n")
    path = (tmp_path / "mine.cif").as_posix()
    scene = SceneRecipe(modality="HAADF", kinds=("supported particle",), particles=(path,), pixel_nm=(0.04, 0.04))
    recipe = SimulateRecipe(name="tiny", structures=9, side=64, scenes=(scene,))
    with pytest.raises(SimulationError, match=r"no atom of mine\.cif"):
        list(map(draw_structure, [recipe] * 9, range(9)))


def test_partly_occupied_sites_are_drawn_only_if_the_recipe_says_so(tmp_path: Path) -> None:
    _cif(tmp_path, (4, 4, 4), "Pt 0 0 0 0.5\nPd 0 0 0 0.5\n", occupied=True)
    scene = 'modality = "HAADF"\nmaterials = ["mine.cif"]\npixel_nm = [0.03, 0.04]\n'
    said = _refusal(tmp_path, scene)
    assert "2 of 2 sites" in said
    assert 'occupancy = "random"' in said
    _accept(tmp_path, scene + 'occupancy = "random"')


@pytest.mark.parametrize(
    ("scene", "top", "told"),
    [
        ('modality = "HRTEM"\npixel_nm = [0.03, 0.04]\nlens.defocus_nm = 10.0', "", "write [10.0, 10.0]"),
        ('modality = "HRTEM"\npixel_nm = 0.03', "", "write [0.03, 0.03]"),
        ('modality = "HRTEM"\npixel_nm = [0.03]', "", "write [lowest, highest]"),
        ('modality = "HRTEM"\npixel_nm = [0.03, 0.04]\nlens.defocus_nm = [9.0, 1.0]', "", "must rise"),
        ('modality = "HRTEM"\npixel_nm = [0.03, 0.04]\nlens.defocus = [9.0, 9.0]', "", "did you mean 'defocus_nm'?"),
        ('modality = "STEM"\npixel_nm = [0.03, 0.04]', "", "'HRTEM', 'TEM', 'HAADF', 'ABF' or 'SEM'"),
        ('modality = "HRTEM"\npixel_nm = [0.03, 0.04]', 'seed = "five"', "'seed' is 'five', but must be a whole"),
        ('modality = "HRTEM"\npixel_nm = [0.03, 0.04]', "views = 0", "must be above 0"),
    ],
)
def test_what_is_wrong_is_told_once_and_in_plain_words(tmp_path: Path, scene: str, top: str, told: str) -> None:
    said = _refusal(tmp_path, scene, top)
    assert told in said
    assert ";" not in said
    assert "Value error" not in said
    assert "tuple" not in said.lower()


def test_a_recipe_as_the_editor_of_windows_saves_it_is_read(tmp_path: Path) -> None:
    shipped = (Path(__file__).parents[3] / "resources" / "recipes" / "simulate" / "hrtem-small.toml").read_bytes()
    path = tmp_path / "r.toml"
    path.write_bytes(b"\xef\xbb\xbf" + shipped.replace(b"\n", b"\r\n"))
    assert load_simulation(str(path)).structures > 0
    path.write_bytes(shipped.decode().encode("utf-16"))
    with pytest.raises(SimulationError, match="Save it as UTF-8"):
        load_simulation(str(path))
