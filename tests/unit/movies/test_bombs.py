"""Small files that claim, repeat or unpack to far more than they hold: each ends soon, typed, in little memory."""

from __future__ import annotations

import bz2
import gzip
import json
import math
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import imagecodecs
import numpy as np
import pytest

from core.movies import MovieError, open_movie
from core.movies.holder_log import read_log
from core.movies.result_record import movie_text
from core.movies.survey import survey
from tests.fuzz.trial import judge
from tests.movie_files import ramp, write_mrc

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


def _zarr(folder: Path, codec: dict[str, object], data: bytes | None, **changed: object) -> Path:
    """An array (1, 8, 8) of version 3, or of version 2 where the codec has an ``id``."""
    root = folder / "a.zarr"
    plain = {"name": "bytes", "configuration": {"endian": "little"}}
    if "id" in codec:
        found = {"zarr_format": 2, "chunks": [1, 8, 8], "dtype": "<u2", "compressor": codec, "filters": None}
        name, chunk = ".zarray", root / "0.0.0"
    else:
        grid = {"name": "regular", "configuration": {"chunk_shape": changed.pop("chunks", [1, 8, 8])}}
        found = {"zarr_format": 3, "node_type": "array", "data_type": "uint16", "chunk_grid": grid}
        found |= {"chunk_key_encoding": {"name": "default"}, "codecs": [plain, *([codec] if codec else [])]}
        name, chunk = "zarr.json", root / "c" / "0" / "0" / "0"
    found |= {"shape": [1, 8, 8], "fill_value": 0, **changed} | ({"order": "C"} if "id" in codec else {})
    chunk.parent.mkdir(parents=True)
    (root / name).write_text(json.dumps(found))
    if data is not None:
        chunk.write_bytes(data)
    return root


_ZARR_PACKINGS: dict[str, tuple[dict[str, object], Callable[[bytes], bytes]]] = {
    "2 zlib": ({"id": "zlib", "level": 1}, lambda data: zlib.compress(data, 1)),
    "2 gzip": ({"id": "gzip", "level": 1}, lambda data: gzip.compress(data, 1)),
    "2 bz2": ({"id": "bz2", "level": 1}, lambda data: bz2.compress(data, 1)),
    "2 zstd": ({"id": "zstd", "level": 1}, lambda data: bytes(imagecodecs.zstd_encode(data))),
    "3 gzip": ({"name": "gzip", "configuration": {"level": 1}}, lambda data: gzip.compress(data, 1)),
    "3 zstd": (
        {"name": "zstd", "configuration": {"level": 1, "checksum": False}},
        lambda data: bytes(imagecodecs.zstd_encode(data)),
    ),
}


@pytest.mark.parametrize("packing", _ZARR_PACKINGS)
def test_part_of_a_zarr_unpacks_to_its_size_and_no_further(tmp_path: Path, packing: str) -> None:
    codec, pack = _ZARR_PACKINGS[packing]
    pixels = np.arange(64, dtype="<u2").reshape(8, 8)
    (tmp_path / "sound").mkdir()
    with open_movie(_zarr(tmp_path / "sound", codec, pack(pixels.tobytes()))) as movie:
        assert np.array_equal(movie.frame(0), pixels)
    path = _zarr(tmp_path, codec, pack(bytes(160 << 20)))
    assert judge(path, None).problem == ""
    with open_movie(path) as movie, pytest.raises(MovieError):
        movie.frame(0)


@pytest.mark.parametrize(
    "changed",
    [
        {"shape": [1, 30_000, 30_000], "chunks": [1, 1000, 1000]},
        {"shape": [1, 20_000, 20_000], "chunks": [1, 1, 1]},
        {
            "shape": [1, 4096, 4096],
            "chunks": [1, 4096, 4096],
            "codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 1, 1]}}],
        },
    ],
)
def test_zarr_that_claims_far_more_than_it_stores_is_refused(tmp_path: Path, changed: dict[str, object]) -> None:
    with pytest.raises(MovieError):
        open_movie(_zarr(tmp_path, {}, bytes(200), **changed))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
@pytest.mark.parametrize("place", ["c/0/0/0", "inner/zarr.json"])
def test_pipe_within_a_zarr_is_refused_and_does_not_block(tmp_path: Path, place: str) -> None:
    path = _zarr(tmp_path, {}, None)
    if place.startswith("inner"):
        (path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
        (path / "inner").mkdir()
    os.mkfifo(path / place)
    with pytest.raises(MovieError, match="no ordinary file"), open_movie(path) as movie:
        movie.frame(0)


def _chunk(path: Path, chunk: tuple[int, ...], shape: tuple[int, ...], code: int, raw: bytes) -> Path:
    with h5py.File(path, "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk(chunk)
        if code:
            plan.set_filter(code, h5py.h5z.FLAG_OPTIONAL, (2, 2, 2, math.prod(chunk) * 2))
        space = h5py.h5s.create_simple(shape)
        h5py.h5d.create(file.id, b"movie", h5py.h5t.STD_U16LE, space, plan).write_direct_chunk((0,) * len(shape), raw)
    return path


def test_blosc_in_hdf5_never_reads_beyond_its_chunk(tmp_path: Path) -> None:
    packed = imagecodecs.blosc_encode(np.random.default_rng(1).bytes(384))
    with open_movie(_chunk(tmp_path / "sound.h5", (3, 8, 8), (3, 8, 8), 32001, packed)) as movie:
        assert np.array_equal(
            movie.frame(2), np.frombuffer(np.random.default_rng(1).bytes(384), "<u2")[128:].reshape(8, 8)
        )
    path = _chunk(tmp_path / "cut.h5", (3, 8, 8), (3, 8, 8), 32001, packed[:60])
    with open_movie(path) as movie, pytest.raises(MovieError, match="cut"):
        movie.frame(2)


def test_hdf5_frame_in_millions_of_chunks_is_refused(tmp_path: Path) -> None:
    path = _chunk(tmp_path / "a.h5", (1, 1, 1), (10, 4000, 4000), 0, bytes(2))
    with pytest.raises(MovieError, match="too many parts"):
        open_movie(path)


@pytest.mark.parametrize("content", [b'time,T\n0,"' + b"x" * 200_000 + b'"\n1,2\n'])
def test_log_with_an_endless_cell_is_a_typed_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(MovieError, match="no table"):
        read_log(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_log_that_is_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log.csv")
    with pytest.raises(MovieError, match="no ordinary file"):
        read_log(tmp_path / "log.csv")


def test_link_to_itself_hides_no_movie_beside_it(tmp_path: Path) -> None:
    write_mrc(tmp_path / "a.mrc", ramp((3, 6, 7), np.int16))
    try:
        (tmp_path / "b.mrc").symlink_to("b.mrc")
    except OSError:
        pytest.skip("links may not be made here")
    assert [Path(find.path).name for find in survey([str(tmp_path)]).finds] == ["a.mrc"]


@pytest.mark.parametrize("name", ["a\0b", "a" * 5000])
def test_name_that_no_file_can_have_is_surveyed_without_an_error(name: str) -> None:
    assert len(survey([name]).finds) <= 1


def test_number_of_other_letters_in_a_sidecar_costs_no_movie(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", ramp((3, 6, 7), np.int16))
    (tmp_path / "a.mrc.mdoc").write_text(
        "[FrameSet = 0]\nNumSubFrames = \u00b2\nFrameDosesAndNumber = 1 \u00b2\n[ZValue = \u00b2]\n"
    )
    with open_movie(path) as movie:
        assert movie.meta.frames == 3
