"""What a denoiser does to the atoms: found or not, how far off, strain and atom counts, before and after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.measures.atoms.fit import FittedColumns
from core.measures.atoms.match import Matched, Quantities, match, quantities
from core.measures.atoms.strain import lattice_vectors, strain
from core.measures.atoms.surface import match_surfaces

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AtomReport:
    """Columns of one image against the truth.

    Attributes
    ----------
    columns : Matched
        All columns well inside the frame: `precision`, `recall`, `f1`, `jaccard`.
    surface : Matched
        Those on the particle's outer boundary.
    quantities : Quantities or None
        Positions and intensities of the matched ones; None if there is none. Intensities are relative to their common
        scale.
    strain_bias, strain_spread : float or None
        Mean and root mean square of the difference in strain (all three components), in percent; None without a
        lattice.
    """

    columns: Matched
    surface: Matched
    quantities: Quantities | None
    strain_bias: float | None
    strain_spread: float | None


def compare_atoms(
    true: Array,
    found: FittedColumns,
    shape: tuple[int, int],
    pixel_nm: float,
    radius_nm: float = 0.05,
    true_intensity: Array | None = None,
    margin_px: float = 0.0,
    alpha_px: float | None = None,
) -> AtomReport:
    """Hold fitted columns against true ones.

    Parameters
    ----------
    true : (n, 2)
        Rows and columns in px.
    shape
        Of the frame in px.
    radius_nm
        How far apart two columns may lie to be the same.
    true_intensity : (n,), optional
        In any unit.
    margin_px
        Columns this near to the border are not judged: a true one there may lack its half.
    alpha_px
        Radius of the alpha shape; None: by the truth's spacing.
    """
    matched = match(true, found.positions, radius_nm / pixel_nm)
    inside = _within(true, shape, margin_px)
    found_inside = _within(found.positions, shape, margin_px)
    good = inside[matched.true] & found_inside[matched.found]
    pairs = Matched(
        matched.true[good],
        matched.found[good],
        int(np.sum(inside)) - int(np.sum(inside[matched.true])),
        int(np.sum(found_inside)) - int(np.sum(found_inside[matched.found])),
    )
    volumes = np.abs(found.volumes)
    told = quantities(true, found.positions, pairs, pixel_nm, true_intensity, volumes, own_scale=True)
    surface = match_surfaces(true, found.positions, radius_nm / pixel_nm, shape, margin_px, alpha_px)
    bias, spread = _strain_difference(true, found.positions, pairs)
    return AtomReport(pairs, surface, told, bias, spread)


def _within(places: Array, shape: tuple[int, int], margin: float) -> npt.NDArray[np.bool_]:
    return np.asarray(np.all((places >= margin) & (places <= np.array(shape) - 1 - margin), axis=1))


def _strain_difference(true: Array, found: Array, pairs: Matched) -> tuple[float | None, float | None]:
    vectors = lattice_vectors(true)
    if not len(vectors) or not len(pairs.true):
        return None, None
    one, two = strain(true, vectors), strain(found, vectors)
    off = np.stack(
        [getattr(two, name)[pairs.found] - getattr(one, name)[pairs.true] for name in ("yy", "xx", "yx")], axis=1
    )
    off = off[np.isfinite(off).all(axis=1)]
    if not len(off):
        return None, None
    return 100 * float(off.mean()), 100 * float(np.sqrt(np.mean(off**2)))
