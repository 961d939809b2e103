"""``quietbeam simulate`` and ``quietbeam benchmark``, as typed."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.cli.listening import Listener
from core.movies import open_movie
from tests.unit.cli.conftest import Quietbeam

RECIPE = """
name = "tiny"
seed = 5
structures = 3
views = 2
side = 48
dose = [2.0, 4.0]
counted = 1.0

[[scenes]]
modality = "HRTEM"
pixel_nm = [0.03, 0.04]
"""
MOVIE = "\n[motion]\nframes = 3\ninterval_s = 0.2\n"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return path


def test_a_set_holds_recordings_clean_frames_and_truth_that_agree(
    quietbeam: Quietbeam, recipe: Path, tmp_path: Path
) -> None:
    recipe.write_text(RECIPE + MOVIE)
    said = quietbeam("simulate", recipe, "-o", tmp_path / "set", "--only", "1", "--json")
    assert said.code == 0, said.err
    assert said.json["items"] == {"train": 2}
    part = tmp_path / "set" / "train"
    truth = json.loads((part / "000000-01.json").read_text())
    with open_movie(part / "000000-01.tif") as noisy, open_movie(part / "000000-01_clean.tif") as clean:
        assert len(noisy) == len(clean) == truth["frames"] == 3
        assert noisy.meta.frame_interval_s == pytest.approx(0.2)
        assert noisy.meta.pixel_size == pytest.approx((truth["pixel_nm"],) * 2, rel=1e-4)
        assert noisy.meta.counts_per_electron == 1
        assert noisy.meta.exposure_s == pytest.approx(0.2 * truth["settings"]["exposure"], rel=1e-3)
        expected = np.stack([clean.frame(t) for t in range(3)])
        counted = np.stack([noisy.frame(t) for t in range(3)])
    assert truth["counts"]
    # Poisson: the residual is as large as the counts make it.
    assert np.mean((counted - expected) ** 2 / np.maximum(expected, 1e-3)) == pytest.approx(1, abs=0.15)
    assert 1.5 < truth["dose_e_px"] < 4.5
    assert len(truth["shifts_px"]) == 3


def test_a_set_that_was_begun_is_gone_on_with(quietbeam: Quietbeam, recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    quietbeam("simulate", recipe, "-o", folder, "--only", "1")
    first = (folder / "train" / "000000-00.tif").stat().st_mtime_ns
    (folder / "train" / "000000-01.json").unlink()
    said = quietbeam("simulate", recipe, "-o", folder, "--only", "2", "--json")
    assert said.json["made"] == 3
    assert (folder / "train" / "000000-00.tif").stat().st_mtime_ns == first


def test_the_same_recipe_gives_the_same_files(quietbeam: Quietbeam, recipe: Path, tmp_path: Path) -> None:
    for name, workers in (("one", "1"), ("two", "2")):
        quietbeam("simulate", recipe, "-o", tmp_path / name, "--only", "2", "--workers", workers)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.tif"))
    assert len(files) == 8
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_clean_sets_are_arrays_with_mean_one(quietbeam: Quietbeam, recipe: Path, tmp_path: Path) -> None:
    recipe.write_text('output = "clean"\n' + RECIPE)
    said = quietbeam("simulate", recipe, "-o", tmp_path / "set", "--only", "1", "--contact-sheet")
    assert said.code == 0, said.err
    images = np.load(tmp_path / "set" / "train" / "000000.npy")
    assert images.shape == (2, 48, 48)
    assert images.dtype == np.float16
    assert images.mean((1, 2), dtype=np.float64) == pytest.approx([1, 1], abs=1e-3)
    assert len(json.loads((tmp_path / "set" / "train" / "000000.json").read_text())["views"]) == 2
    assert (tmp_path / "set" / "sheet-train.png").exists()
    assert (tmp_path / "set" / "thickness-tilt-defocus.png").exists()


def test_crystals_come_from_cifs_beside_the_recipe(quietbeam: Quietbeam, recipe: Path, tmp_path: Path) -> None:
    rows = "loop_\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nCu 0 0 0\n"
    cell = "".join(f"_cell_length_{axis} 3.61\n" for axis in "abc")
    cell += "".join(f"_cell_angle_{angle} 90\n" for angle in ("alpha", "beta", "gamma"))
    (tmp_path / "mine.cif").write_text(f"data_mine\n{cell}_symmetry_space_group_name_H-M 'F m -3 m'\n{rows}")
    scene = 'modality = "HAADF"\nkinds = ["bulk"]\nmaterials = ["mine.cif"]'
    recipe.write_text(RECIPE.replace('modality = "HRTEM"', scene))
    said = quietbeam("simulate", recipe, "-o", tmp_path / "set", "--only", "1", "--json")
    assert said.code == 0, said.err
    truth = json.loads((tmp_path / "set" / "train" / "000000-00.json").read_text())
    assert "Cu" in truth["columns"][0]["elements"]
    assert truth["settings"]["made_of"][0] == "mine.cif"
    (tmp_path / "mine.cif").unlink()
    said = quietbeam("simulate", recipe, "-o", tmp_path / "other", "--json")
    assert said.code == 2
    assert "mine.cif" in said.json["error"]["what"]


def test_occupancies_that_are_drawn_are_said(quietbeam: Quietbeam, recipe: Path, tmp_path: Path) -> None:
    columns = "".join(f"_atom_site_{name}\n" for name in ("type_symbol", "fract_x", "fract_y", "fract_z", "occupancy"))
    cell = "".join(f"_cell_length_{axis} 3.9\n" for axis in "abc")
    cell += "".join(f"_cell_angle_{angle} 90\n" for angle in ("alpha", "beta", "gamma"))
    rows = f"loop_\n{columns}Pt 0 0 0 0.5\nPd 0 0 0 0.5\n"
    (tmp_path / "mine.cif").write_text(f"data_m\n{cell}_symmetry_space_group_name_H-M 'F m -3 m'\n{rows}")
    scene = 'modality = "HAADF"\nkinds = ["bulk"]\nmaterials = ["mine.cif"]\noccupancy = "random"'
    recipe.write_text(RECIPE.replace('modality = "HRTEM"', scene))
    said = quietbeam("simulate", recipe, "-o", tmp_path / "set", "--only", "1")
    assert said.code == 0, said.err
    assert "mine.cif" in said.err
    assert "drawn" in said.err
    truth = json.loads((tmp_path / "set" / "train" / "000000-00.json").read_text())
    assert truth["settings"]["drawn_occupancies"] == ["mine.cif"]


def test_a_drift_that_is_cut_and_px_that_are_clipped_are_said(
    quietbeam: Quietbeam, recipe: Path, tmp_path: Path
) -> None:
    bright = RECIPE.replace("dose = [2.0, 4.0]", "dose = [5000.0, 5000.0]").replace("counted = 1.0", "counted = 0.0")
    scene = 'modality = "HRTEM"\nkinds = ["sheet"]\ndetectors = ["oneview-like"]'
    motion = '\n[motion]\nframes = 3\ndrift_px = [200.0, 300.0]\nwalks = ["steady"]\n'
    recipe.write_text(bright.replace('modality = "HRTEM"', scene) + motion)
    said = quietbeam("simulate", recipe, "-o", tmp_path / "set", "--only", "1")
    assert said.code == 0, said.err
    text = " ".join(said.err.split())
    assert "The drift of 2 movies was cut" in text
    assert "000000-00" in text
    assert "In 2 items px are cut off" in text


def test_another_recipe_is_not_written_into_the_same_folder(quietbeam: Quietbeam, recipe: Path, tmp_path: Path) -> None:
    quietbeam("simulate", recipe, "-o", tmp_path / "set", "--only", "1")
    recipe.write_text(RECIPE.replace("seed = 5", "seed = 6"))
    said = quietbeam("simulate", recipe, "-o", tmp_path / "set", "--only", "1")
    assert said.code == 2
    assert "another recipe" in said.err
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("mine")
    said = quietbeam("simulate", recipe, "-o", tmp_path / "own", "--only", "1")
    assert said.code == 2
    assert "not empty" in said.err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("structures = 3", "structures = 0"), "structures"),
        (("side = 48", "sides = 48"), "unknown key 'sides'"),
        (("dose = [2.0, 4.0]", "dose = [4.0, 2.0]"), "must rise"),
        (("dose = [2.0, 4.0]", "dose = [0.0, 4.0]"), "above 0"),
        (("dose = [2.0, 4.0]", "dose = [nan, 4.0]"), "dose"),
        (("pixel_nm = [0.03, 0.04]", 'pixel_nm = [0.03, 0.04]\nparticles = ["Unobtainium"]'), "Unobtainium"),
        (("pixel_nm = [0.03, 0.04]", 'pixel_nm = [0.03, 0.04]\nparticles = ["Ir"]'), "Ir"),
        (('modality = "HRTEM"', 'modality = "X-ray"'), "modality"),
        (("pixel_nm = [0.03, 0.04]", "pixel_nm = [0.03, 4.0]"), "can't be simulated"),
        (('name = "tiny"', 'name = "tiny'), "no TOML"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_told(
    quietbeam: Quietbeam, recipe: Path, tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    recipe.write_text(RECIPE.replace(*change))
    said = quietbeam("simulate", recipe, "-o", tmp_path / "set", "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == "bad-recipe"
    assert told in said.json["error"]["what"]
    assert not (tmp_path / "set").exists()


def test_another_folder_is_advised_as_the_command_takes_it(quietbeam: Quietbeam, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("mine")
    assert " -o" not in quietbeam("benchmark", tmp_path / "own", "--seeds", "0:1").err
    assert " -o" in quietbeam("simulate", recipe, "-o", tmp_path / "own").err


def test_ctrl_c_is_answered_at_once_and_finished_items_stay(
    quietbeam: Quietbeam, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Listener.progress

    def interrupted(self: Listener, stage: str, done: int, *rest: Any) -> None:
        told(self, stage, done, *rest)
        if done == 1 and not self.done > 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Listener, "progress", interrupted)
        said = quietbeam("simulate", recipe, "-o", tmp_path / "set", "--workers", "1")
    assert said.code == 130
    assert said.err.count("Stopping ...") == 1
    assert said.err.index("Stopping ...") < said.err.index("Stopped;")
    again = quietbeam("simulate", recipe, "-o", tmp_path / "set", "--json")
    assert again.json["made"] < 6


def test_a_contact_sheet_of_few_items_has_no_empty_tiles(quietbeam: Quietbeam, recipe: Path, tmp_path: Path) -> None:
    quietbeam("benchmark", tmp_path / "set", "--seeds", "6:7", "--contact-sheet")
    for part in ("image", "movie"):
        with Image.open(tmp_path / "set" / f"sheet-{part}.png") as sheet:
            # One item: as recorded above, clean below.
            assert sheet.width < 300
            assert np.asarray(sheet).std(axis=0).max() > 0


def test_a_missing_recipe_names_those_that_there_are(quietbeam: Quietbeam, tmp_path: Path) -> None:
    said = quietbeam("simulate", "nosuch", "-o", tmp_path / "set")
    assert said.code == 2
    assert "hrtem-small" in said.err


def test_a_full_disk_is_foreseen(
    quietbeam: Quietbeam, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    said = quietbeam("simulate", recipe, "-o", tmp_path / "set", "--json")
    assert said.code == 1
    assert said.json["error"]["code"] == "disk-full"


@pytest.mark.parametrize("seeds", ["0:41", "3:3", "5", "-1:2", "a:b"])
def test_seeds_outside_of_the_benchmark_are_refused(quietbeam: Quietbeam, tmp_path: Path, seeds: str) -> None:
    said = quietbeam("benchmark", tmp_path / "set", f"--seeds={seeds}", "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == "bad-request"
