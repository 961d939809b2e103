"""Folders of pictures to train on: what is read, and what is refused before it spoils a training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from core.protocol.recipes import ImagesRecipe
from core.training.errors import TrainingError
from core.training.image_folder import open_images, read_image

RAMP = np.linspace(0, 1, 64 * 64).reshape(64, 64)


def test_grey_coloured_and_palette_pictures_of_8_bit_give_the_same_grey(tmp_path: Path) -> None:
    grey = Image.fromarray((RAMP * 255).astype(np.uint8))
    for kind in ("L", "RGB", "RGBA", "P"):
        path = tmp_path / f"{kind}.png"
        grey.convert(kind).save(path)
        np.testing.assert_allclose(read_image(path), RAMP, atol=2 / 255)


@pytest.mark.parametrize("values", [(RAMP * 65535).astype(np.uint16), RAMP.astype(np.float32)])
@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_pictures_of_other_depths_are_refused_since_they_would_be_cut_off(
    tmp_path: Path, values: np.ndarray, ending: str
) -> None:
    path = tmp_path / f"deep{ending}"
    if ending == ".tif":
        tifffile.imwrite(path, values)
    else:
        Image.fromarray(values.astype(np.uint16)).save(path)
    with pytest.raises(TrainingError, match="not of 8 bit") as raised:
        read_image(path)
    assert "deep" in str(raised.value)


def test_stack_of_which_only_the_first_would_be_taken_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.stack([(RAMP * 255).astype(np.uint8)] * 4), photometric="minisblack")
    with pytest.raises(TrainingError, match="holds 4 pictures"):
        read_image(path)


@pytest.mark.parametrize(("count", "words"), [(0, "No images of 32 px"), (1, "1 image of 32 px.*lies.*it takes 2")])
def test_too_few_pictures_are_told_with_how_many_it_takes(tmp_path: Path, count: int, words: str) -> None:
    for number in range(count):
        Image.fromarray((RAMP * 255).astype(np.uint8)).save(tmp_path / f"{number}.png")
    with pytest.raises(TrainingError, match=words):
        open_images(ImagesRecipe(folder=str(tmp_path), held_out=1, noise=(10, 20)), 32)
