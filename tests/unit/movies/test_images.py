"""Folders of numbered images as one movie, and single PNG pictures."""

from __future__ import annotations

import os
import time
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from core.movies import Malformed, MovieError, Truncated, Unreadable, Unsupported, list_datasets, open_movie
from core.movies.survey import survey
from tests.movie_files import ramp, write_dm4
from tests.movie_files.tiff import write_png

_PIXELS = ramp((12, 6, 7))


def _tiffs(folder: Path, numbers: range | list[int] = range(12), name: str = "f_{:04}.tif") -> Path:
    folder.mkdir(exist_ok=True)
    for place, number in enumerate(numbers):
        tifffile.imwrite(folder / name.format(number), _PIXELS[place % 12], photometric="minisblack")
    return folder


def test_images_are_frames_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = _tiffs(tmp_path / "Größe 5 µm", name="bild {} von 12.TIF")
    with open_movie(folder) as movie:
        assert movie.meta.format == "TIFF images"
        assert movie.meta.path == str(folder)
        assert movie.meta.file_count == 12
        assert movie.meta.file_bytes == sum(path.stat().st_size for path in folder.iterdir())
        assert movie.meta.fingerprint
        assert movie.meta.issues == ()
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
        np.testing.assert_array_equal(movie.region(slice(3, 9, 2), slice(1, 4), slice(2, 7)), _PIXELS[3:9:2, 1:4, 2:7])
        assert "ImageWidth" in movie.tags()


def test_dm_and_png_images_are_frames_too(tmp_path: Path) -> None:
    for kind in ("dm", "png"):
        (tmp_path / kind).mkdir()
    for number, frame in enumerate(_PIXELS):
        write_dm4(tmp_path / "dm" / f"{number}.dm4", frame)
        write_png(tmp_path / "png" / f"{number}.png", frame)
    for kind in ("dm", "png"):
        with open_movie(tmp_path / kind) as movie:
            np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)


def test_missing_numbers_part_the_movie_and_are_told(tmp_path: Path) -> None:
    with open_movie(_tiffs(tmp_path / "a", [0, 1, 2, 5, 6, 7, 8, 9])) as movie:
        assert [(part.start, part.stop) for part in movie.meta.segments] == [(0, 3), (3, 8)]
        assert [issue.code for issue in movie.meta.issues] == ["missing-images"]
        assert "3, 4" in movie.meta.issues[0].text


def test_folder_of_several_runs_lists_them_and_opens_the_longest(tmp_path: Path) -> None:
    folder = _tiffs(tmp_path / "a", range(4), "dark_{}.tif")
    _tiffs(folder, range(9), "light_{}.tif")
    assert [info.key for info in list_datasets(folder)] == ["light_*.tif", "dark_*.tif"]
    with open_movie(folder) as movie:
        assert len(movie) == 9
    with open_movie(folder, "dark_*.tif") as movie:
        assert len(movie) == 4


def test_folder_of_stacks_is_a_folder_and_no_movie(tmp_path: Path) -> None:
    for number in range(5):
        tifffile.imwrite(tmp_path / f"{number}.tif", _PIXELS, photometric="minisblack")
    with pytest.raises(Unreadable, match="folder") as caught:
        open_movie(tmp_path)
    assert caught.value.info.code == "is-a-folder"


def test_image_of_another_size_or_none_is_an_error_of_its_frame_alone(tmp_path: Path) -> None:
    folder = _tiffs(tmp_path / "a")
    tifffile.imwrite(folder / "f_0003.tif", ramp((5, 7)), photometric="minisblack")
    tifffile.imwrite(folder / "f_0004.tif", ramp((9, 9)), photometric="minisblack")
    tifffile.imwrite(folder / "f_0005.tif", ramp((6, 7), "float32"), photometric="minisblack")
    (folder / "f_0006.tif").write_bytes(b"")
    (folder / "f_0007.tif").write_bytes(b"Dear diary " * 90)
    (folder / "f_0008.tif").unlink()
    (folder / "f_0008.tif").mkdir()
    with open_movie(folder) as movie:
        # A folder of that name is no image, so its number is missing.
        assert len(movie) == 11
        for frame in (3, 5, 6, 7):
            with pytest.raises(MovieError):
                movie.frame(frame)
        np.testing.assert_array_equal(movie.frame(8), _PIXELS[9])


def test_larger_image_is_never_cut_to_fit(tmp_path: Path) -> None:
    folder = _tiffs(tmp_path / "a")
    tifffile.imwrite(folder / "f_0004.tif", ramp((9, 9)), photometric="minisblack")
    with open_movie(folder) as movie, pytest.raises(Malformed, match="9 x 9"):
        movie.frame(4)


def test_image_that_vanishes_is_a_typed_error_and_the_others_stay(tmp_path: Path) -> None:
    folder = _tiffs(tmp_path / "a")
    with open_movie(folder) as movie:
        (folder / "f_0005.tif").unlink()
        with pytest.raises(Unreadable) as caught:
            movie.frame(5)
        assert caught.value.info.code == "not-found"
        np.testing.assert_array_equal(movie.frame(6), _PIXELS[6])


def test_closed_movie_lets_all_images_go(tmp_path: Path) -> None:
    folder = _tiffs(tmp_path / "a")
    movie = open_movie(folder)
    movie.region(slice(None))
    movie.close()
    with pytest.raises(Unreadable, match="closed"):
        movie.frame(0)
    if Path("/proc/self/fd").is_dir():
        held = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert not [path for path in held if folder in path.parents]


def test_thousands_of_images_are_understood_soon(tmp_path: Path) -> None:
    folder = _tiffs(tmp_path / "a", [0])
    first = folder / "f_0000.tif"
    # Links: as quick to make as names.
    for number in range(1, 9_000):
        os.link(first, folder / f"f_{number:04}.tif")
    start = time.process_time()
    found = survey([str(folder)])
    with open_movie(folder) as movie:
        assert len(movie) == 9_000
        movie.frame(8_999)
    # 36,000 take 1.7 s.
    assert time.process_time() - start < 2
    assert [find.files for find in found.finds] == [9_000]
    assert "9,000 numbered TIFF images" in found.said


def test_picture_of_sixteen_bits_is_a_movie_of_one_frame(tmp_path: Path) -> None:
    with open_movie(write_png(tmp_path / "a.png", _PIXELS[3])) as movie:
        assert movie.shape == (1, 6, 7)
        np.testing.assert_array_equal(movie.frame(0), _PIXELS[3])
        assert movie.meta.pixel_size is None


def test_colour_picture_is_refused_and_a_cut_one_too(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(np.zeros((8, 9, 3), np.uint8)))
    with pytest.raises(Unsupported, match="colour"):
        open_movie(path)
    content = write_png(path, ramp((64, 64))).read_bytes()
    for length in (20, 40, 60, len(content) // 2, len(content) - 5):
        path.write_bytes(content[:length])
        with pytest.raises((Truncated, Malformed)):
            open_movie(path)


def test_picture_that_claims_a_hundred_gigapixels_allocates_nothing(tmp_path: Path) -> None:
    content = bytearray(write_png(tmp_path / "a.png", _PIXELS[0]).read_bytes())
    content[16:24] = b"\x00\x05\x00\x00" * 2
    (tmp_path / "a.png").write_bytes(bytes(content))
    with pytest.raises(Malformed, match="far more"):
        open_movie(tmp_path / "a.png")
