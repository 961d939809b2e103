"""TIFF files whose images are stored in many pieces, in many files, or not alike."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from core.movies import Malformed, MovieError, Unsupported, list_datasets, open_movie
from core.movies.tags import flatten
from tests.movie_files import ramp
from tests.movie_files.tiff import write_ome_files, write_pages


def _patch(path: Path, code: int, value: int) -> None:
    """Overwrite a tag of the first page."""
    with tifffile.TiffFile(path) as tiff:
        tag = tiff.pages.first.tags[code]
        at, size = tag.valueoffset, {3: 2, 4: 4}[int(tag.dtype)]
    data = bytearray(path.read_bytes())
    data[at : at + size] = value.to_bytes(size, "little")
    path.write_bytes(bytes(data))


def test_image_of_another_size_in_the_middle_is_not_read_as_the_others(tmp_path: Path) -> None:
    pixels, other = ramp((6, 20, 17)), ramp((9, 31))
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tiff:
        for number, frame in enumerate(pixels):
            image = other if number == 3 else frame
            tiff.write(image, photometric="minisblack", metadata=None, contiguous=False)
    assert [info.shape for info in list_datasets(path)] == [(5, 20, 17), (1, 9, 31)]
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels[[0, 1, 2, 4, 5]])
        assert [issue.code for issue in movie.meta.issues] == ["images-between"]
        assert "before frame 3" in movie.meta.issues[0].text
    with open_movie(path, "1") as movie:
        np.testing.assert_array_equal(movie.frame(0), other)


def test_wrong_byte_counts_of_plain_pixels_are_told_and_the_pixels_are_right(tmp_path: Path) -> None:
    pixels = ramp((70, 900), "uint16")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", rowsperstrip=70)
    _patch(path, 279, 17)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.frame(0), pixels)
        assert [issue.code for issue in movie.meta.issues] == ["wrong-byte-counts"]


def _rename(path: Path, code: int) -> Path:
    """Give the tag 65111 of each page another code."""
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        for page in tiff.pages:
            at = page.tags[65111].offset
            data[at : at + 2] = code.to_bytes(2, "little")
    path.write_bytes(bytes(data))
    return path


def test_reversed_bits_are_turned(tmp_path: Path) -> None:
    pixels = ramp((2, 8, 9), "uint8")
    stored = imagecodecs.bitorder_decode(pixels)
    path = _rename(write_pages(tmp_path / "a.tif", stored, extratags=[(65111, 3, 1, 2, False)]), 266)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


def test_predictor_without_compression_is_undone(tmp_path: Path) -> None:
    stored = np.full((2, 8, 9), 1, np.uint16)
    path = _rename(write_pages(tmp_path / "a.tif", stored, extratags=[(65111, 3, 1, 2, False)]), 317)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.frame(1), np.broadcast_to(np.arange(1, 10, dtype=np.uint16), (8, 9)))


@pytest.mark.parametrize("options", [{"tile": (16, 16)}, {"rowsperstrip": 5}])
def test_region_of_a_compressed_frame_decodes_only_its_pieces(tmp_path: Path, options: dict[str, Any]) -> None:
    pixels = ramp((1, 64, 64))
    path = write_pages(tmp_path / "a.tif", pixels, compression="zlib", **options)
    with tifffile.TiffFile(path) as tiff:
        at, count = tiff.pages[0].dataoffsets[0], tiff.pages[0].databytecounts[0]
    data = bytearray(path.read_bytes())
    data[at : at + count] = b"\xff" * count
    path.write_bytes(bytes(data))
    with open_movie(path) as movie:
        part = movie.region(slice(None), slice(21, 50), slice(18, 63))
        np.testing.assert_array_equal(part[0], pixels[0, 21:50, 18:63])
        with pytest.raises(Malformed, match="frame 0"):
            movie.frame(0)


def test_threads_decode_compressed_frames_side_by_side(tmp_path: Path) -> None:
    pixels = ramp((12, 50, 40))
    with open_movie(
        write_pages(tmp_path / "a.tif", pixels, compression="lzw", predictor=True, rowsperstrip=7)
    ) as movie:
        order = np.random.default_rng(3).integers(0, 12, 200)
        with ThreadPoolExecutor(8) as pool:
            for index, frame in zip(order, pool.map(movie.frame, order.tolist()), strict=True):
                np.testing.assert_array_equal(frame, pixels[index])


def test_ome_movie_over_several_files_is_one(tmp_path: Path) -> None:
    pixels = ramp((4, 6, 7))
    planes = "".join(f'<Plane TheZ="0" TheC="0" TheT="{t}" DeltaT="{t * 40.0}" DeltaTUnit="ms"/>' for t in range(4))
    paths = write_ome_files(tmp_path, pixels, planes)
    for path in (paths[0], paths[2]):
        with open_movie(path) as movie:
            np.testing.assert_array_equal(movie.region(slice(None)), pixels)
            assert movie.meta.file_count == 4
            assert movie.meta.file_bytes == sum(one.stat().st_size for one in paths)
            assert movie.meta.times == pytest.approx((0, 0.04, 0.08, 0.12))
            assert movie.meta.frame_interval_s == pytest.approx(0.04)
            assert movie.meta.date == "2024-05-06T07:08:09"
            assert movie.tags()
    paths[2].unlink()
    with open_movie(paths[0]) as movie:
        assert movie.meta.frames == 2
        assert movie.meta.issues[0].text == "truncated: 2 of 4 frames"


def test_ome_file_never_points_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    paths = write_ome_files(tmp_path / "inner", ramp((2, 6, 7)))
    paths[1].rename(tmp_path / "m_1.ome.tif")
    text = paths[0].read_bytes().replace(b'FileName="m_1.ome.tif"', b'FileName="../m_1.ome.tif"'[:22] + b'"')
    paths[0].write_bytes(text)
    with open_movie(paths[0]) as movie:
        assert movie.meta.frames == 1


def test_gap_in_the_times_of_ome_parts_the_movie(tmp_path: Path) -> None:
    starts = [0.0, 1.0, 2.0, 9.0, 10.0]
    planes = "".join(f'<Plane TheZ="0" TheC="0" TheT="{t}" DeltaT="{start}"/>' for t, start in enumerate(starts))
    paths = write_ome_files(tmp_path, ramp((5, 6, 7)), planes)
    with open_movie(paths[0]) as movie:
        assert movie.meta.times == tuple(starts)
        assert [(segment.start, segment.stop) for segment in movie.meta.segments] == [(0, 3), (3, 5)]
        assert movie.meta.frame_interval_s is None


def test_stack_of_three_frames_saved_as_colours_gets_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp((3, 8, 9)), photometric="rgb", planarconfig="separate")
    with pytest.raises(Unsupported, match="minisblack"):
        open_movie(path)


def test_camera_that_still_writes_gives_the_frames_so_far(tmp_path: Path) -> None:
    pixels = ramp((6, 20, 17))
    path = tmp_path / "a.tif"
    seen = []
    with tifffile.TiffWriter(path) as tiff:
        for frame in pixels:
            tiff.write(frame, photometric="minisblack", metadata=None, contiguous=False)
            tiff.filehandle.flush()
            try:
                with open_movie(path) as movie:
                    seen.append(len(movie))
                    np.testing.assert_array_equal(movie.region(slice(None)), pixels[: len(movie)])
            except MovieError:
                seen.append(0)
    assert seen == sorted(seen)
    assert seen[-1] >= 5


def test_three_thousand_pages_are_listed_within_seconds(tmp_path: Path) -> None:
    """A fifth of a second on a quiet machine; reading every page one by one would take minutes on a network drive."""
    path = write_pages(tmp_path / "a.tif", np.zeros((3000, 16, 16), np.uint16))
    start = time.process_time()
    with open_movie(path) as movie:
        assert len(movie) == 3000
    assert time.process_time() - start < 10


def test_white_is_zero_is_told_and_nothing_is_turned(tmp_path: Path) -> None:
    pixels = ramp((4, 5), "uint8")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="miniswhite")
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.frame(0), pixels)
        assert [issue.code for issue in movie.meta.issues] == ["white-is-zero"]


def test_colour_table_that_is_grey_is_no_issue(tmp_path: Path) -> None:
    table = np.broadcast_to(np.arange(256, dtype=np.uint16) * 257, (3, 256))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp((6, 7), "uint8"), photometric="palette", colormap=table)
    with open_movie(path) as movie:
        assert movie.meta.issues == ()


def test_settings_of_serialem_beside_a_tiff_stack_are_joined(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "a.tif", ramp((3, 8, 9)))
    frames = "[FrameSet = 0]\nPixelSpacing = 0.5\nMagnification = 105000\nExposureTime = 3\n"
    (tmp_path / "a.tif.mdoc").write_text(f"Voltage = 300\nImageFile = a.tif\n\n{frames}")
    with open_movie(path) as movie:
        assert movie.meta.voltage_kv == 300
        assert movie.meta.pixel_size == pytest.approx((0.05, 0.05))
        assert movie.meta.magnification == 105000
        assert any("Voltage" in row.name for row in flatten(movie.tags()))


def test_file_that_asks_to_be_turned_is_left_and_it_is_told(tmp_path: Path) -> None:
    pixels = ramp((2, 8, 9))
    path = _rename(write_pages(tmp_path / "a.tif", pixels, extratags=[(65111, 3, 1, 6, False)]), 274)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert [issue.code for issue in movie.meta.issues] == ["orientation"]


def test_images_of_another_size_behind_a_movie_are_spoken_of(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for shape in ((4, 5), (4, 5), (4, 5), (2, 3)):
            writer.write(np.ones(shape, np.uint16), photometric="minisblack", contiguous=False, metadata=None)
    with open_movie(path) as movie:
        assert movie.meta.frames == 3
        assert [issue.code for issue in movie.meta.issues] == ["other-images"]
