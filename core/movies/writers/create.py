"""Which format a result gets: the name's end says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from core.movies.calibration import Scale
from core.movies.errors import WriteFailed
from core.movies.writers.movie_writer import MovieWriter
from core.movies.writers.mrc import MrcWriter
from core.movies.writers.ome_tiff import OmeTiffWriter
from core.movies.writers.ome_zarr import OmeZarrWriter
from core.movies.writers.tiff import TiffMovieWriter

# The longest end that fits decides, so they stand in this order.
_WRITERS: tuple[tuple[tuple[str, ...], str, type[MovieWriter]], ...] = (
    ((".ome.tif", ".ome.tiff", ".ome.btf"), "OME-TIFF", OmeTiffWriter),
    ((".tif", ".tiff"), "TIFF", TiffMovieWriter),
    ((".mrc", ".mrcs"), "MRC", MrcWriter),
    ((".ome.zarr", ".zarr"), "OME-Zarr", OmeZarrWriter),
)
RESULT_ENDINGS: tuple[str, ...] = tuple(end for ends, _, _ in _WRITERS for end in ends)


def result_format(path: str | Path) -> str | None:
    """The format that a name means: ``TIFF``, ``OME-TIFF``, ``MRC``, ``OME-Zarr``; None if the name says none."""
    found = _found(path)
    return None if found is None else found[0]


def storable(path: str | Path, dtype: str | np.dtype[Any]) -> bool:
    """Whether the format of this name holds pixels of a type."""
    found = _found(path)
    return found is not None and np.dtype(dtype).name in found[1].types


def _found(path: str | Path) -> tuple[str, type[MovieWriter]] | None:
    name = Path(path).name.lower()
    for ends, title, writer in _WRITERS:
        if name.endswith(ends):
            return title, writer
    return None


def create_writer(
    path: str | Path,
    shape: tuple[int, int, int],
    dtype: str | np.dtype[Any] = "float32",
    *,
    scale: Scale = Scale(),  # noqa: B008 - frozen
    resume: bool = True,
    overwrite: bool = False,
) -> MovieWriter:
    """Open a result for writing, in the format that its name's end says.

    Parameters
    ----------
    path : str or Path
        One of `RESULT_ENDINGS`; its folder exists.
    shape : tuple of int
        (frames, height, width).
    dtype : str or numpy.dtype
        ``float32`` and ``uint16`` go into every format; others as `storable` says. Whole numbers that stand for other
        values carry their line in `scale` (`Scale.scaled`).
    scale : Scale
        Calibration, written into the result.
    resume : bool
        Go on with a partial result of the same layout, if there is one.
    overwrite : bool
        Replace an existing result in the end.

    Raises
    ------
    WriteFailed
        The name's end says no format; the result exists; the disk is too small, or can't be written to.
    ValueError
        The format holds no such movie.
    """
    found = _found(path)
    if found is None:
        raise WriteFailed.about(
            path,
            "The result's name says no format that can be written.",
            f"Give it a name that ends in one of: {', '.join(RESULT_ENDINGS)}.",
            "bad-request",
        )
    return found[1].create(path, shape, dtype, scale=scale, resume=resume, overwrite=overwrite)
