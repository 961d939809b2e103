"""Where a result goes unless told otherwise: beside its movie."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePath


def default_output(source: str, dataset: str | None, taken: Collection[str]) -> str:
    """``NAME_denoised.tif`` beside the source, numbered when that name is taken.

    Only names that are known to be taken are avoided: the disk is not asked here, because a dead network drive would
    stop the window. The engine finds the rest when it estimates.
    """
    path = PurePath(source)
    part = ""
    if dataset:
        part = "_" + "".join(c if c.isalnum() or c in "-_" else "-" for c in dataset).strip("-")
    base = f"{path.stem}{part}_denoised"
    for number in range(1, 10_000):
        name = f"{base}.tif" if number == 1 else f"{base}_{number}.tif"
        candidate = str(path.with_name(name))
        if candidate not in taken:
            return candidate
    return str(path.with_name(f"{base}.tif"))


def same_place(a: str, b: str) -> bool:
    """Whether two paths are written the same way."""
    return Path(a) == Path(b)
