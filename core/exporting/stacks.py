"""A movie as a stack for other programs: which type holds it, and the line that makes whole numbers of values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.denoising.context import RunContext
from core.exporting.chosen import Chosen
from core.movies.calibration import Scale
from core.movies.writers import storable
from core.protocol.denoise_parts import Notice

_LEVELS = 65535
# Whole numbers up to this size are exact in float32.
_EXACT = 1 << 24

Encode = Callable[[NDArray[Any]], tuple[NDArray[Any], int]]


@dataclass(frozen=True)
class Storage:
    """How frames are stored: `encode` gives a frame in `dtype`, and how many of its pixels did not fit."""

    dtype: np.dtype[Any]
    scale: Scale
    encode: Encode
    notices: tuple[Notice, ...] = ()


def choose_storage(
    chosen: Chosen, dtype: str, output: str, context: RunContext, told: Callable[[int], None]
) -> Storage:
    """Choose how an export stores its pixels.

    Parameters
    ----------
    chosen : Chosen
        What is exported.
    dtype : str
        ``same``, ``float32`` or ``uint16``.
    output : str
        Its name says the format.
    told : callable
        Takes how many frames were looked at, where all of them must be looked at first.
    """
    source, scale = chosen.dtype, chosen.scale
    if dtype == "uint16" and source != np.uint16:
        return _as_uint16(chosen, context, told)
    if dtype == "float32":
        return _as_float32(chosen)
    if storable(output, source):
        return Storage(source, scale, lambda frame: (frame, 0))
    if source.kind == "b":
        target = np.dtype(np.uint8) if storable(output, "uint8") else np.dtype(np.uint16)
        return Storage(target, scale, lambda frame: (frame.astype(target), 0))
    if source == np.uint8:
        # MRC knows no unsigned bytes that every program reads alike.
        return Storage(np.dtype(np.uint16), scale, lambda frame: (frame.astype(np.uint16), 0))
    if source.kind == "i" and source.itemsize <= 2:
        # As ImageJ stores signed numbers: shifted, with a line that says so.
        return _linear(scale, 1 << (8 * source.itemsize - 1), 1.0, ())
    return _plain_float(chosen)


def _plain_float(chosen: Chosen) -> Storage:
    source = chosen.dtype
    notices = []
    if source.itemsize > 4 or (source.kind in "iu" and source.itemsize >= 4):
        text = f"The format holds no {source.name}: the numbers are written as float32, exact up to {_EXACT}."
        notices.append(Notice(level="info", code="float32", text=text))
    return Storage(np.dtype(np.float32), chosen.scale, lambda frame: (_float32(frame), 0), tuple(notices))


def _float32(frame: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return frame.astype(np.float32)


def _as_float32(chosen: Chosen) -> Storage:
    """Values as they are meant: a line in the file is applied."""
    line = chosen.scale.line
    if chosen.dtype.kind == "f" or line is None or line == (0.0, 1.0):
        return _plain_float(chosen)
    origin, slope = line
    known = chosen.scale
    scale = replace(
        known,
        counts_per_electron=None if known.counts_per_electron is None else known.counts_per_electron * abs(slope),
        black_level=None if known.black_level is None else (known.black_level - origin) * slope,
        intensity_origin=None,
        intensity_scale=None,
    )
    unit = f" ({known.intensity_unit})" if known.intensity_unit else ""
    text = f"The file's own calibration of intensity was applied: value{unit} = (stored - {origin:g}) x {slope:g}."
    notice = Notice(level="info", code="calibrated", text=text)

    def encode(frame: NDArray[Any]) -> tuple[NDArray[Any], int]:
        return ((frame.astype(np.float64) - origin) * slope).astype(np.float32), 0

    return Storage(np.dtype(np.float32), scale, encode, (notice,))


def _as_uint16(chosen: Chosen, context: RunContext, told: Callable[[int], None]) -> Storage:
    """All frames are looked at for their range, so that nothing is clipped."""
    low, high = math.inf, -math.inf
    for number, frame in enumerate(chosen.ahead(context)):
        finite = frame[np.isfinite(frame)] if frame.dtype.kind == "f" else frame
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        told(number + 1)
    if not low <= high:
        low = high = 0.0
    origin, step = uint16_line(low, high, chosen.dtype.kind != "f")
    notices = []
    if step != 1.0:
        text = f"Values from {low:.6g} to {high:.6g} are stored in steps of {step:.3g}."
        notices.append(Notice(level="info", code="steps", text=text))
    return _linear(chosen.scale, origin, step, tuple(notices))


def uint16_line(low: float, high: float, whole: bool) -> tuple[int, float]:
    """Origin and step that hold values from `low` to `high`: value = (stored - origin) * step.

    The step is a power of two and zero a whole number, so that float32 holds every value that is read back exactly;
    whole numbers are kept as they are where they fit.
    """
    if whole and high - low <= _LEVELS:
        return (0 if low >= 0 and high <= _LEVELS else -int(low)), 1.0
    # Two levels are lost to rounding at the ends.
    step = 2.0 ** math.ceil(
        math.log2(max((high - low) / (_LEVELS - 2), abs(low) / 2**53, abs(high) / 2**53, 2.0**-140))
    )
    return -math.floor(low / step), step


def _linear(scale: Scale, origin: int, step: float, notices: tuple[Notice, ...]) -> Storage:
    def encode(frame: NDArray[Any]) -> tuple[NDArray[Any], int]:
        whole = np.rint(frame.astype(np.float64) / step + origin)
        fits = (whole >= 0) & (whole <= _LEVELS)
        lost = int(fits.size - np.count_nonzero(fits))
        if lost:
            whole = np.clip(np.nan_to_num(whole, nan=0.0), 0, _LEVELS)
        return whole.astype(np.uint16), lost

    line = scale if (origin, step) == (0, 1.0) else scale.scaled(float(origin), step)
    return Storage(np.dtype(np.uint16), line, encode, notices)
