"""What is in the bundle, and what must not be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.frozen

# GPL: video encoders, line editing, transforms, and the modules of Qt that are offered under GPL alone.
GPL = re.compile(
    r"x264|x265|xvid|readline|fftw|libgsl|libgtk|poppler|"
    r"Qt6(Charts|DataVisualization|Graphs|NetworkAuth|VirtualKeyboard|Quick3DPhysics|Lottie|StateMachine|HttpServer)",
    re.IGNORECASE,
)
# 900 MB were aimed at; OpenCV, for films, takes 150 of them (packaging/README.md).
LARGEST_BYTES = 950 * 10**6


def _files(bundle: Path) -> list[Path]:
    return [p for p in bundle.rglob("*") if p.is_file() and not p.is_symlink()]


def test_no_gpl_library_is_in_the_bundle(bundle: Path) -> None:
    libraries = [p.name for p in _files(bundle) if re.search(r"\.(so|dll|pyd|dylib)(\.|$)", p.name)]
    assert len(libraries) > 50
    assert not [name for name in libraries if GPL.search(name)]


def test_of_ncempy_only_its_mit_readers_are_in_the_bundle(bundle: Path) -> None:
    inside = [p for p in _files(bundle) if "ncempy" in p.relative_to(bundle).parent.parts]
    assert sorted(p.name for p in inside) == ["dm.py", "ser.py"]
    archives = b"".join(p.read_bytes() for p in bundle.glob("quietbeam-cli*"))
    assert b"ncempy.algo" not in archives


def test_bundle_is_not_larger_than_promised(bundle: Path) -> None:
    assert sum(p.stat().st_size for p in _files(bundle)) < LARGEST_BYTES


@pytest.mark.parametrize("name", ["LICENSE", "NOTICE"])
def test_licences_travel_with_the_program(bundle: Path, name: str) -> None:
    assert [p for p in _files(bundle) if p.name == name and "dist-info" not in p.parent.name]


@pytest.mark.parametrize("name", ["LGPL-3.0.txt", "ncempy-io.txt", "torch", "numpy", "scipy", "gemmi", "pydantic"])
def test_licences_of_others_travel_with_the_program(bundle: Path, name: str) -> None:
    (folder,) = [p for p in bundle.rglob("licences") if p.is_dir()]
    assert (folder / name).is_file() or any((folder / name).iterdir())


def test_qt_stays_replaceable(bundle: Path) -> None:
    assert [p for p in _files(bundle) if re.match(r"(lib)?Qt6Core", p.name) or p.name == "QtCore"]
