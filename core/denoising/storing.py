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
# What is denoised is finer than the noise of its input by a factor of ten at most; steps below that do no harm.
_FINE = 0.1
_LEAST_ELECTRONS = 0.01


def choose_stored(movie: RequestMovie, context: RunContext) -> tuple[StoredScale, tuple[Notice, ...]]:
    """Choose how 16 bits hold the values of a result: from the range of up to 16 cleaned input frames, with room.

    The step is a power of two and zero a whole number, so that float32 holds every value that is read back exactly.
    Where one bright spot makes the steps so large that faint parts suffer, a notice says so.
    """
    low, high, faint = math.inf, -math.inf, math.inf
    for frame in np.unique(np.linspace(0, movie.frames - 1, _LOOKS).astype(int)):
        context.check()
        electrons = movie.read(int(frame)).electrons
        movie.take_checksum(int(frame))
        faint = min(faint, float(np.median(electrons)))
        values = movie.line.stored(electrons.copy())
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    if not high > low:
        # A flat input: whole numbers around it.
        low, high = low - 1.0, low + 1.0
    scale = stored_scale(low, high)
    noise = movie.line.gain * math.sqrt(max(faint, _LEAST_ELECTRONS))
    return scale, _coarse(scale.scale, noise)


def _coarse(step: float, noise: float) -> tuple[Notice, ...]:
    if step <= _FINE * noise:
        return ()
    text = (
        f"16 bits over this movie's range make steps of {step:.3g}, {step / noise:.2g} of the noise of a pixel in its "
        "fainter half: write float32 if faint detail matters."
    )
    return (Notice(level="warning", code="coarse-steps", text=text),)


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
