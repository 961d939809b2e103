"""Writers of small movie files with the real structure of each format, for every test that needs one.

``pixels`` is an array, or a `Sparse` movie whose file takes no room on the disk. `SEEDS` holds a small sound movie of
each format, for the tests of damaged files: a name, and what writes it into a folder and gives its path.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.movie_files.dm import write_dm3, write_dm4
from tests.movie_files.gatan import write_director
from tests.movie_files.mrc import write_mrc
from tests.movie_files.pixels import Sparse, ramp
from tests.movie_files.ser import write_emi, write_ser

__all__ = ["SEEDS", "Sparse", "ramp", "write_dm3", "write_dm4", "write_emi", "write_mrc", "write_ser"]


def _ser_with_emi(folder: Path) -> Path:
    write_emi(folder / "seed.emi")
    return write_ser(folder / "seed_1.ser", ramp((3, 6, 7), np.uint16))


def _gatan_raw(folder: Path) -> Path:
    write_director(folder / "seed.dm4", ramp((3, 6, 7), np.uint16), part_bytes=100)
    return folder / "seed.raw"


SEEDS: dict[str, Callable[[Path], Path]] = {
    "dm3": lambda folder: write_dm3(folder / "seed.dm3", ramp((3, 6, 7), np.uint16)),
    "dm4": lambda folder: write_dm4(folder / "seed.dm4", ramp((3, 6, 7), np.float32)),
    "gatan-director": lambda folder: write_director(folder / "seed.dm4", ramp((3, 6, 7), np.uint16), part_bytes=100),
    "gatan-raw": _gatan_raw,
    "ser": _ser_with_emi,
    "mrc": lambda folder: write_mrc(folder / "seed.mrc", ramp((3, 6, 7), np.int16)),
}
