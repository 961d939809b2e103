"""``quietbeam models``, ``train`` and ``demo``."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.models import ModelStore
from core.protocol.denoise import TrainJobResult
from core.training.errors import TrainingDivergedError
from core.training.supervised import TrainResult
from tests.unit.cli.conftest import Quietbeam
from tests.unit.models.test_store import make_model

RECIPES = Path(__file__).parents[3] / "resources" / "recipes"


@pytest.fixture
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setattr("core.models.store.built_in_folder", lambda: tmp_path / "none")
    monkeypatch.setattr("core.models.store.user_folder", lambda: folder)
    assert ModelStore.default().list() == ()
    return folder


def test_models_are_listed_with_what_they_are_for_and_damaged_ones_are_told(
    quietbeam: Quietbeam, own_models: Path
) -> None:
    make_model(
        own_models / "good", name="good", scores={"psnr_db": 39.5, "held-out tem s=1": 31.76}, caveats=["Only made up."]
    )
    (make_model(own_models / "bad") / "card.json").write_text("{", encoding="utf-8")
    said = quietbeam("models", "list")
    assert said.code == 0
    assert "good 1.0 (used where no other suits a movie better)" in said.out
    assert "Measured: psnr_db: 39.5" in said.out
    assert "no test, PSNR in dB on held-out images: tem s=1: 31.76" in " ".join(said.out.split())
    assert "Only made up." in said.out
    assert "damaged" in said.err
    assert "lattice-filter" in said.out
    listed = quietbeam("models", "list", "--json").json
    assert listed["default"] == "good"
    assert [m["name"] for m in listed["models"]] == ["good"]
    assert {"gaussian", "wiener", "nl-means"} <= {one["name"] for one in listed["filters"]}
    assert listed["problems"][0]["path"].endswith("bad")


def test_author_and_licence_that_a_card_does_not_say_are_left_out(quietbeam: Quietbeam, own_models: Path) -> None:
    make_model(own_models / "good", name="good", author="", licence="")
    assert "  2026-01-01; " in quietbeam("models", "list").out


def test_no_models_is_said(quietbeam: Quietbeam, own_models: Path) -> None:
    assert "No model is installed" in quietbeam("models", "list").out


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    def use(train: Any) -> None:
        monkeypatch.setattr("core.jobs.train.train", train)

    return use


def recipe() -> Path:
    return min(RECIPES.glob("*.toml"))


def test_training_tells_where_the_model_lies(
    quietbeam: Quietbeam, trainer: Callable[[Any], None], tmp_path: Path
) -> None:
    def train(recipe: Any, folder: Path, progress: Any, should_stop: Any, device: str, _: Any) -> TrainResult:
        progress(0.2, "simulating")
        progress(0.6, "step 6 of 10")
        assert not should_stop()
        assert device == "cpu"
        return TrainResult(True, 10, 3.0, folder / recipe.name, {"validation_db": 31.5})

    trainer(train)
    said = quietbeam("train", recipe(), "-o", tmp_path / "t", "--device", "cpu", "--json")
    assert said.code == 0, said.err
    assert TrainJobResult.model_validate(said.json).scores == {"validation_db": 31.5}


def test_training_says_how_far_it_is_in_per_cent_what_it_scored_in_db_and_how_to_install_it(
    quietbeam: Quietbeam, trainer: Callable[[Any], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(recipe: Any, folder: Path, progress: Any, should_stop: Any, device: str, _: Any) -> TrainResult:
        progress(0.156, "step 250 of 4000")
        return TrainResult(True, 10, 3.0, folder / "mine", {"tem s=1": 31.456, "blank s=1 rms %": 0.512})

    trainer(train)
    monkeypatch.setattr("core.cli.listening._LINE_EVERY_S", 0.0)
    said = quietbeam("train", recipe(), "-o", tmp_path / "my t", "--device", "cpu")
    assert "Step 250 of 4000: 15.6%" in said.err
    assert "tem s=1 31.46 dB, blank s=1 rms % 0.51" in said.out
    shown = " ".join(said.out.split())
    assert f"quietbeam models export '{(tmp_path / 'my t' / 'mine').as_posix()}'" in shown


def test_stopped_training_says_how_to_go_on(
    quietbeam: Quietbeam, trainer: Callable[[Any], None], tmp_path: Path
) -> None:
    trainer(lambda *_: TrainResult(False, 4, 3.0, None))
    said = quietbeam("train", recipe(), "-o", tmp_path / "t", "--device", "cpu")
    assert said.code == 130
    assert "--resume" in said.err


def test_diverged_training_is_no_bad_input(
    quietbeam: Quietbeam, trainer: Callable[[Any], None], tmp_path: Path
) -> None:
    def train(*_: Any) -> TrainResult:
        raise TrainingDivergedError("the loss became nan at step 4: lower the rate")

    trainer(train)
    said = quietbeam("train", recipe(), "-o", tmp_path / "t", "--device", "cpu", "--json")
    assert said.code == 1
    assert said.json["error"]["code"] == "diverged"


def test_training_that_lies_there_is_not_touched_without_resume(
    quietbeam: Quietbeam, trainer: Callable[[Any], None], tmp_path: Path
) -> None:
    trainer(lambda *_: TrainResult(True, 10, 3.0, tmp_path / "t"))
    (tmp_path / "checkpoint.safetensors").touch()
    said = quietbeam("train", recipe(), "-o", tmp_path, "--device", "cpu")
    assert said.code == 2
    assert "--resume" in said.err
    assert quietbeam("train", recipe(), "-o", tmp_path, "--device", "cpu", "--resume").code == 0


@pytest.mark.parametrize("text", [None, "not toml [", "[card]\ntitle = 3\n"])
def test_bad_recipe_is_exit_code_2(quietbeam: Quietbeam, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "r.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    said = quietbeam("train", path, "-o", tmp_path / "t")
    assert said.code == 2
    assert str(path) in said.err


@pytest.fixture
def demo_by_filter(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The demo with a filter instead of the built-in model; returns the commands that were to be started."""
    started: list[list[str]] = []

    def run(command: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        started.append(command)
        return subprocess.CompletedProcess(command, 134)

    monkeypatch.setattr("core.cli.demo.model_for", lambda _sample: "gaussian")
    monkeypatch.setattr("core.cli.demo.subprocess.run", run)
    monkeypatch.setenv("DISPLAY", ":99")
    return started


def test_demo_denoises_the_sample_pictures_it_and_survives_a_window_that_aborts(
    quietbeam: Quietbeam, demo_by_filter: list[list[str]], tmp_path: Path
) -> None:
    said = quietbeam("demo", "-o", tmp_path / "demo", "--device", "cpu")
    assert said.code == 0, said.err
    assert "standard errors" in said.out
    assert "megapixels/s" in said.out
    assert "ended with code 134" in said.out
    (picture,) = (tmp_path / "demo").glob("*.png")
    assert str(picture) in said.out
    image = np.asarray(Image.open(picture))
    left, right = image[40:600, :560], image[40:600, -560:]
    assert left.std() > right.std() > 0
    (result,) = (tmp_path / "demo").glob("*.tif")
    assert demo_by_filter[0][-1] == str(result)
    assert quietbeam("demo", "-o", tmp_path / "demo", "--device", "cpu", "--no-window").code == 0
    assert len(demo_by_filter) == 1


def test_demo_without_a_display_says_so(
    quietbeam: Quietbeam, demo_by_filter: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    said = quietbeam("demo", "-o", tmp_path / "demo", "--device", "cpu")
    assert said.code == 0
    assert "no display" in said.out
    assert not demo_by_filter
