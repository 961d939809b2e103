"""Small helpers around a camera's pixels: what references say of them, stand-ins, and pictures to follow a drift by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from core.noise.defects import DEAD, HOT
from core.noise.references import Correction
from core.noise.temporal import Image, Statistics

# In a dark reference: robust deviations; in a gain reference: shares of its median.
_DARK_FAR = 12.0
_DARK_MOST = 0.01
_DULL = 0.2
_SIDE = 2
_SMALL, _CROP = 512, 1024
_TRIMMED = 0.001

Places = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def defects_of_references(correction: Correction) -> tuple[npt.NDArray[np.uint8] | None, Correction]:
    """Find hot pixels in a dark reference and dead ones in a gain reference: there is no specimen in either.

    Returns
    -------
    mask : uint8 (H, W) or None
        None without any reference.
    correction : Correction
        Ready to be applied: its gain has mean 1, and those pixels are marked as bad.
    """
    some = correction.dark if correction.dark is not None else correction.gain
    if some is None:
        return None, correction
    mask = np.zeros(some.shape, dtype=np.uint8)
    if correction.dark is not None:
        around = _median_around(correction.dark)
        excess = correction.dark - around
        spread = 1.4826 * float(np.median(np.abs(excess)))
        hot = excess > _DARK_FAR * max(spread, 1e-6 * float(np.abs(correction.dark).max()), 1e-30)
        # So many are no defects, but a picture.
        if np.count_nonzero(hot) <= _DARK_MOST * hot.size:
            mask[hot] |= HOT
    gain = correction.gain
    if gain is not None:
        dull = gain < _DULL * float(np.median(gain))
        mask[dull] |= DEAD
        good = ~dull
        level = float(gain.mean(dtype=np.float64, where=good)) if good.any() else 1.0
        gain = np.where(good, gain / np.float32(level), np.float32(1)).astype(np.float32)
    return mask, replace(correction, gain=gain, bad=mask > 0)


class Fill:
    """Gives bad pixels, and hits, the median of the good ones around."""

    def __init__(self, bad: npt.NDArray[np.bool_]) -> None:
        self._bad = bad

    def __call__(self, frame: Image, hits: Places | None = None) -> Image:
        """Return a new frame without NaN, bad pixels and hits."""
        out = frame.astype(np.float32)
        out[self._bad] = np.nan
        if hits is not None:
            out[hits] = np.nan
        rows, columns = np.nonzero(~np.isfinite(out))
        if not len(rows):
            return out
        padded = np.pad(out, _SIDE, constant_values=np.nan)
        steps = np.arange(2 * _SIDE + 1)
        near = padded[(rows[:, None] + steps)[:, :, None], (columns[:, None] + steps)[:, None, :]]
        near = near.reshape(len(rows), -1)
        level = float(np.nanmedian(out)) if len(rows) < out.size else 0.0
        some = np.isfinite(near).any(axis=1)
        values = np.full(len(rows), level, dtype=np.float32)
        values[some] = np.nanmedian(near[some], axis=1)
        out[rows, columns] = values
        return out


def small_picture(frame: Image, mean: Image) -> tuple[Image, int]:
    """Return the middle of a frame, at most 512 px a side, and how many px went into one of its.

    Outliers are cut to the range of the mean, so that hot pixels don't speak for a picture at rest.
    """
    low, high = (float(v) for v in np.quantile(mean[::4, ::4], [_TRIMMED, 1 - _TRIMMED]))
    room = 4 * max(high - low, 1e-30)
    height, width = frame.shape
    top, left = max(0, (height - _CROP) // 2), max(0, (width - _CROP) // 2)
    part = frame[top : top + _CROP, left : left + _CROP]
    part = np.where(np.isfinite(part), np.clip(part, low - room, high + room), np.float32((low + high) / 2))
    factor = 2 if max(part.shape) > _SMALL else 1
    rows, columns = part.shape[0] // factor, part.shape[1] // factor
    cut = part[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    return np.asarray(cut.mean(axis=(1, 3)), dtype=np.float32), factor


def standing_out(statistics: Statistics) -> npt.NDArray[np.bool_]:
    """Pixels whose mean differs from its surroundings more than noise explains, hot ones say; none if they are many.

    Not to be taken for defects: a sharp specimen at rest has them too. They are only kept from speaking for a picture
    that doesn't move.
    """
    mean = statistics.mean
    if statistics.line is None:
        return np.zeros(mean.shape, dtype=np.bool_)
    around = _median_around(mean)
    error = np.sqrt(statistics.line.variance(around) / statistics.frames)
    out = np.asarray(np.abs(mean - around) > _DARK_FAR * error)
    return out if np.count_nonzero(out) <= _DARK_MOST * out.size else np.zeros_like(out)


def _median_around(image: Image) -> Image:
    """Median of 5 x 5 px; a hundred times faster than scipy's on a 4k image."""
    import cv2

    return np.asarray(cv2.medianBlur(np.ascontiguousarray(image, dtype=np.float32), 2 * _SIDE + 1), dtype=np.float32)
