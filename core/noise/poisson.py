"""Are these whole numbers electron counts? Only then may they be split into independent parts.

Integers are not always counts: coincidence loss makes them scatter less than Poisson's law says, gains and sums of
scaled frames more, and a blurred (or blurring) detector correlates neighbours. Each shows in variance / mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.noise.errors import NoiseError, noise_error
from core.noise.thinning import whole_counts

Array = npt.NDArray[np.float64]

_TOLERANCE = 0.05
# So many standard errors from 1, at least, before a ratio is refused: there are some 14 of them.
_SURE = 3.2
# A ratio known no better than this says nothing.
_LARGEST_ERROR = 0.05
_BLOCK = 16
_BINS = 6
# Px that are summed along both axes for the second look.
_SUM = 4
_LEAST_BLOCKS = 24
_MOST_PIXELS = 8_000_000
# The filter [1 -2 1] along both axes: the sum of its squares, so that white noise keeps its variance.
_POWER = 36.0
# Relative variance of the mean square of filtered normal noise, times its number of px: twice the sum of the squared
# correlations that the filter makes.
_CHI = 7.56


@dataclass(frozen=True)
class CountCheck:
    """How far frames are from Poisson's law.

    Attributes
    ----------
    poisson : bool
        Whether variance / mean is within 5 % of 1 over the range of intensities.
    ratio : float
        The variance over the mean that lies farthest from 1 (of a sixth of the area, by brightness).
    error : float
        Its standard error.
    why : str
        What is wrong, as a clause; empty if nothing is.
    """

    poisson: bool
    ratio: float
    error: float
    why: str = ""


def check_counts(frames: npt.ArrayLike) -> CountCheck:
    """Measure blockwise variance / mean of frames (T, H, W) or (H, W), dark to bright.

    The noise is what high-passes along both axes leave, and from two frames on in their differences: so neither the
    specimen nor its slow motion counts as noise. Single px are looked at, and sums of 4 x 4.
    """
    try:
        counts = whole_counts(_few(np.asarray(frames)))
    except NoiseError as refused:
        return CountCheck(False, float("nan"), float("nan"), refused.info.what.rstrip(".").partition(": ")[2])
    if min(counts.shape[1:]) < 3 * _BLOCK:
        return CountCheck(False, float("nan"), float("nan"), "the frames are too small to tell")
    if not counts.any():
        return CountCheck(False, float("nan"), float("nan"), "there are no electrons in them")
    single, summed = (_farthest(*_blocks(*_summed(counts.astype(np.float64), by))) for by in (1, _SUM))
    # Sums see what lost coincidences do: they anti-correlate neighbours, and leave the finest waves as they are. A
    # specimen adds to their scatter, so only too little of it speaks.
    worst = summed if summed.ratio < 1 and summed.beyond > max(single.beyond, _TOLERANCE) else single
    if worst.beyond > _TOLERANCE:
        kind = "less" if worst.ratio < 1 else "more"
        why = f"they scatter {kind} than counts do (variance / mean {worst.ratio:.2f})"
        return CountCheck(False, worst.ratio, worst.error, why)
    if worst.error > _LARGEST_ERROR:
        return CountCheck(False, worst.ratio, worst.error, "there are too few electrons to tell")
    return CountCheck(True, worst.ratio, worst.error)


@dataclass(frozen=True)
class _Farthest:
    """The ratio farthest from 1, its error, and how far from 1 it is for sure."""

    ratio: float
    error: float

    @property
    def beyond(self) -> float:
        return abs(self.ratio - 1) - max(self.error, _SURE * self.error - _TOLERANCE)


def _farthest(means: Array, variances: Array, pixels: int) -> _Farthest:
    """Look over all blocks and sixths of them by brightness; `pixels` is how many independent values a block holds."""
    worst: _Farthest | None = None
    order = np.argsort(means, kind="stable")
    for part in (order, *np.array_split(order, min(_BINS, max(1, len(means) // _LEAST_BLOCKS)))):
        mean = float(means[part].sum())
        if mean <= 0:
            continue
        ratio = float(variances[part].sum()) / mean
        scatter = float(np.std(variances[part] - ratio * means[part], ddof=1)) if len(part) > 1 else 0.0
        # A variance that came out small by chance shows too small a scatter, and so do few electrons: what theory
        # says of normal noise and of counting are floors.
        floor = max((_CHI / (pixels * len(part))) ** 0.5, (mean * pixels) ** -0.5)
        one = _Farthest(ratio, max(scatter * len(part) ** 0.5 / mean, floor))
        if worst is None or one.beyond > worst.beyond:
            worst = one
    return worst or _Farthest(1.0, float("inf"))


def _summed(counts: Array, by: int) -> tuple[Array, int]:
    """Sums over by x by px, and the side of a block of them that covers as much as one of 16 px."""
    rows, columns = (length // by for length in counts.shape[1:])
    cut = counts[:, : rows * by, : columns * by]
    return cut.reshape(len(counts), rows, by, columns, by).sum(axis=(2, 4)), _BLOCK // by


def require_counts(frames: npt.ArrayLike, path: str | None = None) -> CountCheck:
    """Return the check, or raise NoiseError (``not-counts``) with the number."""
    check = check_counts(frames)
    if not check.poisson:
        raise noise_error(
            "not-counts",
            f"These frames can't be split: {check.why}.",
            path,
            "Splitting needs the unscaled frames of a counting detector; pairs of frames serve for others.",
        )
    return check


def _few(frames: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return pairs of neighbouring frames, evenly spread, of no more px than are needed."""
    if frames.ndim == 2:
        return frames[None]
    most = max(2, _MOST_PIXELS // max(1, frames.shape[1] * frames.shape[2]))
    if len(frames) <= most:
        return frames
    firsts = np.linspace(0, len(frames) - 2, most // 2).astype(int)
    return np.asarray(frames[np.unique(np.concatenate([firsts, firsts + 1]))])


def _blocks(counts: Array, side: int) -> tuple[Array, Array, int]:
    """Return mean and noise variance of each block of every frame, or of every pair of frames, and a block's px."""
    if len(counts) > 1:
        last = len(counts) // 2 * 2
        values = (counts[1:last:2] - counts[:last:2]) / np.sqrt(2.0)
        light = (counts[1:last:2] + counts[:last:2]) / 2
    else:
        values = light = counts
    noise = np.square(np.diff(np.diff(values, 2, axis=1), 2, axis=2)) / _POWER
    # The variance of the filter at a px comes from its nine neighbours, weighted alike.
    weight = np.array([1.0, 4.0, 1.0]) / 6.0
    light = weight[0] * light[:, :-2] + weight[1] * light[:, 1:-1] + weight[2] * light[:, 2:]
    light = weight[0] * light[:, :, :-2] + weight[1] * light[:, :, 1:-1] + weight[2] * light[:, :, 2:]
    rows, columns = (n // side for n in noise.shape[1:])

    def mean(of: Array) -> Array:
        cut = of[:, : rows * side, : columns * side]
        return np.asarray(cut.reshape(len(of), rows, side, columns, side).mean(axis=(2, 4)).ravel())

    return mean(light), mean(noise), side**2
