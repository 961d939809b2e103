"""Surface columns that hop, appear and vanish: which atoms are there in which frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.simulation.dynamics.drift import Array
from core.simulation.specimens import Specimen
from core.simulation.truth import column_labels

Labels = NDArray[np.intp]
What = Literal["hop", "appear", "vanish"]
_NEIGHBOUR = 1.35  # of the nearest distance between columns
_SURFACE = 0.72  # of the columns around an inner one
_TAKEN = 0.7  # of the nearest distance: closer than this, a site is not free


@dataclass(frozen=True)
class Event:
    """One change and its undoing.

    Attributes
    ----------
    what
        ``hop``: a column leaves `old` and stands at `new`; ``appear``: at `new`; ``vanish``: from `old`.
    start, stop
        Changed in frames start <= t < stop.
    old, new
        y, x in angstrom in the specimen's box, or None.
    """

    what: What
    start: int
    stop: int
    old: tuple[float, float] | None
    new: tuple[float, float] | None


@dataclass(frozen=True)
class Cast:
    """All atoms that are ever there, and when.

    Attributes
    ----------
    specimen
        With all atoms, those that come later too.
    alive : (frames, n) bool
        Which are there in each frame.
    events
        What happened.
    """

    specimen: Specimen
    alive: NDArray[np.bool_]
    events: tuple[Event, ...] = ()

    def at(self, frame: int) -> Specimen:
        """Return the atoms of one frame."""
        here = self.alive[frame]
        whole = self.specimen
        return Specimen(whole.kind, whole.positions[here], whole.elements[here], whole.box)


@dataclass(frozen=True)
class SurfaceEvents:
    """How restless the surface is.

    Columns with few neighbours are surface columns. Free sites lie where the lattice goes on beyond them: at 2 p - q
    for a surface column p with its neighbour q, filled with the atoms of q moved by 2 (p - q), a period of the lattice.

    Attributes
    ----------
    share
        Of the surface columns that start a change in a frame, in the mean.
    lifetime
        Mean number of frames (geometric, at least one) until the change is undone.
    """

    share: float = 0.0
    lifetime: float = 6.0

    def __post_init__(self) -> None:
        if self.share < 0 or self.lifetime < 1:
            raise ValueError(
                f"a share of {self.share} (0 or more) and a lifetime of {self.lifetime} frames (1 or more)"
            )

    def play(self, specimen: Specimen, frames: int, rng: np.random.Generator) -> Cast:
        """Draw the changes of `frames` frames; each surface column and each site takes part once at most."""
        alive = np.ones((frames, len(specimen.positions)), bool)
        if self.share == 0 or len(specimen.positions) == 0:
            return Cast(specimen, alive)
        stage = _Stage.of(specimen)
        number = rng.poisson(self.share * len(stage.surface) * frames)
        surface, sites = list(rng.permutation(stage.surface)), list(rng.permutation(len(stage.sites)))
        cast = _Playing(stage, alive)
        for _ in range(int(number)):
            start = int(rng.integers(0, frames))
            stop = min(frames, start + int(rng.geometric(1 / self.lifetime)))
            what: What = ("hop", "appear", "vanish")[int(rng.choice(3, p=[0.4, 0.3, 0.3]))]
            needs = (what != "appear", what != "vanish")
            if (needs[0] and not surface) or (needs[1] and not sites):
                continue
            old = int(surface.pop()) if needs[0] else None
            new = int(sites.pop()) if needs[1] else None
            cast.change(what, start, stop, old, new, float(rng.uniform(0.3, 1.0)))
        return cast.finished(specimen)


@dataclass(frozen=True)
class _Stage:
    """Columns, which of them are at a surface, and the free sites beside these."""

    specimen: Specimen
    labels: Labels
    centres: Array
    surface: NDArray[np.intp]
    sites: Array
    sources: NDArray[np.intp]
    moves: Array

    @staticmethod
    def of(specimen: Specimen) -> _Stage:
        from scipy.spatial import cKDTree

        labels = column_labels(specimen)
        atoms = np.bincount(labels)
        centres = np.stack([np.bincount(labels, specimen.positions[:, k]) / atoms for k in (0, 1)], 1)
        empty = np.zeros(0, np.intp)
        # Single atoms of amorphous films aren't columns, and nothing may change where the box cuts the specimen.
        standing = np.flatnonzero(atoms >= max(2, np.median(atoms) * 0.3))
        if len(standing) < 8:
            return _Stage(specimen, labels, centres, empty, np.zeros((0, 2)), empty, np.zeros((0, 2)))
        tree = cKDTree(centres[standing])
        nearest = float(np.median(tree.query(centres[standing], k=2)[0][:, 1]))
        around = [
            np.array([j for j in near if j != i], np.intp)
            for i, near in enumerate(tree.query_ball_point(centres[standing], _NEIGHBOUR * nearest))
        ]
        several = np.array([len(near) for near in around])
        inside = np.all((centres[standing] > 3 * nearest) & (centres[standing] < specimen.box - 3 * nearest), axis=1)
        few = (several >= 1) & (several <= _SURFACE * np.quantile(several, 0.8)) & inside
        sites, sources, moves = _free_sites(centres, standing, np.flatnonzero(few), around, nearest)
        return _Stage(specimen, labels, centres, standing[few], sites, sources, moves)


def _free_sites(
    centres: Array,
    standing: NDArray[np.intp],
    surface: NDArray[np.intp],
    around: list[NDArray[np.intp]],
    nearest: float,
) -> tuple[Array, NDArray[np.intp], Array]:
    """Return sites (m, 2), the column whose atoms fill each, and by how far these are moved."""
    from scipy.spatial import cKDTree

    taken = cKDTree(centres)
    sites: list[Array] = []
    sources: list[int] = []
    moves: list[Array] = []
    for p in surface:
        for q in around[p]:
            move = 2 * (centres[standing[p]] - centres[standing[q]])
            site = centres[standing[q]] + move
            if taken.query(site)[0] < _TAKEN * nearest:
                continue
            if sites and float(np.min(np.hypot(*(np.array(sites) - site).T))) < _TAKEN * nearest:
                continue
            sites.append(site)
            sources.append(int(standing[q]))
            moves.append(move)
    if not sites:
        return np.zeros((0, 2)), np.zeros(0, np.intp), np.zeros((0, 2))
    return np.stack(sites), np.array(sources, np.intp), np.stack(moves)


class _Playing:
    """Collects the changes."""

    def __init__(self, stage: _Stage, alive: NDArray[np.bool_]) -> None:
        self._stage = stage
        self._alive = alive
        self._positions: list[Array] = []
        self._elements: list[NDArray[np.str_]] = []
        self._present: list[NDArray[np.bool_]] = []
        self._events: list[Event] = []

    def change(self, what: What, start: int, stop: int, old: int | None, new: int | None, height: float) -> None:
        """Note one event; a column that appears is as high as the one it continues, times `height`."""
        if old is not None:
            self._alive[start:stop, self._stage.labels == old] = False
        if new is not None:
            self._add(new, start, stop, height)
        here = None if old is None else self._place(self._stage.centres[old])
        there = None if new is None else self._place(self._stage.sites[new])
        self._events.append(Event(what, start, stop, here, there))

    def _add(self, site: int, start: int, stop: int, height: float) -> None:
        stage = self._stage
        atoms = np.flatnonzero(stage.labels == stage.sources[site])
        z = stage.specimen.positions[atoms, 2]
        atoms = atoms[np.argsort(np.abs(z - np.median(z)), kind="stable")[: max(1, round(height * len(atoms)))]]
        positions = stage.specimen.positions[atoms] + np.append(stage.moves[site], 0.0)
        present = np.zeros((len(self._alive), len(atoms)), bool)
        present[start:stop] = True
        self._positions.append(positions)
        self._elements.append(stage.specimen.elements[atoms])
        self._present.append(present)

    @staticmethod
    def _place(centre: Array) -> tuple[float, float]:
        return float(centre[1]), float(centre[0])

    def finished(self, specimen: Specimen) -> Cast:
        positions = np.concatenate([specimen.positions, *self._positions])
        elements = np.concatenate([specimen.elements, *self._elements])
        alive = np.concatenate([self._alive, *self._present], axis=1)
        events = tuple(sorted(self._events, key=lambda event: event.start))
        return Cast(Specimen(specimen.kind, positions, elements, specimen.box), alive, events)
