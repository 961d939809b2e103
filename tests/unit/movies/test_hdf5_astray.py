"""HDF5 files that lead elsewhere, go round in circles or claim what they don't hold."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import h5py
import imagecodecs
import numpy as np
import psutil
import pytest

from core.movies import Malformed, MovieError, Unsupported, list_datasets, open_movie
from core.movies.formats import hdf5_filters
from core.movies.formats.hdf5_file import closed_superblock
from core.movies.formats.hdf5_filters import Filter
from tests.movie_files import ramp
from tests.movie_files.hdf5 import write_plain

_PIXELS = ramp((3, 5, 6), "uint16")


def _refusals(path: Path) -> dict[str, str]:
    return {info.key: info.refusal for info in list_datasets(path) if info.refusal is not None}


def test_links_to_other_files_are_named_and_not_followed(tmp_path: Path) -> None:
    write_plain(tmp_path / "secret.h5", {"movie": _PIXELS})
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["own"] = _PIXELS
        file["other"] = h5py.ExternalLink("secret.h5", "/movie")
        file["far"] = h5py.ExternalLink("../../etc/passwd", "/")
    refusals = _refusals(path)
    assert set(refusals) == {"other", "far"}
    assert "secret.h5" in refusals["other"]
    with pytest.raises(Unsupported, match="another file"):
        open_movie(path, "other")


def test_pixels_in_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pixels.bin").write_bytes(_PIXELS.tobytes())
    source = write_plain(tmp_path / "source.h5", {"movie": _PIXELS})
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        outside = [(str(tmp_path / "pixels.bin"), 0, _PIXELS.nbytes)]
        file.create_dataset("outside", _PIXELS.shape, _PIXELS.dtype, external=outside)
        layout = h5py.VirtualLayout(_PIXELS.shape, _PIXELS.dtype)
        layout[:] = h5py.VirtualSource(str(source), "movie", _PIXELS.shape)
        file.create_virtual_dataset("virtual", layout)
    refusals = _refusals(path)
    assert set(refusals) == {"outside", "virtual"}
    assert all("other files" in refusal for refusal in refusals.values())


def test_groups_that_hold_themselves_and_dangling_links_end(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["a/b/movie"] = _PIXELS
        file["a/b/again"] = file["a"]
        file["a/b/soft"] = h5py.SoftLink("/a")
        file["round"] = h5py.SoftLink("/round")
        file["nowhere"] = h5py.SoftLink("/does/not/exist")
    assert [info.key for info in list_datasets(path)] == ["a/b/movie", "a/b/movie?frames=last"]


def test_deep_and_wide_files_are_listed_in_bounded_time(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["movie"] = _PIXELS
        group = file
        for _ in range(200):
            group = group.create_group("d")
        for number in range(3000):
            file.create_group(f"g{number:05}")
    begun = time.process_time()
    assert list_datasets(path)[0].key == "movie"
    assert time.process_time() - begun < 2


def test_chunk_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("movie", (1 << 20, 1 << 10, 4), np.uint16, chunks=(1 << 18, 1 << 10, 4), compression="gzip")
    with pytest.raises(Unsupported, match="too much to be held in memory"):
        open_movie(path)


def test_frame_that_the_file_can_not_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("movie", (2, 1 << 20, 1 << 20), np.uint16, chunks=(1, 64, 64))
        data[0, :4, :4] = 1
    with pytest.raises(Malformed, match="far more than"):
        open_movie(path)


def _write_chunk(path: Path, stored: bytes, *, mask: int = 0, **options: Any) -> Path:
    with h5py.File(path, "w") as file:
        data = file.create_dataset("movie", (2, 64, 64), np.uint16, chunks=(1, 64, 64), **options)
        for frame in range(2):
            data.id.write_direct_chunk((frame, 0, 0), stored, mask)
    return path


def test_stream_that_inflates_without_end_takes_no_memory(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(200 << 20), 9)
    path = _write_chunk(tmp_path / "a.h5", bomb, compression="gzip")
    with open_movie(path) as movie:
        tracemalloc.start()
        with pytest.raises(Malformed):
            movie.frame(0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize("size", [0, 1, 8191, 8193])
def test_unpacked_chunk_of_the_wrong_size_is_an_error(tmp_path: Path, size: int) -> None:
    path = _write_chunk(tmp_path / "a.h5", zlib.compress(bytes(size)), compression="gzip")
    with open_movie(path) as movie, pytest.raises(Malformed):
        movie.frame(0)


def test_filter_that_was_left_out_for_a_chunk_is_not_undone(tmp_path: Path) -> None:
    pixels = ramp((64, 64), "uint16")
    path = _write_chunk(tmp_path / "a.h5", pixels.tobytes(), mask=1, compression="gzip")
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.frame(0), pixels)


def test_wrong_checksum_of_a_chunk_is_an_error(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "a.h5", {"movie": ramp((2, 64, 64), "uint16")}, chunks=(1, 64, 64), fletcher32=True)
    with h5py.File(path) as file:
        offset = file["movie"].id.get_chunk_info(1).byte_offset
    raw = bytearray(path.read_bytes())
    raw[offset + 100] ^= 1
    path.write_bytes(raw)
    with open_movie(path) as movie:
        movie.frame(0)
        with pytest.raises(Malformed, match="checksum"):
            movie.frame(1)


@pytest.mark.parametrize("claimed", [0x7FFFFFF0, 0xFFFFFFFF, 1 << 20])
@pytest.mark.parametrize("damage", ["length", "heap"])
def test_text_that_claims_gigabytes_takes_no_memory(tmp_path: Path, claimed: int, damage: str) -> None:
    path = tmp_path / "a.emd"
    with h5py.File(path, "w") as file:
        file["movie"] = _PIXELS
        file["movie"].attrs["units"] = "nanometres"
        file["Version"] = ["some text"]
    raw = bytearray(path.read_bytes())
    heap = raw.index(b"GCOL")
    if damage == "length":
        for length in (10, 9):
            for number in (1, 2):
                found = raw.find(struct.pack("<IQI", length, heap, number))
                if found > 0:
                    raw[found : found + 4] = struct.pack("<I", claimed)
    else:
        raw[heap + 24 : heap + 32] = struct.pack("<Q", claimed)
    path.write_bytes(raw)
    before = psutil.Process().memory_info().rss
    begun = time.process_time()
    with open_movie(path, "movie") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
        movie.tags()
    assert time.process_time() - begun < 2
    assert psutil.Process().memory_info().rss - before < 64 << 20


def test_unknown_packing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((1, 5, 6))
        plist.set_filter(32013, h5py.h5z.FLAG_OPTIONAL, (1, 2))
        space = h5py.h5s.create_simple(_PIXELS.shape)
        made = h5py.h5d.create(file.id, b"movie", h5py.h5t.STD_U16LE, space, plist)
        made.write_direct_chunk((0, 0, 0), bytes(60))
    with pytest.raises(Unsupported, match=r"ZFP \(filter 32013\)"):
        open_movie(path)


def test_packings_of_other_programs_are_undone() -> None:
    pixels = ramp((1000,), "uint16")
    raw = pixels.tobytes()
    shuffled = imagecodecs.bitshuffle_encode(raw, itemsize=2, blocksize=0)
    block = imagecodecs.lz4_encode(shuffled)
    head = struct.pack(">QI", len(raw), 8192)
    stored = {
        (Filter(32000, (4, 261, len(raw)), "lzf"),): imagecodecs.lzf_encode(raw),
        (Filter(32001, (2, 2, 2, len(raw)), "blosc"),): imagecodecs.blosc_encode(raw, typesize=2),
        (Filter(32004, (0,), "lz4"),): imagecodecs.lz4h5_encode(raw, blocksize=512),
        (Filter(32008, (0, 4, 2, 0, 2), "bitshuffle"),): head + struct.pack(">I", len(block)) + block,
        (Filter(32008, (0, 4, 2, 0, 0), "bitshuffle"),): shuffled,
        (Filter(32015, (3,), "zstd"),): imagecodecs.zstd_encode(raw),
    }
    for filters, chunk in stored.items():
        assert hdf5_filters.known(filters)
        assert hdf5_filters.decode(chunk, filters, 0, len(raw)).tobytes() == raw, filters


def test_checksum_of_the_superblock_is_the_librarys(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["movie"] = _PIXELS
    raw = path.read_bytes()
    assert closed_superblock(raw[:48], len(raw)) == raw[:48]


def test_file_whose_writer_died_opens(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["movie"] = _PIXELS
    raw = bytearray(path.read_bytes())
    raw[11] = 5
    raw[44:48] = struct.pack("<I", imagecodecs.h5checksum_lookup3(bytes(raw[:44]), 0))
    path.write_bytes(raw)
    with pytest.raises(OSError, match="already open"):
        h5py.File(path, locking=False)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), _PIXELS)
        assert [issue.code for issue in movie.meta.issues] == ["being-written"]


def test_error_that_is_kept_to_the_end_does_not_crash_the_interpreter(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "a.h5", {"a/movie": _PIXELS})
    path.write_bytes(path.read_bytes()[:500])
    script = (
        "import sys\n"
        "from core.movies import MovieError, open_movie\n"
        "kept = []\n"
        "for _ in range(3):\n"
        "    try:\n"
        "        open_movie(sys.argv[1])\n"
        "    except MovieError as error:\n"
        "        kept.append(error)\n"
        "sys.exit(len(kept))\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], cwd=Path(__file__).parents[3], check=False)
    assert ended.returncode == 3


@pytest.mark.parametrize("name", ["a.emd", "a.hspy", "a.dm5", "a.h5"])
def test_head_of_an_hdf5_file_alone_is_a_typed_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    with pytest.raises(MovieError) as caught:
        open_movie(tmp_path / name)
    assert caught.value.info.code in ("malformed", "truncated")
