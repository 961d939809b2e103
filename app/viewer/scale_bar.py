"""The scale bar: a round length that fits."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.words import length_text


@dataclass(frozen=True)
class ScaleBar:
    """A bar of `pixels` screen pixels that stands for `text`."""

    pixels: float
    text: str


def scale_bar(pixel_size: float, unit: str, zoom: float, view_pixels: float) -> ScaleBar | None:
    """The longest bar of 1, 2 or 5 times a power of ten within a quarter of the view; None if nothing fits.

    `pixel_size` is in `unit` a pixel, `zoom` in screen pixels an image pixel, `view_pixels` the view's width.
    """
    if pixel_size <= 0 or zoom <= 0 or view_pixels < 80:
        return None
    longest = view_pixels / 4 / zoom * pixel_size
    power = 10.0 ** math.floor(math.log10(longest))
    length = next(factor * power for factor in (5, 2, 1) if factor * power <= longest * (1 + 1e-9))
    return ScaleBar(length / pixel_size * zoom, length_text(length, unit))
