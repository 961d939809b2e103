"""Text and scale bar drawn as pixels, in a font that the program brings along (it has µ, Å and ⁻¹)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core.exporting.marks import Ink, Mark, Text

FONT_NAME = "DejaVu Sans"
# Bold: thin strokes such as that of ⁻¹ vanish in a small or noisy picture.
_FONT_FILE = "DejaVuSans-Bold.ttf"
_SHADES: dict[Ink, tuple[int, int]] = {"light": (255, 0), "dark": (0, 255)}


@lru_cache(maxsize=1)
def _font_bytes() -> bytes:
    return (resources.files("resources") / "fonts" / _FONT_FILE).read_bytes()


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(BytesIO(_font_bytes()), size)


def text_width(text: str, size: int) -> float:
    """Width of a line in px."""
    return _font(size).getlength(text)


def outline(size: int) -> int:
    """Thickness of the outline in px: it keeps a mark legible where the picture is as light, or as dark, as the ink."""
    return max(1, round(size / 9))


def draw(picture: NDArray[np.uint8], marks: Sequence[Mark]) -> NDArray[np.uint8]:
    """Draw marks into a grey picture (H, W); returns a new one."""
    image = Image.fromarray(picture)
    canvas = ImageDraw.Draw(image)
    for mark in marks:
        ink, around = _SHADES[mark.ink]
        if isinstance(mark, Text):
            place = (round(mark.x), round(mark.y))
            canvas.text(
                place, mark.text, fill=ink, font=_font(mark.size), stroke_width=outline(mark.size), stroke_fill=around
            )
        else:
            edge = max(1, round(mark.height / 4))
            left, top = round(mark.x), round(mark.y)
            right, bottom = left + round(mark.width) - 1, top + round(mark.height) - 1
            canvas.rectangle((left - edge, top - edge, right + edge, bottom + edge), fill=around)
            canvas.rectangle((left, top, right, bottom), fill=ink)
    return np.asarray(image)
