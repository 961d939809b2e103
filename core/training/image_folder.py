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
# Pillow's names for 8 bit. It takes others too, and cuts 16 bit off at 255 and floats at whole numbers.
_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV")


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
        what = (
            f"{len(found) or 'No'} image{'' if len(found) == 1 else 's'} of {least} px a side or more "
            f"{'lies' if len(found) == 1 else 'lie'} in the folder; with {recipe.held_out} that only "
            f"validate{'s' if recipe.held_out == 1 else ''}, it takes {recipe.held_out + 1} or more."
        )
        raise TrainingError(what, folder, "Add images, or make 'schedule.patch' smaller.")
    return Images(tuple(found[: -recipe.held_out]), tuple(found[-recipe.held_out :]))


def read_image(path: Path) -> NDArray[np.float32]:
    """Read a picture of 8 bit as grey values in 0 to 1; raises TrainingError."""
    try:
        with Image.open(path) as picture:
            _refuse_other_kinds(picture, path)
            grey = picture.convert("RGB").convert("L")
    except (OSError, UnidentifiedImageError) as error:
        raise TrainingError(f"This picture can't be read ({error}).", path, "Take it out of the folder.") from error
    return np.asarray(grey, np.float32) / np.float32(255)


def _refuse_other_kinds(picture: Image.Image, path: Path) -> None:
    if picture.mode not in _MODES:
        what = f"This picture is not of 8 bit (its kind: {picture.mode})."
        raise TrainingError(what, path, "Convert it to 8 bit (in Fiji: Image > Type > 8-bit), or take it out.")
    pages = getattr(picture, "n_frames", 1)
    if pages > 1:
        what = f"This file holds {pages} pictures, and each file should hold one."
        raise TrainingError(what, path, "Save them as single files, or take it out.")
