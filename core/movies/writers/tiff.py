"""Results as TIFF that Fiji shows with their calibration.

Below 4 GB it is a classic ImageJ TIFF; above it is BigTIFF with the same description, which Fiji opens through
Bio-Formats.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from core.movies.calibration import Scale
from core.movies.writers.disk import free_bytes, partial_path
from core.movies.writers.stack_file import StackFileWriter
from core.movies.writers.tiff_directory import Directory, description, directories

__all__ = ["DATA_OFFSET", "TiffMovieWriter", "classic_limit", "free_bytes", "needed_bytes", "partial_path"]

DATA_OFFSET = 4096
_CLASSIC_LIMIT = (1 << 32) - (1 << 20)
# A page in the list of images takes less than this, the description less than that; so much more a frame whose time is
# written down.
_PAGE_BYTES = 320
_DESCRIPTION_BYTES = 1 << 18
_TIME_BYTES = 200


def classic_limit() -> int:
    """The size from which on a TIFF must be a BigTIFF."""
    return _CLASSIC_LIMIT


def needed_bytes(
    shape: tuple[int, int, int], dtype: str | np.dtype[Any] = "float32", scale: Scale | None = None
) -> int:
    """The size of the finished file, rounded up a little.

    Parameters
    ----------
    shape : tuple of int
        (frames, height, width).
    dtype : str or numpy.dtype
        ``float32``, ``uint16`` or ``uint8``.
    scale : Scale, optional
        What is written with it; the times of a long movie take room.
    """
    frames, height, width = shape
    pixels = frames * height * width * np.dtype(dtype).itemsize
    timed = scale is not None and (scale.times is not None or scale.exposure_s is not None)
    return DATA_OFFSET + pixels + frames * (_PAGE_BYTES + (_TIME_BYTES if timed else 0)) + _DESCRIPTION_BYTES


class TiffMovieWriter(StackFileWriter):
    """Writes an ImageJ TIFF, or above 4 GB a BigTIFF, frame by frame; see `MovieWriter`."""

    types: ClassVar[tuple[str, ...]] = ("float32", "uint16", "uint8")
    data_offset = DATA_OFFSET

    @property
    def needed_bytes(self) -> int:
        """The size of the finished file, rounded up a little."""
        return needed_bytes(self.shape, self.dtype, self.scale)

    @property
    def big(self) -> bool:
        """Whether the result is a BigTIFF: it would pass 4 GB."""
        return self.needed_bytes > classic_limit()

    def _text(self, provenance: dict[str, Any] | None, display: tuple[float, float] | None) -> bytes:
        """The image description."""
        return description(self.shape, self.scale, provenance, display, self.dtype.kind != "f")

    def _around(
        self, provenance: dict[str, Any] | None, display: tuple[float, float] | None
    ) -> tuple[bytes, int, bytes]:
        at = self._end + (-self._end % 16)
        text = self._text(provenance, display)
        # A description that is longer than foreseen may not push the list of images beyond what 32 bits can say.
        big = self.big or at + len(text) + self.shape[0] * _PAGE_BYTES >= 1 << 32
        header, tail = directories(Directory(self.shape, self.dtype, self.scale, text, DATA_OFFSET, at, big))
        return header, at, tail
