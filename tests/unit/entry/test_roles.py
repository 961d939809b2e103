"""Which role an argument list starts, and what is refused before anything is started."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
import typer

import core.cli.app
from app.__main__ import COMMANDS, main


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """Every door replaced by one that only notes that it was opened."""
    opened: list[tuple[str, object]] = []

    def door(name: str, function: str) -> None:
        module = types.ModuleType(name)

        def run(arguments: object = None) -> int:
            opened.append((name, arguments))
            return 7

        setattr(module, function, run)
        monkeypatch.setitem(sys.modules, name, module)

    door("app.window", "run")
    door("core.reader", "main")
    door("core.engine", "main")
    door("core.cli", "main")
    return opened


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ("app.window", [])),
        (["--reader"], ("core.reader", None)),
        (["--engine"], ("core.engine", None)),
        (["info", "x.dm4"], ("core.cli", ["info", "x.dm4"])),
        (["models", "list"], ("core.cli", ["models", "list"])),
        (["--help"], ("core.cli", ["--help"])),
        (["--version"], ("core.cli", ["--version"])),
    ],
)
def test_arguments_open_their_door(
    doors: list[tuple[str, object]], arguments: list[str], expected: tuple[str, object]
) -> None:
    assert main(arguments) == 7
    assert doors == [expected]


def test_files_and_folders_open_the_window_on_them(doors: list[tuple[str, object]], tmp_path: Path) -> None:
    movie = tmp_path / "ä movie.tif"
    movie.touch()
    assert main([str(movie), str(tmp_path)]) == 7
    assert doors == [("app.window", [str(movie), str(tmp_path)])]


def test_file_with_the_name_of_an_option_opens_after_two_dashes(
    doors: list[tuple[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-c").touch()
    assert main(["--", "-c"]) == 7
    assert doors == [("app.window", ["-c"])]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "print(1)"],
        ["-m", "pip"],
        ["--gpu"],
        ["-E", "-s"],
        ["no-such-file.dm4"],
        [".", "-c"],
        ["--reader", "more"],
        ["--engine", "-c"],
        ["--multiprocessing-fork", "x"],
        ["x" * 5000],
    ],
)
def test_unknown_arguments_are_refused_before_any_door(
    doors: list[tuple[str, object]], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert not doors
    assert "quietbeam --help" in capsys.readouterr().err


def test_refusal_survives_a_program_without_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["-c"]) == 2


def test_entry_point_knows_every_command_of_the_command_line() -> None:
    command = typer.main.get_command(core.cli.app.app)
    assert set(command.commands) == set(COMMANDS)  # type: ignore[attr-defined]
