"""Which images of a TIFF file make a movie: by what ImageJ, OME and others say, else by their likeness alone."""

from __future__ import annotations

import logging
import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile

from core.movies.files import RandomAccessFile
from core.movies.formats import refusals, tiff_ome
from core.movies.formats.tiff_chain import Chain, Image, alike
from core.protocol.movie import DatasetInfo

_MOST_CHANNELS = 4
_COLOUR = {2, 5, 6, 8}
# A description that claims more images than this, and than there are pages, lies.
_MOST_CLAIMED = 1_000_000
_LONGEST_DESCRIPTION = 1 << 24
# The dialects in which an image's description, or a tag of its own, says how the images belong together.
_DIALECTS = (
    *("shaped", "lsm", "mmstack", "ome", "imagej", "ndtiff", "fluoview", "stk", "sis", "svs", "scn", "qpi"),
    *("ndpi", "bif", "avs", "philips", "scanimage", "nih", "mdgel"),
)
_MOST_SERIES = 1000
_PLANES = " If it is a stack of a few frames, save it again as greyscale (photometric minisblack)."

Dialect = Any  # a tifffile.TiffPageSeries


@dataclass(frozen=True)
class Stack:
    """One movie within a file.

    Attributes
    ----------
    page : tifffile.TiffPage
        Its first image, fully read.
    planes : range
        Which of the series' planes belong to it.
    images : sequence of Image or None
        Of each plane; None for one that is not there. Empty for a `block`.
    elsewhere : dict
        Planes that lie in other files: name and number of the image there.
    block : int or None
        All planes follow one another from here; the file may list only the first.
    """

    info: DatasetInfo
    place: int
    page: Any
    planes: range
    images: Sequence[Image | None]
    height: int
    width: int
    dtype: np.dtype[Any]
    elsewhere: dict[int, tuple[str, int]]
    block: int | None = None


@dataclass(frozen=True)
class _Series:
    """Planes in order, with their axes before Y and X."""

    name: str
    page: Any
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any] | None
    images: Sequence[Image | None]
    one_page: bool
    elsewhere: dict[int, tuple[str, int]]


def stacks(file: RandomAccessFile, tiff: tifffile.TiffFile, chain: Chain) -> list[Stack]:
    """The movies of a file; complaints go to tifffile's log."""
    return [stack for place, one in enumerate(_series(tiff, chain)) for stack in _stacks(tiff, chain, place, one)]


def _series(tiff: tifffile.TiffFile, chain: Chain) -> list[_Series]:
    """The series as a dialect tells them; of the others, and of broken files, the images that are like each other."""
    if not chain.endless and any(getattr(tiff, f"is_{dialect}") for dialect in _DIALECTS):
        try:
            _check_claims(tiff, chain)
            by_place = {image.at: image for image in chain.images}
            return [_of_dialect(tiff, chain, by_place, place, one) for place, one in enumerate(tiff.series)]
        except (struct.error, ValueError, IndexError, RuntimeError) as error:
            logging.getLogger("tifffile").error("%s", error)
    return _by_likeness(tiff, chain)


def _by_likeness(tiff: tifffile.TiffFile, chain: Chain) -> list[_Series]:
    found = []
    number = {image.at: index for index, image in enumerate(chain.images)}
    for images in alike(chain.images)[:_MOST_SERIES]:
        if images[0].at == tiff.pages.first.offset:
            page: Any = tiff.pages.first
        else:
            tiff.filehandle.seek(images[0].at)
            page = tifffile.TiffPage(tiff, index=number[images[0].at])
        shape = (len(images), *page.shape)
        found.append(_Series("", page, "I" + page.axes, shape, page.dtype, images, False, {}))
    return found


def _of_dialect(
    tiff: tifffile.TiffFile, chain: Chain, by_place: dict[int, Image], place: int, series: Dialect
) -> _Series:
    """A series of tifffile's; its images are looked up in the chain, and those unlike the first are none."""
    page = series.keyframe
    first = by_place.get(page.offset)
    images: list[Image | None] = []
    whole = len(series.pages) == 1
    for number in range(len(series.pages)):
        try:
            one = series.pages[number]
        except (IndexError, ValueError, struct.error) as error:
            # The list of images ends early, but their pixels may follow one another.
            logging.getLogger("tifffile").error("%s", error)
            whole = series.dataoffset is not None
            break
        image = None if one is None else by_place.get(one.offset, Image(one.offset, (), None, None))
        if image is not None and first is not None and image.key and image.key != first.key:
            logging.getLogger("tifffile").error("image %d differs from the first in size or type", len(images))
            image = None
        images.append(image)
    missing = any(image is None for image in images)
    elsewhere = tiff_ome.planes(tiff.ome_metadata or "", place) if tiff.is_ome and missing else {}
    return _Series(
        series.name,
        page,
        series.get_axes(squeeze=False),
        tuple(int(size) for size in series.get_shape(squeeze=False)),
        series.dtype,
        images,
        whole,
        elsewhere,
    )


