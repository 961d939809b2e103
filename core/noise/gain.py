"""A first estimate of gain and offset: noise variance against local mean.

For a counting detector behind a gain g and an offset o, var = g * (mean - o). Both are fitted to blocks of a few
frames. The noise is what a high-pass filter leaves (Immerkaer, "Fast noise variance estimation", Comput. Vis. Image
Underst. 64, 1996), so a smooth specimen hardly counts. Where noise is correlated between neighbouring pixels (a
detector with an MTF) this underestimates the gain, by up to ten times: `correlation` warns of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# Small blocks: the error of the line falls with the root of their number, not with their size.
_BLOCK = 8
_SKEWED = 0.9
_LOOKS = 2_000_000
_COUNTED = 0.05
_SMOOTH = 0.97
_WHITE = 0.2
_DARKEST, _SURE = 0.01, 4.0


@dataclass(frozen=True)
class GainEstimate:
    """A line through variance against mean.

    Attributes
    ----------
    gain, offset : float
        Stored units an electron, and the stored value of no electron: var = gain * (mean - offset).
    error : float
        Standard error of the gain, relative.
    counted : bool
        Whole numbers whose variance is their mean within 5 %: the data are electron counts as they are.
    correlation : float
        Correlation of the noise between neighbouring pixels; well above 0, the gain is underestimated.
    blocks : int
        How many blocks the line was fitted to.
    """

    gain: float
    offset: float
    error: float
    counted: bool
    correlation: float
    blocks: int


def estimate_gain(frames: Sequence[npt.NDArray[np.generic]], offset: float | None = None) -> GainEstimate | None:
    """Fit gain and offset to a few raw frames.

    Parameters
    ----------
    frames : sequence of (H, W)
        Raw frames as stored, any real dtype; pixels that are not finite are left out.
    offset : float, optional
        A known offset; the line then passes through it.

    Returns
    -------
    GainEstimate or None
        None where there is no noise to measure, or where variance does not grow with the mean.
    """
    thin = _thin(frames)
    means, variances = _all_blocks(thin, _BLOCK)
    if len(variances) and np.median(variances) < _SKEWED * variances.mean():
        # A block with hardly a count in it says little, and leaving out the odd ones would bias the line.
        means, variances = _all_blocks(thin, 2 * _BLOCK)
    if len(means) < 8 or _no_noise(means, variances):
        return None
    counted = offset in (None, 0.0) and _are_counts(thin, means, variances)
    correlation = float(np.median([_correlation(frame) for frame in thin]))
    if correlation > _SMOOTH:
        return None  # what the filter sees is the picture itself: no detector blurs its noise that far
    if counted:
        return GainEstimate(1.0, 0.0, 0.0, True, correlation, len(means))
    fit = _through_point(means, variances, offset) if offset is not None else _line(means, variances)
    if fit is None:
        return None
    gain, zero, error = fit
    return GainEstimate(gain, zero, error, False, correlation, len(means))


def black_level(frames: Sequence[npt.NDArray[np.generic]], gain: float) -> float | None:
    """Return the stored value of no electron that makes a known gain and the noise agree: mean - variance / gain.

    None where there is no noise to measure, or where it is correlated and so looks weaker than it is.
    """
    blocks = [_blocks(frame) for frame in _thin(frames)]
    means = np.concatenate([block[0] for block in blocks])
    variances = np.concatenate([block[1] for block in blocks])
    keep = _inliers(variances)
    means, variances = means[keep], variances[keep]
    if len(means) < 8 or _no_noise(means, variances):
        return None
    if float(np.median([_correlation(frame) for frame in frames])) > _WHITE:
        return None
    return float(np.median(means - variances / gain))


def is_below_the_darkest(level: float, frames: Sequence[npt.NDArray[np.generic]]) -> bool:
    """Whether a black level lies below the darkest hundredth of the blocks, but for their noise."""
    means, variances = _all_blocks(_thin(frames), _BLOCK)
    if not len(means):
        return True
    dark = means <= np.quantile(means, _DARKEST)
    error = float(np.sqrt(np.median(variances[dark]))) / _BLOCK
    return level <= float(means[dark].max()) + _SURE * error


def noise_variance(frame: npt.NDArray[np.generic]) -> float:
    """Return the typical variance of the pixel noise of a frame (H, W), in stored units squared; robust."""
    variances = _blocks(frame)[1]
    return float(np.median(variances)) if len(variances) else 0.0


def _thin(frames: Sequence[npt.NDArray[np.generic]]) -> list[npt.NDArray[np.generic]]:
    """Cut the middle out of very large frames: a few million pixels fix the line."""
    share = max(1, _LOOKS // max(1, len(frames)))
    out = []
    for frame in frames:
        height, width = frame.shape
        side = max(_BLOCK, int(share**0.5))
        top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
        out.append(frame[top : top + side, left : left + side])
    return out


def _all_blocks(frames: Sequence[npt.NDArray[np.generic]], side: int) -> tuple[Array, Array]:
    """Return means and noise variances of the blocks of all frames, those with a hot pixel left out."""
    blocks = [_blocks(frame, side) for frame in frames]
    means = np.concatenate([block[0] for block in blocks])
    variances = np.concatenate([block[1] for block in blocks])
    keep = _inliers(variances)
    return means[keep], variances[keep]


def _blocks(frame: npt.NDArray[np.generic], most: int = _BLOCK) -> tuple[Array, Array]:
    """Return mean and noise variance of each block; blocks with a pixel that is not finite are left out."""
    values = np.asarray(frame, dtype=np.float64)
    height, width = values.shape
    if min(height, width) < 3:
        return np.empty(0), np.empty(0)
    # The filter [1 -2 1] along both directions; 36 is the sum of its squares, so white noise keeps its variance.
    with np.errstate(invalid="ignore"):
        high = np.square(np.diff(np.diff(values, 2, axis=0), 2, axis=1)) / 36.0
    inner = values[1:-1, 1:-1]
    side = min(most, *inner.shape)
    rows, columns = inner.shape[0] // side, inner.shape[1] // side

    def mean(of: Array) -> Array:
        cut = of[: rows * side, : columns * side]
        return np.asarray(cut.reshape(rows, side, columns, side).mean(axis=(1, 3)).ravel())

    means, variances = mean(inner), mean(high)
    finite = np.isfinite(means) & np.isfinite(variances)
    return means[finite], variances[finite]


def _inliers(variances: Array) -> npt.NDArray[np.bool_]:
    """Leave out blocks with a hot pixel or a sharp edge: variances beyond all proportion."""
    if not len(variances):
        return np.zeros(0, dtype=np.bool_)
    middle = float(np.median(variances))
    spread = 1.4826 * float(np.median(np.abs(variances - middle)))
    return np.asarray(variances <= middle + 20 * max(spread, 0.05 * middle))


def _no_noise(means: Array, variances: Array) -> bool:
    """Whether what the filter leaves is rounding, or a picture without noise."""
    size = float(np.max(np.abs(means))) if len(means) else 0.0
    return bool(np.median(variances) <= (1e-6 * size) ** 2)


def _are_counts(frames: Sequence[npt.NDArray[np.generic]], means: Array, variances: Array) -> bool:
    """Whether these are whole numbers, never negative, whose variance is their mean: dark, bright and all over."""
    for frame in frames:
        if frame.dtype.kind == "u":
            continue
        finite = frame[np.isfinite(frame)]
        if np.any(finite < 0) or (frame.dtype.kind == "f" and np.any(finite != np.rint(finite))):
            return False
    low, high = np.quantile(means, [0.1, 0.9])
    whole = np.ones_like(means, dtype=np.bool_)
    # The ends are chosen by their noisy means, which draws their ratios apart a little: twice the tolerance.
    return all(
        abs(float(variances[part].sum() / max(means[part].sum(), 1e-12)) - 1)
        < factor * _tolerance(means[part], variances[part])
        for part, factor in ((means <= low, 2), (means >= high, 2), (whole, 1))
    )


def _tolerance(means: Array, variances: Array) -> float:
    """Return 5 %, or three standard errors of the ratio where the data are few (never more than 25 %)."""
    error = float(np.std(variances - means)) / max(float(means.mean()), 1e-12) / float(np.sqrt(len(means)))
    return min(max(_COUNTED, 3 * error), 0.25)


def _line(means: Array, variances: Array) -> tuple[float, float, float] | None:
    """Fit var = slope * mean + c by least squares, outlying blocks left out in three rounds."""
    keep = np.ones(len(means), dtype=np.bool_)
    slope = intercept = error = 0.0
    for _ in range(3):
        x, y = means[keep], variances[keep]
        spread = x - x.mean()
        power = float((spread**2).sum())
        if len(x) < 8 or power <= 1e-12 * float((x**2).sum()):
            return None
        slope = float((spread * y).sum() / power)
        intercept = float(y.mean() - slope * x.mean())
        residual = variances - (slope * means + intercept)
        scatter = float(np.std(residual[keep]))
        error = scatter / power**0.5
        keep = np.abs(residual) <= 4 * max(scatter, 1e-300)
    # No block can be darker than no electron at all.
    if slope <= 0 or error > 0.25 * slope or -intercept / slope > float(np.quantile(means, 0.05)):
        return None
    return slope, -intercept / slope, error / slope


def _through_point(means: Array, variances: Array, offset: float) -> tuple[float, float, float] | None:
    """Fit var = slope * (mean - offset)."""
    above = means - offset
    good = above > 0
    if np.count_nonzero(good) < 8:
        return None
    ratios = variances[good].sum() / above[good].sum()
    if not ratios > 0:
        return None
    error = float(np.std(variances[good] - ratios * above[good]) / ratios / above[good].mean() / good.sum() ** 0.5)
    return float(ratios), offset, error


def _correlation(frame: npt.NDArray[np.generic]) -> float:
    """Correlation of the noise between neighbours, from the high-pass at one and at two pixels' distance.

    For white noise the filter stretched to every second pixel leaves the same variance; correlated noise leaves more.
    The lower half of the blocks speaks: structure only adds.
    """
    values = np.asarray(frame, dtype=np.float64)
    if min(values.shape) < 4 * _BLOCK:
        return 0.0
    near = _blocks(values)[1]
    parts = [_blocks(values[i::2, j::2])[1] for i in (0, 1) for j in (0, 1)]
    far = np.concatenate(parts)
    if not len(near) or not len(far):
        return 0.0
    wide = float(np.quantile(far, 0.25))
    return 0.0 if wide <= 0 else float(np.clip(1 - float(np.quantile(near, 0.25)) / wide, 0.0, 1.0))
