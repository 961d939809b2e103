"""The simulated library on disk: made once for a recipe, float16, memory-mapped."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.denoising.devices import torch_threads
from core.protocol.recipes import LibraryRecipe
from core.simulation.library import Structure, simulate_columns, simulate_structure
from core.training.errors import StoppedError, disk_full

Stack = NDArray[np.float16]


@dataclass(frozen=True)
class Library:
    """Clean images: `tem` (structures, optics, size, size) and `stem` (structures, 1, size, size).

    The last `held_out` structures of each only validate; no structure is on both sides.
    """

    tem: Stack
    stem: Stack
    held_out: int


def open_library(
    recipe: LibraryRecipe,
    seed: int,
    folder: Path,
    progress: Callable[[float, str], None],
    should_stop: Callable[[], bool],
    workers: int = 2,
) -> Library:
    """Open the library in `folder`, simulating what is missing first.

    Raises
    ------
    StoppedError
        If `should_stop` became true; the finished structures stay and are not simulated again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = {"recipe": recipe.model_dump(mode="json"), "seed": seed}
    note = folder / "library.json"
    if not note.exists() or json.loads(note.read_text()) != said:
        for old in folder.glob("*.npy"):
            old.unlink()
        note.write_text(json.dumps(said))
    held = recipe.held_out
    plans: dict[str, tuple[int, int, Callable[[int], Structure]]] = {
        "tem": (
            recipe.structures + held,
            recipe.optics,
            lambda i: simulate_structure(seed, i, recipe.optics, recipe.size, recipe.pixel_angstrom),
        ),
        "stem": (
            recipe.columns + held if recipe.columns else 0,
            1,
            lambda i: simulate_columns(seed, i, recipe.size, recipe.pixel_angstrom),
        ),
    }
    stacks = {}
    for name, (count, views, make) in plans.items():
        shape = (count, views, recipe.size, recipe.size)
        stacks[name] = _filled(folder / f"{name}.npy", shape, make, progress, should_stop, workers)
    return Library(stacks["tem"], stacks["stem"], held)


def _require_room(path: Path, shape: tuple[int, ...]) -> None:
    """Refuse a disk that can't hold the array: to write to a map of it would end the process without a word."""
    if shutil.disk_usage(path.parent).free < 2 * math.prod(shape):
        raise disk_full(path)


def _filled(
    path: Path,
    shape: tuple[int, int, int, int],
    make: Callable[[int], Structure],
    progress: Callable[[float, str], None],
    should_stop: Callable[[], bool],
    workers: int,
) -> Stack:
    if shape[0] == 0:
        return np.zeros(shape, np.float16)
    if not path.exists():
        _require_room(path, shape)
    mode = "r+" if path.exists() else "w+"
    stack = np.lib.format.open_memmap(path, mode=mode, dtype=np.float16, shape=shape)
    # A finished image has mean near 1; an unwritten one is all zero.
    missing = [i for i in range(shape[0]) if not stack[i, -1, :2].any()]
    with torch_threads(1), ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(missing), 4 * workers):
            if should_stop():
                stack.flush()
                raise StoppedError
            batch = missing[start : start + 4 * workers]
            for index, structure in zip(batch, pool.map(make, batch), strict=True):
                stack[index] = structure.images
            progress((start + len(batch)) / len(missing), f"simulating {path.stem}")
    stack.flush()
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]
