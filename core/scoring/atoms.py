"""Surface atoms that were found, and atoms and lattices that were invented where there are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from core.denoising.context import RunContext
from core.measures.atoms.match import Matched, match
from core.measures.atoms.surface import alpha_radius, match_surfaces, surface_columns
from core.measures.fidelity import VACUUM
from core.scoring.false_atoms import best_linear, false_atoms, level_beyond_chance
from core.scoring.false_lattice import lattice_peak
from core.scoring.trial import Contender, Judge, Judged, Trial
from core.scoring.twins import TWINS, Twin, film_of, twin_of

Array = npt.NDArray[np.float64]

VERSION = "3"
SIDE, FRAMES = 512, 8
_QUICK_SIDE, _QUICK_FRAMES = 128, 2
# How films are judged: rows of other ways are never compared with these.
_FILMS = "film by excess"


def atom_trials(seeds: range, doses: tuple[float, ...], quick: bool) -> list[Trial]:
    """List the trials of surface atoms: each twin at each dose, one frame."""
    side = _QUICK_SIDE if quick else SIDE
    return [
        Trial("atoms", f"{_origin(quick)} twin-{index:02d} {side}px s={dose:g}", _atoms(index, dose, side, quick))
        for index in _indices(seeds, quick)
        for dose in doses
    ]


def empty_trials(seeds: range, doses: tuple[float, ...], quick: bool) -> list[Trial]:
    """List the trials of frames without a lattice: vacuum, and a film at rest, some frames each."""
    side, frames = (_QUICK_SIDE, _QUICK_FRAMES) if quick else (SIDE, FRAMES)
    return [
        Trial(
            "empty",
            f"{_origin(quick)} {_FILMS if what == 'film' else what} {index:02d} {side}px {frames} frames s={dose:g}",
            _empty(what, index, dose, (frames, side), quick),
        )
        for index in _indices(seeds, quick)
        for what in ("vacuum", "film")
        for dose in doses
    ]


def found_of(twin: Twin, image: Array) -> Array:
    """Return the columns (n, 2) that a result (vacuum 1) shows, without the clean image's peaks that are no column."""
    found = twin.finder.find(image)
    clean = np.concatenate([twin.columns, twin.others])
    pairs = match(clean, found, twin.finder.radius)
    neutral = pairs.found[pairs.true >= len(twin.columns)]
    return np.delete(found, neutral, axis=0)


@dataclass(frozen=True)
class SurfaceScore:
    """How well a result shows a twin's columns, the frame's edge included.

    Attributes
    ----------
    surface : Matched
        Surface columns of the truth against surface columns of the result, by one alpha shape's radius for both.
    beside : Matched
        True surface columns against what was found, wherever the result's own surface lies: `invented` are columns
        that belong to no true one and lie nearer to a surface column than to any other.
    every : Matched
        All columns.
    """

    surface: Matched
    beside: Matched
    every: Matched


def surface_score(twin: Twin, image: Array) -> SurfaceScore:
    """Hold the columns that a result (vacuum 1) shows against the twin's."""
    found = found_of(twin, image)
    radius, alpha = twin.finder.radius, alpha_radius(twin.columns)
    every = match(twin.columns, found, radius)
    on = surface_columns(twin.columns, alpha)
    alone = np.delete(found, every.found, axis=0)
    nearest = cKDTree(twin.columns).query(alone)[1] if len(alone) else np.zeros(0, int)
    hit = on[every.true]
    beside = Matched(
        every.true[hit], every.found[hit], int(on.sum()) - int(hit.sum()), int(on[np.asarray(nearest, int)].sum())
    )
    return SurfaceScore(match_surfaces(twin.columns, found, radius, alpha=alpha), beside, every)


def _origin(quick: bool) -> str:
    return "development" if quick else f"held out {VERSION}"


def _indices(seeds: range, quick: bool) -> list[int]:
    return [0] if quick else [index for index in TWINS if index in seeds]


def _atoms(index: int, dose: float, side: int, quick: bool) -> Callable[[RunContext], Judge]:
    def begin(context: RunContext) -> Judge:
        twin = twin_of(index, side, quick)
        rng = np.random.default_rng([20_261_126, index, int(1000 * dose)])
        electrons = VACUUM * dose
        counts = rng.poisson(electrons * twin.image).astype(np.float32)[None]

        def judge(contender: Contender, context: RunContext) -> Judged:
            result = contender.denoise(counts, twin.pixel_nm, context)
            score = surface_score(twin, result.electrons[0].astype(np.float64) / electrons)
            values = {
                "f1": score.surface.f1,
                "precision": score.surface.precision,
                "recall": score.surface.recall,
                "beside_f1": score.beside.f1,
                "all_f1": score.every.f1,
                "invented": float(score.every.invented),
                "columns": float(len(twin.columns)),
            }
            return Judged.of((f"s={dose:g}",), values, result)

        return judge

    return begin


def _empty(what: str, index: int, dose: float, size: tuple[int, int], quick: bool) -> Callable[[RunContext], Judge]:
    count, side = size

    def begin(context: RunContext) -> Judge:
        twin = twin_of(index, side, quick)
        clean = np.ones((side, side)) if what == "vacuum" else film_of(index, side, twin.pixel_nm, quick)
        rng = np.random.default_rng([20_261_127, what == "film", index, int(1000 * dose)])
        electrons = VACUUM * dose
        counts = rng.poisson(np.broadcast_to(electrons * clean, (count, side, side))).astype(np.float32)
        sure, of_best = (0.0, {}) if what == "vacuum" else _best(twin, clean, counts, electrons)

        def judge(contender: Contender, context: RunContext) -> Judged:
            result = contender.denoise(counts, twin.pixel_nm, context)
            frames = result.electrons / np.float32(electrons)
            peak = lattice_peak(frames, clean if of_best else None)
            found = false_atoms(twin.finder, frames, clean, sure)
            values = {
                "false_atoms": float(found.more),
                "megapixels": frames.size / 1e6,
                "lattice_peak": peak.value,
                "lattice_peak_expected": peak.expected,
                # In vacuum the counting noise has the variance 1 / electrons.
                "lattice_percent": 100 * peak.excess * electrons,
                "rms_percent": 100 * float(np.sqrt(np.mean(np.square(frames - clean)))),
            }
            if of_best:
                values |= of_best | {"sure_atoms": float(found.sure), "unmatched_atoms": float(found.unmatched)}
            return Judged.of((what, f"{what} s={dose:g}"), values, result)

        return judge

    return begin


def _best(
    twin: Twin, clean: Array, counts: npt.NDArray[np.float32], electrons: float
) -> tuple[float, dict[str, float]]:
    """Judge the best linear estimate of a film: what showing it costs by electrons alone."""
    frames = best_linear(clean, counts / electrons, float(clean.mean()) / electrons)
    sure = level_beyond_chance(twin.finder, frames - clean)
    found = false_atoms(twin.finder, frames, clean, sure)
    return sure, {
        "best_false_atoms": float(found.more),
        "best_lattice_peak": lattice_peak(frames, clean).value,
        "best_rms_percent": 100 * float(np.sqrt(np.mean(np.square(frames - clean)))),
        "film_percent": 100 * float(clean.std()),
        # Heights of chance and of the film's own speckle, in the least height that counts.
        "sure_height": sure / twin.finder.least,
        "speckle_height": float(twin.finder.heights(clean).std()) / twin.finder.least,
    }
