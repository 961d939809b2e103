from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from core.cli.app import app
from core.movies import open_movie
from core.movies.writers.provenance import lineage, provenance_in


@pytest.fixture
def counted(tmp_path: Path) -> Path:
    path = tmp_path / "counted.tif"
    counts = np.random.default_rng(1).poisson(3.0, (4, 64, 72)).astype(np.uint16)
    tifffile.imwrite(path, counts, imagej=True, resolution=(20.0, 20.0), metadata={"axes": "TYX", "unit": "nm"})
    return path


def _run(*arguments: str) -> tuple[int, dict]:
    outcome = CliRunner().invoke(app, ["thin", *arguments, "--json"])
    return outcome.exit_code, json.loads(outcome.stdout)


def test_parts_add_up_and_keep_the_calibration(counted: Path) -> None:
    code, result = _run(str(counted), "--fraction", "0.3")
    assert code == 0
    with open_movie(counted) as whole, open_movie(result["outputs"][0]) as one, open_movie(result["outputs"][1]) as two:
        for frame in range(4):
            np.testing.assert_array_equal(one.frame(frame) + two.frame(frame), whole.frame(frame))
        assert one.meta.pixel_size == whole.meta.pixel_size
        assert one.meta.counts_per_electron == 1
        assert "part of the electrons" in lineage(provenance_in(one))[0]
    assert result["electrons"][0] / sum(result["electrons"]) == pytest.approx(0.3, abs=0.01)
    assert result["ratio"] == pytest.approx(1, abs=0.1)


def test_same_seed_gives_the_same_parts(counted: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert _run(str(counted), "-o", str(tmp_path / name), "--seed", "7")[0] == 0
    first, again = (tifffile.imread(tmp_path / name / "counted_part1.tif") for name in ("a", "b"))
    np.testing.assert_array_equal(first, again)


def test_scaled_frames_are_refused_with_the_number_and_nothing_is_left(counted: Path, tmp_path: Path) -> None:
    scaled = tmp_path / "scaled.tif"
    tifffile.imwrite(scaled, tifffile.imread(counted) * 5, metadata={"axes": "TYX"}, photometric="minisblack")
    code, result = _run(str(scaled))
    assert code == 2
    assert result["error"]["code"] == "not-counts"
    assert "variance / mean" in result["error"]["what"]
    assert not list(tmp_path.glob("scaled_*"))


@pytest.mark.parametrize("fraction", ["0", "1", "-0.5"])
def test_impossible_share_is_refused(counted: Path, fraction: str) -> None:
    code, result = _run(str(counted), "--fraction", fraction)
    assert (code, result["error"]["code"]) == (2, "bad-request")


def test_parts_are_not_replaced_unasked(counted: Path) -> None:
    assert _run(str(counted))[0] == 0
    code, result = _run(str(counted))
    assert (code, result["error"]["code"]) == (2, "output-exists")
    assert _run(str(counted), "--overwrite")[0] == 0
