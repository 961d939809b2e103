"""Which image of which file is which plane of an OME-TIFF: for movies that are spread over several files."""

from __future__ import annotations

import math
import os
from xml.etree import ElementTree

_MOST_PLANES = 1_000_000


def planes(text: str, place: int) -> dict[int, tuple[str, int]]:
    """Where the planes of an image lie that the XML puts into named files.

    Parameters
    ----------
    text : str
        The OME-XML.
    place : int
        Number of the image in it.

    Returns
    -------
    dict
        Number of the plane, in the order of the file's dimensions, to the name of its file and its number there. Names
        with a folder are left out: a file may not point elsewhere.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return {}
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - declarations and so entities are refused above
    except ElementTree.ParseError:
        return {}
    found = [element for element in root.iter() if _name(element) == "Pixels"]
    if place >= len(found):
        return {}
    pixels = found[place]
    axes = pixels.get("DimensionOrder", "XYCZT")[2:]
    sizes = {axis: _whole(pixels.get(f"Size{axis}"), 1) for axis in axes}
    total = math.prod(sizes.values())
    where: dict[int, tuple[str, int]] = {}
    for data in (element for element in pixels if _name(element) == "TiffData"):
        names = [element.get("FileName", "") for element in data if _name(element) == "UUID"]
        if not names or not names[0] or os.path.basename(names[0]) != names[0] or total > _MOST_PLANES:  # noqa: PTH119
            continue
        first, stride = 0, 1
        for axis in axes:
            first += _whole(data.get(f"First{axis}"), 0) * stride
            stride *= sizes[axis]
        image = _whole(data.get("IFD"), 0)
        count = _whole(data.get("PlaneCount"), 1 if data.get("IFD") is not None else total)
        for number in range(min(count, max(0, total - first))):
            where[first + number] = (names[0], image + number)
    return where


def _name(element: ElementTree.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdigit() and len(text) < 19 else otherwise
