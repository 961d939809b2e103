"""ncempy's DM and SER readers, loaded without the rest of ncempy.

``import ncempy.io.dm`` runs the whole package (scipy, matplotlib, hdf5plugin: 300 MB), and only `ncempy.io` is MIT;
the rest is GPL-3. `dm.py` and `ser.py` need numpy alone, so they are loaded from their files under names of our own,
which also leaves an installed ncempy alone.

What a frozen bundle must provide: the two files ``ncempy/io/dm.py`` and ``ncempy/io/ser.py`` as DATA, at that path
below ``sys._MEIPASS`` (PyInstaller: ``datas=[(".../ncempy/io/dm.py", "ncempy/io"), (".../ncempy/io/ser.py",
"ncempy/io")]``), with ``ncempy`` itself excluded, and the modules of the standard library that they import as hidden
imports (``mmap``, ``xml.etree.ElementTree``, ``copy``). Where they are absent, files are read all the same: ncempy is
the second reader here, not the first (see `core.movies.formats.witness`).
"""

from __future__ import annotations

import importlib.util
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Literal


def _folder() -> Path | None:
    bundle = getattr(sys, "_MEIPASS", None)
    if bundle is not None:
        return Path(bundle) / "ncempy" / "io"
    # find_spec of a top-level package finds it without running it.
    spec = importlib.util.find_spec("ncempy")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "io"


@lru_cache
def load(name: Literal["dm", "ser"]) -> ModuleType | None:
    """Load ncempy's module ``io/NAME.py`` under a name of our own; None where ncempy is not there."""
    folder = _folder()
    path = folder / f"{name}.py" if folder else None
    if path is None or not path.is_file():
        return None
    spec = importlib.util.spec_from_file_location(f"core.movies._ncempy_{name}", path)
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
