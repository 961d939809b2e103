from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.networks.registry import build
from core.simulation.recipe_files import load_simulation
from core.training.recipe_file import RecipeError, load_recipe

SHIPPED = sorted((Path(__file__).parents[3] / "resources" / "recipes").glob("*.toml"))


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def test_an_unknown_key_is_named(tmp_path: Path, recipe_text: str) -> None:
    path = _written(tmp_path, recipe_text.replace("passes = 2", "pases = 2"))
    with pytest.raises(RecipeError, match=r"recipe\.toml: unknown key 'schedule\.pases' \(did you mean 'passes'\?\)"):
        load_recipe(path)


def test_a_shipped_recipe_is_found_by_its_name() -> None:
    assert load_recipe(Path("sbd-dncnn")).network.architecture == "dncnn"


def test_the_recipes_of_one_table_differ_in_the_network_alone() -> None:
    told = [load_recipe(path) for path in SHIPPED if path.stem.startswith("sbd-")]
    assert len(told) == 7
    for one in told:
        assert (one.seed, one.scenes, one.schedule) == (told[0].seed, told[0].scenes, told[0].schedule)


def test_a_missing_key_is_named(tmp_path: Path, recipe_text: str) -> None:
    with pytest.raises(RecipeError, match=r"missing key 'schedule\.batch'"):
        load_recipe(_written(tmp_path, recipe_text.replace("batch = 2\n", "")))


def test_a_wrong_value_says_what_is_wrong_with_it(tmp_path: Path, recipe_text: str) -> None:
    with pytest.raises(RecipeError, match=r"'schedule\.rate' is -1\.0, but must be above 0"):
        load_recipe(_written(tmp_path, recipe_text.replace("rate = 1e-3", "rate = -1.0")))


def test_phases_longer_than_the_training_are_refused(tmp_path: Path, recipe_text: str) -> None:
    with pytest.raises(RecipeError, match="more than steps"):
        load_recipe(_written(tmp_path, recipe_text.replace("decay_steps = 3", "decay_steps = 30")))


def test_a_missing_file_and_broken_toml_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path / "nothing.toml")
    with pytest.raises(RecipeError, match="not a valid TOML"):
        load_recipe(_written(tmp_path, "name = "))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_recipes_load_and_their_networks_exist(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert recipe.card.author
    assert recipe.card.licence
    # On no device at all: the largest has 70 million weights.
    with torch.device("meta"):
        build(recipe.network.architecture, recipe.network.config)


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("dose_range_e_px = [0.1, 10.0]", "dose_range_e_px = [10.0, 0.1]", "'card.dose_range_e_px': must rise"),
        ("dose_range_e_px = [0.1, 10.0]", "dose_range_e_px = [0.1, nan]", "'card.dose_range_e_px': must rise"),
        ('version = "0.0.1"', 'version = "1/2"', "'card.version': must be at most 64 letters"),
        ('title = "Tiny"', 'title = ""', "'card.title': must be one line"),
        ('title = "Tiny"', 'title = "a\\nb"', "'card.title': must be one line"),
        ('title = "Tiny"', 'title = "a\\tb"', "'card.title': must have no control characters"),
        ('title = "Tiny"', 'title = "Tiny"\nframes = 1_000_000_000', "'card.frames': must be 1 to 1000"),
        ('title = "Tiny"', 'title = "Tiny"\nframes = 0', "'card.frames': must be 1 to 1000"),
        ('title = "Tiny"', 'title = "Tiny"\npixel_size_nm = [-1.0, 0.1]', "'card.pixel_size_nm': must rise"),
        ('modality = ["HRTEM"]', "modality = []", "'card.modality': must name one"),
        ('name = "tiny"', 'name = "Mod\u00e8le 1"', "'name' is 'Modèle 1', but may have only small letters"),
        ('name = "tiny"', 'name = "nul"', "'name': must be another than 'nul'"),
        ('name = "tiny"', 'name = "tiny-"', "'name': must be at most 64"),
        ('name = "tiny"', f'name = "{"a" * 65}"', "'name': must be at most 64"),
    ],
)
def test_card_with_which_no_model_could_be_installed_is_refused_before_the_training(
    tmp_path: Path, recipe_text: str, was: str, now: str, words: str
) -> None:
    assert was in recipe_text
    path = tmp_path / "r.toml"
    path.write_text(recipe_text.replace(was, now), encoding="utf-8")
    with pytest.raises(RecipeError, match=words):
        load_recipe(path)


