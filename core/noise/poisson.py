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
# A ratio known no better than this says nothing.
_LARGEST_ERROR = 0.05
_BLOCK = 16
_BINS = 6
_LEAST_BLOCKS = 24
_MOST_PIXELS = 8_000_000
# The filter [1 -2 1] along both axes: the sum of its squares, so that white noise keeps its variance.
_POWER = 36.0


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
    specimen nor its slow motion counts as noise.
    """
    try:
        counts = whole_counts(_few(np.asarray(frames)))
    except NoiseError as refused:
        return CountCheck(False, float("nan"), float("nan"), refused.info.what.rstrip(".").partition(": ")[2])
    if min(counts.shape[1:]) < 3 * _BLOCK:
        return CountCheck(False, float("nan"), float("nan"), "the frames are too small to tell")
    means, variances = _blocks(counts.astype(np.float64))
    if means.sum() <= 0:
        return CountCheck(False, float("nan"), float("nan"), "there are no electrons in them")
    worst, its_error, beyond = 1.0, 0.0, -np.inf
    for part in np.array_split(np.argsort(means, kind="stable"), min(_BINS, max(1, len(means) // _LEAST_BLOCKS))):
        mean = float(means[part].sum())
        if mean <= 0:
            continue
        ratio = float(variances[part].sum()) / mean
        scatter = float(np.std(variances[part] - ratio * means[part], ddof=1))
        # Where hardly an electron fell, the scatter that is seen is too small: counting's own is a floor.
        error = max(scatter * len(part) ** 0.5, (mean / _BLOCK**2) ** 0.5) / mean
        if abs(ratio - 1) - 2 * error > beyond:
            worst, its_error, beyond = ratio, error, abs(ratio - 1) - 2 * error
    if beyond > _TOLERANCE:
        kind = "less" if worst < 1 else "more"
        return CountCheck(False, worst, its_error, f"they scatter {kind} than counts do (variance / mean {worst:.2f})")
    if its_error > _LARGEST_ERROR:
        return CountCheck(False, worst, its_error, "there are too few electrons to tell")
    return CountCheck(True, worst, its_error)


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


def _blocks(counts: Array) -> tuple[Array, Array]:
    """Return mean and noise variance of each block of every frame, or of every pair of frames."""
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
    rows, columns = (n // _BLOCK for n in noise.shape[1:])

    def mean(of: Array) -> Array:
        cut = of[:, : rows * _BLOCK, : columns * _BLOCK]
        return np.asarray(cut.reshape(len(of), rows, _BLOCK, columns, _BLOCK).mean(axis=(2, 4)).ravel())

    return mean(light), mean(noise)
