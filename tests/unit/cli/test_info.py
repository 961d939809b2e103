"""``quietbeam info``."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.protocol.movie import MovieMeta
from tests.unit.cli.conftest import Quietbeam


def test_info_says_frames_size_type_and_times(quietbeam: Quietbeam, movie: Path) -> None:
    said = quietbeam("info", movie)
    assert said.code == 0
    assert said.err == ""
    assert str(movie) in said.out
    assert "12" in said.out
    assert "80 x 64 px (width x height), uint16" in said.out
    assert "0.1 s from frame to frame" in said.out


def test_json_is_one_description_of_the_movie(quietbeam: Quietbeam, movie: Path) -> None:
    said = quietbeam("info", movie, "--json")
    meta = MovieMeta.model_validate(said.json)
    assert meta.shape == (12, 64, 80)
    assert meta.fingerprint


@pytest.mark.parametrize(
    ("name", "code"), [("nothing-here.tif", "not-found"), ("folder", "is-a-folder"), ("text.tif", "not-a-movie")]
)
def test_bad_file_is_a_sentence_and_exit_code_2(
    quietbeam: Quietbeam, tmp_path: Path, name: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("text.tif").write_text("Not a movie at all.", encoding="utf-8")
    said = quietbeam("info", name, "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == code
    assert said.json["error"]["advice"] in said.err
    assert "Traceback" not in said.err


def test_unknown_dataset_is_told_with_those_there_are(quietbeam: Quietbeam, movie: Path) -> None:
    said = quietbeam("info", movie, "--dataset", "nine")
    assert said.code == 2
    assert "nine" in said.err


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("denoise", "--help"), ("models", "--help")])
def test_help_is_printed_for_every_command(quietbeam: Quietbeam, arguments: tuple[str, ...]) -> None:
    said = quietbeam(*arguments)
    assert said.code == 0
    assert "Usage: quietbeam" in said.out


def test_version_is_printed(quietbeam: Quietbeam) -> None:
    assert quietbeam("--version").out.startswith("quietbeam ")


@pytest.mark.parametrize("arguments", [("info",), ("info", "a", "b"), ("denoise", "--wrong"), ("models", "nothing")])
def test_wrong_usage_is_exit_code_2(quietbeam: Quietbeam, arguments: tuple[str, ...]) -> None:
    assert quietbeam(*arguments).code == 2