def test_recipe_that_the_manual_shows_can_be_used(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "manual" / "training.md").read_text(encoding="utf-8")
    shown = page.split("```toml\n", 1)[1].split("```", 1)[0]
    recipe = load_recipe(_written(tmp_path, shown))
    assert recipe.scenes is not None
    assert load_simulation(recipe.scenes.recipe or "").structures > 0
    build(recipe.network.architecture, recipe.network.config)


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("seed = 3", "seed = -1", "'seed' is -1, but must be 0 or more"),
        ("seed = 3", f"seed = {2**64}", "'seed' is .*, but must be below"),
        ("pixel_angstrom = [0.2, 0.3]", "pixel_angstrom = [0.3, 0.2]", "'library.pixel_angstrom': must rise"),
        ("dose_tem = [2.0, 100.0]", "dose_tem = [100.0, 2.0]", "'schedule.dose_tem': must rise"),
        ("dose_stem = [2.0, 50.0]", "dose_stem = [0.0, 50.0]", "'schedule.dose_stem': must rise"),
        ("rate = 1e-3", "rate = inf", "'schedule.rate' is inf, but must be a finite number"),
        ("rate = 1e-3", "rate = 1e-3\nclip = inf", "'schedule.clip' is inf, but must be a finite number"),
        ("batch = 2", "batch = 10_000_000", "'schedule.batch' is 10000000, but must be 4096 or less"),
        ("patch = 48", "patch = 1_000_000", "'schedule.patch' is 1000000, but must be 4096 or less"),
        ("patch = 48", "patch = 96", "schedule.patch is 96, more than library.size, which is 80"),
        ('modality = ["HRTEM"]', 'modality = "HRTEM"', r"'card.modality' is 'HRTEM', but a range or list is needed"),
        ('name = "tiny"', 'name = "library"', "'name': must be another than 'library'"),
    ],
)
def test_numbers_with_which_a_training_would_fail_are_refused_before_it(
    tmp_path: Path, recipe_text: str, was: str, now: str, words: str
) -> None:
    assert was in recipe_text
    with pytest.raises(RecipeError, match=words):
        load_recipe(_written(tmp_path, recipe_text.replace(was, now)))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("binnings = []", "'scenes.binnings' is empty"),
        ("binnings = [0]", r"'scenes.binnings.0' is 0, but must be above 0"),
        ("binned_nm = [0.07, 0.01]", "'scenes.binned_nm': must rise"),
        ("dose = [10.0, 0.5]", "'scenes.dose': must rise"),
        ("dose = [0.5, inf]", "'scenes.dose': must rise"),
    ],
)
def test_scenes_of_which_no_patch_could_be_drawn_are_refused(
    tmp_path: Path, recipe_text: str, line: str, words: str
) -> None:
    text = recipe_text.replace("[network]", f'[scenes]\nrecipe = "hrtem-small"\n{line}\n[network]')
    with pytest.raises(RecipeError, match=words):
        load_recipe(_written(tmp_path, text))


def test_a_recipe_as_the_editor_of_windows_saves_it_is_read(tmp_path: Path, recipe_text: str) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(b"\xef\xbb\xbf" + recipe_text.replace("\n", "\r\n").encode())
    assert load_recipe(path).name == "tiny"


@pytest.mark.parametrize("coding", ["utf-16", "latin-1"])
def test_a_recipe_in_another_coding_says_how_to_save_it(tmp_path: Path, recipe_text: str, coding: str) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(recipe_text.replace("Tiny", "K\u00f6rner").encode(coding))
    with pytest.raises(RecipeError, match="Save it as UTF-8"):
        load_recipe(path)


def test_a_path_of_windows_says_how_it_is_written(tmp_path: Path, recipe_text: str) -> None:
    with pytest.raises(RecipeError, match="paths are written with /"):
        load_recipe(_written(tmp_path, recipe_text.replace('"Tiny"', '"C:\\data"')))


def test_a_long_value_is_not_repeated_whole(tmp_path: Path, recipe_text: str) -> None:
    path = tmp_path / "long.toml"
    path.write_text(recipe_text.replace("seed = ", f'seed = "{"x" * 5000}" # ', 1))
    with pytest.raises(RecipeError, match=r"'seed' is 'xxx.*…, but must be a whole number") as refused:
        load_recipe(path)
    assert len(str(refused.value)) < 300 + len(str(path))
