"""How well local means are kept: the figure that every result carries, and what it can't tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.denoising.denoiser import Frames, Mask
from core.protocol.denoise import IntensityScale, Notice, Quality

BOX = 64
LIMIT = 4.0
_LEAST_SHARE = 0.25


@dataclass(frozen=True)
class FrameQuality:
    """The worst box of a frame: deviation in standard errors (0 without a box), how many boxes, what was masked.

    `left`: bright single pixels, and small groups of this frame only, that were not masked. `lines`: strength of the
    offsets of rows and columns that were taken out, electrons r.m.s.
    """

    worst: float
    boxes: int
    hot: int = 0
    not_finite: int = 0
    left: int = 0
    lines: float = 0.0


def local_mean_error(
    noisy: Frames, denoised: Frames, mask: Mask | None = None, pixel_variance: float | None = None
) -> tuple[float, int]:
    """Compare the means of boxes of about 64 px before and after.

    Parameters
    ----------
    noisy, denoised : float32 (H, W)
        Electrons a px.
    mask : bool (H, W), optional
        Pixels left out of both. A box with less than a quarter of its pixels left is left out too.
    pixel_variance : float, optional
        Noise variance of a pixel, in electrons squared; None: Poisson's, the box's own mean.

    Returns
    -------
    worst : float
        Largest deviation of a box's mean, in standard errors of the noisy one; 0 if there is no box.
    boxes : int
        How many boxes were compared.
    """
    rows, columns = _starts(noisy.shape[0]), _starts(noisy.shape[1])
    if mask is None:
        heights = np.diff([*rows, noisy.shape[0]])
        widths = np.diff([*columns, noisy.shape[1]])
        counts = np.outer(heights, widths).astype(np.float64)
        before, after = _sums(noisy, rows, columns), _sums(denoised, rows, columns)
        full = counts
    else:
        good = ~mask
        full = _sums(np.ones_like(noisy), rows, columns)
        counts = _sums(good.astype(np.float32), rows, columns)
        before = _sums(np.where(good, noisy, np.float32(0)), rows, columns)
        after = _sums(np.where(good, denoised, np.float32(0)), rows, columns)
    used = counts >= _LEAST_SHARE * full
    if not used.any():
        return 0.0, 0
    counts, before, after = counts[used], before[used], after[used]
    # Of a Poisson sum the variance is its mean. The larger of both means is taken, and at least one count a box:
    # an empty box of vacuum would otherwise have no error at all.
    variance = np.maximum(np.maximum(before, after), 1.0) if pixel_variance is None else counts * pixel_variance
    deviation = np.abs(after - before) / np.sqrt(np.maximum(variance, 1e-300))
    return float(deviation.max()), int(deviation.size)


def summary(frames: Iterable[tuple[int, FrameQuality]], scale: IntensityScale) -> Quality:
    """Return the figures of a whole result from those of its frames (index, figures)."""
    worst, worst_frame, boxes, hot, not_finite = 0.0, 0, 0, 0, 0
    for index, one in frames:
        boxes += one.boxes
        hot += one.hot
        not_finite += one.not_finite
        if one.worst > worst:
            worst, worst_frame = one.worst, index
    return Quality(
        worst_local_mean=worst,
        worst_local_mean_frame=worst_frame,
        boxes=boxes,
        hot_pixels=hot,
        caveats=_caveats(boxes, not_finite, scale),
    )


def verdict(quality: Quality, not_finite: int = 0, left: int = 0) -> tuple[Notice, ...]:
    """Return what the user is to be told: a warning above 4 standard errors, and which pixels were replaced."""
    out = []
    if quality.worst_local_mean > LIMIT:
        text = (
            f"In frame {quality.worst_local_mean_frame} the mean of a {BOX}-px box changed by "
            f"{quality.worst_local_mean:.1f} standard errors (chance alone gives about "
            f"{expected_worst(quality.boxes):.1f} among {quality.boxes} boxes): intensities there may be biased."
        )
        out.append(Notice(level="warning", code="local-mean", text=text))
    out.extend(of_pixels(quality.hot_pixels, left))
    if not_finite:
        text = (
            f"{not_finite} pixels held no number (NaN or infinite); the result there comes from their neighbours, and "
            "a frame without any number stays so."
        )
        out.append(Notice(level="warning", code="not-finite", text=text))
    return tuple(out)


def of_pixels(hot: int, left: int) -> tuple[Notice, ...]:
    """Tell how many pixels were replaced, and what stands as far out and was left; both counted in each frame."""
    out = []
    if hot:
        text = (
            f"{hot} hot pixels (hits, and pixels that are stuck, counted in each frame) were replaced by their "
            "neighbourhood; the result shows what the method makes of their surroundings."
        )
        out.append(Notice(level="info", code="hot-pixels", text=text))
    if left:
        text = (
            f"{left} times a single pixel, or a small group of pixels in one frame only, is far brighter than all "
            "around. Nothing proves it a defect, so it was left: what looks like an atom there in the result may be "
            "none. Compare with the movie; `quietbeam detector`, a dark reference and a mask of defects help."
        )
        out.append(Notice(level="warning", code="bright-left", text=text))
    return tuple(out)


def of_lines(strengths: Sequence[float]) -> tuple[Notice, ...]:
    """Tell in how many frames offsets of lines were taken out, and how strong they were (electrons r.m.s.)."""
    found = [one for one in strengths if one > 0]
    if not found:
        return ()
    text = (
        f"In {len(found)} of {len(strengths)} frames offsets that whole rows or columns share (up to {max(found):.2g} "
        "electrons r.m.s.) were subtracted before denoising. They stand in the residual, and `--no-lines` leaves them."
    )
    return (Notice(level="info", code="lines", text=text),)


def expected_worst(boxes: int) -> float:
    """Return the largest of `boxes` deviations that chance alone gives if every mean is kept (half of all runs)."""
    if boxes < 1:
        return 0.0
    # Solve erfc(z / sqrt 2) = ln 2 / boxes by bisection: no quantile function without scipy.stats.
    chance = min(1.0, math.log(2.0) / boxes)
    low, high = 0.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        if math.erfc(middle / math.sqrt(2.0)) > chance:
            low = middle
        else:
            high = middle
    return low


def _caveats(boxes: int, not_finite: int, scale: IntensityScale) -> tuple[str, ...]:
    if not boxes:
        return ("No box could be compared: there is no figure for this result.",)
    out = [
        f"The largest of {boxes} boxes of {BOX} px: chance alone gives about {expected_worst(boxes):.1f}.",
        "A kept local mean says that intensity was not moved about; it doesn't say that a detail is true.",
    ]
    if scale.source == "estimated":
        out.append("The standard error rests on a gain that was estimated from the noise.")
    if scale.source == "unknown":
        out.append("No gain is known: the standard error rests on the measured noise of the pixels, taken as white.")
    if not_finite:
        out.append(f"{not_finite} pixels that are not finite were left out.")
    return tuple(out)


def _starts(length: int) -> npt.NDArray[np.int64]:
    """First px of each box: boxes of 64 px or a little more, so that every px is in one."""
    boxes = max(1, length // BOX)
    return np.arange(boxes, dtype=np.int64) * length // boxes


def _sums(
    values: npt.NDArray[np.float32], rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Sum each box; float64 from the second step on, where the sums grow."""
    narrow = np.add.reduceat(values, columns, axis=1, dtype=np.float64)
    return np.asarray(np.add.reduceat(narrow, rows, axis=0))
