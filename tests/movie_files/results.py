"""Results of our own as seeds: small sound movies in each format that is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.movies.writers import Scale, create_writer
from tests.movie_files.pixels import ramp


def write_result(path: Path, dtype: str = "float32") -> Path:
    """Three frames with everything known; whole numbers carry a line."""
    pixels = ramp((3, 6, 7), np.dtype(dtype))
    scale = Scale((0.02, 0.02), "nm", 0.5, (0.0, 0.5, 2.0), exposure_s=0.4, voltage_kv=300.0, detector="camera")
    scale = scale if dtype == "float32" else scale.scaled(100.0, 0.5)
    with create_writer(path, pixels.shape, dtype, scale=scale) as writer:
        for index, frame in enumerate(pixels):
            writer.write(index, frame)
        return writer.finish('{"program": "Quietbeam"}', (0.0, 100.0))


RESULT_SEEDS: dict[str, Callable[[Path], Path]] = {
    "imagej-result": lambda folder: write_result(folder / "seed.tif", "uint16"),
    "ome-tiff-result": lambda folder: write_result(folder / "seed.ome.tif"),
    "mrc-result": lambda folder: write_result(folder / "seed.mrc"),
    "ome-zarr": lambda folder: write_result(folder / "seed.ome.zarr"),
}
