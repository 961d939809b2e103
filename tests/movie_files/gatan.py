"""Gatan in-situ recordings: a director with raw files, or a tree of folders of one DM4 a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tests.movie_files.dm import Long, write_dm4
from tests.movie_files.pixels import Pixels, Sparse


def in_situ_tags(recorded: int, pixels: Pixels, **more: Any) -> dict[str, Any]:
    """The tags that a director carries beside those of a camera."""
    return {
        "Acquisition": {
            "Device": {"Name": "K3 IS"},
            "Frame": {"Sequence": {"Exposure Time (ns)": 2.5e6, "Frame Time (ns)": 2.5e6}},
            "Parameters": {"High Level": {"Exposure (s)": 0.0025}},
        },
        "DataBar": {
            "Acquisition Date": "10/12/2019",
            "Acquisition Time": "3:32:41 PM",
            # 2019-12-10 20:32:41 UTC
            "Acquisition Time (OS)": 132204835614363760.0,
        },
        "In-situ": {
            "Raw File Format Info": {
                "Data Size (bytes)": Long(pixels.dtype.itemsize),
                "Dimensions": [Long(pixels.shape[-1]), Long(pixels.shape[-2])],
            },
            "Recorded": {"# Frames": Long(recorded)},
        },
        "Meta Data": {"Function": "InSitu director", "IsSequence": True},
        "Microscope Info": {"Indicated Magnification": 200000.0, "Voltage": 300000.0},
        **more,
    }


def write_director(
    path: Path,
    pixels: Pixels,
    *,
    part_bytes: int | None = None,
    recorded: int | None = None,
    raw: bool = True,
    tags: Mapping[str, Any] | None = None,
    **options: Any,
) -> Path:
    """Write a director and its raw files.

    Parameters
    ----------
    path : Path
        ``NAME.dm4``; ``NAME.raw``, ``NAME.raw_1`` ... are written beside it.
    pixels : ndarray or Sparse (T, H, W)
        The director holds the first frame.
    part_bytes : int
        Where a raw file is full: anywhere, also within a frame. All in one file by default.
    recorded : int
        Frames that the director tells; as many as there are by default.
    raw : bool
        Whether the raw files are written.
    """
    first: NDArray[Any]
    if isinstance(pixels, Sparse):
        first = pixels.frames.get(0, np.zeros(pixels.shape[1:], pixels.dtype))
    else:
        first = pixels[0]
    recorded = pixels.shape[0] if recorded is None else recorded
    write_dm4(path, first, image_tags=in_situ_tags(recorded, pixels) | dict(tags or {}), **options)
    if not raw:
        return path
    frames = pixels.frames if isinstance(pixels, Sparse) else dict(enumerate(pixels))
    size = part_bytes or pixels.nbytes
    for number, start in enumerate(range(0, pixels.nbytes, size)):
        name = f"{path.stem}.raw" + (f"_{number}" if number else "")
        with path.with_name(name).open("wb") as stream:
            stream.truncate(min(size, pixels.nbytes - start))
            for index, frame in frames.items():
                _write_part(stream, index * frame.nbytes - start, frame.tobytes(), size)
    return path


def _write_part(stream: BinaryIO, at: int, data: bytes, size: int) -> None:
    """Write what of `data`, which begins at `at`, lies within a file of `size` bytes."""
    first, last = max(0, -at), min(len(data), size - at)
    if first < last:
        stream.seek(at + first)
        stream.write(data[first:last])


def write_tree(
    folder: Path,
    pixels: NDArray[Any],
    *,
    name: str = "Insitu 3",
    rate: int = 4,
    dropped: Sequence[int] = (),
    recorded: int | None = None,
    **options: Any,
) -> Path:
    """Write a tree ``Hour_00/Minute_00/Second_00/NAME_Hour_00_Minute_00_Second_00_Frame_0000.dm4``.

    Parameters
    ----------
    folder : Path
        Made, and given back.
    pixels : ndarray (T, H, W)
        One frame a file.
    rate : int
        Frames a second.
    dropped : sequence of int
        Places in time, counted from 0, at which no frame was recorded.
    recorded : int
        Frames that the files' tags tell.
    """
    places = (place for place in range(len(pixels) + len(dropped)) if place not in dropped)
    tags = in_situ_tags(len(pixels) if recorded is None else recorded, pixels)
    for frame, place in zip(pixels, places, strict=True):
        second, number = divmod(place, rate)
        levels = [f"Hour_{second // 3600:02}", f"Minute_{second // 60 % 60:02}", f"Second_{second % 60:02}"]
        inner = folder.joinpath(*levels)
        inner.mkdir(parents=True, exist_ok=True)
        path = inner / f"{name}_{'_'.join(levels)}_Frame_{number:04}.dm4"
        write_dm4(path, frame, image_tags=tags, **{"thumbnail": False, **options})
    return folder
