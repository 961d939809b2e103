"""How fast frames are read through core.movies, against readinto of the same bytes.

The file is warm in the page cache: this measures what the program adds, not the disk.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

from core.movies import open_movie
from tests.bench.report import arguments, report


def _raw_seconds(path: Path, frame_bytes: int, frames: int) -> float:
    buffer = memoryview(bytearray(frame_bytes))
    start = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        for _ in range(frames):
            file.readinto(buffer)
    return time.perf_counter() - start


def _movie_seconds(path: Path) -> float:
    with open_movie(path) as movie:
        start = time.perf_counter()
        for index in range(len(movie)):
            movie.frame(index)
        return time.perf_counter() - start


def main() -> None:
    """Write a movie, read it both ways three times, report the best."""
    options = arguments(__doc__).parse_args()
    frames, side = (8, 512) if options.quick else (64, 2048)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "movie.tif"
        movie = np.random.default_rng(1).integers(0, 4000, (frames, side, side), dtype=np.uint16)
        tifffile.imwrite(path, movie, imagej=True, metadata={"axes": "TYX"})
        megabytes = movie.nbytes / 1e6
        raw = min(_raw_seconds(path, side * side * 2, frames) for _ in range(3))
        read = min(_movie_seconds(path) for _ in range(3))
        start = time.perf_counter()
        with open_movie(path):
            opening = time.perf_counter() - start
    report(
        {
            "movie MB": megabytes,
            "opening ms": opening * 1e3,
            "readinto MB/s": megabytes / raw,
            "core.movies MB/s": megabytes / read,
            "share of readinto": raw / read,
        }
    )


if __name__ == "__main__":
    main()
