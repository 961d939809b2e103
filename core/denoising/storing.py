"""Results as whole numbers: a linear scale chosen from the input before the start, and what it could not hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from core.denoising.context import RunContext
from core.denoising.denoiser import Frames
from core.denoising.source import RequestMovie
from core.protocol.denoise import Notice, StoredScale

_LEVELS = 65535
_LOOKS = 16
# What is denoised has a smaller range than its noisy input; the rest is for frames that were not looked at.
_ROOM = 1.5
_STRIP = 256


def choose_stored(movie: RequestMovie, context: RunContext) -> StoredScale:
    """Choose how 16 bits hold the values of a result: from the range of up to 16 cleaned input frames, with room.

    The step is a power of two and zero a whole number, so that float32 holds every value that is read back exactly.
    """
    low, high = math.inf, -math.inf
    for frame in np.unique(np.linspace(0, movie.frames - 1, _LOOKS).astype(int)):
        context.check()
        values = movie.line.stored(movie.read(int(frame)).electrons.copy())
        movie.take_checksum(int(frame))
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    if not high > low:
        # A flat input: whole numbers around it.
        low, high = low - 1.0, low + 1.0
    return stored_scale(low, high)


def stored_scale(low: float, high: float) -> StoredScale:
    """Return the scale for values from `low` to `high`, with room to both sides."""
    step = 2.0 ** math.ceil(math.log2(_ROOM * (high - low) / _LEVELS))
    # Beyond this, float32 itself has no smaller steps.
    step = max(step, 2.0 ** math.ceil(math.log2(max(abs(low), abs(high), 1e-30) / 2**24)))
    middle = round((low + high) / 2 / step)
    return StoredScale(origin=float((_LEVELS + 1) // 2 - middle), scale=step)


def encode(values: Frames, scale: StoredScale) -> tuple[npt.NDArray[np.uint16], int]:
    """Return values (H, W) as stored, and how many of them did not fit or are no number (stored as the lowest)."""
    out = np.empty(values.shape, dtype=np.uint16)
    clipped = 0
    for top in range(0, values.shape[0], _STRIP):
        rows = np.s_[top : top + _STRIP]
        whole = np.rint(values[rows].astype(np.float64) / scale.scale + scale.origin)
        fits = (whole >= 0) & (whole <= _LEVELS)
        missed = fits.size - int(np.count_nonzero(fits))
        if missed:
            clipped += missed
            whole = np.clip(np.nan_to_num(whole, nan=0.0), 0, _LEVELS)
        out[rows] = whole
    return out, clipped


def decode(stored: npt.NDArray[Any], scale: StoredScale | None) -> npt.NDArray[np.float64]:
    """Return the values of stored pixels, float64."""
    values = stored.astype(np.float64)
    return values if scale is None else (values - scale.origin) * scale.scale


def clipping(clipped: int, pixels: int) -> tuple[Notice, ...]:
    """Say how many pixels the stored integers could not hold; nothing if all fitted."""
    if not clipped:
        return ()
    text = (
        f"{clipped} of {pixels} pixels did not fit into the 16-bit range that was chosen from the input (or held no "
        "number) and were stored as its nearest end. Write float32 if they matter."
    )
    return (Notice(level="warning", code="clipped", text=text),)
