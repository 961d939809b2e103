"""``quietbeam detector``, and the clean-up of ``quietbeam denoise``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.protocol.clean_up import DetectorResult
from tests.unit.cli.conftest import Quietbeam


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.tif"
    counts = np.random.default_rng(0).poisson(6.0, (24, 64, 80)).astype(np.uint16)
    counts[:, 30, 40] = 0
    tifffile.imwrite(path, counts, imagej=True, metadata={"axes": "TYX", "unit": "nm"})
    return path


def test_what_was_found_is_told_and_used_by_a_denoise(quietbeam: Quietbeam, broken: Path, tmp_path: Path) -> None:
    said = quietbeam("detector", broken, "-o", tmp_path)
    assert said.code == 0, said.err
    assert "Dead        1 pixel" in said.out
    mask = tmp_path / "broken_defects.tif"
    assert str(mask) in said.out
    output = tmp_path / "clean.tif"
    said = quietbeam("denoise", broken, "--model", "gaussian", "--device", "cpu", "--defects", mask, "-o", output)
    assert said.code == 0, said.err
    assert "1 pixels that broken_defects.tif marks" in said.err
    assert tifffile.imread(output)[:, 30, 40].mean() == pytest.approx(6, abs=0.5)


def test_json_is_the_result(quietbeam: Quietbeam, broken: Path) -> None:
    result = DetectorResult.model_validate(quietbeam("detector", broken, "--json", "--frames-used", "20").json)
    assert (result.frames, result.dead, result.mask) == (20, 1, None)


@pytest.mark.parametrize("option", ["--dark", "--gain-reference", "--defects", "--pattern"])
def test_a_reference_of_another_size_ends_with_a_sentence(
    quietbeam: Quietbeam, broken: Path, tmp_path: Path, option: str
) -> None:
    tifffile.imwrite(tmp_path / "other.tif", np.ones((80, 64), np.float32))
    said = quietbeam("denoise", broken, "--model", "gaussian", option, tmp_path / "other.tif", "-o", tmp_path / "a.tif")
    assert said.code == 2
    assert "64 x 80 px, the movie 80 x 64 px" in said.err
    assert "Traceback" not in said.err


def test_bad_input_ends_with_a_sentence(quietbeam: Quietbeam, broken: Path, tmp_path: Path) -> None:
    assert quietbeam("detector", tmp_path / "none.tif").code == 2
    assert quietbeam("detector", broken, "-o", tmp_path / "none").code == 2
    assert quietbeam("detector", broken, "--frames", "9:4").code == 2
