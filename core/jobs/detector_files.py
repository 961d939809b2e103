"""What a look at a detector leaves behind: a mask, a list of pixels, and a pattern, beside each other in a folder."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.jobs.errors import job_error
from core.movies.errors import unwritable
from core.movies.writers import TiffMovieWriter, partial_path
from core.noise.defects import DEAD, HOT, UNSTABLE
from core.protocol.base import Record
from core.protocol.clean_up import DetectorRequest
from core.protocol.denoise_parts import Notice

_KINDS = {DEAD: "dead", HOT: "hot", UNSTABLE: "unstable"}


class DetectorRecord(Record):
    """Written into mask and pattern: how they were made."""

    program: str = "Quietbeam"
    version: str
    created: str
    request: DetectorRequest
    frames: tuple[int, ...]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class DetectorFiles:
    """Where mask, table and pattern of a movie go."""

    mask: Path
    table: Path
    pattern: Path

    @classmethod
    def of(cls, source: str, folder: str, overwrite: bool) -> DetectorFiles:
        """Choose names in a folder, and refuse before any work what can't be written.

        Raises
        ------
        JobError
            The folder doesn't exist, may not be written to, or holds such files already.
        """
        place = Path(folder)
        if not place.is_dir():
            what = "The folder for the result doesn't exist."
            raise job_error("not-found", what, folder, "Make the folder, or choose another.")
        if not os.access(place, os.W_OK | os.X_OK):
            what = "There is no permission to write here."
            raise job_error("no-permission", what, folder, "Choose another folder.")
        stem = Path(source).stem
        files = cls(place / f"{stem}_defects.tif", place / f"{stem}_defects.csv", place / f"{stem}_pattern.tif")
        for path in (files.mask, files.table, files.pattern):
            if path.exists() and not overwrite:
                advice = "Choose another folder, or allow it to be overwritten."
                raise job_error("output-exists", "The result exists already and was left as it is.", str(path), advice)
        return files


def write_image(path: Path, image: npt.NDArray[np.generic], provenance: str) -> None:
    """Write one image (H, W), float32 or uint8, as TIFF; an older one is replaced.

    Raises
    ------
    MovieError
        The disk is full, or refuses.
    """
    shape = (1, image.shape[0], image.shape[1])
    with TiffMovieWriter.create(path, shape, image.dtype, resume=False, overwrite=True) as writer:
        writer.write(0, image)
        writer.finish(provenance)


def write_table(
    path: Path,
    mask: npt.NDArray[np.uint8],
    mean: npt.NDArray[np.float32],
    noise: npt.NDArray[np.float32],
    hits: Iterable[tuple[int, int, int]],
) -> None:
    """Write the list of pixels as CSV: defects with mean and variance over time, then hits (frame, row, column).

    Rows, columns and frames count from 0.

    Raises
    ------
    MovieError
        The disk is full, or refuses.
    """
    partial = partial_path(path)
    try:
        with partial.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["kind", "row", "column", "frame", "mean", "variance"])
            for row, column in np.argwhere(mask):
                kind = "+".join(name for bit, name in _KINDS.items() if mask[row, column] & bit)
                values = (f"{float(mean[row, column]):.6g}", f"{float(noise[row, column]):.6g}")
                table.writerow([kind, row, column, "", *values])
            for frame, row, column in hits:
                table.writerow(["hit", row, column, frame, "", ""])
        partial.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
