"""``quietbeam info``: tags, holder logs, folders, stretches and dose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.cli.info import dose_text
from core.protocol.dose import Dose
from core.protocol.movie import MovieMeta
from tests.movie_files import ramp, write_dm4
from tests.unit.cli.conftest import Quietbeam


def test_tags_are_printed_and_searched(quietbeam: Quietbeam, movie: Path) -> None:
    everything = quietbeam("info", movie, "--tags").out
    assert "ImageDescription = " in everything
    only = quietbeam("info", movie, "--search", "imagewidth").out
    assert "ImageWidth = 80" in only
    assert "ImageDescription = " not in only


def test_tags_come_as_json_too(quietbeam: Quietbeam, movie: Path) -> None:
    said = quietbeam("info", movie, "--search", "ImageWidth", "--json").json
    assert said["tags"] == {"ImageWidth": "80"}
    assert MovieMeta.model_validate(said["meta"]).frames == 12


def test_holder_log_is_joined_to_the_frames(quietbeam: Quietbeam, movie: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("Time (s),Temperature (C)\n" + "".join(f"{k / 10},{300 + k}\n" for k in range(6)), encoding="utf-8")
    said = quietbeam("info", movie, "--holder-log", log)
    assert "Temperature: 300 to 305 C" in said.out
    assert "of 12 frames have a value" in said.out
    document = quietbeam("info", movie, "--holder-log", log, "--json").json
    assert document["holder_log"]["columns"][0]["values"][:3] == [300.0, 301.0, 302.0]


def test_holder_log_that_is_none_is_a_sentence(quietbeam: Quietbeam, movie: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("nothing here", encoding="utf-8")
    said = quietbeam("info", movie, "--holder-log", log)
    assert said.code == 2
    assert "log" in said.err


def test_folder_tells_which_movies_lie_in_it(quietbeam: Quietbeam, tmp_path: Path) -> None:
    for name in ("first.dm4", "second.dm4"):
        write_dm4(tmp_path / name, ramp((3, 8, 8)))
    (tmp_path / "notes.txt").write_text("no movie", encoding="utf-8")
    said = quietbeam("info", tmp_path)
    assert said.code == 0
    assert "first.dm4" in said.out
    assert "second.dm4" in said.out
    assert "notes.txt" not in said.out
    found = quietbeam("info", tmp_path, "--json").json
    assert [Path(one["path"]).name for one in found["finds"]] == ["first.dm4", "second.dm4"]


def test_folder_of_numbered_images_is_told_to_be_one_movie(quietbeam: Quietbeam, tmp_path: Path) -> None:
    for number in range(12):
        tifffile.imwrite(tmp_path / f"frame_{number:04}.tif", np.full((8, 9), number, np.uint16))
    said = quietbeam("info", tmp_path, "--json")
    assert said.code == 0
    assert MovieMeta.model_validate(said.json).shape == (12, 8, 9)


def test_empty_folder_is_refused(quietbeam: Quietbeam, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert quietbeam("info", tmp_path / "nothing").code == 2


@pytest.mark.parametrize(
    ("dose", "text"),
    [
        (Dose(), ""),
        (Dose(per_frame_a2=2.0, cumulative_a2=20.0, source="tag"), "2 e/Å²/frame, 20 e/Å² in all (as the file says)"),
        (Dose(rate_a2_s=3.0, source="typed"), "3 e/Å²/s (as typed)"),
    ],
)
def test_dose_is_told_with_its_source(dose: Dose, text: str) -> None:
    assert dose_text(dose) == text


def test_result_is_told_to_be_one_and_a_copy_of_it_too(quietbeam: Quietbeam, movie: Path, tmp_path: Path) -> None:
    clean, copy = tmp_path / "clean.ome.tif", tmp_path / "copy.tif"
    assert quietbeam("denoise", movie, "--model", "gaussian", "-o", clean).code == 0
    assert quietbeam("convert", clean, copy).code == 0
    assert "Made          denoised by gaussian" in quietbeam("info", clean).out
    told = quietbeam("info", copy).out
    assert "Made          converted from" in told
    assert "Made          denoised by gaussian" in told
    assert "Made" not in quietbeam("info", movie).out


def test_denoising_what_was_denoised_is_told(quietbeam: Quietbeam, movie: Path, tmp_path: Path) -> None:
    clean = tmp_path / "clean.tif"
    assert quietbeam("denoise", movie, "--model", "gaussian", "-o", clean).code == 0
    again = quietbeam("denoise", clean, "--model", "gaussian", "-o", tmp_path / "again.tif")
    assert again.code == 0
    assert "denoised already" in again.err + again.out


def test_rerun_of_a_converted_file_says_that_nothing_was_denoised(
    quietbeam: Quietbeam, movie: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.tif"
    assert quietbeam("convert", movie, copy).code == 0
    said = quietbeam("rerun", copy)
    assert said.code == 2
    assert "converted from" in said.err


def test_what_a_file_says_does_not_speak_to_the_terminal(quietbeam: Quietbeam, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    evil = "nice\x1b[2J\x07 title"
    tifffile.imwrite(path, np.ones((4, 5), np.uint8), description=evil, photometric="minisblack", metadata=None)
    said = quietbeam("info", path, "--tags").out
    assert "nice" in said
    assert "\x1b" not in said
    assert "\x07" not in said
