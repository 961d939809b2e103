"""Which room may use which: checked by a machine, because a wall that nobody checks falls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.house.tree import ROOT, imports, python_files

# Beyond the standard library; what import-linter cannot say: "this and nothing else".
ALLOWED = {
    "core/protocol": {"pydantic", "core.protocol"},
    "core/views": {"numpy", "core.views"},
    "core/networks": {"torch", "core.networks"},
    "app": {
        "PySide6",
        "app",
        "core.projects",
        "core.protocol",
        "core.views",
        "humanize",
        "natsort",
        "numpy",
        "platformdirs",
        "pydantic",
        "pyqtgraph",
        "qtawesome",
        "resources",
        "send2trash",
        "superqt",
    },
}
# The entry point opens the other doors, lazily.
DOORS = {"core.cli", "core.reader", "core.engine"}


def test_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_room_uses_only_what_it_is_allowed(room: str) -> None:
    breaches = []
    for path in python_files(room.split("/")[0]):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(room + "/"):
            continue
        allowed = ALLOWED[room] | (DOORS if name == "app/__main__.py" else set())
        for module in imports(path):
            top = module.split(".")[0]
            if top in sys.stdlib_module_names:
                continue
            if not any(module == known or module.startswith(known + ".") for known in allowed):
                breaches.append(f"{name} imports {module}")
    assert not breaches, "\n".join(breaches)


def test_packaging_folder_does_not_shadow_the_library_of_that_name() -> None:
    assert not (ROOT / "packaging" / "__init__.py").exists()
