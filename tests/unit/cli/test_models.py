"""``quietbeam models install``, ``export`` and ``remove``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from safetensors.torch import save

from core.models import ModelStore
from core.networks import registry
from tests.unit.cli.conftest import Quietbeam
from tests.unit.models.test_store import make_model

CONFIG = {"depth": 3, "channels": 4}


@pytest.fixture
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setattr("core.models.store.user_folder", lambda: folder)
    return folder


def trained(folder: Path, name: str = "mine") -> Path:
    """The folder of a small network, such as a training leaves."""
    from safetensors.numpy import load

    data = save({key: value.half() for key, value in registry.build("dncnn", CONFIG).state_dict().items()})
    return make_model(folder, load(data), name=name, architecture="dncnn", config=CONFIG)


def test_trained_model_goes_into_a_file_and_from_there_to_the_installed_ones(
    quietbeam: Quietbeam, own_models: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.qbmodel"
    said = quietbeam("models", "export", trained(tmp_path / "training"), "-o", file)
    assert (said.code, file.exists()) == (0, True), said.err
    said = quietbeam("models", "install", file)
    assert said.code == 0, said.err
    assert "mine 1.0 is installed" in said.out
    assert "mine" in {one.card.name for one in ModelStore.default().list()}
    assert "already" in quietbeam("models", "install", file).out
    assert quietbeam("models", "install", file, "--json").json["already"]
    assert "removed" in quietbeam("models", "remove", "mine").out
    assert list(own_models.iterdir()) == []


def test_folder_of_a_training_says_where_its_model_lies(quietbeam: Quietbeam, own_models: Path, tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "checkpoint.safetensors").touch()
    assert "not finished" in quietbeam("models", "export", tmp_path / "training").err
    folder = trained(tmp_path / "training" / "mine")
    said = quietbeam("models", "export", tmp_path / "training")
    assert said.code == 2
    assert f"quietbeam models export {folder}" in " ".join(said.err.split())
    said = quietbeam("models", "install", folder)
    assert said.code == 2
    assert f"Pack it first: quietbeam models export {folder}" in " ".join(said.err.split())


def test_built_in_model_is_exported_with_its_recipe_and_stays(
    quietbeam: Quietbeam, own_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = quietbeam("models", "export", "lattice-general", "--json")
    assert said.code == 0, said.err
    version = ModelStore.default().get("lattice-general").card.version
    assert said.json["output"] == f"lattice-general-{version}.qbmodel"
    assert b"recipe.toml" in (tmp_path / said.json["output"]).read_bytes()[-1000:]
    assert "nothing was changed" in quietbeam("models", "install", said.json["output"]).out
    assert quietbeam("models", "remove", "lattice-general").code == 2
    again = quietbeam("models", "export", "lattice-general")
    assert again.code == 2
    assert "--overwrite" in again.err


def test_weights_of_another_architecture_are_refused(quietbeam: Quietbeam, own_models: Path, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "training", name="mine", architecture="dncnn", config=CONFIG)
    quietbeam("models", "export", folder, "-o", tmp_path / "mine.qbmodel")
    said = quietbeam("models", "install", tmp_path / "mine.qbmodel", "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == "bad-model"
    assert "missing" in said.err
    assert list(own_models.iterdir()) == []


def test_name_of_a_filter_is_refused(quietbeam: Quietbeam, own_models: Path, tmp_path: Path) -> None:
    quietbeam("models", "export", trained(tmp_path / "t", "gaussian"), "-o", tmp_path / "g.qbmodel")
    said = quietbeam("models", "install", tmp_path / "g.qbmodel")
    assert said.code == 2
    assert "filter" in said.err


def test_unknown_names_and_files_are_told(quietbeam: Quietbeam, own_models: Path, tmp_path: Path) -> None:
    for arguments in (("export", "none"), ("remove", "none"), ("install", tmp_path / "none.qbmodel")):
        said = quietbeam("models", *arguments)
        assert said.code == 2, arguments
        assert "none" in said.err


def test_bench_prints_a_table_and_goes_on_from_its_rows(quietbeam: Quietbeam, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    arguments = ("models", "bench", "gaussian", "--set", "clean", "--quick", "--rows", rows)
    said = quietbeam(*arguments)
    assert said.code == 0, said.err
    assert "| Clean images, s=5" in said.out
    assert "say nothing of a model" in said.err
    before = rows.read_bytes()
    again = quietbeam(*arguments, "--json").json
    assert rows.read_bytes() == before
    assert again["methods"] == ["gaussian"]
    assert again["figures"][0]["items"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gaussian", "--set", "photographs"), "photographs|clean"),
        (("none", "--quick"), "There is no model"),
        (("gaussian", "--set", "clean", "--clean", "none.tif"), "no such file"),
        (("gaussian", "--dose", "0"), "dose"),
        (("gaussian", "--seeds", "70:80"), "nothing to score"),
        (("gaussian", "--seeds", "5:2"), "--seeds A:B"),
        (("gaussian", "--set", "foo"), "'sets.0' is 'foo', but can only be 'clean', 'images'"),
        (("gaussian", "--set", "atoms", "--dose", "-1"), "'doses.0' is -1.0, but must be above 0"),
    ],
)
def test_bench_of_what_is_not_there_is_exit_code_2(
    quietbeam: Quietbeam, arguments: tuple[str, ...], words: str
) -> None:
    said = quietbeam("models", "bench", *arguments)
    assert said.code == 2
    assert re.search(words, said.err), said.err


@pytest.mark.parametrize(("order", "words"), [("export", "no weights to export"), ("remove", "comes with Quietbeam")])
def test_filters_are_neither_exported_nor_removed_and_it_is_said_why(
    quietbeam: Quietbeam, own_models: Path, order: str, words: str
) -> None:
    said = quietbeam("models", order, "gaussian")
    assert said.code == 2
    assert f"gaussian is a filter: it {'has' if order == 'export' else 'comes'}" in said.err
    assert words in said.err
    assert "quietbeam models list" in said.err


def test_damaged_file_of_an_installed_model_is_not_called_installed(
    quietbeam: Quietbeam, own_models: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.qbmodel"
    quietbeam("models", "export", trained(tmp_path / "training"), "-o", file)
    quietbeam("models", "install", file)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    said = quietbeam("models", "install", file)
    assert said.code == 2
    assert "damaged" in said.err
