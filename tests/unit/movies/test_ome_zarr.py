"""Zarr folders of other programs: versions 2 and 3, OME's axes, missing and damaged parts."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numcodecs import Blosc

from core.movies import Malformed, MovieError, Truncated, Unsupported, list_datasets, open_movie
from core.movies.writers import Scale, create_writer
from tests.movie_files import ramp


def _ome(folder: Path, pixels: np.ndarray, axes: list[dict[str, str]], scale: list[float], **options: Any) -> Path:
    """An OME-Zarr 0.5 as other programs write it, with a smaller copy."""
    group = zarr.create_group(folder, zarr_format=3)
    for level, array in enumerate((pixels, pixels[..., ::2, ::2])):
        group.create_array(str(level), data=array, **options)
    datasets = [
        {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": scale}]} for level in range(2)
    ]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    return folder


_TCZYX = [
    {"name": "t", "type": "time", "unit": "millisecond"},
    {"name": "c", "type": "channel"},
    {"name": "z", "type": "space", "unit": "micrometer"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "angstrom"},
]


def test_channels_of_an_ome_zarr_are_movies_each(tmp_path: Path) -> None:
    pixels = ramp((4, 2, 1, 6, 7), "uint16")
    path = _ome(tmp_path / "a.zarr", pixels, _TCZYX, [250.0, 1.0, 1.0, 2e-4, 3.0])
    found = list_datasets(path)
    assert [one.key for one in found] == ["0?c=0", "0?c=1", "1?c=0", "1?c=1"]
    with open_movie(path, "0?c=1") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels[:, 1, 0])
        assert movie.meta.format == "OME-Zarr"
        assert movie.meta.pixel_size == pytest.approx((0.2, 0.3))
        assert movie.meta.frame_interval_s == 0.25
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.frame(3), pixels[3, 0, 0])


@pytest.mark.parametrize("separator", [".", "/"])
@pytest.mark.parametrize("chunks", [(1, 6, 7), (3, 4, 4), (5, 6, 7)])
def test_version_2_reads_in_any_chunks(tmp_path: Path, separator: str, chunks: tuple[int, int, int]) -> None:
    pixels = ramp((5, 6, 7), ">i2")
    key = {"name": "v2", "separator": separator}
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(5, 6, 7), dtype=">i2", chunks=chunks, zarr_format=2, chunk_key_encoding=key
    )
    array[:] = pixels
    with open_movie(tmp_path / "a.zarr") as movie:
        assert movie.meta.format == "Zarr"
        assert movie.dtype == np.dtype("int16")
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        np.testing.assert_array_equal(movie.region(slice(4, 5), slice(2, 5), slice(1, 3)), pixels[4:, 2:5, 1:3])
        assert movie.meta.issues == ()
        assert (movie.meta.pixel_size, movie.meta.frame_interval_s) == (None, None)


def test_axes_of_hyperspy_are_understood(tmp_path: Path) -> None:
    pixels = ramp((3, 6, 7), "float32")
    root = zarr.create_group(tmp_path / "a.zspy", zarr_format=2)
    group = root.create_group("Experiments/movie")
    group.create_array("data", data=pixels)
    for place, (name, unit, scale) in enumerate([("time", "s", 0.5), ("y", "nm", 0.02), ("x", "nm", 0.03)]):
        axis = group.create_group(f"axis-{place}")
        axis.attrs.update({"name": name, "units": unit, "scale": scale, "size": pixels.shape[place]})
    with open_movie(tmp_path / "a.zspy") as movie:
        np.testing.assert_array_equal(movie.region(slice(None)), pixels)
        assert movie.meta.pixel_size == (0.02, 0.03)
        assert movie.meta.frame_interval_s == 0.5


def test_what_is_no_movie_is_listed_with_its_reason(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=3)
    group.create_array("spectrum", data=np.arange(9.0))
    group.create_array("wave", data=np.zeros((2, 3, 4), np.complex64))
    group.create_array("four", data=np.zeros((2, 3, 4, 5), np.uint8))
    found = {one.key: one.refusal for one in list_datasets(tmp_path / "a.zarr")}
    assert all(found[key] for key in ("spectrum", "wave", "four"))
    with pytest.raises(Unsupported):
        open_movie(tmp_path / "a.zarr")


def test_code_in_the_data_is_never_run(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", data=ramp((2, 3, 4), "uint8"), zarr_format=2, compressors=None)
    assert array.shape == (2, 3, 4)
    meta = tmp_path / "a.zarr" / ".zarray"
    text = json.loads(meta.read_text())
    for text["filters"] in ([{"id": "pickle", "protocol": 5}], [{"id": "json2"}], [{"id": "vlen-utf8"}]):
        meta.write_text(json.dumps(text))
        (found,) = list_datasets(tmp_path / "a.zarr")
        assert found.refusal is not None
        with pytest.raises(Unsupported, match="packed by"):
            open_movie(tmp_path / "a.zarr")


def test_path_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    secret = zarr.create_array(tmp_path / "secret", data=ramp((2, 3, 4), "uint8"))
    assert secret.shape == (2, 3, 4)
    path = _ome(tmp_path / "a.zarr", ramp((2, 6, 8), "uint8"), [], [])
    text = json.loads((path / "zarr.json").read_text())
    text["attributes"]["ome"]["multiscales"][0]["datasets"][0]["path"] = "../secret"
    (path / "zarr.json").write_text(json.dumps(text))
    (path / "link").symlink_to(tmp_path / "secret")
    assert {one.key for one in list_datasets(path)} == {"0", "1"}


def _result(folder: Path) -> Path:
    with create_writer(folder, (6, 5, 4), scale=Scale((0.1, 0.1), "nm", 0.5)) as writer:
        for index in range(6):
            writer.write(index, np.full((5, 4), index + 1, np.float32))
        return writer.finish()


def test_lost_frames_of_a_result_are_told(tmp_path: Path) -> None:
    path = _result(tmp_path / "a.ome.zarr")
    shutil.rmtree(path / "0" / "c" / "5")
    shutil.rmtree(path / "0" / "c" / "2")
    with open_movie(path) as movie:
        assert movie.meta.frames == 5
        assert movie.meta.declared_frames == 6
        assert [issue.code for issue in movie.meta.issues] == ["truncated", "missing-frames"]
        assert movie.frame(4)[0, 0] == 5
        assert not movie.frame(2).any()
        assert movie.meta.frame_interval_s == 0.5


def test_result_without_any_frame_is_truncated(tmp_path: Path) -> None:
    path = _result(tmp_path / "a.ome.zarr")
    shutil.rmtree(path / "0" / "c")
    with pytest.raises(Truncated):
        open_movie(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("shape", [1 << 40, 5, 4]),
        ("shape", [6, 1 << 40, 1 << 40]),
        ("shape", [-1, 5, 4]),
        ("shape", "six"),
        ("shape", [6, 0, 4]),
        ("chunk_grid", {}),
        ("chunk_grid", {"configuration": {"chunk_shape": [1, 1 << 30, 1 << 30]}, "name": "regular"}),
        ("data_type", "string"),
        ("codecs", [{"name": "mystery"}]),
        ("codecs", []),
        ("node_type", "nothing"),
    ],
)
def test_senseless_metadata_are_a_typed_error(tmp_path: Path, key: str, value: Any) -> None:
    path = _result(tmp_path / "a.ome.zarr")
    meta = path / "0" / "zarr.json"
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {key: value}))
    with pytest.raises(MovieError):
        open_movie(path).frame(0)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound result, which no test changes."""
    return _result(tmp_path_factory.mktemp("sound") / "a.ome.zarr")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["zarr.json", "0/zarr.json", "0/c/3/0/0"]),
    place=st.floats(0, 1, exclude_max=True),
    change=st.none() | st.integers(1, 255),
)
def test_damaged_file_never_gives_a_wrong_shape_or_another_error(
    tmp_path: Path, sound: Path, name: str, place: float, change: int | None
) -> None:
    path = tmp_path / "b.ome.zarr"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(sound, path)
    data = bytearray((path / name).read_bytes())
    at = int(place * len(data))
    if change is None:
        del data[at:]
    else:
        data[at] ^= change
    (path / name).write_bytes(bytes(data))
    with contextlib.suppress(MovieError), open_movie(path) as movie:
        for index in range(movie.meta.frames):
            assert movie.frame(index).shape == (movie.meta.height, movie.meta.width)


