"""A folder of clean images to train on, such as photographs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from core.protocol.recipes import ImagesRecipe
from core.training.errors import TrainingError

_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


@dataclass(frozen=True)
class Images:
    """Grey images (h, w) float32 in 0 to 1, of any sizes: what there is to train on, and what only validates."""

    train: tuple[NDArray[np.float32], ...]
    validation: tuple[NDArray[np.float32], ...]


def open_images(recipe: ImagesRecipe, least: int) -> Images:
    """Read the folder of a recipe; images with a side below `least` px are left out.

    Raises
    ------
    TrainingError
        There is no such folder, a picture in it can't be read, or there are too few.
    """
    folder = Path(recipe.folder)
    if not folder.is_dir():
        raise TrainingError("There is no such folder of images.", folder, "Mend 'images.folder' in the recipe.")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS)
    found = [image for image in map(read_image, paths) if min(image.shape) >= least]
    if len(found) <= recipe.held_out:
        what = f"{len(found)} images of {least} px a side or more lie in the folder; {recipe.held_out} only validate."
        raise TrainingError(what, folder, "Add images, or make 'schedule.patch' smaller.")
    return Images(tuple(found[: -recipe.held_out]), tuple(found[-recipe.held_out :]))


def read_image(path: Path) -> NDArray[np.float32]:
    """Read a picture of 8 bit as grey values in 0 to 1; raises TrainingError."""
    try:
        with Image.open(path) as picture:
            grey = picture.convert("RGB").convert("L")
    except (OSError, UnidentifiedImageError) as error:
        raise TrainingError(f"This picture can't be read ({error}).", path, "Take it out of the folder.") from error
    return np.asarray(grey, np.float32) / np.float32(255)
