"""TIFF, BigTIFF, ImageJ and OME-TIFF."""

from __future__ import annotations

import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from core.movies import Malformed, MovieError, Truncated, Unsupported, list_datasets, open_movie
from tests.movie_files import ramp

_TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64", "uint64"]


@pytest.mark.parametrize("dtype", _TYPES)
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_every_type_comes_back_in_the_native_order(tmp_path: Path, dtype: str, byteorder: str, bigtiff: bool) -> None:
    pixels = ramp((3, 5, 7), dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, byteorder=byteorder, bigtiff=bigtiff, photometric="minisblack")
    with open_movie(path) as movie:
        assert movie.meta.format == ("BigTIFF" if bigtiff else "TIFF")
        assert movie.shape == (3, 5, 7)
        assert movie.dtype == np.dtype(dtype)
        assert movie.frame(2).dtype.isnative
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        np.testing.assert_array_equal(movie.region(slice(0, 3, 2), slice(1, 4), slice(2, 3)), pixels[::2, 1:4, 2:3])


def _write_pages(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    """A page a frame, each with its own entry: not one block."""
    with tifffile.TiffWriter(path) as tiff:
        for frame in pixels:
            tiff.write(frame, photometric="minisblack", metadata=None, contiguous=False, **options)
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rowsperstrip": 3},
        {"tile": (16, 16)},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"compression": "zstd"},
        {"compression": "lzw"},
        {"compression": "packbits"},
        {"compression": "zlib", "tile": (16, 16)},
    ],
)
def test_separate_pages_come_back_however_they_are_stored(tmp_path: Path, options: dict[str, Any]) -> None:
    pixels = ramp((4, 21, 19))
    with open_movie(_write_pages(tmp_path / "a.tif", pixels, **options)) as movie:
        assert movie.shape == (4, 21, 19)
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


def test_compressed_frame_is_read_without_decoding_the_others(tmp_path: Path) -> None:
    pixels = ramp((5, 32, 32))
    path = _write_pages(tmp_path / "a.tif", pixels, compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        at, count = tiff.pages[1].dataoffsets[0], tiff.pages[1].databytecounts[0]
    data = bytearray(path.read_bytes())
    data[at : at + count] = b"\xff" * count
    path.write_bytes(bytes(data))
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.frame(3), pixels[3])
        with pytest.raises(Malformed, match="frame 1") as caught:
            movie.frame(1)
        assert caught.value.info.path == str(path)
        np.testing.assert_array_equal(movie.frame(0), pixels[0])


def test_one_bit_image_is_a_movie_of_booleans(tmp_path: Path) -> None:
    pixels = ramp((2, 9, 13), "bool")
    with open_movie(_write_pages(tmp_path / "a.tif", pixels)) as movie:
        assert movie.dtype == np.dtype(bool)
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


@pytest.mark.parametrize("shape", [(1, 4, 5), (3, 1, 5), (3, 5, 1), (1, 1, 1), (7, 33, 47)])
def test_axes_of_one_element_keep_their_place(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    pixels = ramp(shape)
    with open_movie(_write_pages(tmp_path / "a.tif", pixels)) as movie:
        assert movie.shape == shape
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


def test_imagej_tells_pixel_size_and_interval(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    metadata = {"axes": "TYX", "unit": "nm", "finterval": 0.04}
    tifffile.imwrite(path, ramp((3, 4, 5)), imagej=True, resolution=(20.0, 25.0), metadata=metadata)
    with open_movie(path) as movie:
        assert movie.meta.pixel_size == pytest.approx((0.04, 0.05))
        assert movie.meta.pixel_unit == "nm"
        assert movie.meta.frame_interval_s == 0.04


@pytest.mark.parametrize(
    ("unit", "size"),
    [("micron", (40.0, 50.0)), ("\\u00B5m", (40.0, 50.0)), ("um", (40.0, 50.0)), ("inch", None), ("pixel", None)],
)
def test_units_of_imagej_are_understood_or_unknown(tmp_path: Path, unit: str, size: tuple[float, float] | None) -> None:
    path = tmp_path / "a.tif"
    metadata = {"axes": "TYX", "unit": unit}
    tifffile.imwrite(path, ramp((3, 4, 5)), imagej=True, resolution=(20.0, 25.0), metadata=metadata)
    with open_movie(path) as movie:
        assert movie.meta.pixel_size == (pytest.approx(size) if size else None)


def test_dots_per_inch_are_no_calibration(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp((4, 5)), resolution=(72, 72), resolutionunit="INCH", photometric="minisblack")
    with open_movie(path) as movie:
        assert movie.meta.pixel_size is None
        assert movie.meta.pixel_unit is None


def test_ome_tells_pixel_size_and_interval_of_each_series(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    first, second = ramp((3, 4, 5)), ramp((2, 6, 7), "float32")
    with tifffile.TiffWriter(path, ome=True) as tiff:
        sizes = {"PhysicalSizeX": 0.05, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "Å"}
        tiff.write(first, photometric="minisblack", metadata={"axes": "TYX", "TimeIncrement": 0.1, **sizes})
        tiff.write(second, photometric="minisblack", metadata={"axes": "TYX", "PhysicalSizeX": 2, "PhysicalSizeY": 2})
    assert [info.shape for info in list_datasets(path)] == [(3, 4, 5), (2, 6, 7)]
    with open_movie(path) as movie:
        assert movie.meta.pixel_size == pytest.approx((0.05, 0.05))
        assert movie.meta.frame_interval_s == 0.1
    with open_movie(path, "1") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), second)
        assert movie.meta.pixel_size == (2000, 2000)


@pytest.mark.parametrize("imagej", [True, False])
def test_each_channel_is_a_dataset_of_its_own(tmp_path: Path, imagej: bool) -> None:
    pixels = ramp((3, 2, 4, 5))
    path = tmp_path / ("a.tif" if imagej else "a.ome.tif")
    tifffile.imwrite(path, pixels, imagej=imagej, ome=not imagej, photometric="minisblack", metadata={"axes": "TCYX"})
    assert [info.key for info in list_datasets(path)] == ["0.0", "0.1"]
    for channel in range(2):
        with open_movie(path, f"0.{channel}") as movie:
            np.testing.assert_array_equal(movie.region(slice(None)), pixels[:, channel])


def test_a_plain_stack_whose_frames_are_called_channels_is_one_movie(tmp_path: Path) -> None:
    path = tmp_path / "plain.tif"
    pixels = np.arange(30 * 5 * 7, dtype=np.uint16).reshape(30, 5, 7)
    tifffile.imwrite(path, pixels, imagej=True)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
    assert len(list_datasets(path)) == 1


def test_channel_as_the_slowest_axis_is_told_apart_too(tmp_path: Path) -> None:
    pixels = ramp((2, 3, 4, 5))
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, pixels, ome=True, photometric="minisblack", metadata={"axes": "CTYX"})
    for channel in range(2):
        with open_movie(path, f"0.{channel}") as movie:
            np.testing.assert_array_equal(movie.region(slice(None)), pixels[channel])


