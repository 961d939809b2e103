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
_LEAST_COLUMNS = 8
_EDGE = 8.0  # angstrom from where the box cuts
_AMORPHOUS = 0.95  # angstrom to the nearest in projection: a film of several layers is denser
_AROUND, _NEAR = 1.9, 3.2  # of the nearest distances, and in angstrom
_TALL = 6  # atoms: taller than what stands above one another by chance
_GAP = np.deg2rad(115)  # close-packed projections leave at most 90 degrees
_NEIGHBOUR = 1.35  # of the nearest distance between columns of one kind
_ROWS, _FARTHEST = 4.3, 6.5  # angstrom: columns of the next row count as well; alone beyond
_TAKEN, _CLOSEST = 0.55, 1.6  # of that distance, and in angstrom: closer than this, a site is not free
_HOP_CHOICE = 4


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

    Columns with an open side (115 degrees without a neighbour) are surface columns. Free sites lie where the lattice
    goes on beyond them: at 2 p - q for a surface column p with its neighbour q of the same elements, filled with the
    atoms of q moved by 2 (p - q), a period of the lattice. A column hops to one of the nearest free sites.

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
        surface = [int(column) for column in rng.permutation(stage.surface)]
        sites = [int(site) for site in rng.permutation(len(stage.sites))]
        cast = _Playing(stage, alive)
        for _ in range(int(number)):
            start = int(rng.integers(0, frames))
            stop = min(frames, start + int(rng.geometric(1 / self.lifetime)))
            what: What = ("hop", "appear", "vanish")[int(rng.choice(3, p=[0.4, 0.3, 0.3]))]
            needs = (what != "appear", what != "vanish")
            if (needs[0] and not surface) or (needs[1] and not sites):
                continue
            old = surface.pop() if needs[0] else None
            new = stage.near_site(old, sites, rng) if needs[1] else None
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

    def near_site(self, old: int | None, free: list[int], rng: np.random.Generator) -> int:
        """Take a site from `free`: any one, or one of the nearest to a column."""
        if old is None:
            return free.pop()
        distances = np.hypot(*(self.sites[free] - self.centres[old]).T)
        nearest = np.argsort(distances, kind="stable")[:_HOP_CHOICE]
        return free.pop(int(rng.choice(nearest)))

    @staticmethod
    def of(specimen: Specimen) -> _Stage:
        from scipy.spatial import cKDTree

        labels = column_labels(specimen)
        atoms = np.bincount(labels)
        centres = np.stack([np.bincount(labels, specimen.positions[:, k]) / atoms for k in (0, 1)], 1)
        empty = np.zeros(0, np.intp)
        if len(centres) < _LEAST_COLUMNS:
            return _Stage(specimen, labels, centres, empty, np.zeros((0, 2)), empty, np.zeros((0, 2)))
        # Atoms of amorphous films are no columns; nothing may change where the box cuts the specimen.
        distances, index = cKDTree(centres).query(centres, k=_LEAST_COLUMNS)
        sparse = np.median(distances[index, 1], axis=1) > _AMORPHOUS
        standing = np.flatnonzero(sparse | (atoms >= _TALL))
        inside = np.all((centres > _EDGE) & (centres < specimen.box - _EDGE), axis=1)
        surface = standing[inside[standing]]
        surface = surface[_widest_gap(centres, surface) >= _GAP]
        kinds = _kinds(specimen, labels)
        sites, sources, moves = _free_sites(centres, kinds, standing, surface)
        return _Stage(specimen, labels, centres, surface, sites, sources, moves)


def _kinds(specimen: Specimen, labels: Labels) -> Labels:
    """Return one number a column: which elements stand in it."""
    names = np.unique(specimen.elements)
    present = np.stack([np.bincount(labels, specimen.elements == name) > 0 for name in names], 1)
    return np.asarray(np.unique(present, axis=0, return_inverse=True)[1].reshape(-1), np.intp)


def _widest_gap(centres: Array, chosen: Labels) -> Array:
    """Return the widest angle without a neighbour around each of the `chosen` columns, radians; 0 with fewer than two.

    Neighbours are closer than 1.9 times the mean distance of the three nearest columns, or 3.2 angstrom.
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(centres)
    out = np.zeros(len(chosen))
    if not len(chosen):
        return out
    reach = np.maximum(_AROUND * tree.query(centres[chosen], k=4)[0][:, 1:].mean(axis=1), _NEAR)
    for place, (column, near) in enumerate(zip(chosen, tree.query_ball_point(centres[chosen], reach), strict=True)):
        offsets = centres[[other for other in near if other != column]] - centres[column]
        if len(offsets) >= 2:
            around = np.sort(np.arctan2(offsets[:, 1], offsets[:, 0]))
            out[place] = np.diff(np.append(around, around[0] + 2 * np.pi)).max()
    return out


def _free_sites(
    centres: Array, kinds: Labels, standing: Labels, surface: Labels
) -> tuple[Array, NDArray[np.intp], Array]:
    """Return sites (m, 2), the column whose atoms fill each, and by how far these are moved."""
    from scipy.spatial import cKDTree

    taken = cKDTree(centres)
    sites: list[Array] = []
    sources: list[int] = []
    moves: list[Array] = []
    for p in surface:
        alike = standing[(kinds[standing] == kinds[p]) & (standing != p)]
        distances = np.hypot(*(centres[alike] - centres[p]).T)
        if not len(alike) or distances.min() > _FARTHEST:
            continue
        for q in alike[distances < max(_NEIGHBOUR * float(distances.min()), _ROWS)]:
            move = 2 * (centres[p] - centres[q])
            site = centres[q] + move
            apart = max(_CLOSEST, _TAKEN * float(distances.min()))
            others = np.hypot(*(np.array(sites) - site).T).min() if sites else np.inf
            bound = max(_NEAR, _NEIGHBOUR * float(distances.min()))
            if apart <= taken.query(site)[0] <= bound and others >= apart:
                sites.append(site)
                sources.append(int(q))
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
