"""``quietbeam score``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.protocol.score import ScoreResult
from tests.unit.cli.conftest import Quietbeam
from tests.unit.measures.drifting_scenes import scene


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    one = scene(dose=4.0, frames=12, side=64)
    raw, clean = tmp_path / "raw.tif", tmp_path / "clean.tif"
    tifffile.imwrite(raw, one.raw.astype(np.uint16), photometric="minisblack")
    tifffile.imwrite(clean, one.clean, photometric="minisblack")
    return raw, clean


def test_flags_and_measures_with_their_caveats_are_printed(quietbeam: Quietbeam, files: tuple[Path, Path]) -> None:
    raw, clean = files
    said = quietbeam("score", raw, clean)
    assert said.code == 0, said.err
    assert said.out.startswith("Flags        none\nFrames       12 judged\n")
    assert "never choose by it" in " ".join(said.out.split())
    said = quietbeam("score", raw, raw, "--no-caveats")
    assert said.out.startswith("Flags        identity\n  identity: ")
    assert "never choose by it" not in " ".join(said.out.split())


def test_json_is_the_result(quietbeam: Quietbeam, files: tuple[Path, Path]) -> None:
    raw, clean = files
    result = ScoreResult.model_validate(quietbeam("score", raw, clean, "--truth", clean, "--json").json)
    assert (result.flags, result.frames_used) == ((), 12)
    assert {"psnr", "upsnr"} <= set(result.measures)


def test_movies_that_do_not_belong_together_are_refused(quietbeam: Quietbeam, files: tuple[Path, Path]) -> None:
    raw, clean = files
    short = raw.with_name("short.tif")
    tifffile.imwrite(short, tifffile.imread(clean)[:5], photometric="minisblack")
    said = quietbeam("score", raw, short, "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == "bad-request"
    assert "12 frames of 64 x 64 px" in said.err


def test_a_part_that_does_not_exist_is_refused(quietbeam: Quietbeam, files: tuple[Path, Path]) -> None:
    raw, clean = files
    assert quietbeam("score", raw, clean, "--frames", "5:4").code == 2
    assert quietbeam("score", raw, clean, "--region", "0:80,0:80").code == 2
    assert quietbeam("score", raw, raw.with_name("missing.tif")).code == 2


def test_what_became_of_the_columns_is_told_where_the_raw_frames_show_them(
    quietbeam: Quietbeam, tmp_path: Path
) -> None:
    y, x = np.mgrid[:72, :72]
    lattice = 4 + 12 * (np.cos(2 * np.pi * x / 12) * np.cos(2 * np.pi * y / 12) + 1)
    noisy = np.random.default_rng(0).poisson(np.repeat(lattice[None], 16, axis=0))
    clean = np.repeat(lattice[None], 16, axis=0).astype(np.float32)
    movies = {"raw": noisy.astype(np.uint16), "clean": clean, "other_units": clean / 90 - 3}
    for name, frames in movies.items():
        tifffile.imwrite(
            tmp_path / f"{name}.tif",
            frames,
            imagej=True,
            resolution=(50, 50),
            metadata={"axes": "TYX", "unit": "nm"},
        )
    measures = quietbeam("score", tmp_path / "raw.tif", tmp_path / "clean.tif", "--json").json["measures"]
    assert measures["columns_kept"]["value"] == 1
    assert measures["columns_moved"]["unit"] == "pm"
    assert measures["columns_moved"]["value"] < 10
    assert measures["count_fit"]["value"] < 0.02
    other = quietbeam("score", tmp_path / "raw.tif", tmp_path / "other_units.tif", "--json").json["measures"]
    assert other["columns_contrast"]["value"] == pytest.approx(0, abs=10)
