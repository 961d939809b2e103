"""Would the method draw this atom anyway? The atom is erased, fresh noise is added, and the rest is denoised again.

What is denoised is the method's own result with the atom taken out and its place filled from around it, recorded anew
with matched noise, many times. If the atom comes back often, the method draws it from its surroundings: it is then no
evidence that an atom is there. The other way round, `drawn` says how often an atom that IS there would be drawn: a
method that draws few of them says little by leaving one out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.trust.subject import LEAST, Subject

Array = npt.NDArray[np.float64]

# Erased at once: so far apart, in widths, that one hardly speaks for the other.
_APART_WIDTHS, _APART_SPACINGS = 10.0, 3.0
_HOLE_WIDTHS, _HOLE_SPACINGS = 2.5, 0.55
_BORDER_WIDTHS = 4.0


@dataclass(frozen=True)
class Return:
    """One atom: where it is (row, column in px of the piece) and how often it came back, as a share."""

    y: float
    x: float
    height: float
    came_back: float


@dataclass(frozen=True)
class ComeBack:
    """How often erased atoms came back, and how often atoms that were left in place were drawn.

    Attributes
    ----------
    repeats : int
        Fresh noises.
    atoms : tuple of Return
        Those that were erased.
    came_back : float or None
        Mean share; None without atoms.
    drawn : float or None
        Mean share of atoms that were left in place.
    """

    repeats: int
    atoms: tuple[Return, ...]
    came_back: float | None
    drawn: float | None


def would_it_come_back(subject: Subject, atoms: int, repeats: int, seed: int) -> ComeBack:
    """Erase up to `atoms` atoms of the middle frame, far from each other, and look for them in `repeats` denoisings."""
    frame = len(subject.electrons) // 2
    chosen, kept, heights = _choose(subject, frame, atoms, np.random.default_rng([seed, 1]))
    if not len(chosen):
        return ComeBack(repeats, (), None, None)
    steps = subject.shifts - subject.shifts[frame]
    clean = np.maximum(subject.denoised.astype(np.float64), 0.0)
    first, wanted = (frame, [0]) if subject.single_frame else (0, [frame])
    length = 1 if subject.single_frame else len(clean)
    each = [erase(one, chosen + step, _hole(subject)) for one, step in zip(clean, steps, strict=True)]
    erased = np.stack(each[first : first + length])
    back = np.zeros(len(chosen))
    there = np.zeros(len(kept))
    began = time.monotonic()
    for number in range(repeats):
        subject.progress("erasing atoms", number, repeats, began)
        noisy = subject.noise_on(erased, np.random.default_rng([seed, 2, number]))
        result = subject.again(noisy, wanted)[0]
        found = subject.atoms.peaks(result, LEAST * min(float(heights.min()), subject.atoms.typical))
        back += _seen(found.positions, found.heights, chosen, heights[: len(chosen)], subject)
        there += _seen(found.positions, found.heights, kept, heights[len(chosen) :], subject)
    returns = tuple(
        Return(float(y), float(x), float(height), float(share))
        for (y, x), height, share in zip(chosen, heights, back / repeats, strict=False)
    )
    drawn = float(there.mean() / repeats) if len(kept) else None
    return ComeBack(repeats, returns, float(back.mean() / repeats), drawn)


def erase(frame: Array, places: Array, radius: float) -> Array:
    """Fill discs of `radius` px about `places` (n, 2) from the ring around each, nearer px counting more.

    Inverse squares of the distance: what lies between the neighbours goes on across the hole.
    """
    out = frame.copy()
    reach = int(np.ceil(radius + 3))
    for y, x in places:
        top, left = max(0, round(y) - reach), max(0, round(x) - reach)
        rows = np.arange(top, min(frame.shape[0], round(y) + reach + 1))
        cols = np.arange(left, min(frame.shape[1], round(x) + reach + 1))
        if not len(rows) or not len(cols):
            continue
        yy, xx = np.meshgrid(rows, cols, indexing="ij")
        far = np.hypot(yy - y, xx - x)
        hole, ring = far <= radius, (far > radius) & (far <= radius + 2)
        if not hole.any() or not ring.any():
            continue
        gap = (yy[hole][:, None] - yy[ring]) ** 2 + (xx[hole][:, None] - xx[ring]) ** 2
        weight = 1.0 / gap
        out[yy[hole], xx[hole]] = (weight * frame[yy[ring], xx[ring]]).sum(axis=1) / weight.sum(axis=1)
    return out


def _hole(subject: Subject) -> float:
    atoms = subject.atoms
    return float(max(1.5, min(_HOLE_WIDTHS * atoms.width, _HOLE_SPACINGS * atoms.spacing)))


def _choose(subject: Subject, frame: int, most: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Return places to erase, places to leave, and the heights of both in this order."""
    atoms = subject.atoms
    found = atoms.peaks(subject.denoised[frame], LEAST * atoms.typical) if atoms.typical > 0 else None
    if found is None or not len(found):
        return np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0)
    size = np.array(subject.denoised.shape[1:])
    margin = _BORDER_WIDTHS * atoms.width
    inside = np.all((found.positions > margin) & (found.positions < size - 1 - margin), axis=1)
    places, heights = found.positions[inside], found.heights[inside]
    distance = _APART_WIDTHS * atoms.width
    if np.isfinite(atoms.spacing):
        distance = max(distance, _APART_SPACINGS * atoms.spacing)
    chosen: list[int] = []
    for index in rng.permutation(len(places)):
        if len(chosen) == most:
            break
        if all(np.hypot(*(places[index] - places[other])) >= distance for other in chosen):
            chosen.append(int(index))
    rest = np.setdiff1d(np.arange(len(places)), chosen)
    order = np.concatenate([np.array(chosen, dtype=np.int64), rest])
    return places[chosen], places[rest], heights[order]


def _seen(found: Array, found_heights: Array, places: Array, heights: Array, subject: Subject) -> Array:
    """Whether there is a peak of half its height at each place (n,), as 0 or 1."""
    if not len(found) or not len(places):
        return np.zeros(len(places))
    from scipy.spatial import cKDTree

    radius = max(1.5, min(1.5 * subject.atoms.width, 0.4 * subject.atoms.spacing))
    near = cKDTree(found).query_ball_point(places, radius)
    return np.array(
        [float(any(found_heights[i] >= LEAST * height for i in one)) for one, height in zip(near, heights, strict=True)]
    )
