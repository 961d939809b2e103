"""Lint, format, types and sizes: the habits of the house."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.house.tree import ROOT, parsed, python_files

LONGEST_CLASS, LONGEST_FUNCTION, LONGEST_FILE = 400, 60, 600
ALL = ("app", "core", "packaging", "resources", "tests")


def _run(*arguments: str) -> None:
    tool = Path(sys.executable).with_name(arguments[0])
    run = subprocess.run([tool, *arguments[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_no_lint() -> None:
    _run("ruff", "check", "--no-cache", "--output-format=concise", ".")


def test_format_is_the_formatters() -> None:
    _run("ruff", "format", "--no-cache", "--check", ".")


@pytest.mark.timeout(400)
def test_types_of_core_are_sound() -> None:
    _run("mypy")


def test_nothing_is_too_long() -> None:
    long = []
    for path in python_files(*ALL):
        name = path.relative_to(ROOT).as_posix()
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > LONGEST_FILE:
            long.append(f"{name}: {lines} lines")
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                limit = LONGEST_CLASS if isinstance(node, ast.ClassDef) else LONGEST_FUNCTION
                if length > limit:
                    long.append(f"{name}:{node.lineno} {node.name}: {length} lines")
    assert not long, "to be split:\n" + "\n".join(long)


def test_every_module_says_what_it_is() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in python_files("app", "core", "resources")
        if parsed(path).body and not ast.get_docstring(parsed(path))
    ]
    assert not silent, "no docstring:\n" + "\n".join(silent)


def test_every_module_postpones_annotations() -> None:
    missing = []
    for path in python_files(*ALL):
        statements = [node for node in parsed(path).body if not isinstance(node, ast.Expr)]
        if statements and not any(isinstance(n, ast.ImportFrom) and n.module == "__future__" for n in statements):
            missing.append(path.relative_to(ROOT).as_posix())
    assert not missing, "no 'from __future__ import annotations':\n" + "\n".join(missing)


def test_no_code_runs_from_data() -> None:
    """No pickles, no eval, no shell strings: movies and models come from strangers."""
    found = []
    for path in python_files("app", "core", "resources"):
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                found += [f"{name}: {m}" for m in modules if m.split(".")[0] in {"pickle", "shelve", "marshal", "dill"}]
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in {"eval", "exec", "os.system", "os.popen", "torch.load", "torch.save"}:
                    found.append(f"{name}:{node.lineno}: {called}")
                for keyword in node.keywords:
                    value = keyword.value
                    if keyword.arg in {"shell", "allow_pickle"} and not (
                        isinstance(value, ast.Constant) and value.value is False
                    ):
                        found.append(f"{name}:{node.lineno}: {keyword.arg}=")
    assert not found, "\n".join(found)
