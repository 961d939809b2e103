"""The installed program, started as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pytestqt.qtbot import QtBot

from app.processes import EngineClient, ReaderClient
from core.protocol.engine import EngineReady
from core.protocol.reader import Described

START_MS = 60_000


def test_installed_command_describes_a_movie_whatever_lies_in_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("raise SystemExit('the wrong app')", encoding="utf-8")
    tifffile.imwrite(tmp_path / "ü.tif", np.ones((3, 16, 16), np.uint16), imagej=True)
    program = Path(sys.executable).with_name("quietbeam.exe" if os.name == "nt" else "quietbeam")
    command = [str(program)] if program.exists() else [sys.executable, "-P", "-m", "app"]
    run = subprocess.run(
        [*command, "info", "ü.tif", "--json"], cwd=tmp_path, capture_output=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["height"] == 16


def test_unknown_option_is_refused_by_the_installed_command(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "app", "-c", "print(1)"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 2
    assert run.stdout == ""


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "movie.tif"
    frames = np.ones((3, 16, 24), np.uint16)
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX"})
    return path


def test_window_finds_its_own_reader(qtbot: QtBot, movie: Path) -> None:
    client = ReaderClient()
    answers: list[object] = []
    client.answered.connect(answers.append)
    client.describe(str(movie))
    qtbot.waitUntil(lambda: bool(answers), timeout=START_MS)
    client.shutdown()
    assert isinstance(answers[0], Described)
    assert answers[0].meta.shape == (3, 16, 24)


def test_window_finds_its_own_engine(qtbot: QtBot) -> None:
    client = EngineClient()
    with qtbot.waitSignal(client.ready, timeout=START_MS) as ready:
        client.start()
    client.shutdown()
    assert ready.args is not None
    assert isinstance(ready.args[0], EngineReady)
    assert ready.args[0].devices[-1].kind == "cpu"
