"""A scale bar of a round length."""

from __future__ import annotations

import math
from dataclasses import dataclass

# At most this part of the width; the next round length below it is at least two fifths of that.
_WIDEST = 1 / 3
_STEPS = (1, 2, 5)
_NM = ((1e6, "mm"), (1e3, "µm"), (1.0, "nm"), (1e-3, "pm"))


@dataclass(frozen=True)
class ScaleBar:
    """`pixels` wide in px of the movie; `text` says how much that is."""

    pixels: float
    text: str


def scale_bar(pixel_size: float, unit: str, width: int) -> ScaleBar | None:
    """The bar for a picture.

    Parameters
    ----------
    pixel_size : float
        Width of a pixel in `unit`.
    unit : str
        ``nm`` or ``1/nm``.
    width : int
        Of the picture in px.

    Returns
    -------
    ScaleBar or None
        1, 2 or 5 times a power of ten, 13 to 33 % of the width; None where the picture is too narrow for one.
    """
    most = pixel_size * width * _WIDEST
    if not math.isfinite(most) or most <= 0:
        return None
    power = math.floor(math.log10(most))
    # A little room for rounding: 5 is no larger than 4.9999999.
    fitting = [step * 10.0**power for step in (*_STEPS, 10) if step * 10.0**power <= most * (1 + 1e-9)]
    length = max(fitting, default=most)
    pixels = length / pixel_size
    return ScaleBar(pixels, length_text(length, unit)) if pixels >= 2 else None


def length_text(length: float, unit: str) -> str:
    """A length with the unit that gives the plainest number: ``500 pm``, ``2 nm``, ``1 µm``, ``5 nm⁻¹``."""
    if unit != "nm":
        return f"{_plain(length)} nm⁻¹"
    factor, name = next((pair for pair in _NM if length >= pair[0] * 0.0999), _NM[-1])
    if name in {"mm", "µm"} and length < factor * 0.999:
        factor, name = next(pair for pair in _NM if pair[0] < factor)
    return f"{_plain(length / factor)} {name}"


def _plain(number: float) -> str:
    """A number without a power of ten where it can be helped."""
    rounded = float(f"{number:.4g}")
    return f"{rounded:.10f}".rstrip("0").rstrip(".") if 1e-4 <= rounded < 1e7 else f"{rounded:g}"
