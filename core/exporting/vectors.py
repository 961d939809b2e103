"""A still as SVG: the frame embedded as PNG, scale bar and text as vectors that a drawing program can edit."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from io import BytesIO
from xml.sax.saxutils import escape

from PIL import Image

from core.exporting.lettering import FONT_NAME, outline
from core.exporting.marks import Ink, Mark, Text
from core.exporting.picture import Grey

_COLOURS: dict[Ink, tuple[str, str]] = {"light": ("#ffffff", "#000000"), "dark": ("#000000", "#ffffff")}
# Height of the letters above the line on which they stand, of the font's size.
_ASCENT = 0.93


def svg_text(picture: Grey, marks: Sequence[Mark], title: str) -> str:
    """The document.

    Parameters
    ----------
    picture : uint8 (H, W)
        Without marks; a px is one unit of the drawing.
    marks : sequence of Mark
        Drawn above it.
    title : str
        For screen readers and tooltips.
    """
    height, width = picture.shape
    stored = BytesIO()
    Image.fromarray(picture).save(stored, "PNG")
    data = base64.b64encode(stored.getvalue()).decode("ascii")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
            f' width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        ),
        f"<title>{escape(_printable(title))}</title>",
        (
            f'<image width="{width}" height="{height}" style="image-rendering:pixelated"'
            f' xlink:href="data:image/png;base64,{data}"/>'
        ),
        *(_element(mark) for mark in marks),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _element(mark: Mark) -> str:
    """A mark above its outline. They are two elements: not every program knows how to paint a stroke below a fill."""
    fill, around = _COLOURS[mark.ink]
    if isinstance(mark, Text):
        what = (
            f'x="{mark.x:.2f}" y="{mark.y + mark.size * _ASCENT:.2f}" font-size="{mark.size}" font-weight="bold"'
            f' font-family="{FONT_NAME}, Verdana, Arial, sans-serif" xml:space="preserve"'
        )
        text = escape(_printable(mark.text))
        edge = f'fill="{around}" stroke="{around}" stroke-width="{2 * outline(mark.size)}" stroke-linejoin="round"'
        return f'<g><text {what} {edge}>{text}</text><text {what} fill="{fill}">{text}</text></g>'
    edge_width = max(1, round(mark.height / 4))
    what = f'x="{mark.x:.2f}" y="{mark.y:.2f}" width="{mark.width:.2f}" height="{mark.height:.2f}"'
    edge = f'fill="{around}" stroke="{around}" stroke-width="{2 * edge_width}"'
    return f'<g><rect {what} {edge}/><rect {what} fill="{fill}"/></g>'


def _printable(text: str) -> str:
    """What XML can hold."""
    return "".join(letter for letter in text if letter.isprintable() and not "\ud800" <= letter <= "\udfff")
