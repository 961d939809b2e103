"""Writers of small movie files with the real structure of each format, for every test that needs one.

``pixels`` is an array, or a `Sparse` movie whose file takes no room on the disk. `SEEDS` holds a small sound movie of
each format, for the tests of damaged files: a name, and what writes it into a folder and gives its path.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.movie_files.dm import write_dm3, write_dm4
from tests.movie_files.eer import write_eer
from tests.movie_files.gatan import write_director, write_tree
from tests.movie_files.hdf5 import HDF5_SEEDS
from tests.movie_files.mib import write_mib
from tests.movie_files.mrc import fei_blocks, write_mrc
from tests.movie_files.pixels import Sparse, ramp
from tests.movie_files.results import RESULT_SEEDS
from tests.movie_files.ser import write_emi, write_ser
from tests.movie_files.tiff import TIFF_SEEDS
from tests.movie_files.tvips import write_tvips

__all__ = [
    "SEEDS",
    "Sparse",
    "ramp",
    "write_dm3",
    "write_dm4",
    "write_eer",
    "write_emi",
    "write_mib",
    "write_mrc",
    "write_ser",
    "write_tvips",
]


def _ser_with_emi(folder: Path) -> Path:
    write_emi(folder / "seed.emi")
    return write_ser(folder / "seed_1.ser", ramp((3, 6, 7), np.uint16))


def _gatan_raw(folder: Path) -> Path:
    write_director(folder / "seed.dm4", ramp((3, 6, 7), np.uint16), part_bytes=100)
    return folder / "seed.raw"


def _mrc_with_mdoc(folder: Path) -> Path:
    sections = "".join(
        f"[ZValue = {k}]\nTiltAngle = {k}\nExposureTime = 1\nDateTime = 05-Mar-24  10:0{k}:00\n" for k in range(3)
    )
    text = f"PixelSpacing = 2\nVoltage = 300\n[T = a title]\n{sections}"
    (folder / "seed.mrc.mdoc").write_text(text, encoding="utf-8")
    return write_mrc(folder / "seed.mrc", ramp((3, 6, 7), np.int16))


def _mrc_with_info(folder: Path) -> Path:
    lines = ("Image Size X (pixels) = 7", "Image Size Y (pixels) = 6", "Frames Per Second = 40", "Camera Model = DE-16")
    (folder / "20240501_00012_info.txt").write_text("\n".join(lines), encoding="utf-8")
    return write_mrc(folder / "20240501_00012_movie.mrc", ramp((3, 6, 7), np.uint16))


SEEDS: dict[str, Callable[[Path], Path]] = {
    "dm3": lambda folder: write_dm3(folder / "seed.dm3", ramp((3, 6, 7), np.uint16)),
    "dm4": lambda folder: write_dm4(folder / "seed.dm4", ramp((3, 6, 7), np.float32)),
    "gatan-director": lambda folder: write_director(folder / "seed.dm4", ramp((3, 6, 7), np.uint16), part_bytes=100),
    "gatan-raw": _gatan_raw,
    "gatan-tree": lambda folder: write_tree(folder / "seed", ramp((6, 6, 7), np.uint16), rate=3, dropped=(4,)),
    "ser": _ser_with_emi,
    "mrc": lambda folder: write_mrc(folder / "seed.mrc", ramp((3, 6, 7), np.int16)),
    "mrc-fei": lambda folder: write_mrc(
        folder / "fei.mrc", ramp((3, 6, 7), np.int16), extended=fei_blocks(3), kind=b"FEI1"
    ),
    "mrc-mdoc": _mrc_with_mdoc,
    "mrc-de": _mrc_with_info,
    "tvips": lambda folder: write_tvips(folder, ramp((4, 6, 7), np.uint16), parts=(2, 2)),
    "mib": lambda folder: write_mib(folder / "seed.mib", ramp((3, 6, 7), np.uint16), hdr={"Chip ID": "W1"}),
    "mib-raw": lambda folder: write_mib(folder / "raw.mib", ramp((2, 4, 64), np.uint16) % 4096, raw=12),
    "eer": lambda folder: write_eer(folder / "seed.eer", (ramp((6, 6, 7), np.uint8) % 5 == 0).astype(np.uint8)),
    **HDF5_SEEDS,
    **TIFF_SEEDS,
    **RESULT_SEEDS,
}
