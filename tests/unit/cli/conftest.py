"""The command line, called in-process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from app.__main__ import main


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Quietbeam = Callable[..., Said]


@pytest.fixture
def quietbeam(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Quietbeam:
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: str | Path) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """12 frames of 64 x 80 px."""
    path = tmp_path / "a movie [1].tif"
    counts = np.random.default_rng(0).poisson(4.0, (12, 64, 80)).astype(np.uint16)
    tifffile.imwrite(path, counts, imagej=True, metadata={"axes": "TYX", "unit": "nm", "finterval": 0.1})
    return path
