"""Do the raw counts scatter about the result as Poisson's law says? By the randomised PIT, QUALITY measure 6.

For counts y and the result l, u = F(y - 1; l) + v P(y; l) with v uniform in [0, 1) is uniform if y ~ Poisson(l) (F the
distribution function, P the probability; Czado, Gneiting and Held, Biometrics 65, 2009). Unlike a chi-square it holds
at any dose, far below one electron a px too. Sums of counts are counts, so squares of 1 to 8 px a side are looked at:
what is missing of a lattice shows in few px, faint shading in many.

What is reported is the largest distance between the distribution of u and the uniform one (Kolmogorov's), an effect
size: with millions of px every p-value is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import pdtr

from core.measures.clips import Clip
from core.noise.poisson import check_counts
from core.protocol.score import Measure

Array = npt.NDArray[np.float64]

SIDES = (1, 2, 4, 8)
_BINS = 512
_SEED = 6
# 98.75 % of Kolmogorov's distances of n uniform numbers lie below this over sqrt(n): all of the four in 19 of 20.
_CHANCE = 1.59
# Stand-ins of hot px are no whole numbers; more of them than this share, and these are no counts.
_WHOLE, _NEAR = 0.98, 1e-3


@dataclass(frozen=True)
class CountFit:
    """How far counts are from Poisson's law about a result.

    Attributes
    ----------
    distance : float
        The largest over the sizes of squares, 0 to 1.
    chance : float
        What the truth itself exceeds in 1 of 20 cases, for squares of that size.
    side : int
        Which squares these are, px.
    spread : float
        Variance of u over that of a uniform number: below 1 the counts follow the result too closely.
    """

    distance: float
    chance: float
    side: int
    spread: float


def randomised_pit(counts: npt.ArrayLike, expected: npt.ArrayLike, rng: np.random.Generator) -> Array:
    """Return u = F(y - 1; l) + v P(y; l) of whole counts y and what is expected l (electrons, any shape alike).

    Uniform on [0, 1] if y ~ Poisson(l). Where less than nothing is expected, l is 0.
    """
    y, mean = np.asarray(counts, np.float64), np.maximum(np.asarray(expected, np.float64), 0.0)
    below = np.where(y > 0, pdtr(np.maximum(y - 1, 0), mean), 0.0)
    return np.asarray(below + rng.random(y.shape) * (pdtr(y, mean) - below))


def count_fit(clips: Sequence[Clip]) -> CountFit:
    """Hold whole counts (`raw`) against `result`, both in electrons; seeded: the same frames give the same figure."""
    fits = [_fit(clips, side) for side in SIDES if side <= min(clips[0].raw.shape[1:])]
    return max(fits, key=lambda one: one.distance - one.chance)


def _fit(clips: Sequence[Clip], side: int) -> CountFit:
    rng = np.random.default_rng([_SEED, side])
    histogram = np.zeros(_BINS)
    for clip in clips:
        for raw, result in zip(clip.raw, clip.result, strict=True):
            u = randomised_pit(_sums(np.rint(raw), side), _sums(result, side), rng)
            histogram += np.histogram(u, _BINS, (0.0, 1.0))[0]
    total = float(histogram.sum())
    edges, centres = np.arange(1, _BINS + 1) / _BINS, (np.arange(_BINS) + 0.5) / _BINS
    distance = float(np.abs(np.cumsum(histogram) / total - edges).max())
    mean = float(histogram @ centres) / total
    spread = 12 * float(histogram @ np.square(centres - mean)) / total
    return CountFit(distance, _CHANCE / total**0.5, side, spread)


def _sums(values: npt.ArrayLike, side: int) -> Array:
    frame = np.asarray(values, np.float64)
    rows, columns = (length // side for length in frame.shape)
    cut = frame[: rows * side, : columns * side]
    return np.asarray(cut.reshape(rows, side, columns, side).sum(axis=(1, 3)))


def count_measures(clips: Sequence[Clip]) -> dict[str, Measure]:
    """The measure with its caveat; without a number where the raw frames hold no counts."""
    why = _why_no_counts(clips)
    if why:
        return {"count_fit": Measure(value=None, caveat=f"Needs counted electrons, which these are not: {why}.")}
    fit = count_fit(clips)
    squares = "single px" if fit.side == 1 else f"squares of {fit.side} px a side"
    caveat = (
        "How far the raw counts are from Poisson's law about the result, 0 to 1 (randomised PIT, Kolmogorov's distance,"
        f" the worst of squares of 1 to 8 px: here {squares}); the truth stays below {fit.chance:.2g} in 19 of 20."
    )
    if fit.distance > fit.chance:
        kind = "follow the result too closely: noise was kept" if fit.spread < 1 else "are off the result too often"
        caveat += f" The counts {kind}" + ("." if fit.spread < 1 else ": signal was lost, added or shifted.")
    return {"count_fit": Measure(value=fit.distance, caveat=caveat)}


def _why_no_counts(clips: Sequence[Clip]) -> str:
    """Say why raw frames can't be counts, as a clause; nothing if they can."""
    raw = np.concatenate([clip.raw for clip in clips])
    whole = np.rint(raw)
    if float(np.mean(np.abs(raw - whole) < _NEAR)) < _WHOLE or float(whole.min()) < 0:
        return "they are no whole numbers"
    return check_counts(whole).why
