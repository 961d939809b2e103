"""What a fresh process has loaded: import contracts cannot see an import that a third party makes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.unit.house.tree import ROOT

HEAVY = {"torch", "scipy", "matplotlib", "skimage", "sympy", "pandas"}
QT = {"PySide6", "shiboken6", "pyqtgraph", "qtpy", "superqt", "qtawesome"}


def loaded_after(code: str) -> set[str]:
    """Top-level modules that are loaded in a fresh process after `code` ran."""
    program = f"import sys, json\n{code}\nsys.stderr.write('\\n' + json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return {name.split(".")[0] for name in json.loads(run.stderr.splitlines()[-1])}


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import app.window", HEAVY | {"tifffile", "mrcfile", "ncempy", "h5py", "imagecodecs", "rich", "typer"}),
        ("import app.__main__", HEAVY | QT | {"numpy", "pydantic", "rich", "typer"}),
        ("import core.reader", HEAVY | QT | {"rich", "typer", "h5py"}),
        ("import core.protocol.engine, core.protocol.reader", HEAVY | QT | {"numpy", "rich", "typer"}),
        ("import core.views", HEAVY | QT | {"pydantic", "rich", "typer"}),
        ("import core.models", HEAVY | QT),
        ("import core.engine", QT | {"matplotlib", "pandas"}),
        ("import core.cli", HEAVY | QT | {"numpy"}),
    ],
)
def test_door_loads_only_what_it_needs(code: str, unwanted: set[str]) -> None:
    assert not loaded_after(code) & unwanted


@pytest.mark.parametrize("arguments", [["--help"], ["denoise", "--help"], ["--version"]])
def test_help_comes_without_numpy_or_torch(arguments: list[str]) -> None:
    code = (
        "from core.cli import main\n"
        f"try:\n    main({arguments!r})\n"
        "except SystemExit as done:\n    assert not done.code, done.code"
    )
    assert not loaded_after(code) & (HEAVY | QT | {"numpy"})
