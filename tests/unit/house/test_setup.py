"""The set-up on a machine that has nothing yet, and the files that ship with the program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.movies import open_movie
from tests.unit.house.tree import ROOT

SCRIPT = ROOT / "packaging" / "system_libraries.sh"
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="system packages are asked for on Linux only")


def _machine(folder: Path, user: int, known: str) -> dict[str, str]:
    """Fake commands of a Debian machine on which `known` libraries are there; apt-get writes down what it is asked."""
    commands = {
        "uname": "echo Linux",
        "id": f"echo {user}",
        "ldconfig": f"echo '{known}'",
        "apt-get": f'echo "$@" >> {folder}/asked',
    }
    for name, body in commands.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"}


def _run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", SCRIPT], env=environment, capture_output=True, text=True, check=False)


@linux
def test_plain_user_is_told_the_exact_command(tmp_path: Path) -> None:
    run = _run(_machine(tmp_path, 1000, "libGL.so.1 (libc6,x86-64) => /lib/libGL.so.1"))
    assert run.returncode == 1
    assert "sudo apt-get update && sudo apt-get install -y --no-install-recommends" in run.stderr
    assert "libegl1" in run.stderr
    assert "libgl1" not in run.stderr
    assert not (tmp_path / "asked").exists()


@linux
def test_root_gets_the_libraries_installed(tmp_path: Path) -> None:
    run = _run(_machine(tmp_path, 0, ""))
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert asked[0] == "update"
    assert asked[1].startswith("install -y --no-install-recommends libegl1 ")
    # This apt-get installs nothing, and that is noticed.
    assert run.returncode == 1
    assert "Still missing" in run.stderr


@linux
def test_nothing_is_done_where_everything_is_there(tmp_path: Path) -> None:
    known = " ".join(line.split("=")[0] for line in SCRIPT.read_text(encoding="utf-8").splitlines() if ".so." in line)
    run = _run(_machine(tmp_path, 0, known + " "))
    assert run.returncode == 0
    assert run.stdout == run.stderr == ""
    assert not (tmp_path / "asked").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_make_test_deselects_nothing() -> None:
    # A make that runs these tests hands its own variables down.
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "TESTS"))}
    dry = subprocess.run(["make", "-n", "test"], cwd=ROOT, env=plain, capture_output=True, text=True, check=True)
    (command,) = [line for line in dry.stdout.splitlines() if "-m pytest" in line]
    assert command.split("-m pytest")[1].strip() == ""


def test_continuous_integration_runs_what_a_person_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make --no-print-directory test" in script.read_text(encoding="utf-8")


def test_sample_movie_says_that_it_is_simulated() -> None:
    (path,) = (ROOT / "resources" / "samples").glob("*.tif")
    assert path.name.startswith("simulated_")
    # ImageJ keeps its notes in UTF-16.
    assert "SIMULATED, not recorded".encode("utf-16-le") in path.read_bytes()


def test_sample_movie_carries_its_calibration() -> None:
    (path,) = (ROOT / "resources" / "samples").glob("*.tif")
    with open_movie(path) as movie:
        assert movie.shape == (24, 288, 288)
        assert movie.meta.dtype == "uint8"
        assert movie.meta.pixel_size == pytest.approx((0.02, 0.02))
        assert movie.meta.pixel_unit == "nm"
        assert movie.meta.frame_interval_s == pytest.approx(0.025)
        # Two electrons a px in vacuum, at the top left.
        assert movie.region(slice(None), slice(0, 60), slice(0, 60)).mean() == pytest.approx(2.0, rel=0.03)


@pytest.mark.parametrize("name", ["quietbeam.svg", "quietbeam.png", "quietbeam.ico"])
def test_icon_is_there(name: str) -> None:
    assert (ROOT / "resources" / "icons" / name).stat().st_size > 1000
