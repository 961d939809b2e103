"""How many atoms each column holds: a Gaussian mixture of the intensities, as many terms as ICL asks for.

Intensities of columns with n atoms scatter about a value that grows with n (HAADF). A mixture of Gaussians of one
common width is fitted for each number of terms; the integrated classification likelihood (ICL: the likelihood, less a
penalty for parameters, less the entropy of the classification; Biernacki et al. 2000) chooses the number, as Van Aert
et al. (Phys. Rev. B 87, 2013) do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

Array = npt.NDArray[np.float64]

_ROUNDS = 400
_CHANGE = 1e-7
_MOST = 30
_FEWEST_A_TERM = 3
# So many more terms without a better criterion, and no more are tried.
_PATIENCE = 9


@dataclass(frozen=True)
class AtomCounts:
    """Columns sorted into numbers of atoms.

    Attributes
    ----------
    atoms : int (n,)
        Atoms of each column.
    certainty : (n,)
        Probability of the term that a column was given to, by the mixture.
    locations : (k,)
        Intensity of each term, rising, and `numbers` (k,) its number of atoms.
    width : float
        Standard deviation of a term.
    unit : float
        Intensity an atom.
    icl : (m,)
        The criterion for 1 .. m terms, as far as it was worth it; the smallest was taken. Hardly any difference means
        that it can't be told.
    """

    atoms: npt.NDArray[np.int64]
    certainty: Array
    locations: Array
    numbers: npt.NDArray[np.int64]
    width: float
    unit: float
    icl: Array


def count_atoms(intensities: npt.ArrayLike, most: int = 15, unit: float | None = None) -> AtomCounts:
    """Sort columns by their number of atoms.

    Parameters
    ----------
    intensities : (n,)
        Volumes of the fitted columns, of one element and away from the border.
    most
        Most terms that are tried.
    unit
        Intensity an atom, where it is known; None: the typical distance between terms. The number of the first term is
        its intensity in units, so thicknesses may be missing below it; with one term alone it is 1.

    Raises
    ------
    ValueError
        No intensities, or some that are not finite.
    """
    values = np.asarray(intensities, float).ravel()
    if not len(values) or not np.isfinite(values).all():
        raise ValueError("atoms are counted from finite intensities of at least one column")
    highest = max(1, min(most, _MOST, len(values) // _FEWEST_A_TERM))
    fits: list[_Mixture] = []
    for terms in range(1, highest + 1):
        fits.append(_best(values, terms))
        if terms > _PATIENCE and int(np.argmin([one.icl for one in fits])) < terms - _PATIENCE:
            break
    icl = np.array([one.icl for one in fits])
    best = fits[int(np.argmin(icl))]
    order = np.argsort(best.locations)
    locations = best.locations[order]
    gaps = np.diff(locations)
    each = unit if unit is not None else float(np.median(gaps)) if len(gaps) else float(locations[0])
    numbers = np.maximum(np.rint(locations / each), 1).astype(np.int64) if each > 0 else np.ones(1, dtype=np.int64)
    shares = best.shares[:, order]
    which = shares.argmax(axis=1)
    return AtomCounts(numbers[which], shares.max(axis=1), locations, numbers, best.width, each, icl)


@dataclass(frozen=True)
class _Mixture:
    locations: Array
    width: float
    shares: Array
    likelihood: float
    icl: float


def _best(values: Array, terms: int) -> _Mixture:
    """The likeliest of a few starts: terms by quantile, and evenly over the range."""
    span = float(np.ptp(values))
    starts = [np.quantile(values, (np.arange(terms) + 0.5) / terms)]
    if terms > 1 and span > 0:
        low, high = np.quantile(values, [0.01, 0.99])
        starts += [np.linspace(low, high, terms), np.linspace(values.min(), values.max(), terms)]
    return max((_fit(values, start) for start in starts), key=lambda one: one.likelihood)


def _fit(values: Array, start: Array) -> _Mixture:
    """Expectation and maximisation from these locations, with one width for all terms."""
    count, terms = len(values), len(start)
    # No width below what equal intensities would need: a term on a single value must not win by vanishing.
    floor = max(1e-3 * float(values.std()), 1e-9 * float(np.abs(values).max()), 1e-300)
    locations, width = start.astype(float), max(float(values.std()) / terms, floor)
    weights = np.full(terms, 1 / terms)
    before = -np.inf
    shares, likelihood = np.ones((count, terms)), -np.inf
    for _ in range(_ROUNDS):
        log_terms = np.log(weights + 1e-300) - 0.5 * ((values[:, None] - locations) / width) ** 2
        log_terms -= np.log(width * np.sqrt(2 * np.pi))
        total = logsumexp(log_terms, axis=1)
        likelihood = float(total.sum())
        shares = np.exp(log_terms - total[:, None])
        if likelihood - before < _CHANGE * abs(likelihood):
            break
        before = likelihood
        mass = shares.sum(axis=0) + 1e-12
        weights = mass / count
        locations = (shares * values[:, None]).sum(axis=0) / mass
        width = max(float(np.sqrt((shares * (values[:, None] - locations) ** 2).sum() / count)), floor)
    entropy = -float(np.sum(shares * np.log(np.maximum(shares, 1e-300))))
    # Locations, weights but one, and the width.
    icl = -2 * likelihood + 2 * terms * float(np.log(count)) + 2 * entropy
    return _Mixture(locations, width, shares, likelihood, icl)
