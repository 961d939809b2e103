"""Found columns beside true ones: what was found, what was missed, what was invented, and how far off they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Matched:
    """Pairs of true and found columns, each at most once.

    Attributes
    ----------
    true, found : int (pairs,)
        Indices of the two columns of each pair.
    missed, invented : int
        True columns without a found one, and found ones without a true one.
    """

    true: Index
    found: Index
    missed: int
    invented: int

    @property
    def precision(self) -> float:
        """Share of the found columns that are true; 1 if none was found."""
        return _share(len(self.true), self.invented)

    @property
    def recall(self) -> float:
        """Share of the true columns that were found; 1 if there is none."""
        return _share(len(self.true), self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN)."""
        return _share(2 * len(self.true), self.missed + self.invented)

    @property
    def jaccard(self) -> float:
        """Shared columns over all columns: TP / (TP + FP + FN)."""
        return _share(len(self.true), self.missed + self.invented)


def match(true: npt.ArrayLike, found: npt.ArrayLike, radius: float) -> Matched:
    """Pair columns that lie within `radius` px of each other: as many as can be, then the nearest.

    Parameters
    ----------
    true, found : (n, 2), (m, 2)
        Rows and columns in px.
    """
    a, b = (np.asarray(one, float).reshape(-1, 2) for one in (true, found))
    if not len(a) or not len(b):
        none = np.zeros(0, dtype=np.int64)
        return Matched(none, none, len(a), len(b))
    near = cKDTree(a).query_ball_point(b, radius)
    cols = np.repeat(np.arange(len(b)), [len(one) for one in near])
    rows = np.concatenate([np.asarray(one, dtype=np.int64) for one in near])
    pairs: list[tuple[int, int]] = []
    if len(rows):
        # Only columns that are linked by some pair compete: each such group is assigned on its own.
        links = coo_array((np.ones(len(rows)), (rows, cols + len(a))), shape=(len(a) + len(b),) * 2)
        _, group = connected_components(links, directed=False)
        for label in np.unique(group[rows]):
            mine = np.flatnonzero(group[: len(a)] == label)
            theirs = np.flatnonzero(group[len(a) :] == label)
            far = np.linalg.norm(a[mine][:, None] - b[theirs][None], axis=-1)
            # A pair too far apart costs more than all near ones together: it is taken only where nothing else is left.
            cost = np.where(far <= radius, far, radius * (1 + min(len(mine), len(theirs))))
            pairs += [
                (int(mine[i]), int(theirs[j]))
                for i, j in zip(*linear_sum_assignment(cost), strict=True)
                if far[i, j] <= radius
            ]
    pairs.sort()
    first = np.array([p[0] for p in pairs], dtype=np.int64)
    second = np.array([p[1] for p in pairs], dtype=np.int64)
    return Matched(first, second, len(a) - len(pairs), len(b) - len(pairs))


@dataclass(frozen=True)
class Quantities:
    """How far found columns are off, over matched pairs.

    Attributes
    ----------
    columns : int
        Pairs.
    bias_pm : (2,)
        Mean of found minus true position along rows and columns: a common shift.
    spread_pm : float
        Root mean square distance along one axis after the common shift is taken off.
    median_pm, worst_pm : float
        Of the distances between found and true position, the common shift included.
    intensity_bias, intensity_spread : float or None
        Median of found over true intensity minus 1, and the robust relative spread of the ratio about it, in percent;
        None without true intensities.
    """

    columns: int
    bias_pm: tuple[float, float]
    spread_pm: float
    median_pm: float
    worst_pm: float
    intensity_bias: float | None = None
    intensity_spread: float | None = None


def quantities(
    true: Array,
    found: Array,
    matched: Matched,
    pixel_nm: float,
    true_intensity: Array | None = None,
    found_intensity: Array | None = None,
    own_scale: bool = False,
) -> Quantities | None:
    """Compare positions (n, 2) in px and intensities (n,) of matched columns; None without a pair.

    `own_scale`: the intensities have units of their own (numbers of atoms, say): the median ratio is set to 1, so that
    only the spread tells.
    """
    if not len(matched.true):
        return None
    off = (found[matched.found] - true[matched.true]) * pixel_nm * 1000
    bias = off.mean(axis=0)
    distance = np.hypot(off[:, 0], off[:, 1])
    louder = wider = None
    if true_intensity is not None and found_intensity is not None:
        ratio = found_intensity[matched.found] / true_intensity[matched.true]
        middle = float(np.median(ratio))
        louder = 0.0 if own_scale else 100 * (middle - 1)
        wider = 100 * 1.4826 * float(np.median(np.abs(ratio - middle))) / max(abs(middle), 1e-300)
    return Quantities(
        len(distance),
        (float(bias[0]), float(bias[1])),
        float(np.sqrt(np.mean(np.square(off - bias)))),
        float(np.median(distance)),
        float(distance.max()),
        louder,
        wider,
    )


def _share(good: int, bad: int) -> float:
    return good / (good + bad) if good + bad else 1.0
