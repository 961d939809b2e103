"""Frames as grey pictures: contrast, averaging, two movies side by side, and where their marks stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.denoising.context import RunContext
from core.exporting.captions import Captions
from core.exporting.chosen import Chosen
from core.exporting.lettering import text_width
from core.exporting.marks import Box, Ink, Layout, Mark, lay_out, marks_of
from core.exporting.scale_bar import ScaleBar, scale_bar
from core.views import area_mean, display_range, fill_nonfinite

Grey = NDArray[np.uint8]

# Frames that are looked at for the contrast and for how light the picture is under the marks.
_LOOKS = 12
_WHITE = 255
_LIGHT = 140


@dataclass(frozen=True)
class Panel:
    """One movie in the picture. `levels` are the values shown black and white; `shade` its mean picture in grey."""

    chosen: Chosen
    levels: tuple[float, float]
    label: str
    captions: Captions | None
    bar: ScaleBar | None
    shade: Grey

    def grey(self, frame: NDArray[Any], step: int) -> Grey:
        """A frame as it is shown, `step` x `step` px averaged into one."""
        return to_grey(frame, self.levels, step)

    def lines(self, place: int) -> list[str]:
        """What stands in chosen frame number `place`."""
        found = [] if self.captions is None else self.captions.lines(self.chosen.frames[place])
        return [self.label, *found] if self.label else found


def to_grey(frame: NDArray[Any], levels: tuple[float, float], step: int) -> Grey:
    """Values between the levels as 0 to 255."""
    filled, _ = fill_nonfinite(frame)
    means = area_mean(filled, step)
    low, high = levels
    with np.errstate(invalid="ignore", over="ignore"):
        means -= np.float32(low)
        means *= np.float32(255.0 / (high - low))
        np.clip(means, 0, 255, out=means)
    return np.rint(np.nan_to_num(means)).astype(np.uint8)


def make_panel(
    chosen: Chosen, levels: tuple[float, float] | None, label: str, captions: Captions | None, bar: bool, step: int
) -> Panel:
    """Look at a few frames, evenly spread, for the contrast and the shade of the picture."""
    count = len(chosen.frames)
    places = sorted({round(part * (count - 1) / max(1, _LOOKS - 1)) for part in range(_LOOKS)})
    looks = [area_mean(fill_nonfinite(chosen.read(place))[0], step) for place in places]
    if levels is None:
        levels = display_range(np.concatenate([look[np.isfinite(look)] for look in looks]))
    shade = np.mean([to_grey(look, levels, 1) for look in looks], axis=0).astype(np.uint8)
    found = None
    meta = chosen.meta
    if bar and meta.pixel_size is not None and meta.pixel_unit is not None:
        found = scale_bar(meta.pixel_size[1], meta.pixel_unit, chosen.shape[2])
    return Panel(chosen, levels, label, captions, found, shade)


class Composer:
    """Puts panels side by side and says where their marks stand: the same in every frame of a film.

    Parameters
    ----------
    panels : sequence of Panel
        One, or two with equally many frames.
    step : int
        Pixels averaged into one.
    even : bool
        Pad the picture to even sides, as codecs of films want it.
    """

    def __init__(self, panels: Sequence[Panel], step: int, even: bool = False) -> None:
        self.panels = tuple(panels)
        self.step = step
        sizes = [(-(-panel.chosen.shape[1] // step), -(-panel.chosen.shape[2] // step)) for panel in panels]
        self._gap = 0 if len(panels) == 1 else max(2, round(sizes[0][1] / 64))
        self._left = [0, sizes[0][1] + self._gap][: len(panels)]
        self._sizes = sizes
        height = max(size[0] for size in sizes)
        width = sum(size[1] for size in sizes) + self._gap
        self.height, self.width = (height + height % 2, width + width % 2) if even else (height, width)
        self._inks: list[Ink] = []
        self._layouts: list[Layout] = []
        for panel, left, size in zip(self.panels, self._left, sizes, strict=True):
            self._inks.append("light")
            self._layouts.append(self._lay_out(panel, left, size))

    def _lay_out(self, panel: Panel, left: int, size: tuple[int, int]) -> Layout:
        box = Box(left, 0, size[1], size[0])
        count = len(panel.chosen.frames)
        # The longest lines stand in the first or the last frame, or in that of the largest number between.
        samples = [panel.lines(place) for place in sorted({0, count // 3, count // 2, 2 * count // 3, count - 1})]
        longest = [max(column, key=len) for column in zip(*samples, strict=True)]
        zoom = 1 / self.step
        first = lay_out(box, longest, panel.bar, zoom, text_width, ("light", "light"))
        inks = (_ink(panel.shade, first.lines_box, left), _ink(panel.shade, first.bar_box, left))
        self._inks[-1] = inks[0]
        return lay_out(box, longest, panel.bar, zoom, text_width, inks)

    def dropped_lines(self) -> int:
        """How many lines do not fit into the picture."""
        return max(
            max(0, len(panel.lines(0)) - layout.most_lines)
            for panel, layout in zip(self.panels, self._layouts, strict=True)
        )

    def marks(self, place: int) -> list[Mark]:
        """Text and scale bar of chosen frame number `place`."""
        out: list[Mark] = []
        for panel, layout, ink in zip(self.panels, self._layouts, self._inks, strict=True):
            out += marks_of(layout, panel.lines(place), ink, text_width)
        return out

    def picture(self, frames: Sequence[NDArray[Any]]) -> Grey:
        """The frames of all panels as one picture, without marks."""
        canvas = np.full((self.height, self.width), _WHITE, np.uint8)
        for panel, left, size, frame in zip(self.panels, self._left, self._sizes, frames, strict=True):
            canvas[: size[0], left : left + size[1]] = panel.grey(frame, self.step)
        last = self._left[-1] + self._sizes[-1][1]
        # The line and column that make the sides even repeat their neighbours.
        canvas[:, last:] = canvas[:, last - 1 : last]
        lowest = max(size[0] for size in self._sizes)
        canvas[lowest:] = canvas[lowest - 1 : lowest]
        return canvas

    def pictures(self, context: RunContext) -> Iterator[Grey]:
        """All pictures in order, without marks."""
        streams = [panel.chosen.ahead(context) for panel in self.panels]
        try:
            for frames in zip(*streams, strict=True):
                yield self.picture(frames)
        finally:
            for stream in streams:
                stream.close()


def _ink(shade: Grey, box: Box | None, left: float) -> Ink:
    """Light on dark, dark on light, as the picture is where the marks stand."""
    if box is None or box.width <= 0 or box.height <= 0:
        return "light"
    rows = slice(max(0, int(box.y)), int(box.y + box.height) + 1)
    columns = slice(max(0, int(box.x - left)), int(box.x - left + box.width) + 1)
    part = shade[rows, columns]
    return "dark" if part.size and part.mean() > _LIGHT else "light"
