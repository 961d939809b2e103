"""The error of a method on counted frames, by count thinning: denoise one half of the electrons, judge by the other.

It measures the method at half the dose: the result of all electrons is better than this says, and two methods may
change places between the doses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.measures.umse import ErrorEstimate, ErrorSums, band_product, hidden_power, signal_band, squared_errors
from core.noise.thinning import thin, whole_counts

Frames = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ThinnedError:
    """What was found.

    Attributes
    ----------
    error : ErrorEstimate
        In electrons squared a px at the full dose.
    results : tuple of float32 (T, H, W)
        What the method made of each half, scaled to the full dose.
    """

    error: ErrorEstimate
    results: tuple[Frames, ...]


def thinned_error(
    denoise: Callable[[Frames], Frames],
    counts: npt.ArrayLike,
    splits: int = 4,
    seed: int = 0,
    band: float | None = None,
) -> ThinnedError:
    """Estimate the mean squared error of a method, averaged over both halves of each split.

    In the end all electrons serve as references, where a single split uses half of them. The interval: with the noise
    of all electrons v, and of a split d, the looks are v + 2 d and v - 2 d, and the error that a linear method S makes
    of them meets them again. So the variance of the estimate over n splits is a sum over px and frequencies of
    2 l^2 [(1 - 2 S)^2 + (1 + 2 S)^2 / n]; tr S is measured by the answer to what the halves differ in.

    Parameters
    ----------
    denoise
        Electrons (T, H, W) in, electrons out.
    counts
        (T, H, W) Poisson counts; see `core.noise.poisson.require_counts`.
    band
        Of the signal; measured on the counts if not given.

    Raises
    ------
    NoiseError
        The values are no counts.
    ValueError
        No split is asked for.
    """
    if splits < 1:
        raise ValueError(f"at least one split is needed, not {splits}")
    whole = whole_counts(counts)
    electrons = whole.astype(np.float64)
    if band is None:
        band = signal_band(electrons, electrons)
    results: list[Frames] = []
    sums = np.zeros(5)
    for split in range(splits):
        halves = thin(whole, (0.5, 0.5), (seed, split))
        for mine, other in (halves, halves[::-1]):
            result = 2 * np.asarray(denoise(mine.astype(np.float32)), np.float32)
            found = squared_errors(result, 2.0 * other, 4.0 * other, band, 4.0 * mine)
            sums[:3] += (found.error, found.noise_spread, found.error_spread)
            results.append(result)
        unlike = results[-2] - results[-1]
        sums[3] += 2 * band_product(unlike, (halves[0] - halves[1]).astype(np.float32), band)
        sums[4] += 8 * float(np.sum(np.square(unlike, dtype=np.float64) * electrons))
    error, alone, met, answer, noisy = (float(one) / (2 * splits) for one in sums)
    bright = float(np.square(electrons).sum() - electrons.sum()) / max(float(electrons.sum()), 1.0)
    shared = 4 * max(bright, 0.0) * max(answer, 0.0) * (1 - 1 / splits)
    # Where the noise meets what every result lacks, the splits cancel.
    lacking = max(met - noisy, 0.0)
    both = max(alone / 4 + (met - lacking) / 2, 0.0) * (1 + 1 / splits) + lacking / 2
    # What is shared makes the interval narrower; never by more than half of the variance, for methods aren't linear.
    average = ErrorSums(error, max(both - shared, both / 2), 0.0)
    hidden = hidden_power(electrons, electrons, band)
    return ThinnedError(average.estimate(whole.size, band, hidden), tuple(results))
