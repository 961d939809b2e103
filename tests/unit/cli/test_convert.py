"""``quietbeam convert``: what is typed reaches the export."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.movies import open_movie
from core.protocol.export import ExportResult
from tests.unit.cli.conftest import Quietbeam


def test_movie_is_converted_and_told(quietbeam: Quietbeam, movie: Path, tmp_path: Path) -> None:
    said = quietbeam("convert", movie, tmp_path / "b.mrc", "--set", "pixel=0.02nm", "--frames", "2:8", "--every", "2")
    assert said.code == 0, said.err
    assert "3 frames of 80 x 64 px" in said.out
    with open_movie(movie) as source, open_movie(tmp_path / "b.mrc") as result:
        np.testing.assert_array_equal(result.frame(1), source.frame(4))
        assert result.meta.pixel_size == (0.02, 0.02)


def test_json_is_one_document(quietbeam: Quietbeam, movie: Path, tmp_path: Path) -> None:
    said = quietbeam("convert", movie, tmp_path / "b.gif", "--json", "--show", "frame", "--fps", "20")
    result = ExportResult.model_validate(said.json)
    assert (result.format, result.frames) == ("GIF", 12)
    assert Path(result.output).stat().st_size == result.file_bytes


def test_headerless_file_is_converted_by_its_layout(quietbeam: Quietbeam, tmp_path: Path) -> None:
    pixels = np.arange(3 * 5 * 7, dtype=">u2").reshape(3, 5, 7)
    (tmp_path / "a.bin").write_bytes(b"head" + pixels.tobytes())
    said = quietbeam("convert", tmp_path / "a.bin", tmp_path / "b.tif", "--raw", "5x7:uint16be:offset=4")
    assert said.code == 0, said.err
    with open_movie(tmp_path / "b.tif") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


@pytest.mark.parametrize(
    "options",
    [
        ("b.xyz",),
        ("b.tif", "--frames", "5:3"),
        ("b.tif", "--raw", "five"),
        ("b.tif", "--raw", "5x5:uint8", "--dataset", "0"),
        ("b.png", "--levels", "1"),
        ("b.png", "--levels", "2,1"),
        ("b.png", "--show", "moon"),
        ("b.mp4", "--fps", "0"),
        ("b.tif", "--set", "pixel=wide"),
        ("no/b.tif",),
    ],
)
def test_what_makes_no_sense_is_told(quietbeam: Quietbeam, movie: Path, tmp_path: Path, options: tuple[str]) -> None:
    said = quietbeam("convert", movie, tmp_path / options[0], *options[1:], "--json")
    assert said.code == 2
    assert json.loads(said.out)["error"]["what"]
    assert "Traceback" not in said.err
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("b.")] == []
