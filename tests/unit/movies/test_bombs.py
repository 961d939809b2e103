"""Small files that claim, repeat or unpack to far more than they hold: each ends soon, typed, in little memory."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from core.movies import MovieError, open_movie
from core.movies.result_record import movie_text
from tests.fuzz.trial import judge

Tag = tuple[int, int, int, int]
_SHORT, _LONG, _BYTES = 3, 4, 7


def _tags(side: int, packing: int, offset: int, count: int, *more: Tag) -> list[Tag]:
    size: list[Tag] = [(256, _LONG, 1, side), (257, _LONG, 1, side), (278, _LONG, 1, side), (277, _SHORT, 1, 1)]
    kind: list[Tag] = [(258, _SHORT, 1, 16), (259, _SHORT, 1, packing), (262, _SHORT, 1, 1)]
    tags: dict[int, Tag] = {tag[0]: tag for tag in (*size, *kind, (273, _LONG, 1, offset), (279, _LONG, 1, count))}
    return sorted((tags | {tag[0]: tag for tag in more}).values())


def _list(tags: list[Tag], following: int = 0) -> bytes:
    rows = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return struct.pack("<H", len(tags)) + rows + struct.pack("<I", following)


def _write(path: Path, body: bytes, tags: list[Tag]) -> Path:
    body += bytes(len(body) % 2)
    path.write_bytes(b"II*\x00" + struct.pack("<I", 8 + len(body)) + body + _list(tags))
    return path


def _described(folder: Path, text: str) -> Path:
    data = text.encode() + b"\x00"
    return _write(folder / "a.ome.tif", bytes(128) + data, _tags(8, 1, 8, 128, (270, 2, len(data), 8 + 128)))


def _ome(inside: str, order: str = "XYCZT") -> str:
    sizes = 'Type="uint16" SizeX="8" SizeY="8" SizeC="1" SizeZ="1" SizeT="3"'
    image = f'<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="{order}" {sizes}>{inside}</Pixels></Image>'
    return f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{image}</OME>'


def _many_dimensions(folder: Path) -> Path:
    return _described(folder, _ome('<TiffData IFD="0"/><Plane TheT="0" DeltaT="1"/>' * 500, "XY" + "CZT" * 20_000))


def _many_unfinished(folder: Path) -> Path:
    return _described(folder, "<OME " + 'Namespace="quietbeam:movie" <Pixels ' * 30_000 + ">")


def _lists_across_lists(folder: Path) -> Path:
    count, entries = 18_000, 4096
    data = bytearray(count * 8 + 12 * entries + 64)
    data[:8] = b"II*\x00" + struct.pack("<I", 8)
    for number in range(count):
        at = 8 + 8 * number
        struct.pack_into("<H", data, at, entries)
        struct.pack_into("<I", data, at + 2 + 12 * entries, at + 8 if number < count - 1 else 0)
    path = folder / "a.tif"
    path.write_bytes(data)
    return path


def _tags_across_tags(folder: Path) -> Path:
    more = [(40_000 + number, _SHORT, 200_000, 8 + 128) for number in range(2000)]
    return _write(folder / "a.tif", bytes(128 + 400_000), _tags(8, 1, 8, 128, *more))


def _pieces_across_pieces(folder: Path) -> Path:
    pieces, frames = 250_000, 1000
    body = zlib.compress(bytes(512)).ljust(32, b"\x00")
    body += struct.pack("<I", 8) * pieces + struct.pack("<I", 20) * pieces
    places = [(324, _LONG, pieces, 40), (325, _LONG, pieces, 40 + 4 * pieces), (322, _LONG, 1, 16), (323, _LONG, 1, 16)]
    tags = _tags(8000, 8, 8, 20, *places)
    length = len(_list(tags))
    first = 8 + len(body)
    lists = b"".join(
        _list(tags, first + length * (number + 1) if number < frames - 1 else 0) for number in range(frames)
    )
    path = folder / "a.tif"
    path.write_bytes(b"II*\x00" + struct.pack("<I", first) + body + lists)
    return path


@pytest.mark.parametrize(
    "write", [_many_dimensions, _many_unfinished, _lists_across_lists, _tags_across_tags, _pieces_across_pieces]
)
def test_small_tiff_file_takes_little_time_and_memory(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    assert judge(write(tmp_path), None).problem == ""


def test_tile_that_is_far_larger_than_its_image_is_refused(tmp_path: Path) -> None:
    packed = zlib.compress(bytes(100))
    tile = [(322, _LONG, 1, 65_520), (323, _LONG, 1, 65_520), (324, _LONG, 1, 8), (325, _LONG, 1, len(packed))]
    with pytest.raises(MovieError, match="far more than"):
        open_movie(_write(tmp_path / "a.tif", packed, _tags(8, 8, 8, len(packed), *tile)))


_PACKINGS: dict[int, Callable[[np.ndarray], bytes]] = {
    34712: lambda image: imagecodecs.jpeg2k_encode(image, level=0),
    34887: imagecodecs.lerc_encode,
    34933: imagecodecs.png_encode,
    22610: imagecodecs.jpegxr_encode,
    50002: imagecodecs.jpegxl_encode,
}


@pytest.mark.parametrize("packing", _PACKINGS)
def test_picture_within_a_tiff_must_have_the_size_of_its_frame(tmp_path: Path, packing: int) -> None:
    image = np.arange(64, dtype=np.uint16).reshape(8, 8)
    packed = _PACKINGS[packing](image)
    with open_movie(_write(tmp_path / "sound.tif", packed, _tags(8, packing, 8, len(packed)))) as movie:
        assert np.array_equal(movie.frame(0), image)
    packed = _PACKINGS[packing](np.zeros((6000, 6000), np.uint16))
    path = _write(tmp_path / "bomb.tif", packed, _tags(8, packing, 8, len(packed)))
    assert judge(path, None).problem == ""
    with open_movie(path) as movie, pytest.raises(MovieError):
        movie.frame(0)


def test_record_in_a_description_is_found_behind_other_text() -> None:
    text = '<OME><A ID="1" Namespace="quietbeam:movie">\n  <Value>{&quot;a&quot;: 1}</Value></A></OME>'
    assert movie_text(text) == "{&quot;a&quot;: 1}"
