"""Units as files spell them, in the canonical form: nm for images, 1/nm for diffraction, s for time.

What is not surely understood is unknown (None), never 1.0.
"""

from __future__ import annotations

import math
import re

_LENGTH_NM = {
    "pm": 1e-3,
    "picometer": 1e-3,
    "a": 0.1,
    "å": 0.1,
    "ang": 0.1,
    "angstrom": 0.1,
    "ångström": 0.1,
    "nm": 1.0,
    "nanometer": 1.0,
    "um": 1e3,
    "micron": 1e3,
    "microns": 1e3,
    "micrometer": 1e3,
    "mm": 1e6,
    "millimeter": 1e6,
    "cm": 1e7,
    "m": 1e9,
    "meter": 1e9,
}
_TIME_S = {
    "ns": 1e-9,
    "us": 1e-6,
    "nanosecond": 1e-9,
    "microsecond": 1e-6,
    "ms": 1e-3,
    "msec": 1e-3,
    "millisecond": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "hour": 3600.0,
}
_ENERGY = {"ev", "kev", "mev"}


def plain(unit: str) -> str:
    r"""A unit in lower case with every spelling of the micro sign as ``u`` and no blanks.

    TIFF files write the micro sign escaped (``\u00B5m``), so that is undone too.
    """
    text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found.group(1), 16)), unit)
    text = text.replace("\u00b5", "u").replace("\u03bc", "u").replace("\u212b", "å").replace("\x00", "")
    return re.sub(r"\s+", "", text).lower()


def is_energy(unit: str) -> bool:
    """Whether an axis in this unit is an energy: its data are spectra, not frames."""
    return plain(unit) in _ENERGY


def seconds(value: float, unit: str) -> float | None:
    """A step in time in s; None if the unit is no time or the step is not positive and finite."""
    factor = _TIME_S.get(plain(unit))
    if factor is None or not math.isfinite(value) or value <= 0:
        return None
    return value * factor


def length(value: float, unit: str) -> tuple[float, str] | None:
    """A pixel's size in canonical form.

    Parameters
    ----------
    value : float
        Size in `unit`.
    unit : str
        As the file spells it: ``nm``, ``µm``, ``A``, ``1/nm``, ``nm^-1`` ...

    Returns
    -------
    tuple of float and str, or None
        The size and ``nm`` or ``1/nm``; None if unknown.
    """
    if not math.isfinite(value) or value <= 0:
        return None
    text = plain(unit)
    if text in _LENGTH_NM:
        return value * _LENGTH_NM[text], "nm"
    inverse = re.fullmatch(r"1/\(?(\D+?)\)?|(\D+?)\^?\(?-1\)?", text)
    base = (inverse.group(1) or inverse.group(2)) if inverse else None
    if base in _LENGTH_NM:
        return value / _LENGTH_NM[base], "1/nm"
    return None


def pixel(rows: tuple[float, str], columns: tuple[float, str]) -> tuple[tuple[float, float] | None, str | None]:
    """`pixel_size` and `pixel_unit` of a `MovieMeta` from the steps along y and x; both None if one is unknown."""
    along_y, along_x = length(*rows), length(*columns)
    if along_y is None or along_x is None or along_y[1] != along_x[1]:
        return None, None
    return (along_y[0], along_x[0]), along_x[1]
