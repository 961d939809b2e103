"""ncempy's two readers without the rest of ncempy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from core.movies import ncempy_io
from core.movies.formats import witness
from tests.movie_files import ramp, write_dm3, write_ser

_ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    ncempy_io.load.cache_clear()
    yield
    ncempy_io.load.cache_clear()


def test_modules_load_without_running_the_package() -> None:
    program = (
        "import sys; from core.movies import ncempy_io\n"
        "assert ncempy_io.load('dm').fileDM and ncempy_io.load('ser').fileSER\n"
        "print([name for name in ('ncempy', 'ncempy.io', 'scipy', 'matplotlib', 'h5py') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], cwd=_ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_modules_load_from_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = find_spec("ncempy")
    assert spec is not None
    assert spec.submodule_search_locations
    installed = Path(next(iter(spec.submodule_search_locations))) / "io"
    (tmp_path / "ncempy" / "io").mkdir(parents=True)
    for name in ("dm.py", "ser.py"):
        shutil.copy(installed / name, tmp_path / "ncempy" / "io")
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    module = ncempy_io.load("dm")
    assert module is not None
    assert module.__file__
    assert Path(module.__file__).is_relative_to(tmp_path)


def test_bundle_without_them_only_lacks_the_second_opinion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert ncempy_io.load("dm") is None
    assert witness.dm_pixels(str(write_dm3(tmp_path / "a.dm3", ramp((2, 3, 4))))) is None
    assert witness.ser_offsets(str(write_ser(tmp_path / "a_1.ser", ramp((2, 3, 4))))) is None
