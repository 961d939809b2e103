"""Sets of clean images for training: one array a structure, float16, opened without being read (`open_structure`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.protocol.simulation import SimulateRecipe
from core.simulation import generator
from core.simulation.item_files import columns_of, truth_of, write_json

Images = NDArray[np.float16]
_NOT_OF_VIEWS = {"gain", "offset", "counts", "dose_e_px", "columns", "times_s", "shifts_px"}


def structure_bytes(recipe: SimulateRecipe) -> int:
    """How much room a structure takes, about."""
    return recipe.views * (recipe.side * recipe.side * 2 + 100_000)


def is_whole(folder: Path, recipe: SimulateRecipe, index: int) -> bool:
    """Whether a structure lies in its folder; its truth is written last."""
    del recipe
    return (folder / f"{index:06d}.json").exists()


def write_structure(folder: Path, recipe: SimulateRecipe, index: int, check: Callable[[], None]) -> int:
    """Write ``INDEX.npy`` and ``INDEX.json``; returns the number of images. `check` is called between them.

    The array is (views, side, side), float16, each image with mean 1: relative intensity. Times a dose it is the
    expected electrons a px.
    """
    images = np.empty((recipe.views, recipe.side, recipe.side), np.float16)
    truths = []
    structure = generator.draw_structure(recipe, index)
    for view in range(recipe.views):
        check()
        item = structure.clean_item(view)
        images[view] = item.clean[0] / np.float32(item.dose)
        truths.append({key: value for key, value in truth_of(item).items() if key not in _NOT_OF_VIEWS})
    partial = folder / f"{index:06d}.npy.partial"
    try:
        with partial.open("wb") as file:
            np.save(file, images)
        partial.replace(folder / f"{index:06d}.npy")
    finally:
        partial.unlink(missing_ok=True)
    # The structure rests, so its columns are the same in all views.
    columns = [columns_of(one) for one in item.frame_columns]
    write_json(folder / f"{index:06d}.json", {"columns": columns, "views": truths})
    return recipe.views


def open_structure(path: Path) -> Images:
    """Open the images of a structure (views, side, side), mapped from the disk."""
    images: Images = np.load(path, mmap_mode="r")
    return images
