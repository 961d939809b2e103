"""What was begun and not finished is removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def removed_unless_finished(partial: Path) -> Iterator[None]:
    """Remove a file, or the folder of a Zarr in the making, if anything is raised."""
    try:
        yield
    except BaseException:
        _remove(partial)
        raise


def _remove(partial: Path) -> None:
    if partial.is_dir():
        from core.movies.writers.ome_zarr import discard

        discard(partial)
    else:
        partial.unlink(missing_ok=True)
