"""Settings never stop the program from starting."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from app.settings.settings import Settings, load, save


def test_settings_come_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings.json"
    save(Settings(theme="dark", frames_per_s=12), path)
    assert load(path) == Settings(theme="dark", frames_per_s=12)


def test_a_bad_key_takes_its_default_and_the_others_are_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"theme": "mauve", "frames_per_s": 12, "unheard_of": 1, "version": 99}))
    assert load(path) == Settings(frames_per_s=12)
    assert "theme" in caplog.text


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00\x01", "null"])
def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text)
    assert load(path) == Settings()


def test_missing_settings_are_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path / "none.json") == Settings()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="this user may write anywhere")
def test_a_folder_that_may_not_be_written_is_no_reason_to_stop(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    save(Settings(), tmp_path / "x" / "settings.json")


def test_a_place_that_is_a_file_is_no_reason_to_stop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("x")
    save(Settings(), tmp_path / "file" / "settings.json")
    assert "could not be saved" in caplog.text
