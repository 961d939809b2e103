"""The frozen program, in a folder with a space and an umlaut, as users have them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

BUILD = Path(__file__).parents[2] / "dist" / "quietbeam"
SUFFIX = ".exe" if sys.platform == "win32" else ""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle under an awkward name; hard links, so that it costs no disk."""
    if not BUILD.is_dir():
        pytest.skip("no frozen build: `make freeze` makes it")
    target = tmp_path_factory.mktemp("frozen") / "Zoë Ünal" / "quietbeam"
    try:
        shutil.copytree(BUILD, target, copy_function=os.link, symlinks=True)
    except OSError:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(BUILD, target, symlinks=True)
    return target


@pytest.fixture
def command(bundle: Path, tmp_path: Path) -> Run:
    """Run one of the two executables without any Python of ours in reach, in an empty folder."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "COV_"))}

    def run(*arguments: str | Path, name: str = "quietbeam-cli", **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [bundle / f"{name}{SUFFIX}", *arguments],
            cwd=tmp_path,
            env=environment | extra,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=150,
        )

    return run
