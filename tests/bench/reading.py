"""How fast large movies are opened and read through core.movies, against readinto of the same bytes.

The movies are sparse files of 1500 x 1024 x 2048 uint16 (6.3 GB) that take no room on the disk: this measures what the
program adds, not the disk. Frames come from the page cache, so processor time is compared, which other programs on the
machine disturb less than the clock; opening is by the clock. Each format runs in a process of its own, so that its peak
memory is its own.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import tifffile

from tests.bench.report import arguments, peak_mb, report
from tests.movie_files import Sparse, write_dm4, write_mrc, write_ser

_SHAPE = (1500, 1024, 2048)
_QUICK = (60, 512, 512)
_PAGES = 3000
_ROUNDS = 5


def _tiff(path: Path, shape: tuple[int, int, int]) -> None:
    tifffile.imwrite(path, None, shape=shape, dtype="uint16", photometric="minisblack", bigtiff=True, metadata=None)


def _imagej(path: Path, shape: tuple[int, int, int]) -> None:
    options = {"imagej": True, "truncate": True, "metadata": {"axes": "TYX"}}
    tifffile.imwrite(path, None, shape=shape, dtype="uint16", **options)


def _sparse(write: Callable[..., Path]) -> Callable[[Path, tuple[int, int, int]], Path]:
    return lambda path, shape: write(path, Sparse(shape, np.dtype("uint16")))


_WRITERS: dict[str, tuple[str, Callable[[Path, tuple[int, int, int]], object]]] = {
    "DM4": ("a.dm4", _sparse(write_dm4)),
    "SER": ("a_1.ser", _sparse(write_ser)),
    "MRC": ("a.mrc", _sparse(write_mrc)),
    "TIFF": ("a.tif", _tiff),
    "ImageJ": ("j.tif", _imagej),
}


def _pages(path: Path, count: int) -> None:
    """Separate pages, each with its own entry and a gap before it, as a camera writes them one by one."""
    frame = np.zeros((64, 64), np.uint16)
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for _ in range(count):
            tiff.write(frame, photometric="minisblack", metadata=None, contiguous=False)


class _Timer:
    """Seconds since it was made, by the clock or of this thread's processor time."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._start = clock()

    def __call__(self) -> float:
        return self._clock() - self._start


def _cost(read: Callable[[int], object], order: Iterable[int]) -> float:
    """Processor seconds to read frames in this order."""
    timer = _Timer(time.thread_time)
    for index in order:
        read(index)
    return timer()


def _measure(path: str) -> dict[str, float]:
    """Open, read at random and in turn; the plain reads alternate with ours, so that both see the same machine."""
    from core.movies import open_movie

    opening = []
    for _ in range(_ROUNDS):
        timer = _Timer()
        open_movie(path).close()
        opening.append(timer())
    with open_movie(path) as movie, Path(path).open("rb", buffering=0) as plain:
        frames, height, width = movie.shape
        size = height * width * movie.dtype.itemsize
        start = Path(path).stat().st_size - frames * size

        def straight(index: int) -> None:
            plain.seek(start + index * size)
            plain.readinto(bytearray(size))

        buffer = memoryview(bytearray(size))

        def in_turn(index: int) -> None:
            plain.seek(start + index * size)
            plain.readinto(buffer)

        order = [int(index) for index in np.random.default_rng(0).integers(0, frames, 40)]
        turn = range(min(frames, 200))
        figures = [
            (_cost(movie.frame, order), _cost(straight, order), _cost(movie.frame, turn), _cost(in_turn, turn))
            for _ in range(_ROUNDS)
        ]
    ours, theirs, ours_turn, theirs_turn = (min(column) for column in zip(*figures, strict=True))
    return {
        "opening ms, first": opening[0] * 1e3,
        "opening ms": statistics.median(opening[1:]) * 1e3,
        "random frame ms": ours / len(order) * 1e3,
        "random / readinto": ours / theirs,
        "sequential MB/s": len(turn) * size / ours_turn / 1e6,
        "sequential share of readinto": theirs_turn / ours_turn,
        "peak memory MB": peak_mb(),
    }


def _list_pages(path: str) -> dict[str, float]:
    from core.movies import open_movie

    timer = _Timer()
    with open_movie(path) as movie:
        seconds = timer()
        frames = len(movie)
        timer = _Timer()
        for index in range(frames):
            movie.frame(index)
        reading = timer()
    return {
        "pages": frames,
        "listing s": seconds,
        "us a page read": reading / frames * 1e6,
        "peak memory MB": peak_mb(),
    }


def _child(task: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.reading", "--child", task, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    """Write each movie, measure it in a process of its own, report."""
    parser = arguments(__doc__)
    parser.add_argument("--child", nargs=2, metavar=("TASK", "PATH"), help="used by the bench itself")
    options = parser.parse_args()
    if options.child:
        task, path = options.child
        sys.stdout.write(json.dumps(_measure(path) if task == "measure" else _list_pages(path)))
        return
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, (name, write) in _WRITERS.items():
            path = Path(folder) / name
            write(path, _QUICK if options.quick else _SHAPE)
            figures |= {f"{kind} {name}": value for name, value in _child("measure", path).items()}
            path.unlink()
        path = Path(folder) / "pages.tif"
        _pages(path, 300 if options.quick else _PAGES)
        figures |= {f"separate pages: {name}": value for name, value in _child("pages", path).items()}
    report(figures)


if __name__ == "__main__":
    main()
