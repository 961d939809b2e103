"""``quietbeam rerun``: agreement is exit code 0, a difference beyond the tolerance 1, nothing to go by 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.denoising.output import moved_away
from core.protocol.rerun import RerunResult
from tests.unit.cli.conftest import Quietbeam

GAUSSIAN = ("--model", "gaussian", "--device", "cpu")


@pytest.fixture
def result(quietbeam: Quietbeam, movie: Path, tmp_path: Path) -> Path:
    output = tmp_path / "b.tif"
    assert quietbeam("denoise", movie, *GAUSSIAN, "-o", output).code == 0
    return output


def test_a_result_agrees_with_itself_made_again(quietbeam: Quietbeam, result: Path) -> None:
    said = quietbeam("rerun", result)
    assert said.code == 0, said.err
    assert "identical, bit for bit" in said.out
    assert "the same frames" in said.out


def test_json_is_one_document(quietbeam: Quietbeam, result: Path, tmp_path: Path) -> None:
    said = quietbeam("rerun", result, "--json", "-o", tmp_path / "c.ome.tif")
    found = RerunResult.model_validate(said.json)
    assert found.identical
    assert found.output == str(tmp_path / "c.ome.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "c.ome.tif"), tifffile.imread(result))


def test_a_difference_beyond_the_tolerance_is_exit_code_1(quietbeam: Quietbeam, movie: Path, result: Path) -> None:
    counts = tifffile.imread(movie)
    counts[3] += 40
    tifffile.imwrite(movie, counts, imagej=True, metadata={"axes": "TYX", "unit": "nm", "finterval": 0.1})
    said = quietbeam("rerun", result)
    assert said.code == 1
    assert "1 of 12 frames differ" in said.out
    assert "NOT the frames" in said.out
    assert quietbeam("rerun", result, "--tolerance", "1e6").code == 0


def test_nothing_to_go_by_is_a_sentence_and_exit_code_2(
    quietbeam: Quietbeam, movie: Path, result: Path, tmp_path: Path
) -> None:
    said = quietbeam("rerun", movie, "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == "no-provenance"
    movie.rename(tmp_path / "elsewhere.tif")
    said = quietbeam("rerun", result)
    assert said.code == 2
    assert "--source" in said.err
    assert quietbeam("rerun", result, "--source", tmp_path / "elsewhere.tif").code == 0


@pytest.mark.parametrize("end", [".ome.tif", ".mrc", ".ome.zarr"])
def test_denoise_writes_the_format_that_the_name_says_with_what_was_typed(
    quietbeam: Quietbeam, movie: Path, tmp_path: Path, end: str
) -> None:
    output = tmp_path / f"b{end}"
    typed = ("--dtype", "uint16", "--set", "pixel=0.02nm", "--set", "voltage=300")
    said = quietbeam("denoise", movie, *GAUSSIAN, "-o", output, *typed)
    assert said.code == 0, said.err
    assert "uint16" in said.out
    told = quietbeam("info", output).out
    assert "0.02 nm" in told
    assert "300 kV" in told


def test_a_result_that_goes_elsewhere_is_told_loudly(
    quietbeam: Quietbeam, movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr("core.denoising.output.Path.home", lambda: home)
    # The tests may run as root, who may write anywhere: the question is answered for it.
    monkeypatch.setattr("os.access", lambda place, mode: Path(place) != movie.parent)
    said = quietbeam("denoise", movie, *GAUSSIAN)
    assert said.code == 0, said.err
    assert (home / "a movie [1]_denoised.tif").exists()
    assert "can't be written to" in said.err
    assert str(home) in said.err


def test_a_result_beside_its_movie_is_not_told(tmp_path: Path) -> None:
    assert moved_away(tmp_path / "a.dm4", tmp_path / "a_denoised.tif") is None
