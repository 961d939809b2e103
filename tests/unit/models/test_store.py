"""Installed models: what is listed, what is refused, and why."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from core.models import ModelError, ModelStore
from core.models.store import built_in_folder

CARD: dict[str, Any] = {
    "name": "made-up",
    "version": "1.0",
    "title": "A model of two numbers",
    "architecture": "none",
    "config": {},
    "modality": ["HRTEM"],
    "dose_range_e_px": [0.1, 10.0],
    "training": {"recipe": "none", "data": "none", "device": "cpu", "duration_s": 1.0, "steps": 1, "seed": 0},
    "licence": "BSD-3-Clause",
    "author": "Quietbeam contributors",
    "created": "2026-01-01",
}


def make_model(folder: Path, weights: dict[str, np.ndarray] | None = None, **changes: Any) -> Path:
    folder.mkdir(parents=True)
    data = save(weights or {"a": np.ones((2, 3), np.float16)})
    (folder / "weights.safetensors").write_bytes(data)
    card = {**CARD, "weights_sha256": hashlib.sha256(data).hexdigest(), **changes}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore((tmp_path / "built-in",), (tmp_path / "own",))


def test_installed_model_is_listed_and_its_weights_load(store: ModelStore) -> None:
    make_model(store.built_in[0] / "made-up")
    (model,) = store.list()
    assert model.card.name == "made-up"
    assert model.built_in
    weights = model.load_weights()
    assert weights["a"].shape == (2, 3)
    assert weights["a"].dtype == np.float16


def test_the_general_model_is_the_default_whatever_else_comes_with_the_program(store: ModelStore) -> None:
    for name in ("hrtem-low-dose", "lattice-general", "stem"):
        make_model(store.built_in[0] / name, name=name)
    make_model(store.own[0] / "mine", name="lattice-general", version="9")
    assert store.default_model() == "lattice-general"


def test_built_in_model_is_the_default_even_if_an_own_one_comes_earlier_by_name(store: ModelStore) -> None:
    make_model(store.own[0] / "a", name="a")
    make_model(store.built_in[0] / "z", name="z")
    assert store.default_model() == "z"


def test_the_general_model_comes_first_and_a_series_last(store: ModelStore) -> None:
    for name, series in (("a-1", "a"), ("a-2", "a"), ("b", ""), ("lattice-general", "")):
        make_model(store.built_in[0] / name, name=name, series=series)
    assert [model.card.name for model in store.list()] == ["lattice-general", "b", "a-1", "a-2"]


def test_no_folders_give_no_models_and_no_problem(store: ModelStore) -> None:
    assert store.list() == ()
    assert store.problems() == ()
    assert store.default_model() is None


def test_newest_version_is_used_and_an_older_one_can_still_be_named(store: ModelStore) -> None:
    for version in ("0.9", "0.10", "0.2"):
        make_model(store.own[0] / f"made-up-{version}", version=version)
    assert store.get("made-up").card.version == "0.10"
    assert store.get("made-up", "0.2").card.version == "0.2"


@pytest.mark.parametrize("version", ["1.²", "9" * 5000, "", "-", "beta"])
def test_odd_version_of_one_model_hides_no_other(store: ModelStore, version: str) -> None:
    make_model(store.own[0] / "good")
    make_model(store.own[0] / "odd", name="odd", version=version)
    assert {m.folder.name for m in store.list()} == {"good", "odd"}
    assert store.get("odd").card.version == version


@pytest.mark.parametrize(
    "card", [b"", b"{", b"\xff\xfe", b"[]", b'{"name": "x"}', json.dumps({**CARD, "weights_sha256": 3}).encode()]
)
def test_damaged_card_is_listed_as_a_problem_and_hides_no_other_model(store: ModelStore, card: bytes) -> None:
    make_model(store.own[0] / "good")
    damaged = make_model(store.own[0] / "damaged")
    (damaged / "card.json").write_bytes(card)
    assert [m.folder.name for m in store.list()] == ["good"]
    (problem,) = store.problems()
    assert problem.path == str(damaged)
    assert problem.advice


def test_missing_card_or_weights_is_a_problem(store: ModelStore) -> None:
    (make_model(store.own[0] / "one") / "card.json").unlink()
    (make_model(store.own[0] / "two") / "weights.safetensors").unlink()
    assert store.list() == ()
    assert {Path(p.path or "").name for p in store.problems()} == {"one", "two"}


def test_unknown_name_is_told_with_the_names_there_are(store: ModelStore) -> None:
    make_model(store.own[0] / "made-up")
    with pytest.raises(ModelError) as raised:
        store.get("other")
    assert raised.value.info.code == "no-model"
    assert "made-up" in raised.value.info.advice


def test_name_of_a_damaged_model_is_told_with_its_damage_though_the_folder_says_the_version_too(
    store: ModelStore,
) -> None:
    (make_model(store.own[0] / "mine-1.0.0", name="mine") / "card.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="damaged"):
        store.get("mine")
    with pytest.raises(ModelError, match="There is no model 'min'"):
        store.get("min")


def test_name_of_a_damaged_folder_is_told_with_its_damage(store: ModelStore) -> None:
    (make_model(store.own[0] / "broken") / "card.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="damaged"):
        store.get("broken")


def test_changed_weights_are_refused(store: ModelStore) -> None:
    folder = make_model(store.own[0] / "made-up")
    path = folder / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ModelError, match="not those that its card names"):
        store.get("made-up").load_weights()


def test_weights_that_are_not_safetensors_are_refused(store: ModelStore) -> None:
    folder = make_model(store.own[0] / "made-up")
    (folder / "weights.safetensors").write_bytes(b"no tensors here")
    card = {**CARD, "weights_sha256": hashlib.sha256(b"no tensors here").hexdigest()}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ModelError, match="can't be read"):
        store.get("made-up").load_weights()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(store: ModelStore, bad: float) -> None:
    make_model(store.own[0] / "made-up", {"a": np.array([1.0, bad], np.float32)})
    with pytest.raises(ModelError, match="not finite"):
        store.get("made-up").load_weights()


def test_default_store_looks_into_the_program_and_the_users_own_folder() -> None:
    store = ModelStore.default()
    assert list(store.built_in) == [built_in_folder()]
    assert "quietbeam" in str(store.own[0])
    assert not store.problems()
