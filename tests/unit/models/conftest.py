"""A store in a temporary folder, and a model file that is as it should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.models import ModelStore
from core.models.installing import export
from tests.unit.models.test_store import make_model


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore((tmp_path / "built-in",), (tmp_path / "own",))


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A .qbmodel file of the model of `make_model`, with recipe and licence."""
    folder = make_model(tmp_path / "elsewhere" / "made-up")
    (folder / "recipe.toml").write_text("# made up\n", encoding="utf-8")
    (folder / "LICENCE.txt").write_text("As you like.\n", encoding="utf-8")
    path = tmp_path / "made-up.qbmodel"
    other = ModelStore((), (tmp_path / "elsewhere",))
    export(other.get("made-up"), path)
    return path
