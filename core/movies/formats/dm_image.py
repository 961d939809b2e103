"""The images of a DM file: which they are, where their pixels lie, and what is no movie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.movies.formats import refusals
from core.movies.formats.dm_tags import ArrayAt, TagTree
from core.movies.units import is_energy, seconds

_TYPES = {
    1: "i2",
    2: "f4",
    3: "c8",
    6: "u1",
    7: "i4",
    9: "i1",
    10: "u2",
    11: "u4",
    12: "f8",
    13: "c16",
    14: "b1",
    39: "i8",
    40: "u8",
}
_REFUSED_TYPES = {
    4: refusals.COMPLEX,
    5: refusals.COMPLEX,
    8: refusals.COLOUR,
    23: refusals.COLOUR,
    27: refusals.COMPLEX,
    28: refusals.COMPLEX,
}
_REFUSED_NAMES = {4: "complex", 5: "complex", 8: "rgb", 23: "rgba", 27: "complex64", 28: "complex128"}


@dataclass(frozen=True)
class Image:
    """An image of the file's list. `sizes` is as numpy has it: slowest axis first."""

    index: int
    path: str
    title: str
    sizes: tuple[int, ...]
    code: int
    data: ArrayAt
    dtype: np.dtype[Any] | None

    @property
    def axes(self) -> tuple[int, ...]:
        """DigitalMicrograph's numbers of the axes that count, slowest first: beyond three, those of size 1 do not."""
        kept = list(range(len(self.sizes) - 1, -1, -1))
        while len(kept) > 3:
            single = next((axis for axis in kept[:-2] if self.sizes[len(self.sizes) - 1 - axis] == 1), None)
            if single is None:
                break
            kept.remove(single)
        return tuple(kept)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the `axes`: (frames, height, width), (height, width), or of more or fewer axes than a movie has."""
        return tuple(self.sizes[len(self.sizes) - 1 - axis] for axis in self.axes)

    @property
    def one_frame(self) -> bool:
        """Whether it is a single image, also as a stack of one."""
        return len(self.shape) == 2 or (len(self.shape) == 3 and self.shape[0] == 1)

    @property
    def type_name(self) -> str:
        """Of its pixels, as shown to the user."""
        return self.dtype.name if self.dtype is not None else _REFUSED_NAMES.get(self.code, f"type {self.code}")


def images_of(tree: TagTree) -> list[Image]:
    """All images that the file shows; not its thumbnails, unless it holds nothing else."""
    images = [image for image in (_image(tree, index) for index in tree.indices("ImageList")) if image]
    thumbnails = _thumbnails(tree)
    return [image for image in images if image.index not in thumbnails] or images


def _thumbnails(tree: TagTree) -> set[int]:
    """The places in the image list that the file itself calls thumbnails."""
    found = (tree.integer(f"Thumbnails.{place}.ImageIndex") for place in tree.indices("Thumbnails"))
    return {index for index in found if index is not None}


def _image(tree: TagTree, index: int) -> Image | None:
    path = f"ImageList.{index}"
    data = tree.arrays.get(f"{path}.ImageData.Data")
    code = tree.integer(f"{path}.ImageData.DataType")
    dimensions = f"{path}.ImageData.Dimensions"
    sizes = [tree.integer(f"{dimensions}.{axis}") for axis in tree.indices(dimensions)]
    if data is None or code is None or not sizes:
        return None
    kept = tuple(reversed([size for size in sizes if size is not None]))
    dtype = np.dtype(tree.order + _TYPES[code]) if code in _TYPES else None
    return Image(index, path, tree.text(f"{path}.Name"), kept, code, data, dtype)


def _units(tree: TagTree, image: Image) -> list[str]:
    """Of its axes, the fastest first."""
    calibrations = f"{image.path}.ImageData.Calibrations.Dimension"
    return [tree.text(f"{calibrations}.{axis}.Units") for axis in range(len(image.sizes))]


def refusal(tree: TagTree, image: Image) -> str | None:
    """Why an image is no movie; None if it is one."""
    if image.code in _REFUSED_TYPES:
        return _REFUSED_TYPES[image.code]
    if image.dtype is None:
        return f"Pixels of DigitalMicrograph's type {image.code} are not known."
    if refusals.of_pixels(image.dtype):
        return refusals.of_pixels(image.dtype)
    if len(image.sizes) == 1:
        return refusals.SPECTRUM
    if any(is_energy(unit) for unit in _units(tree, image)):
        return refusals.ENERGY
    if len(image.axes) > 3:
        return refusals.FOUR_D
    return None


def time_is_elsewhere(tree: TagTree, image: Image) -> bool:
    """Whether the file gives time to the rows or columns, and not to the frames."""
    units = _units(tree, image)
    timed = {axis for axis, unit in enumerate(units) if seconds(1.0, unit) is not None}
    return len(image.axes) == 3 and bool(timed) and image.axes[0] not in timed


# Array items by type code of the tag, where the code tells the pixels' type as well.
_ITEM_TYPES = {2: "int16", 3: "int32", 4: "uint16", 5: "uint32", 6: "float32", 7: "float64", 9: "int8", 10: "uint8"}


def item_name(item_type: int) -> str | None:
    """The type of pixels that an array of this item type most likely holds."""
    return {**_ITEM_TYPES, 8: "uint8", 11: "int64", 12: "uint64"}.get(item_type)