def test_sizes_in_a_packed_frame_are_not_believed(tmp_path: Path, sound: Path) -> None:
    path = tmp_path / "b.ome.zarr"
    shutil.copytree(sound, path)
    old = zarr.create_array(
        tmp_path / "c.zarr", shape=(1, 5, 4), chunks=(1, 5, 4), dtype="f4", zarr_format=2, compressors=Blosc()
    )
    old[:] = 1
    for folder, chunk in ((path, path / "0" / "c" / "0" / "0" / "0"), (tmp_path / "c.zarr", None)):
        file = chunk or next(one for one in folder.rglob("0*") if one.is_file())
        data = file.read_bytes()
        # The size of the packed data: believed, it lets the library read beyond them.
        for at, value in itertools.product(range(16), (0, 0x40, 0x7F, 0x80, 0xFF)):
            file.write_bytes(data[:at] + bytes([value]) + data[at + 1 :])
            with contextlib.suppress(MovieError), open_movie(folder) as movie:
                assert movie.frame(0).shape == (5, 4)
        file.write_bytes(data[:12] + (1 << 30).to_bytes(4, "little") + data[16:])
        with open_movie(folder) as movie, pytest.raises(Malformed):
            movie.frame(0)


def test_folder_without_metadata_is_no_zarr(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(MovieError) as caught:
        open_movie(tmp_path / "a.zarr")
    assert caught.value.info.code == "is-a-folder"


def test_result_is_resumed_where_locking_moves_the_position(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def moves(descriptor: int) -> bool:
        os.lseek(descriptor, 1 << 40, os.SEEK_SET)
        return True

    monkeypatch.setattr("core.movies.writers.ome_zarr.locked", moves)
    path = tmp_path / "a.ome.zarr"
    with create_writer(path, (2, 4, 5)) as writer:
        writer.write(0, np.ones((4, 5), np.float32))
    with create_writer(path, (2, 4, 5)) as writer:
        assert writer.resumed
