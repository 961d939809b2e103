"""The files of the checkout, as the house tests walk them."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROOMS = ("app", "core", "resources")
SKIPPED = {".git", ".venv", ".train", "build", "dist", "demo", "__pycache__", ".mypy_cache", ".ruff_cache"}
SKIPPED |= {".pytest_cache", ".hypothesis", ".import_linter_cache"}


@cache
def files() -> tuple[Path, ...]:
    """Every file that is, or could be, committed."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        found = [ROOT / name for name in names if name]
    except (OSError, subprocess.CalledProcessError):
        # An unpacked archive has no git.
        found = [p for p in ROOT.rglob("*") if not SKIPPED & set(p.relative_to(ROOT).parts)]
    return tuple(sorted(p for p in found if p.is_file()))


def python_files(*tops: str) -> list[Path]:
    """Python files under the given top folders."""
    return [p for p in files() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in tops]


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path) -> set[str]:
    """Full names of all modules that a file imports, those inside functions included."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    return names
