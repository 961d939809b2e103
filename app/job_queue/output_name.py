"""Where a result goes unless told otherwise: beside its movie."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePath

# The longer end of a name first: ``.ome.tif`` is not ``.tif``.
RESULT_ENDINGS = (".tif", ".ome.tif", ".mrc", ".ome.zarr")
LONGEST_PART = 40


def default_output(
    source: str, dataset: str | None, taken: Collection[str], ending: str = ".tif", folder: Path | None = None
) -> str:
    """``NAME_denoised.tif`` beside the source (or in a folder), numbered when that name is taken.

    Only names that are known to be taken are avoided: the disk is not asked here, because a dead network drive would
    stop the window. The engine finds the rest when it estimates.
    """
    path = PurePath(source)
    part = ""
    if dataset:
        part = "_" + "".join(c if c.isalnum() or c in "-_" else "-" for c in dataset).strip("-")[:LONGEST_PART]
    base = f"{path.stem}{part}_denoised"
    place = path.parent if folder is None else PurePath(folder)
    for number in range(1, 10_000):
        name = f"{base}{ending}" if number == 1 else f"{base}_{number}{ending}"
        candidate = str(place / name)
        if candidate not in taken:
            return candidate
    return str(place / f"{base}{ending}")


def ending_of(path: str, endings: Collection[str] = RESULT_ENDINGS) -> str | None:
    """Which of the known endings a name has; the longest counts."""
    lower = path.strip().lower().replace(".ome.tiff", ".ome.tif")
    lower = lower.removesuffix("f") if lower.endswith(".tiff") else lower
    return next((end for end in sorted(endings, key=len, reverse=True) if lower.endswith(end)), None)


def with_ending(path: str, ending: str, endings: Collection[str] = RESULT_ENDINGS) -> str:
    """The path with another ending in place of a known one."""
    old = ending_of(path, endings)
    if old is None:
        return path + ending
    # ``.tiff`` is one letter longer than what it counts as.
    spelt = old + "f" if path.lower().endswith(old + "f") else old
    return path[: -len(spelt)] + ending
