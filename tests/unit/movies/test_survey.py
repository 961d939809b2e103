"""What a dropped folder is understood as, before anything is added."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from core.movies import open_movie
from core.movies.survey import Overview, survey
from core.protocol.reader import Find
from tests.movie_files import SEEDS, ramp, write_dm4, write_mrc, write_ser
from tests.movie_files.tiff import write_ome_files


def _image(path: Path, number: int) -> Path:
    pixels = ramp((6, 7)) + np.uint16(number)
    if path.suffix == ".png":
        path.write_bytes(imagecodecs.png_encode(pixels))
    elif path.suffix == ".dm4":
        write_dm4(path, pixels)
    else:
        tifffile.imwrite(path, pixels, photometric="minisblack")
    return path


def _names(found: Overview) -> list[str]:
    return [Path(find.path).name for find in found.finds]


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_folder_of_numbered_images_is_one_movie(tmp_path: Path, suffix: str) -> None:
    for number in range(12):
        _image(tmp_path / f"frame {number}{suffix}", number)
    found = survey([str(tmp_path)])
    (only,) = found.finds
    assert (only.path, only.dataset, only.kind, only.files) == (str(tmp_path), f"frame *{suffix}", "images", 12)
    assert only.file_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert "12 numbered" in found.said
    with open_movie(only.path, only.dataset) as movie:
        assert movie.shape == (12, 6, 7)
        np.testing.assert_array_equal(movie.frame(10), ramp((6, 7)) + np.uint16(10))


def test_twelve_dm4_files_are_twelve_movies(tmp_path: Path) -> None:
    for number in range(12):
        write_dm4(tmp_path / f"movie_{number:02}.dm4", ramp((3, 4, 5)))
    found = survey([str(tmp_path)])
    assert len(found.finds) == 12
    assert {find.kind for find in found.finds} == {"file"}
    assert found.said == "12 movies."


def test_long_run_of_dm_images_is_one_movie_but_a_few_views_are_not(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / "run").mkdir(exist_ok=True)
        _image(tmp_path / "run" / f"f_{number:04}.dm4", number)
    for number in range(5):
        _image(tmp_path / f"view {number}.dm4", number)
    found = survey([str(tmp_path)])
    assert [find.kind for find in found.finds] == ["file"] * 5 + ["images"]
    assert found.folders == 2


def test_numbered_stacks_are_movies_of_their_own(tmp_path: Path) -> None:
    for number in range(5):
        tifffile.imwrite(tmp_path / f"m{number}.tif", ramp((9, 6, 7)), photometric="minisblack")
    assert _names(survey([str(tmp_path)])) == [f"m{number}.tif" for number in range(5)]


def test_what_lies_beside_a_movie_is_not_listed_twice(tmp_path: Path) -> None:
    write_ser(tmp_path / "a_1.ser", ramp((3, 4, 5)))
    write_mrc(tmp_path / "b.mrc", ramp((3, 4, 5)))
    for name in ("a.emi", "b.mrc.mdoc", "b_info.txt", "c.tif.partial", "c.tif.partial.frames", "d.hdr"):
        (tmp_path / name).write_bytes(b"x" * 100)
    found = survey([str(tmp_path)])
    assert _names(found) == ["a_1.ser", "b.mrc"]
    assert [find.files for find in found.finds] == [2, 3]
    assert found.skipped == 3


def test_director_with_its_raw_files_is_one_movie(tmp_path: Path) -> None:
    write_dm4(tmp_path / "run.dm4", ramp((4, 5)))
    for name in ("run.raw", "run.raw_1", "run.raw_2"):
        (tmp_path / name).write_bytes(bytes(1000))
    found = survey([str(tmp_path)])
    (only,) = found.finds
    assert (Path(only.path).name, only.kind, only.files) == ("run.dm4", "in-situ", 4)
    assert found.said == "One movie of run.dm4 with its 3 raw files."


def test_parts_of_a_tvips_movie_are_one(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"rec_{number:03}.tvips").write_bytes(bytes(500))
    (only,) = survey([str(tmp_path)]).finds
    assert (Path(only.path).name, only.kind, only.files, only.file_bytes) == ("rec_000.tvips", "parts", 3, 1500)


def test_ome_movie_over_several_files_is_one(tmp_path: Path) -> None:
    write_ome_files(tmp_path, ramp((4, 6, 7)))
    tifffile.imwrite(tmp_path / "other.ome.tif", ramp((3, 6, 7)), ome=True, photometric="minisblack")
    found = survey([str(tmp_path)]).finds
    assert [(Path(find.path).name, find.kind, find.files) for find in found] == [
        ("m_0.ome.tif", "parts", 4),
        ("other.ome.tif", "file", 1),
    ]


def test_tree_of_an_in_situ_camera_is_one_movie(tmp_path: Path) -> None:
    tree = SEEDS["gatan-tree"](tmp_path)
    (only,) = survey([str(tmp_path)]).finds
    assert (only.path, only.kind) == (str(tree), "in-situ")
    with open_movie(only.path, only.dataset) as movie:
        assert only.files == len(movie)


def test_zarr_folder_is_one_movie(tmp_path: Path) -> None:
    folder = SEEDS["ome-zarr"](tmp_path)
    (only,) = survey([str(tmp_path)]).finds
    assert (only.path, only.kind) == (str(folder), "zarr")


def test_every_small_movie_is_found_in_its_folder_and_opens(tmp_path: Path) -> None:
    for name, make in SEEDS.items():
        (tmp_path / name).mkdir()
        make(tmp_path / name)
        found = survey([str(tmp_path / name)]).finds
        # A single picture in a folder is not looked for.
        assert len(found) == (0 if name == "png" else 1), name
        for find in found:
            open_movie(find.path, find.dataset).close()


def test_files_named_by_the_user_are_taken_as_they_are(tmp_path: Path) -> None:
    odd = tmp_path / "movie.xyz"
    odd.write_bytes(b"?")
    path = write_mrc(tmp_path / "a.mrc", ramp((3, 4, 5)))
    found = survey([str(odd), str(path), str(path)])
    assert [find.path for find in found.finds] == [str(path), str(odd)]
    assert survey([str(tmp_path / "missing.mrc")]).finds == (Find(path=str(tmp_path / "missing.mrc")),)


def test_all_images_of_a_run_dropped_as_files_are_one_movie_and_some_are_not(tmp_path: Path) -> None:
    paths = [str(_image(tmp_path / f"{number}.tif", number)) for number in range(8)]
    assert [find.kind for find in survey(paths).finds] == ["images"]
    assert [find.kind for find in survey(paths[:5]).finds] == ["file"] * 5


def test_folders_below_are_looked_through_in_natural_order(tmp_path: Path) -> None:
    for name in ("day 10", "day 9", ".hidden"):
        (tmp_path / name / "deep").mkdir(parents=True)
        write_mrc(tmp_path / name / "deep" / "a.mrc", ramp((3, 4, 5)))
    found = survey([str(tmp_path)])
    assert [Path(find.path).parents[1].name for find in found.finds] == ["day 9", "day 10"]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root, and Windows, may read everything")
def test_folder_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    write_mrc(tmp_path / "a.mrc", ramp((3, 4, 5)))
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0)
    found = survey([str(tmp_path)])
    closed.chmod(0o700)
    assert found.said == "1 movie. 1 folder could not be read."


def test_empty_folder_says_that_there_is_nothing(tmp_path: Path) -> None:
    found = survey([str(tmp_path)])
    assert (found.finds, found.said) == ((), "No movie was found.")


def test_search_ends_in_time_and_says_so(tmp_path: Path) -> None:
    write_mrc(tmp_path / "a.mrc", ramp((3, 4, 5)))
    found = survey([str(tmp_path)], seconds=-1)
    assert found.more
    assert found.said.endswith("not looked at.")


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    write_mrc(tmp_path / "a.mrc", ramp((3, 4, 5)))
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert len(survey([str(tmp_path)]).finds) == 1
