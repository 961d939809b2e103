"""Count thinning: a multinomial split of electron counts into independent Poisson looks at the same instant.

If y ~ Poisson(l), then (y_1 .. y_k) | y ~ Multinomial(y, p) are independent Poisson(p_j l): exact pairs and exact
references, without motion between them. Of data that are not Poisson the parts are not independent: their covariance
is p (1 - p) (variance - mean).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.noise.errors import NoiseError, noise_error


def thin(counts: npt.ArrayLike, fractions: Sequence[float], seed: int | Sequence[int]) -> list[npt.NDArray[np.int64]]:
    """Split whole counts of any shape into one part a fraction; the parts add up to `counts` exactly.

    Parameters
    ----------
    counts
        Whole numbers, none negative, as integers or floats.
    fractions
        Positive shares that add up to 1.
    seed
        The same seed (or numbers that make one, such as seed and frame) gives the same parts.

    Raises
    ------
    NoiseError
        Code ``not-counts``: fractions, negative or not finite values.
    ValueError
        The fractions are not positive, or don't add up to 1.
    """
    shares = np.asarray(fractions, dtype=np.float64)
    if len(shares) < 2 or np.any(shares <= 0) or abs(float(shares.sum()) - 1) > 1e-9:
        raise ValueError(f"thinning needs two or more positive fractions that add up to 1, not {list(fractions)}")
    rng = np.random.default_rng(seed)
    left = whole_counts(counts)
    rest = 1.0
    parts = []
    for share in shares[:-1]:
        part = rng.binomial(left, min(1.0, float(share) / rest))
        parts.append(part)
        left = left - part
        rest -= float(share)
    return [*parts, left]


def whole_counts(values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return values as int64 if they are whole numbers, none negative; raises NoiseError (``not-counts``)."""
    array = np.asarray(values)
    if array.dtype.kind not in "uif":
        raise _not_counts(f"they are of type {array.dtype}")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise _not_counts("some are not finite")
        if np.any(array != np.rint(array)):
            raise _not_counts("some are fractions")
        if array.size and float(array.max()) >= 2.0**53:
            raise _not_counts("some are too large to be exact")
    if array.size and array.min() < 0:
        raise _not_counts("some are negative")
    return array.astype(np.int64)


def _not_counts(why: str) -> NoiseError:
    return noise_error(
        "not-counts",
        f"These values are no electron counts: {why}.",
        None,
        "Thinning needs the unscaled frames of a counting detector.",
    )
