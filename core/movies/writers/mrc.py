"""Results as MRC (2014): a stack of images, with a JSON file beside it for what the header has no room for."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.movies.calibration import Scale
from core.movies.errors import WriteFailed, unwritable
from core.movies.result_record import (
    MOVIE_KEY,
    PROVENANCE_KEY,
    compact,
    sidecar_label,
    sidecar_path,
)
from core.movies.writers.disk import partial_path
from core.movies.writers.stack_file import StackFileWriter

HEADER_BYTES = 1024
_MODES = {"int8": 0, "int16": 1, "float32": 2, "uint16": 6}


class MrcWriter(StackFileWriter):
    """Writes an MRC frame by frame; see `MovieWriter`. Rows are stored from the first to the last."""

    layout_name = "MRC"
    types: ClassVar[tuple[str, ...]] = tuple(_MODES)
    data_offset = HEADER_BYTES

    def __init__(
        self, path: Path, shape: tuple[int, int, int], dtype: np.dtype[Any], scale: Scale, overwrite: bool
    ) -> None:
        super().__init__(path, shape, dtype, scale, overwrite)
        beside = sidecar_path(path)
        if beside.exists() and not overwrite and not _is_ours(beside):
            raise WriteFailed.about(
                beside,
                "The file that would hold the result's record exists already.",
                "Choose another name, or allow it to be replaced.",
                "output-exists",
            )
        # Of each frame: least, largest, sum and sum of squares.
        self._sums: dict[int, tuple[float, float, float, float]] = {}

    def write(self, index: int, frame: NDArray[Any]) -> None:
        """As of `MovieWriter`; the values are summed up for the header on their way."""
        super().write(index, frame)
        total = float(frame.sum(dtype=np.float64))
        squares = float(np.einsum("ij,ij->", frame, frame, dtype=np.float64))
        self._sums[index] = (float(frame.min()), float(frame.max()), total, squares)

    def _around(
        self, provenance: dict[str, Any] | None, display: tuple[float, float] | None
    ) -> tuple[bytes, int, bytes]:
        record: dict[str, Any] = {"program": "Quietbeam", MOVIE_KEY: self.scale.as_json(self.shape)}
        if provenance is not None:
            record[PROVENANCE_KEY] = provenance
        content = compact(record).encode("ascii")
        beside = sidecar_path(self.path)
        partial = partial_path(beside)
        try:
            partial.write_bytes(content)
            partial.replace(beside)
        except OSError as error:
            raise unwritable(beside, error) from error
        return self._header(sidecar_label(content)), self._end, b""

    def _header(self, label: str) -> bytes:
        frames, height, width = self.shape
        head = bytearray(HEADER_BYTES)
        struct.pack_into("<4i", head, 0, width, height, frames, _MODES[self.dtype.name])
        # One image is one section of a volume's grid: that is what makes it a stack (ISPG 0).
        struct.pack_into("<3i", head, 28, width, height, 1)
        cell_y, cell_x = self._cell()
        struct.pack_into("<3f", head, 40, cell_x, cell_y, 0.0)
        struct.pack_into("<3f", head, 52, 90.0, 90.0, 90.0)
        struct.pack_into("<3i", head, 64, 1, 2, 3)
        least, largest, mean, deviation = self._statistics()
        struct.pack_into("<3f", head, 76, least, largest, mean)
        struct.pack_into("<i", head, 108, 20140)
        head[208:212] = b"MAP "
        head[212:216] = b"DD\x00\x00"
        struct.pack_into("<f", head, 216, deviation)
        struct.pack_into("<i", head, 220, 2)
        head[224:304] = self.path.stem.encode("ascii", "replace")[:80].ljust(80)
        head[304:384] = label.encode("ascii").ljust(80)
        return bytes(head)

    def _cell(self) -> tuple[float, float]:
        """The cell's height and width in A; 0 where unknown, or where pixels are reciprocal."""
        if self.scale.pixel_size is None or self.scale.pixel_unit != "nm":
            return 0.0, 0.0
        sides = [10 * size * count for size, count in zip(self.scale.pixel_size, self.shape[1:], strict=True)]
        limits = np.finfo(np.float32)
        if not all(limits.tiny <= side <= limits.max for side in sides):
            return 0.0, 0.0
        return sides[0], sides[1]

    def _statistics(self) -> tuple[float, float, float, float]:
        """Least, largest, mean and deviation; or the header's signs for unknown if a run was resumed."""
        unknown = (0.0, -1.0, -2.0, -1.0)
        if len(self._sums) < self.shape[0]:
            return unknown
        least, largest, sums, squares = zip(*self._sums.values(), strict=True)
        count = math.prod(self.shape)
        mean = math.fsum(sums) / count
        found = min(least), max(largest), mean, math.sqrt(max(0.0, math.fsum(squares) / count - mean * mean))
        limit = float(np.finfo(np.float32).max)
        return found if all(abs(value) <= limit for value in found) else unknown


def _is_ours(beside: Path) -> bool:
    """Whether a file is a record of ours that was left behind: nobody's work is lost with it."""
    try:
        with beside.open("rb") as file:
            return file.read(24).startswith(b'{"program":"Quietbeam"')
    except OSError:
        return False
