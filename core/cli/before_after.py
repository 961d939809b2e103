"""A picture of a frame before and after, both with the same contrast, which it states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from core.movies import open_movie
from core.views import area_mean, display_range, fill_nonfinite, fit_step

_SIDE = 640
_GAP = 12
_LINE = 26


def write_before_after(source: Path, result: Path, picture: Path, frame: int | None = None) -> str:
    """Write a PNG of one frame (the middle one by default) of a movie and of its result, side by side.

    Returns
    -------
    str
        What is shown: frame, averaging and contrast.
    """
    with open_movie(source) as movie:
        index = movie.meta.frames // 2 if frame is None else frame
        before, _ = fill_nonfinite(movie.frame(index))
    with open_movie(result) as movie:
        after, _ = fill_nonfinite(movie.frame(index))
    step = fit_step(before.shape[0], before.shape[1], _SIDE)
    left, right = area_mean(before, step), area_mean(after, step)
    # The noisy frame's own percentiles would show the clean one flat, the clean one's would clip the noise: both are
    # shown by the range of the clean one, widened to the noise a little.
    low, high = display_range(right)
    margin = 0.5 * (high - low)
    low, high = low - margin, high + margin
    words = f"frame {index}; both sides show {low:.4g} (black) to {high:.4g} (white)"
    if step > 1:
        words += f"; {step} x {step} px averaged into one"
    _paint(left, right, low, high, words).save(picture)
    return words


def _paint(
    left: npt.NDArray[np.float32], right: npt.NDArray[np.float32], low: float, high: float, words: str
) -> Image.Image:
    # Small samples are enlarged by whole pixels: nothing is made up between them.
    zoom = max(1, _SIDE // max(left.shape))
    height, width = left.shape[0] * zoom, left.shape[1] * zoom
    canvas = Image.new("L", (2 * width + _GAP, height + 2 * _LINE), 255)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=15)
    for place, (name, image) in enumerate((("before", left), ("after", right))):
        grey = (np.clip((image - low) / (high - low), 0, 1) * 255).round().astype(np.uint8)
        x = place * (width + _GAP)
        canvas.paste(Image.fromarray(grey.repeat(zoom, 0).repeat(zoom, 1)), (x, _LINE))
        draw.text((x + 4, 4), name, fill=0, font=font)
    draw.text((4, height + _LINE + 4), words, fill=0, font=font)
    return canvas
