"""Does a result keep the raw movie's intensities? If it has other units, by which line it is brought back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.measures.clips import Clip

Array = npt.NDArray[np.float64]

_BLOCK = 16
# Means of a good result agree with the raw movie's far better than this.
KEPT = 0.05
# Beyond this it has other units: it was normalised, or converted.
_OTHER_UNITS = (0.8, 1.25)
_LEAST_CORRELATION = 0.3


@dataclass(frozen=True)
class Intensity:
    """How a result's intensities go with those of the raw movie.

    Attributes
    ----------
    ratio : float
        Mean of the result over the mean of the raw frames; NaN where these have none.
    scale, offset : float
        raw is about scale x result + offset; 1 and 0 where the units are the raw movie's.
    rescaled : bool
        The result is known to have other units on purpose: 0 to 1, or 8 bits.
    clipped : float
        Share of the result's pixels that have its highest value, where the raw frames are brighter.
    """

    ratio: float
    scale: float = 1.0
    offset: float = 0.0
    rescaled: bool = False
    clipped: float = 0.0

    @property
    def other_units(self) -> bool:
        """Whether a line was needed."""
        return (self.scale, self.offset) != (1.0, 0.0)


def match(clips: Sequence[Clip], rescaled: bool = False) -> tuple[list[Clip], Intensity]:
    """Compare means, and bring a result of other units to the raw movie's by a line through the means of blocks.

    `rescaled` says that it has other units on purpose.
    """
    lines, intensity = _matched(clips)
    rescaled = rescaled or _from_0_to_1(clips)
    return lines, replace(intensity, rescaled=rescaled, clipped=_clipped(lines))


def _from_0_to_1(clips: Sequence[Clip]) -> bool:
    """Whether the result was normalised, and the raw frames weren't."""
    top, low = max(float(one.result.max()) for one in clips), min(float(one.result.min()) for one in clips)
    return low >= 0 and 0.9 < top <= 1 and max(float(one.raw.max()) for one in clips) > 2


def _clipped(clips: Sequence[Clip]) -> float:
    """Share of pixels with the highest value, if the raw frames are brighter there; 0 for a constant."""
    top, low = max(float(one.result.max()) for one in clips), min(float(one.result.min()) for one in clips)
    cut = [one.result == np.float32(top) for one in clips]
    count = sum(int(np.count_nonzero(one)) for one in cut)
    if top == low or not count:
        return 0.0
    raw = sum(float(clip.raw[one].sum(dtype=np.float64)) for clip, one in zip(clips, cut, strict=True)) / count
    # An even background may well be the brightest there is.
    return count / sum(one.size for one in cut) if raw > top + KEPT * abs(top) else 0.0


def _matched(clips: Sequence[Clip]) -> tuple[list[Clip], Intensity]:
    raw = float(np.mean([clip.raw.mean(dtype=np.float64) for clip in clips]))
    result = float(np.mean([clip.result.mean(dtype=np.float64) for clip in clips]))
    ratio = result / raw if raw else float("nan")
    if _OTHER_UNITS[0] <= ratio <= _OTHER_UNITS[1]:
        return list(clips), Intensity(ratio)
    ours = np.concatenate([_block_means(clip.raw) for clip in clips])
    theirs = np.concatenate([_block_means(clip.result) for clip in clips])
    spread = theirs - theirs.mean()
    power = float(np.square(spread).sum())
    together = float((spread * (ours - ours.mean())).sum())
    size = np.sqrt(power * float(np.square(ours - ours.mean()).sum()))
    if size > 0 and together > _LEAST_CORRELATION * size:
        scale = together / power
        offset = float(ours.mean() - scale * theirs.mean())
    elif result:
        scale, offset = raw / result, 0.0
    else:
        return list(clips), Intensity(ratio)
    lines = [replace(clip, result=(clip.result * np.float32(scale) + np.float32(offset))) for clip in clips]
    return lines, Intensity(ratio, scale, offset)


def _block_means(frames: npt.NDArray[np.float32]) -> Array:
    """Means over blocks of 16 x 16 px and all frames (n,)."""
    mean = frames.mean(axis=0, dtype=np.float64)
    side = min(_BLOCK, *mean.shape)
    rows, columns = (length // side for length in mean.shape)
    cut = mean[: rows * side, : columns * side]
    return np.asarray(cut.reshape(rows, side, columns, side).mean(axis=(1, 3)).ravel())
