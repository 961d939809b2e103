"""The fuzzer itself: it sees what must not happen, and every seed is sound."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from core.movies import MovieError, open_movie
from core.movies.errors import Malformed
from tests.fuzz import trial
from tests.fuzz.damage import damage
from tests.fuzz.trial import judge, sound
from tests.movie_files import SEEDS


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_every_seed_is_sound(name: str, tmp_path: Path) -> None:
    path = SEEDS[name](tmp_path)
    assert not judge(path, sound(path)).problem


def test_damage_changes_bytes_and_repeats_with_its_random_numbers() -> None:
    data = bytes(range(256)) * 8
    first = [damage(data, random.Random(seed)) for seed in range(200)]
    assert first == [damage(data, random.Random(seed)) for seed in range(200)]
    assert sum(broken != data for broken, _ in first) > 180
    assert {kind for _, kind in first} >= {"cut", "flip", "word", "remove"}
    assert all(data.startswith(broken) for broken, kind in first if kind == "cut")


def test_error_without_a_type_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = SEEDS["mrc"](tmp_path)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(trial, "open_movie", fail)
    assert "untyped ZeroDivisionError" in judge(path, None).problem


def test_typed_error_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = SEEDS["mrc"](tmp_path)

    def fail(*_: object) -> None:
        raise Malformed.about(path, "It is damaged.")

    monkeypatch.setattr(trial, "open_movie", fail)
    assert not judge(path, None).problem


def test_cut_file_that_reads_as_whole_is_a_problem(tmp_path: Path) -> None:
    path = SEEDS["mrc"](tmp_path)
    whole = sound(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert "reads as whole" in judge(path, whole).problem


_CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("name", sorted(path.name for path in _CORPUS.glob("*")) if _CORPUS.is_dir() else [])
def test_what_fuzzing_found_stays_mended(name: str) -> None:
    assert not judge(_CORPUS / name, None).problem


def test_empty_corpus_entry_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "empty.mrc").write_bytes(b"")
    with pytest.raises(MovieError):
        open_movie(tmp_path / "empty.mrc")
