from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.unit.cli.conftest import Quietbeam
from tests.unit.trust.methods import lattice

QUICK = ("--noise-frames", "2", "--repeats", "2")


@pytest.fixture
def atoms(tmp_path: Path) -> Path:
    path = tmp_path / "atoms.tif"
    clean = np.broadcast_to(3 + 12 * lattice(), (6, 96, 96))
    counts = np.random.default_rng(0).poisson(clean).astype(np.uint16)
    tifffile.imwrite(path, counts, imagej=True, metadata={"axes": "TYX", "unit": "nm"}, resolution=(40.0, 40.0))
    return path


def test_a_method_is_tested_and_the_verdicts_are_told(quietbeam: Quietbeam, atoms: Path) -> None:
    said = quietbeam("nulltest", atoms, "--model", "gaussian", *QUICK)
    assert said.code == 0
    assert "bright, sigma" in said.out
    assert "in flat noise (2)" in said.out
    assert "of the drawn atoms' mean strength, other frames show" in said.out
    assert "put in a vacant place with 1 of a typical one's strength" in said.out
    assert "in time: " in said.out
    assert "Beware" in said.out


def test_json_is_one_document_that_the_same_seed_repeats(quietbeam: Quietbeam, atoms: Path) -> None:
    call = ("nulltest", atoms, "--model", "gaussian", *QUICK, "--region", "0:96,0:96", "--frames", "1:5", "--json")
    first, second = quietbeam(*call).json, quietbeam(*call).json
    assert first["kind"] == "nulltest"
    assert first["frames"] == [1, 5]
    assert first["model"] == "gaussian"
    assert first["spikes"][0]["position_error_pm"] == pytest.approx(25 * first["spikes"][0]["position_error_px"])
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_one_frame_is_tested_as_far_as_it_goes(quietbeam: Quietbeam, atoms: Path) -> None:
    said = quietbeam("nulltest", atoms, "--model", "gaussian", *QUICK, "--frames", "0:1", "--json").json
    assert said["response"] == []
    assert said["smear_frames"] is None
    assert said["atoms"]["confirmed"] is None
    assert "one-frame" in [one["code"] for one in said["notices"]]


def save(folder: Path, values: np.ndarray) -> Path:
    path = folder / "bad.tif"
    tifffile.imwrite(path, values, imagej=True, metadata={"axes": "TYX"})
    return path


@pytest.mark.parametrize(
    ("values", "options", "code"),
    [
        (np.full((3, 64, 64), 7, np.uint16), (), "no-structure"),
        (np.full((3, 64, 64), np.nan, np.float32), (), "no-structure"),
        # Nothing but a smooth ramp: no noise to measure, and no gain typed.
        (np.tile(np.linspace(1, 2, 64, dtype=np.float32), (3, 64, 1)), (), "unknown-gain"),
        (np.ones((3, 64, 64), np.uint16) * np.arange(64, dtype=np.uint16), ("--frames", "5:9"), "bad-request"),
        (np.ones((3, 64, 64), np.uint16) * np.arange(64, dtype=np.uint16), ("--model", "nothing"), "no-model"),
    ],
)
def test_what_cannot_be_tested_is_refused(
    quietbeam: Quietbeam, tmp_path: Path, values: np.ndarray, options: tuple[str, ...], code: str
) -> None:
    model = () if "--model" in options else ("--model", "gaussian")
    said = quietbeam("nulltest", save(tmp_path, values), *model, *QUICK, *options, "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == code
    assert said.json["error"]["what"]