def _check_claims(tiff: tifffile.TiffFile, chain: Chain) -> None:
    """Refuse a description that claims more images than there can be: tifffile makes a list of that length."""
    most = max(_MOST_CLAIMED, len(chain.images))
    text = tiff.pages.first.description[:_LONGEST_DESCRIPTION]
    for pixels in re.findall(r"<(?:\w+:)?Pixels\b[^<>]*>", text):
        if re.search(r'\bDimensionOrder="[^"]{6}', pixels):
            raise ValueError("the description names far too many dimensions")
        sizes = [int(size) for size in re.findall(r'\bSize[ZCT]="(\d{1,18})"', pixels)]
        if math.prod(sizes) > most:
            raise ValueError(f"the description claims {math.prod(sizes)} images")
    for shape in re.findall(r'"shape":\s*\[([\d,\s]+)\]', text):
        sizes = [int(size) for size in shape.split(",") if size.strip()]
        if math.prod(sizes) > most * max(1, tiff.pages.first.size):
            raise ValueError(f"the description claims an array of {shape}")


def _stacks(tiff: tifffile.TiffFile, chain: Chain, place: int, series: _Series) -> list[Stack]:
    """The movies in a series: one, or one a channel."""
    page = series.page
    height, width, samples = int(page.imagelength), int(page.imagewidth), int(page.samplesperpixel)
    dtype = series.dtype
    if dtype is None or height < 1 or width < 1 or int(page.imagedepth) > 1:
        what = f"Pixels of {page.bitspersample} bits in sample format {page.sampleformat} can't be read."
        if dtype is not None and height > 0 and width > 0:
            what = f"Each image is a volume of {page.imagedepth} layers, not a frame."
        refused = DatasetInfo(key=str(place), title=series.name, shape=(height, width), dtype="unknown", refusal=what)
        return [Stack(refused, place, page, range(0), (), height, width, np.dtype(np.uint8), {})]
    count = max(1, _declared(tiff, chain, series, height * width * samples))
    refusal = refusals.of_pixels(dtype) or _colour(page, samples)
    block = int(page.dataoffsets[0]) if series.one_page and count > 1 and page.is_contiguous else None
    channels = _channels(series, count)
    found = []
    for channel in range(channels):
        key = str(place) if channels == 1 else f"{place}.{channel}"
        planes = range(channel, count, channels) if _channel_is_last(series) else _block(count, channels, channel)
        title = series.name if channels == 1 else f"{series.name} channel {channel + 1}".strip()
        shape = (len(planes), height, width) if refusal is None else series.shape
        info = DatasetInfo(key=key, title=title, shape=shape, dtype=dtype.name, refusal=refusal)
        listed = range(planes.start, min(planes.stop, len(series.images)), planes.step)
        images = [series.images[plane] for plane in listed]
        here = () if block is not None else images
        found.append(Stack(info, place, page, planes, here, height, width, dtype, series.elsewhere, block))
        if refusal is not None:
            break
    return found


def _declared(tiff: tifffile.TiffFile, chain: Chain, series: _Series, plane: int) -> int:
    """Planes in a series. An ImageJ file cut short is not seen as a stack any more, so its own count is asked too."""
    planes = int(math.prod(series.shape)) // plane
    ours = tiff.imagej_metadata if planes == 1 and len(chain.images) == 1 else None
    if ours and series.page.is_contiguous:
        claimed = ours.get("images", 1)
        return claimed if isinstance(claimed, int) and claimed > 0 else 1
    return planes


def _colour(page: Any, samples: int) -> str | None:
    """Why an image of several samples a pixel is refused; planes of a colour may be frames of a short stack."""
    if samples == 1 and int(page.photometric) not in _COLOUR:
        return None
    return refusals.COLOUR + (_PLANES if samples > 1 and int(page.planarconfig) == 2 else "")


def _channels(series: _Series, count: int) -> int:
    found = int(series.shape[series.axes.index("C")]) if "C" in series.axes else 1
    # Programs that don't name their axes have ImageJ call the frames of a stack channels: no detector has so many.
    if found == count and found > _MOST_CHANNELS:
        return 1
    return found if found > 0 and count % found == 0 else 1


def _channel_is_last(series: _Series) -> bool:
    """Whether the channel changes fastest of the axes before Y."""
    axes = series.axes
    if "C" not in axes:
        return True
    after = series.shape[axes.index("C") + 1 :]
    return math.prod(after[:-2] if axes[-1] != "S" else after[:-3]) == 1


def _block(count: int, channels: int, channel: int) -> range:
    """The planes of a channel that is the slowest axis."""
    size = count // channels
    return range(channel * size, (channel + 1) * size)
