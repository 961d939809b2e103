"""What is installed, and what is said about it."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.house.tree import ROOT, imports, python_files


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    text = (ROOT / "packaging" / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.+]+( ;.*)?", line) for line in lines), "only exact pins"
    return {canonicalize_name(line.split("==")[0]): line.split("==")[1].split(" ;")[0] for line in lines}


def _closure(wanted: list[str]) -> set[str]:
    """Names of everything that the requirements pull in here, by what is installed."""
    todo = [Requirement(text) for text in wanted]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        key = (name, tuple(sorted(requirement.extras)))
        if key in seen:
            continue
        seen.add(key)
        for text in importlib.metadata.requires(name) or []:
            child = Requirement(text)
            environments = [{**default_environment(), "extra": extra} for extra in ("", *requirement.extras)]
            if child.marker is None or any(child.marker.evaluate(e) for e in environments):
                todo.append(child)
    return {name for name, _ in seen}


def test_everything_that_is_installed_is_pinned(project: dict[str, Any], pins: dict[str, str]) -> None:
    extras = project["project"]["optional-dependencies"]
    wanted = _closure(project["project"]["dependencies"] + extras["test"])
    assert not wanted - pins.keys()


def test_what_is_installed_is_what_is_pinned(project: dict[str, Any], pins: dict[str, str]) -> None:
    here = {name: importlib.metadata.version(name) for name in _closure(project["project"]["dependencies"])}
    # A local label such as +cpu says which build of the same release it is.
    other = {name: version for name, version in here.items() if version.split("+")[0] != pins[name]}
    assert not other


def test_torch_and_qt_stand_where_they_were_measured(pins: dict[str, str]) -> None:
    assert pins["torch"] == "2.13.0"
    assert pins["pyside6-essentials"].startswith("6.11.")
    assert "pyside6" not in pins
    assert "pyside6-addons" not in pins


def test_every_package_is_listed(project: dict[str, Any]) -> None:
    listed = project["tool"]["setuptools"]["packages"]
    # The samples' script is not for importing.
    ours = [p for p in python_files("app", "core", "resources") if p.parent.name != "samples"]
    folders = {p.parent.relative_to(ROOT).as_posix() for p in ours}
    assert sorted(listed) == sorted(folder.replace("/", ".") for folder in folders)


def test_every_package_has_its_init(project: dict[str, Any]) -> None:
    for package in project["tool"]["setuptools"]["packages"]:
        assert (ROOT / package.replace(".", "/") / "__init__.py").is_file(), package


def test_ledger_and_notice_name_every_dependency(project: dict[str, Any]) -> None:
    ledger = (ROOT / "packaging" / "README.md").read_text(encoding="utf-8").lower()
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8").lower()
    names = [Requirement(text).name.lower() for text in project["project"]["dependencies"]]
    assert not [name for name in names if name not in ledger]
    assert not [name for name in names if name not in notice]


def test_every_import_of_a_third_party_is_a_declared_dependency(project: dict[str, Any]) -> None:
    owners = importlib.metadata.packages_distributions()
    declared = {canonicalize_name(Requirement(t).name) for t in project["project"]["dependencies"]}
    missing = []
    for path in python_files("app", "core"):
        for module in imports(path):
            names = {canonicalize_name(owner) for owner in owners.get(module.split(".")[0], [])} - {"quietbeam"}
            if names and not names & declared and "shiboken6" not in names:
                missing.append(f"{path.relative_to(ROOT)} imports {module} of {sorted(names)}")
    assert not missing, "\n".join(missing)
