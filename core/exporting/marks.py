"""Where text and scale bar stand in a picture: worked out once, drawn as pixels or as vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from core.exporting.scale_bar import ScaleBar

Ink = Literal["light", "dark"]
Measure = Callable[[str, int], float]

LINE = 1.25
_SMALLEST, _LARGEST = 11, 200
_SMALLEST_CROWDED = 8
_PART_OF_SIDE = 28
# Lines may cover this part of a picture's height.
_MOST_HEIGHT = 0.62


@dataclass(frozen=True)
class Text:
    """One line; (x, y) is the upper left corner of its box, in px."""

    x: float
    y: float
    text: str
    size: int
    ink: Ink


@dataclass(frozen=True)
class Bar:
    """The scale bar: a filled rectangle, in px."""

    x: float
    y: float
    width: float
    height: float
    ink: Ink


Mark = Text | Bar


@dataclass(frozen=True)
class Box:
    """A part of the picture in px."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """How a panel is marked: size and place of its lines, and its scale bar."""

    panel: Box
    size: int
    most_lines: int
    lines_box: Box
    bar: Bar | None
    bar_text: Text | None
    bar_box: Box | None


def text_size(height: float, width: float) -> int:
    """Height of letters in px for a picture of this size: legible when it is shown small, and never huge."""
    return max(_SMALLEST, min(_LARGEST, round(min(height, width) / _PART_OF_SIDE)))


def lay_out(
    panel: Box, longest: Sequence[str], bar: ScaleBar | None, zoom: float, measure: Measure, inks: tuple[Ink, Ink]
) -> Layout:
    """Find the places.

    Parameters
    ----------
    panel : Box
        The picture, or one of two side by side.
    longest : sequence of str
        The lines of the frame in which they are longest.
    bar : ScaleBar or None
        In px of the movie.
    zoom : float
        Px of the picture a px of the movie.
    measure : callable
        Width of a text at a size, in px.
    inks : tuple
        Of the lines (upper left) and of the bar (lower right).
    """
    size = text_size(panel.height, panel.width)
    margin = max(3, round(size * 0.6))
    room = panel.width - 2 * margin
    # Crowded pictures get smaller letters, down to what can still be read.
    while size > _SMALLEST_CROWDED and (
        max((measure(line, size) for line in longest), default=0) > room
        or len(longest) * size * LINE > panel.height * _MOST_HEIGHT
    ):
        size -= 1
    most = max(1, int(panel.height * _MOST_HEIGHT / (size * LINE)))
    width = min(room, max((measure(line, size) for line in longest), default=0))
    lines_box = Box(panel.x + margin, panel.y + margin, width, min(most, len(longest)) * size * LINE)
    if bar is None:
        return Layout(panel, size, most, lines_box, None, None, None)
    thick = max(2, round(size / 4))
    length, text_width = bar.pixels * zoom, measure(bar.text, size)
    group = max(length, text_width)
    left = panel.x + panel.width - margin - group
    bottom = panel.y + panel.height - margin
    drawn = Bar(left + (group - length) / 2, bottom - thick, length, thick, inks[1])
    text = Text(left + (group - text_width) / 2, bottom - thick - size * LINE - thick / 2, bar.text, size, inks[1])
    return Layout(panel, size, most, lines_box, drawn, text, Box(left, text.y, group, bottom - text.y))


def marks_of(layout: Layout, lines: Sequence[str], ink: Ink, measure: Measure) -> list[Mark]:
    """The marks of one frame; a line that is too long is cut, and lines beyond the last that fits are left out."""
    room = layout.panel.width - 2 * (layout.lines_box.x - layout.panel.x)
    out: list[Mark] = []
    for number, line in enumerate(lines[: layout.most_lines]):
        y = layout.lines_box.y + number * layout.size * LINE
        out.append(Text(layout.lines_box.x, y, _cut(line, layout.size, room, measure), layout.size, ink))
    out += [mark for mark in (layout.bar, layout.bar_text) if mark is not None]
    return out


def _cut(line: str, size: int, room: float, measure: Measure) -> str:
    if measure(line, size) <= room:
        return line
    while line and measure(line + "…", size) > room:
        line = line[:-1]
    return line + "…"
