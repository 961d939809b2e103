"""What OME-XML tells: which image of which file is which plane, the size of a pixel, and when planes were taken."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from core.movies.units import pixel, seconds

_MOST_PLANES = 1_000_000


@dataclass(frozen=True)
class OmePixels:
    """What is known of an image; None is unknown."""

    pixel_size: tuple[float, float] | None = None
    pixel_unit: str | None = None
    interval_s: float | None = None
    times: tuple[float, ...] | None = None
    exposure_s: float | None = None
    detector: str | None = None
    magnification: float | None = None
    date: str | None = None


def pixels(text: str, place: int, wanted: Sequence[int]) -> OmePixels:
    """What the XML tells of an image.

    Parameters
    ----------
    text : str
        The OME-XML.
    place : int
        Number of the image in it.
    wanted : sequence of int
        The planes that make the movie, in the order of the file's dimensions.
    """
    root = _parse(text)
    found = _images(root)
    if root is None or place >= len(found):
        return OmePixels()
    image, element = found[place]
    size, unit = pixel(
        (_number(element.get("PhysicalSizeY")), element.get("PhysicalSizeYUnit", "µm")),
        (_number(element.get("PhysicalSizeX")), element.get("PhysicalSizeXUnit", "µm")),
    )
    times, exposure = _times(element, wanted)
    models = [one.get("Model", "") for one in root.iter() if _name(one) == "Detector"]
    lenses = [_number(one.get("NominalMagnification")) for one in root.iter() if _name(one) == "Objective"]
    dates = [one.text or "" for one in image if _name(one) == "AcquisitionDate"]
    return OmePixels(
        size,
        unit,
        seconds(_number(element.get("TimeIncrement")), element.get("TimeIncrementUnit", "s")),
        times,
        exposure,
        detector=models[0].strip() or None if len(models) == 1 else None,
        magnification=lenses[0] if len(lenses) == 1 and lenses[0] > 0 else None,
        date=dates[0].strip() or None if dates else None,
    )


def _times(element: ElementTree.Element, wanted: Sequence[int]) -> tuple[tuple[float, ...] | None, float | None]:
    """When the wanted planes began in s, and their exposure if it is the same for all."""
    axes, sizes = _dimensions(element)
    begun: dict[int, float] = {}
    exposures: set[float | None] = set()
    for plane in (one for one in element if _name(one) == "Plane"):
        number, stride = 0, 1
        for axis in axes:
            number += _whole(plane.get(f"The{axis}"), 0) * stride
            stride *= sizes[axis]
        start = _number(plane.get("DeltaT"))
        scale = seconds(1.0, plane.get("DeltaTUnit", "s"))
        if math.isfinite(start) and scale is not None:
            begun[number] = start * scale
        exposures.add(seconds(_number(plane.get("ExposureTime")), plane.get("ExposureTimeUnit", "s")))
    exposure = exposures.pop() if len(exposures) == 1 else None
    if len(begun) < len(wanted) or len(wanted) < 2 or any(number not in begun for number in wanted):
        return None, exposure
    times = tuple(begun[number] for number in wanted)
    return (times if len(set(times)) > 1 else None), exposure


def _number(text: str | None) -> float:
    """A number, or NaN."""
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _parse(text: str) -> ElementTree.Element | None:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        return ElementTree.fromstring(text)  # noqa: S314 - declarations and so entities are refused above
    except ElementTree.ParseError:
        return None


def _images(root: ElementTree.Element | None) -> list[tuple[ElementTree.Element, ElementTree.Element]]:
    """Each image with its pixels."""
    if root is None:
        return []
    return [(image, one) for image in root.iter() for one in image if _name(one) == "Pixels"]


def _dimensions(element: ElementTree.Element) -> tuple[str, dict[str, int]]:
    """The axes behind X and Y, the fastest first, and their sizes."""
    axes = element.get("DimensionOrder", "XYCZT")[2:]
    if sorted(axes) != ["C", "T", "Z"]:
        # An order of many letters would be gone through for each plane.
        axes = "CZT"
    return axes, {axis: _whole(element.get(f"Size{axis}"), 1) for axis in axes}


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
    found = _images(_parse(text))
    if place >= len(found):
        return {}
    element = found[place][1]
    axes, sizes = _dimensions(element)
    total = math.prod(sizes.values())
    where: dict[int, tuple[str, int]] = {}
    told = 0
    for data in (one for one in element if _name(one) == "TiffData"):
        names = [one.get("FileName", "") for one in data if _name(one) == "UUID"]
        if not names or not names[0] or os.path.basename(names[0]) != names[0] or total > _MOST_PLANES:  # noqa: PTH119
            continue
        first, stride = 0, 1
        for axis in axes:
            first += _whole(data.get(f"First{axis}"), 0) * stride
            stride *= sizes[axis]
        image = _whole(data.get("IFD"), 0)
        count = _whole(data.get("PlaneCount"), 1 if data.get("IFD") is not None else total)
        count = min(count, max(0, total - first))
        told += count
        if told > _MOST_PLANES:
            # Each plane is told once; telling all of them again and again would never end.
            break
        for number in range(count):
            where[first + number] = (names[0], image + number)
    return where


def _name(element: ElementTree.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 19 else otherwise
