"""Every model that comes with the program is whole: what is laid into resources/models is checked by itself."""

from __future__ import annotations

import json
import math
import shutil
import zipfile
from pathlib import Path

import pytest

from core.denoising.methods.classical import CLASSICAL
from core.denoising.methods.fitting import check_fits
from core.models import ModelError, ModelStore
from core.models.archive import LIMITS
from core.models.installed import read_model
from core.models.installing import export, install
from core.models.store import GENERAL, built_in_folder
from core.protocol.model_card import ModelCard

# The whole zoo is installed with the program.
LARGEST_BYTES = 12 * 10**6
MODALITIES = {"TEM", "HRTEM", "STEM", "HAADF", "ABF", "SEM"}
FOLDERS = sorted(folder for folder in built_in_folder().iterdir() if folder.is_dir())


def check_model(folder: Path, work: Path) -> None:
    """Everything that is asked of a model of the zoo; raises AssertionError or ModelError.

    `read_model` checks the card; `install` the names in it, its numbers, the weights' hash, that they are finite, and
    that they fit the architecture.
    """
    model = read_model(folder, built_in=True)
    card = model.card
    assert card.name == folder.name
    assert card.name not in CLASSICAL
    file = work / "model.qbmodel"
    assert export(model, file, overwrite=True) <= LARGEST_BYTES
    with zipfile.ZipFile(file) as archive:
        # A recipe of its own, or one of the program's by the card's word.
        assert set(archive.namelist()) == set(LIMITS), "card, weights, recipe or licence are missing"
    assert card.scores, "the card tells no scores"
    assert all(math.isfinite(score) for score in card.scores.values())
    assert card.modality
    assert set(card.modality) <= MODALITIES, "core.protocol.model_fit knows no such word"
    assert 0 < card.dose_range_e_px[0] < card.dose_range_e_px[1]
    assert card.title
    assert card.licence
    assert card.caveats, "no model is without limits"
    assert card.training.duration_s > 0
    assert card.training.data
    store = ModelStore((), (work / "installed",))
    assert not install(store, file, check_fits, frozenset(CLASSICAL)).already


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_model_of_the_zoo_is_whole(folder: Path, tmp_path: Path) -> None:
    check_model(folder, tmp_path)


def test_general_model_is_there_and_titles_tell_models_apart() -> None:
    cards = [read_model(folder).card for folder in FOLDERS]
    assert GENERAL in {card.name for card in cards}
    assert len({card.title for card in cards}) == len(cards)


def test_models_of_a_series_differ_in_seed_and_weights_and_were_trained_alike() -> None:
    series: dict[str, list[ModelCard]] = {}
    for folder in FOLDERS:
        card = read_model(folder).card
        if card.series:
            series.setdefault(card.series, []).append(card)
    for cards in series.values():
        assert len(cards) >= 3, "two models show no spread"
        assert len({card.training.seed for card in cards}) == len(cards)
        assert len({card.weights_sha256 for card in cards}) == len(cards)
        assert len({(card.training.steps, card.training.data, card.dose_range_e_px) for card in cards}) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "LICENCE.txt").unlink(),
        lambda folder: (folder / "weights.safetensors").write_bytes(b"0" * 100),
        lambda folder: _change(folder, scores={}),
        lambda folder: _reword(folder, '"recipe": "', '"recipe": "no-such-'),
        lambda folder: _reword(folder, '"HRTEM"', '"electrons"'),
        lambda folder: folder.rename(folder.with_name("another")),
    ],
    ids=["no licence", "other weights", "no scores", "no recipe", "unknown modality", "another name"],
)
def test_check_of_the_zoo_finds_what_is_missing(spoil: object, tmp_path: Path) -> None:
    assert callable(spoil)
    folder = tmp_path / "zoo" / GENERAL
    shutil.copytree(built_in_folder() / GENERAL, folder)
    check_model(folder, tmp_path)
    shutil.rmtree(tmp_path / "installed")
    spoil(folder)
    (folder,) = (tmp_path / "zoo").iterdir()
    with pytest.raises((AssertionError, ModelError)):
        check_model(folder, tmp_path)


def _change(folder: Path, **values: object) -> None:
    card = folder / "card.json"
    card.write_text(json.dumps(json.loads(card.read_text(encoding="utf-8")) | values), encoding="utf-8")


def _reword(folder: Path, old: str, new: str) -> None:
    card = folder / "card.json"
    text = card.read_text(encoding="utf-8")
    assert old in text
    card.write_text(text.replace(old, new, 1), encoding="utf-8")