def test_blocks_of_frames_are_one_movie(tmp_path: Path) -> None:
    pixels = ramp((6, 4, 5))
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tiff:
        for start in range(0, 6, 2):
            tiff.write(pixels[start : start + 2], photometric="minisblack", contiguous=True)
    with open_movie(path) as movie:
        assert movie.shape == (6, 4, 5)
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_is_refused_with_the_reason(tmp_path: Path, planar: str) -> None:
    shape = (8, 9, 3) if planar == "contig" else (3, 8, 9)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp(shape, "uint8"), photometric="rgb", planarconfig=planar)
    with pytest.raises(Unsupported, match="colour") as caught:
        open_movie(path)
    assert caught.value.info.advice


def test_complex_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp((4, 5), "float32").astype(np.complex64), photometric="minisblack")
    with pytest.raises(Unsupported, match="complex"):
        open_movie(path)


def test_colour_table_is_left_out_and_told(tmp_path: Path) -> None:
    pixels = ramp((6, 7), "uint8")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="palette", colormap=np.zeros((3, 256), np.uint16))
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.frame(0), pixels)
        assert [issue.code for issue in movie.meta.issues] == ["palette"]


@pytest.mark.parametrize("imagej", [True, False])
def test_truncated_stack_opens_with_its_complete_frames(tmp_path: Path, imagej: bool) -> None:
    pixels = ramp((50, 16, 16))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, imagej=imagej, photometric="minisblack", metadata={"axes": "TYX"})
    data = path.read_bytes()
    path.write_bytes(data[: data.index(pixels[25].tobytes()) + 77])
    with open_movie(path) as movie:
        assert movie.shape == (25, 16, 16)
        assert movie.meta.truncated
        assert movie.meta.issues[0].text == "truncated: 25 of 50 frames"
        np.testing.assert_array_equal(movie.frame(24), pixels[24])


def test_broken_chain_of_pages_is_told(tmp_path: Path) -> None:
    pixels = ramp((6, 16, 16))
    path = _write_pages(tmp_path / "a.tif", pixels)
    with tifffile.TiffFile(path) as tiff:
        third = tiff.pages[3].offset
    path.write_bytes(path.read_bytes()[: third + 5])
    with open_movie(path) as movie:
        assert movie.meta.frames == 3
        assert [issue.code for issue in movie.meta.issues] == ["broken-chain"]
        np.testing.assert_array_equal(movie.frame(2), pixels[2])


def test_circular_chain_of_pages_ends(tmp_path: Path) -> None:
    path = _write_pages(tmp_path / "a.tif", ramp((3, 8, 8)))
    with tifffile.TiffFile(path) as tiff:
        first, last = tiff.pages[0], tiff.pages[2]
        count = len(last.tags)
        at, target = last.offset + 2 + 12 * count, first.offset
    data = bytearray(path.read_bytes())
    data[at : at + 4] = struct.pack("<I", target)
    path.write_bytes(bytes(data))
    start = time.process_time()
    try:
        with open_movie(path) as movie:
            assert movie.meta.frames <= 3
            assert movie.meta.issues
    except MovieError:
        pass
    assert time.process_time() - start < 2


@pytest.mark.parametrize("description", ["", "ImageJ=1.54f\nimages=3\n", '{"shape": [3, 8, 8]}', "<OME></OME>"])
def test_page_that_leads_to_itself_ends(tmp_path: Path, description: str) -> None:
    pixels = ramp((8, 8))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None, description=description)
    with tifffile.TiffFile(path) as tiff:
        at = tiff.pages[0].offset + 2 + 12 * len(tiff.pages[0].tags)
        data = bytearray(path.read_bytes())
        data[at : at + 4] = struct.pack("<I", tiff.pages[0].offset)
    path.write_bytes(bytes(data))
    start = time.process_time()
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.frame(0), pixels)
        assert movie.meta.issues
    assert time.process_time() - start < 2


def _patch(path: Path, code: int, value: int) -> None:
    """Overwrite a tag of the first page."""
    with tifffile.TiffFile(path) as tiff:
        tag = tiff.pages.first.tags[code]
        at, size = tag.valueoffset, {3: 2, 4: 4}[int(tag.dtype)]
    data = bytearray(path.read_bytes())
    data[at : at + size] = value.to_bytes(size, "little")
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_claimed_size_beyond_the_file_allocates_nothing(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "a.tif"
    # Large numbers, so that width and height are stored in four bytes.
    tifffile.imwrite(path, np.zeros((70000, 2), np.uint8), photometric="minisblack", compression=compression)
    _patch(path, 257, 0x7FFFFFFF)
    with pytest.raises(MovieError) as caught:
        open_movie(path)
    assert caught.value.info.code in ("truncated", "malformed")


def test_wrong_strip_byte_count_is_not_read_as_zeros(tmp_path: Path) -> None:
    pixels = ramp((70, 900), "uint8") | 1
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", compression="zlib", rowsperstrip=70)
    _patch(path, 279, 0)
    with pytest.raises(Truncated):
        open_movie(path)


def test_nan_and_infinite_pixels_pass_through(tmp_path: Path) -> None:
    pixels = ramp((2, 3, 4), "float32")
    pixels[0, 0, 0], pixels[1, 2, 3] = np.nan, np.inf
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack")
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)


def test_tags_are_there_on_demand(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp((3, 4, 5)), imagej=True, metadata={"axes": "TYX"})
    with open_movie(path) as movie:
        assert movie.tags()["ImageDescription"].startswith("ImageJ=")


@pytest.mark.parametrize("frames", [3, 1])
@pytest.mark.parametrize("dialect", ["ImageJ", "OME", "tifffile"])
def test_description_that_claims_two_thousand_million_frames_allocates_nothing(
    tmp_path: Path, dialect: str, frames: int
) -> None:
    texts = {
        "ImageJ": "ImageJ=1.54f\nimages=2000000000\nframes=2000000000\n",
        "OME": '<?xml version="1.0"?>'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels DimensionOrder="XYCZT" ID="Pixels:0" SizeC="1" SizeT="2000000000" SizeX="5" SizeY="4" SizeZ="1"'
        ' Type="uint16"><TiffData/></Pixels></Image></OME>',
        "tifffile": '{"shape": [2000000000, 4, 5]}',
    }
    pixels = ramp((frames, 4, 5))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None, description=texts[dialect])
    tracemalloc.start()
    with open_movie(path) as movie:
        assert movie.meta.frames in (1, frames)
        assert movie.meta.issues
        np.testing.assert_array_equal(movie.frame(0), pixels[0])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16e6


def test_event_lists_of_a_falcon_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.eer"
    tifffile.imwrite(path, ramp((4, 5)), photometric="minisblack", metadata=None)
    _patch(path, 259, 65001)
    with pytest.raises(Unsupported, match="EER"):
        open_movie(path)


@pytest.mark.parametrize(
    ("resolution", "unit", "size"),
    [
        ((5e8, 5e8), "CENTIMETER", (0.02, 0.02)),
        ((1.27e9, 2.54e9), "INCH", (0.01, 0.02)),
        ((300, 300), "INCH", None),
        ((3779, 3779), "CENTIMETER", None),
        ((9600, 9600), "INCH", None),
        ((5e8, 5e8), "NONE", None),
    ],
)
def test_resolution_finer_than_any_print_is_a_calibration(
    tmp_path: Path, resolution: tuple[float, float], unit: str, size: tuple[float, float] | None
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp((4, 5)), resolution=resolution, resolutionunit=unit, photometric="minisblack")
    with open_movie(path) as movie:
        assert (movie.meta.pixel_size or ()) == pytest.approx(size or ())
        assert movie.meta.pixel_unit == (None if size is None else "nm")
